"""The CUDA printer: `print_placed` for a placed Program, `print_kernel` for a nest, `kernel_text` for a unit of
kernels; `has_kernel` tells what can be one; `split_sums` makes two nests of reductions with few results."""
from symtensor.codegen.c import UnsupportedRow
from symtensor.codegen.cuda.host import print_placed
from symtensor.codegen.cuda.kernels import PrintedKernel, has_kernel, print_kernel
from symtensor.codegen.cuda.split import split_sums
from symtensor.codegen.cuda.unit import kernel_text

__all__ = ["PrintedKernel", "UnsupportedRow", "has_kernel", "kernel_text", "print_kernel", "print_placed",
           "split_sums"]

"""The CUDA printer: `print_placed` for a placed Program, `print_kernel` for a nest, `kernel_text` for a unit of
kernels; `has_kernel` and `in_groups` tell of what kind one will be; `join_points` and `split_sums` make one nest of
two, and two of one."""
from symtensor.codegen.c import UnsupportedRow
from symtensor.codegen.cuda.host import print_placed
from symtensor.codegen.cuda.joins import join_points
from symtensor.codegen.cuda.kernels import PrintedKernel, has_kernel, in_groups, print_kernel
from symtensor.codegen.cuda.split import split_sums
from symtensor.codegen.cuda.unit import kernel_text

__all__ = ["PrintedKernel", "UnsupportedRow", "has_kernel", "in_groups", "join_points", "kernel_text", "print_kernel",
           "print_placed", "split_sums"]

"""The C printer: `print_program` for a Program, `print_routine` for a library routine. `source_folder` has csrc."""
from symtensor.codegen.c.helpers import source_folder
from symtensor.codegen.c.routines import print_routine
from symtensor.codegen.c.scalar_ops import UnsupportedRow
from symtensor.codegen.c.unit import print_program

__all__ = ["UnsupportedRow", "print_program", "print_routine", "source_folder"]

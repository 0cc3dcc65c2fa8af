"""Code generation: a buffered Program in, the text of a compilable unit out.

`symtensor.codegen.c.print_program` prints plain C. Nothing here knows graphs or ops: only `symtensor.ir` and
`symtensor.scalar`. What every dialect shares lies in this package (`values`, `rows`, `facts`, `library`, `target`),
what is C in `c/`.
"""

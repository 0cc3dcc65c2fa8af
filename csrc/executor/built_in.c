/* What the extension tells of its built-in helpers (symtensor/codegen/c/built_in.py): their variants, and the digest of
 * the headers that they were made from. setup.py has the functions written and compiled, and defines both. */
#include "executor.h"

int st_add_built_in(PyObject *module)
{
    return PyModule_AddStringConstant(module, "built_in", ST_BUILT_IN)
           || PyModule_AddStringConstant(module, "built_in_digest", ST_BUILT_IN_DIGEST);
}

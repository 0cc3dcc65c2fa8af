"""The text of one routine of the library as a unit of its own.

In comes an entry of `CUnit.library` such as "gemm_f64", out comes a `CUnit` whose one export, `st_gemm_f64`, has the
signature `st_routine` of csrc/routine.h.
"""
from __future__ import annotations

from symtensor.codegen.c.helpers import PRELUDE, Helpers, abi_text
from symtensor.codegen.library import DTYPE_TAGS, ROUTINES
from symtensor.codegen.target import DEFAULT_TARGET, CUnit, Target

__all__ = ["print_routine"]

FLAGS = ("-ffp-contract=off", "-fno-strict-aliasing")


def print_routine(entry: str, target: Target = DEFAULT_TARGET) -> CUnit:
    """The unit of a library entry; KeyError for a name that the table does not have."""
    name, _, tag = entry.rpartition("_")
    dtypes = [d for d in ROUTINES[name].dtypes if DTYPE_TAGS[d] == tag]
    if not dtypes:
        raise KeyError(entry)
    helpers = Helpers(target)
    helpers.need(f"st_{entry}")
    return CUnit(abi_text() + PRELUDE + helpers.text(), flags=FLAGS, exports=(f"st_{entry}",))

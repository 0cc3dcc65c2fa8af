"""Printing graphs: `pp` in one line, `debugprint` as a tree, `min_informative_str`, pictures, and error messages.

    printers      PPrinter and the printers that it hands nodes to
    forms         how the library's own ops look in `pp`
    tree          debugprint
    descriptions  texts that are equal in every run
    pictures      pydotprint
    report        the message of an error at run time
"""
from __future__ import annotations

from typing import Any

from symtensor.control.print_op import Print, _print_fn
from symtensor.graph.hooks import hooks
from symtensor.printing.descriptions import (
    hex_digest,
    min_informative_str,
    position_independent_str,
    var_descriptor,
)
from symtensor.printing.forms import pp, pprint
from symtensor.printing.ids import char_from_number
from symtensor.printing.pictures import default_colorCodes, pydot_imported_msg, pydotprint
from symtensor.printing.printers import (
    VALID_ASSOC,
    DefaultPrinter,
    FunctionPrinter,
    IgnorePrinter,
    LeafPrinter,
    OperatorPrinter,
    PatternPrinter,
    PPrinter,
    PrinterState,
    default_printer,
    greek,
    leaf_printer,
    special,
    use_ascii,
)
from symtensor.printing.report import attach_report, cause_of, error_report
from symtensor.printing.tree import debugprint
from symtensor.utils.optional import optional_import

__all__ = [
    "DefaultPrinter", "FunctionPrinter", "IgnorePrinter", "LeafPrinter", "OperatorPrinter", "PPrinter",
    "PatternPrinter", "Print", "PrinterState", "VALID_ASSOC", "_print_fn", "attach_report", "cause_of",
    "char_from_number", "debugprint", "default_colorCodes", "default_printer", "error_report", "greek", "hex_digest",
    "leaf_printer", "min_informative_str", "position_independent_str", "pp", "pprint", "pydot_imported_msg",
    "pydotprint", "special", "use_ascii", "var_descriptor",
]

for _public in (
    DefaultPrinter, FunctionPrinter, IgnorePrinter, LeafPrinter, OperatorPrinter, PPrinter, PatternPrinter,
    PrinterState,
):
    _public.__module__ = __name__

hooks.debugprint = lambda obj: debugprint(obj, file="str")


def __getattr__(name: str) -> Any:
    if name == "pydot_imported":  # asked for, not imported with this module: pydot takes its time
        return optional_import("pydot") is not None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""How the library's own ops look in `pp`: operators, function names, `m.T`, `v[1:]`.

The table is complete for ops that do not print as `op(inputs)`. Ops made elsewhere are assigned by their authors:
`pprint.assign(op, printer)`.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symtensor import scalar as scal
from symtensor.printing.printers import (
    LOWEST,
    FunctionPrinter,
    IgnorePrinter,
    Nested,
    OperatorPrinter,
    Part,
    PatternPrinter,
    PPrinter,
    Printer,
    default_printer,
    separated,
)
from symtensor.tensor.alloc import Alloc
from symtensor.tensor.dimshuffle import DimShuffle
from symtensor.tensor.elementwise import Elemwise
from symtensor.tensor.joining import Join
from symtensor.tensor.linear import Dot
from symtensor.tensor.make_vector import MakeVector
from symtensor.tensor.subtensor import Subtensor

__all__ = ["DimShufflePrinter", "ElemwisePrinter", "MakeVectorPrinter", "SubtensorPrinter", "pp", "pprint"]

# Rows of the scalar table that print as operators: text, precedence, associativity.
_OPERATORS = {
    "add": ("+", -2, "either"),
    "sub": ("-", -2, "left"),
    "mul": ("*", -1, "either"),
    "true_div": ("/", -1, "left"),
    "int_div": ("//", -1, "left"),
    "neg": ("-", 0, "either"),
    "pow": ("**", 1, "right"),
}


class ElemwisePrinter(Printer):
    """`(x + y)`, `|x|`, `float32(x)`, `fill(x, y)`, `exp(x)`; an op that overwrites an input: `(x += y)`, `exp=(x)`."""

    def __init__(self) -> None:
        self.printers: dict[str, tuple[Printer, Printer]] = {}
        for name in scal.table.ROWS:
            self.printers[name] = (FunctionPrinter(name), FunctionPrinter(name + "="))
        for name, (operator, precedence, assoc) in _OPERATORS.items():
            self.printers[name] = (
                OperatorPrinter(operator, precedence, assoc), OperatorPrinter(operator + "=", precedence, assoc)
            )
        self.printers["second"] = (FunctionPrinter("fill"), FunctionPrinter("fill="))
        self.printers["abs_"] = (PatternPrinter(("|%(0)s|", LOWEST)), FunctionPrinter("abs_="))
        self.printers["identity"] = (IgnorePrinter(), default_printer)

    def parts(self, output: Any, pstate: Any) -> Iterator[Part]:
        op = output.owner.op
        known = self.printers.get(getattr(op.scalar_op, "row_name", None) or "")
        if isinstance(op.scalar_op, scal.Cast):
            yield from FunctionPrinter(output.type.dtype).parts(output, pstate)
        elif known is not None:
            yield from known[bool(op.inplace_pattern)].parts(output, pstate)
        else:
            yield from default_printer.parts(output, pstate)


class DimShufflePrinter(Printer):
    """`m.T` where all axes are turned round, nothing where axes are only added left, else `DimShuffle{0, x}(m)`."""

    def parts(self, output: Any, pstate: Any) -> Iterator[Part]:
        node = output.owner
        order = list(node.op.new_order)
        kept = order[next((i for i, axis in enumerate(order) if axis != "x"), len(order)):]
        ndim = node.inputs[0].type.ndim
        if kept == list(range(ndim)):
            yield Nested(node.inputs[0], getattr(pstate, "precedence", LOWEST))
        elif kept == list(range(ndim))[::-1]:
            yield Nested(node.inputs[0], getattr(pstate, "precedence", LOWEST))
            yield ".T"
        else:
            yield f"DimShuffle{{{', '.join(map(str, order))}}}("
            yield Nested(node.inputs[0])
            yield ")"


class SubtensorPrinter(Printer):
    """`v[i, int64:int64]`: integers as the expressions they are, slices by their types."""

    def parts(self, output: Any, pstate: Any) -> Iterator[Part]:
        x, *indices = output.owner.inputs
        yield Nested(x, LOWEST)
        yield "["
        at = 0
        for i, entry in enumerate(output.owner.op.idx_list):
            if i:
                yield ", "
            if isinstance(entry, slice):
                bounds = (entry.start, entry.stop) if entry.step is None else (entry.start, entry.stop, entry.step)
                yield ":".join("" if bound is None else str(bound) for bound in bounds)
                at += sum(bound is not None for bound in bounds)
            else:
                yield Nested(indices[at])
                at += 1
        yield "]"


class MakeVectorPrinter(Printer):
    """`[a, b]`."""

    def parts(self, output: Any, pstate: Any) -> Iterator[Part]:
        yield "["
        yield from separated(output.owner.inputs)
        yield "]"


def _standard() -> PPrinter:
    printer = PPrinter()
    printer.assign(lambda pstate, r: True, default_printer)
    for name, (operator, precedence, assoc) in {**_OPERATORS, "mod": ("%", -1, "left")}.items():
        printer.assign(getattr(scal, name), OperatorPrinter(operator, precedence, assoc))
    printer.assign(Elemwise, ElemwisePrinter())
    printer.assign(DimShuffle, DimShufflePrinter())
    printer.assign(Subtensor, SubtensorPrinter())
    printer.assign(MakeVector, MakeVectorPrinter())
    printer.assign(Join, FunctionPrinter("join"))
    printer.assign(Alloc, FunctionPrinter("alloc"))
    printer.assign(Dot, OperatorPrinter("\\dot", -1, "left"))
    return printer


pprint = _standard()
pp = pprint

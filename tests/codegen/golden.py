"""Programs whose printed text is kept in tests/golden/: `python tests/codegen/golden.py` writes the files anew.

A change of the printer that is meant to change nothing changes none of them; any other one shows here what it does.
Only the nests and the main function are kept, not the functions of csrc/ before them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "golden"

if __name__ == "__main__":
    sys.path[:0] = [str(FOLDER.parents[1]), str(Path(__file__).parent)]

import test_programs  # noqa: E402
import test_reductions  # noqa: E402
from harness import Builder, i64, op, reduced  # noqa: E402

from symtensor.codegen.c import print_program  # noqa: E402
from symtensor.ir.nodes import (  # noqa: E402
    Axis,
    Call,
    Cast,
    Check,
    Const,
    Dim,
    Let,
    Local,
    Loop,
    Nest,
    Program,
    Reduce,
    Same,
    Site,
    Store,
    View,
    ViewAxis,
    While,
)

F, S = "float64", "float32"


def scalars() -> Program:
    b = Builder()
    x, y = b.input("x", F), b.input("y", F)
    b.alloc("z", F, output=True)
    b.body.append(Nest((Store("z", (), op("add", b.load(x), op("mul", b.load(y), b.load(y)))),)))
    return b.program()


def chain() -> Program:
    """Two fused nests over inputs of any layout, through a workspace."""
    b = Builder()
    x, y = b.input("x", S, 2), b.input("y", S, 2)
    b.sites.append(Site("ValueError", "sizes {0} and {1}"))
    for k in range(2):
        b.body.append(Check(op("eq", Dim(x, k), Dim(y, k), dtype="bool"), 0, (Dim(x, k), Dim(y, k))))
    b.alloc("t", S, *b.dims(x))
    b.elementwise("t", b.dims(x), lambda i, j: op("add", op("mul", b.load(x, i, j), b.load(y, i, j)), Const(0.5, S)))
    b.alloc("z", S, *b.dims(x), output=True)
    b.elementwise("z", b.dims(x), lambda i, j: op("maximum", b.load("t", i, j), b.load(x, i, j)))
    return b.program()


def vector_functions() -> Program:
    b = Builder()
    x, r = b.input("x", F, 2), b.input("r", F, 2, (True, False))
    b.alloc("z", F, *b.dims(x), output=True)
    b.elementwise(
        "z", b.dims(x), lambda i, j: op("mul", op("sigmoid", b.load(x, i, j)), op("tanh", b.load(r, i64(0), j)))
    )
    return b.program()


def special_functions() -> Program:
    """Functions with and without vector variants in one nest."""
    b = Builder()
    x = b.input("x", S, 1, layout="c")
    b.alloc("z", S, *b.dims(x), output=True)
    b.elementwise("z", b.dims(x), lambda i: op("mul", op("gammaln", op("exp", b.load(x, i))), op("log", b.load(x, i))))
    return b.program()


def integers() -> Program:
    b = Builder()
    x, y = b.input("x", "int8", 1, layout="c"), b.input("y", "int8", 1, layout="c")
    b.alloc("z", "int8", *b.dims(x), output=True)
    b.elementwise(
        "z", b.dims(x), lambda i: op("add", op("int_div", b.load(x, i), b.load(y, i)), op("abs_", b.load(x, i)))
    )
    b.alloc("m", "bool", *b.dims(x), output=True)
    b.elementwise("m", b.dims(x), lambda i: op("lt", b.load(x, i), b.load(y, i), dtype="bool"))
    return b.program()


def halves_and_complex() -> Program:
    b = Builder()
    h, c = b.input("h", "float16", 1, layout="c"), b.input("c", "complex64", 1, layout="c")
    b.alloc("x", "float16", *b.dims(h), output=True)
    b.elementwise("x", b.dims(h), lambda i: op("mul", b.load(h, i), b.load(h, i)))
    b.alloc("y", "complex64", *b.dims(c), output=True)
    b.elementwise("y", b.dims(c), lambda i: op("mul", op("exp", b.load(c, i)), b.load(c, i)))
    return b.program()


def sums() -> Program:
    b = Builder()
    x = b.input("x", S, 2)
    for name, extents, body in (("all", (), None), ("rows", (0,), None), ("columns", (1,), None)):
        kept = [Dim(x, k) for k in extents]
        b.alloc(name, S, *kept, output=True)
        del body
    b.body.append(Nest((Store("all", (), reduced("add", b.dims(x), lambda i, j: b.load(x, i, j), S)),)))
    b.elementwise(
        "rows", (Dim(x, 0),), lambda k: reduced("add", b.dims(x)[1:], lambda r: op("sqr", b.load(x, k, r)), S)
    )
    b.elementwise("columns", (Dim(x, 1),), lambda k: reduced("add", b.dims(x)[:1], lambda r: b.load(x, r, k), S))
    return b.program()


def extremes() -> Program:
    b = Builder()
    x = b.input("x", F, 2)
    b.alloc("m", F, Dim(x, 0), output=True)
    b.elementwise("m", (Dim(x, 0),), lambda k: reduced("maximum", b.dims(x)[1:], lambda r: b.load(x, k, r), F))
    b.alloc("a", "int64", Dim(x, 1), output=True)
    b.elementwise("a", (Dim(x, 1),), lambda k: reduced("argmax", b.dims(x)[:1], lambda r: b.load(x, r, k), "int64"))
    return b.program()


def in_place() -> Program:
    b = Builder()
    x = b.input("x", F, 1)
    b.buffer("y", F, 1, layout="any")
    b.body.append(Same("y", x))
    b.elementwise("y", b.dims(x), lambda i: op("mul", b.load(x, i), Const(0.9, F)), (("y", "x"),))
    b.updates.append((0, "y"))
    return b.program()


def products() -> Program:
    b = Builder()
    x, w, v = b.input("x", S, 2), b.input("w", S, 2), b.input("v", S, 1)
    b.alloc("p", S, Dim(x, 0), Dim(w, 1))
    b.body.append(Call("gemm", ("p",), (x, w), (Const(1.0, S), Const(0.0, S))))
    b.alloc("z", S, *b.dims("p"), output=True)
    b.elementwise("z", b.dims("p"), lambda i, j: op("tanh", op("add", b.load("p", i, j), b.load(v, j))))
    return b.program()


def views() -> Program:
    b = Builder()
    x = b.input("x", F, 2)
    b.buffer("t", F, 2, layout="any")
    b.body.append(View("t", x, (i64(0), i64(1)), (ViewAxis(1, op("sub", Dim(x, 1), i64(1))), ViewAxis(0, Dim(x, 0)))))
    b.alloc("z", F, *b.dims("t"), output=True)
    b.elementwise("z", b.dims("t"), lambda i, j: op("neg", b.load("t", i, j)))
    return b.program()


def counting() -> Program:
    b = Builder()
    k = b.input("k", "int64")
    b.body.append(Let("n", b.load(k)))
    b.alloc("z", F, output=True)
    b.body.append(Nest((Store("z", (), Const(0.0, F)),)))
    b.body.append(While("t", Local("n"), (Nest((Store("z", (), op("add", b.load("z"), Cast(Local("t"), F))),)),)))
    return b.program()


def variance() -> Program:
    """Two reductions and a loop in one nest."""
    b = Builder()
    x = b.input("x", F, 2)
    b.alloc("z", F, *b.dims(x), output=True)
    n, i = Cast(Dim(x, 1), F), Local("i")
    mean = op("true_div", Reduce("add", (Axis("r", Dim(x, 1)),), b.load(x, i, Local("r")), F), n)
    centred = op("sub", b.load(x, i, Local("q")), Local("mean", F))
    b.body.append(
        Nest(
            (
                Loop(
                    Axis("i", Dim(x, 0)),
                    (
                        Let("mean", mean),
                        Let("var", op("true_div", Reduce("add", (Axis("q", Dim(x, 1)),), op("sqr", centred), F), n)),
                        Let("scale", op("inv", op("sqrt", op("add", Local("var", F), Const(1e-5, F))))),
                        Loop(
                            Axis("j", Dim(x, 1)),
                            (
                                Store(
                                    "z",
                                    (i, Local("j")),
                                    op("mul", op("sub", b.load(x, i, Local("j")), Local("mean", F)), Local("scale", F)),
                                ),
                            ),
                        ),
                    ),
                ),
            )
        )
    )
    return b.program()


PROGRAMS: dict[str, Callable[[], Program]] = {
    "scalars": scalars,
    "chain": chain,
    "vector_functions": vector_functions,
    "special_functions": special_functions,
    "integers": integers,
    "halves_and_complex": halves_and_complex,
    "sums": sums,
    "extremes": extremes,
    "in_place": in_place,
    "products": products,
    "views": views,
    "counting": counting,
    "variance": variance,
    "softmax": lambda: test_reductions.softmax(1, S),
    "softmax_of_columns": lambda: test_reductions.softmax(0, S),
    "ring_buffer": test_programs.ring_buffer,
    "scatter": lambda: test_programs.gather_and_scatter("add"),
}


def kept_text(program: Program) -> str:
    """The nests and the main function."""
    text = print_program(program).text
    starts = [text.find(mark) for mark in ("ST_NEST void k0(", "static inline void k0(", "int st_main(st_frame *f)")]
    return text[min(s for s in starts if s >= 0) :]


def main() -> None:
    for name, make in PROGRAMS.items():
        (FOLDER / f"{name}.c").write_text(kept_text(make()))


if __name__ == "__main__":
    main()

"""Reductions: by one thread, or by the threads of a group.

A thread folds its elements one after the other; sums of floats keep what rounding takes away beside the sum. The
threads of a group take elements in turns, and fold their results in pairs (cuda/group.h); all of them get the result.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from symtensor.codegen.c.blocks import fold_start
from symtensor.codegen.c.dialect import LOCAL, TAG, kind
from symtensor.codegen.c.printer import NestPrinter, bare
from symtensor.codegen.c.reductions import reorder
from symtensor.codegen.c.scalar_ops import operation
from symtensor.codegen.cuda.batches import counted_loop
from symtensor.codegen.cuda.shapes import needed
from symtensor.codegen.values import LoopItem, ReduceItem, Scope

if TYPE_CHECKING:
    from symtensor.codegen.cuda.printer import KernelPrinter

__all__ = ["print_reduce", "shared_reduce"]

# For truth values, sums and products are or and and.
_BOOL = {"add": "or_", "maximum": "or_", "mul": "and_", "minimum": "and_"}

_NARROW = frozenset({"float32", "float16", "bool", "int8", "int16", "int32", "uint8", "uint16", "uint32"})


@dataclass(frozen=True)
class Accumulator:
    """How a reduction is kept while it runs.

    name    the variable
    second  what rounding took away from a sum; the position of an extreme
    """

    name: str
    second: str = ""


def working(dtype: str) -> str:
    return "float32" if dtype == "float16" else dtype


def is_compensated(item: ReduceItem) -> bool:
    """Whether a sum keeps what rounding takes away. Sums of narrower numbers in double have bits to spare."""
    if item.op != "add" or kind(item.body.dtype) != "f":
        return False
    return not (item.body.kind == "cast" and item.body.dtype == "float64" and item.body.args[0].dtype in _NARROW)


def start(p: NestPrinter, item: ReduceItem) -> Accumulator:
    """Declares the variables."""
    dtype, op, name = item.body.dtype, item.op, p.fresh("a")
    t = LOCAL[dtype]
    if op in ("argmax", "argmin"):
        found = Accumulator(name, p.fresh("k"))
        p.emit(f"{t} {name} = 0;")
        p.emit(f"st_i64 {found.second} = -1;")
        return found
    if is_compensated(item):
        found = Accumulator(name, p.fresh("a"))
        p.emit(f"{t} {name} = 0, {found.second} = 0;")
        return found
    p.emit(f"{t} {name} = {fold_start(op, dtype)};")
    return Accumulator(name)


def step(p: NestPrinter, item: ReduceItem, a: Accumulator, at: str) -> None:
    """Takes one element in; `at` is its position."""
    dtype, op = item.body.dtype, item.op
    x = p.text(item.body)
    if not x.isidentifier():
        x = p.fresh("t")
        p.emit(f"const {LOCAL[dtype]} {x} = {bare(p.text(item.body))};")
    if op in ("argmax", "argmin"):
        sign = ">" if op == "argmax" else "<"
        nan = f" || ({x} != {x} && {a.name} == {a.name})" if kind(dtype) == "f" else ""
        p.emit(f"if ({a.second} < 0 || {x} {sign} {a.name}{nan}) {{ {a.name} = {x}; {a.second} = {at}; }}")
    elif a.second:
        p.emit(p.call(f"st_add_to_{TAG[working(dtype)]}(&{a.name}, &{a.second}, {x});"))
    else:
        own = operation(op, (working(dtype), working(dtype)))
        p.emit(f"{a.name} = {p.call(own.template.format(a.name, x))};")


def finish(p: NestPrinter, item: ReduceItem, a: Accumulator) -> None:
    """Names the result."""
    dtype = item.body.dtype
    if item.op in ("argmax", "argmin"):
        text = f"{a.second} < 0 ? 0 : {a.second}"
    else:
        text = f"{a.name} + {a.second}" if a.second else a.name
        text = p.call(f"st_f16_round({text})") if dtype == "float16" else text
    p.names[item.result] = ""
    p.name_value(item.result, text)


def print_reduce(p: KernelPrinter, item: ReduceItem) -> None:
    """A reduction by one thread; nothing if nobody reads it."""
    if item.result not in p.uses:
        return
    a = start(p, item)
    count = p.fresh("k") if item.op in ("argmax", "argmin") else ""
    if count:
        p.emit(f"st_i64 {count} = 0;")
    *outer, inner = item.scopes
    for scope in outer:
        p.loop_head(scope)
        contents(p, item, scope)

    def inside() -> None:
        contents(p, item, inner)
        step(p, item, a, count)
        if count:
            p.emit(f"{count}++;")

    counted_loop(p, [inner], *p.joined([inner]), "0", "1", inside)
    for _ in outer:
        p.close()
    finish(p, item, a)


def contents(p: NestPrinter, item: ReduceItem, scope: Scope) -> None:
    """What is in a loop of a reduction beside the next one."""
    for inner in scope.items:
        if not (isinstance(inner, LoopItem) and inner.scope in item.scopes):
            p.item(inner)


def shared_reduce(p: KernelPrinter, item: ReduceItem) -> None:
    """A reduction by all threads of a group."""
    if item.result not in p.uses:
        return
    dtype, op = item.body.dtype, item.op
    extreme = op in ("argmax", "argmin")
    scopes = list(item.scopes)
    best = max(scopes, key=lambda s: (p.votes.get(s, 0), s.depth))
    if not extreme and best is not scopes[-1] and all(len(needed(p, s)) == 1 for s in scopes[:-1]):
        scopes.remove(best)
        scopes.append(best)
        reorder(item, scopes)
    a = start(p, item)

    def inside() -> None:
        for scope in item.scopes:
            contents(p, item, scope)
        step(p, item, a, p.counter)

    counted_loop(p, item.scopes, *p.joined(item.scopes), "threadIdx.x", "blockDim.x", inside)
    tag = TAG[working(dtype)]
    if extreme:
        p.emit(p.call(f"{a.second} = st_group_{op}_{tag}({a.name}, {a.second});"))
    elif a.second:
        p.emit(p.call(f"{a.name} = st_group_add_{tag}({a.name} + {a.second});"))
        a = Accumulator(a.name)
    else:
        name = _BOOL.get(op, op) if dtype == "bool" else op
        p.emit(p.call(f"{a.name} = st_group_{name}_{tag}({a.name});"))
    finish(p, item, a)

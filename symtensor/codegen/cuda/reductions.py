"""Reductions: by one thread, or by the threads of a group."""
from __future__ import annotations

from dataclasses import dataclass

from symtensor.codegen.c.blocks import fold_start
from symtensor.codegen.c.dialect import LOCAL, TAG, kind
from symtensor.codegen.c.printer import NestPrinter, bare
from symtensor.codegen.c.scalar_ops import operation
from symtensor.codegen.values import LoopItem, ReduceItem

__all__ = ["print_reduce"]


@dataclass(frozen=True)
class Accumulator:
    """How a reduction is kept while it runs.

    name    the variable
    second  what rounding took away from a sum; the position of an extreme
    count   the position of the next element, where an extreme is wanted by one thread
    """

    name: str
    second: str = ""
    count: str = ""


def working(dtype: str) -> str:
    return "float32" if dtype == "float16" else dtype


def start(p: NestPrinter, item: ReduceItem) -> Accumulator:
    """Declares the variables."""
    dtype, op, name = item.body.dtype, item.op, p.fresh("a")
    t = LOCAL[dtype]
    if op in ("argmax", "argmin"):
        found = Accumulator(name, p.fresh("k"), p.fresh("k"))
        p.emit(f"{t} {name} = 0;")
        p.emit(f"st_i64 {found.second} = -1, {found.count} = 0;")
        return found
    if op == "add" and kind(dtype) == "f":
        found = Accumulator(name, p.fresh("a"))
        p.emit(f"{t} {name} = 0, {found.second} = 0;")
        return found
    p.emit(f"{t} {name} = {fold_start(op, dtype)};")
    return Accumulator(name)


def step(p: NestPrinter, item: ReduceItem, a: Accumulator) -> None:
    """Takes one element in."""
    dtype, op = item.body.dtype, item.op
    x = p.text(item.body)
    if not x.isidentifier():
        x = p.fresh("t")
        p.emit(f"const {LOCAL[dtype]} {x} = {bare(p.text(item.body))};")
    if op in ("argmax", "argmin"):
        sign = ">" if op == "argmax" else "<"
        nan = f" || ({x} != {x} && {a.name} == {a.name})" if kind(dtype) == "f" else ""
        p.emit(f"if ({a.second} < 0 || {x} {sign} {a.name}{nan}) {{ {a.name} = {x}; {a.second} = {a.count}; }}")
        p.emit(f"{a.count}++;")
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


def print_reduce(p: NestPrinter, item: ReduceItem) -> None:
    """A reduction by one thread; nothing if nobody reads it."""
    if item.result not in p.uses:
        return
    a = start(p, item)
    for scope in item.scopes:
        p.loop_head(scope)
        for inner in scope.items:
            if not (isinstance(inner, LoopItem) and inner.scope in item.scopes):
                p.item(inner)
    step(p, item, a)
    for _ in item.scopes:
        p.close()
    finish(p, item, a)

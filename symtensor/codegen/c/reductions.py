"""Reductions whose result is one value (at their place in the loops around them).

Where the innermost axis can be vector code, the body's values of up to `BLOCK` elements go into an array (or stay where
they are, if the body is a plain load from dense memory) and a function of csrc/reduce.h folds them: it knows lanes,
accurate sums, NaN and first positions. Everything else becomes plain loops.
"""
from __future__ import annotations

from dataclasses import dataclass

from symtensor.codegen.c.blocks import BlockPrinter, block_tag, fold_start
from symtensor.codegen.c.dialect import BLOCK as BLOCK_TYPE
from symtensor.codegen.c.dialect import LOCAL, MEMORY, kind
from symtensor.codegen.c.printer import NestPrinter, bare
from symtensor.codegen.c.scalar_ops import operation
from symtensor.codegen.values import LoopItem, ReduceItem, Scope, Value, linear

__all__ = ["print_reduce"]

# For truth values, sums and products are or and and.
_BOOL = {"add": "or_", "maximum": "or_", "mul": "and_", "minimum": "and_"}


@dataclass(frozen=True)
class Accumulator:
    """How a reduction is kept while it runs.

    declaration  of the variables
    helper       the function of csrc/reduce.h and its leading arguments; called with the elements and their number
    result       the value
    """

    declaration: str
    helper: str
    result: str


def print_reduce(p: NestPrinter, item: ReduceItem) -> None:
    """Prints a reduction and names its result; nothing if nobody reads it."""
    if item.result not in p.uses:
        return
    order = vector_order(p, item)
    if order is None:
        plain_reduce(p, item)
    else:
        vector_reduce(p, item, order)


def vector_order(p: NestPrinter, item: ReduceItem) -> list[Scope] | None:
    """The axes in the order in which to run them, the last one as vector code; None for plain loops."""
    if item.body.kind not in ("load", "op", "cast"):
        return None
    scopes = list(item.scopes)
    own = set(scopes)
    best = max(scopes, key=lambda s: (p.votes.get(s, 0), s.depth))
    inner = [s for s in p.inner_scopes(scopes[0]) if s not in own]
    if inner and p.votes.get(best, 0) <= max(p.votes.get(s, 0) for s in inner):
        return None
    if best is not scopes[-1]:
        free = item.op not in ("argmax", "argmin") and not (item.op == "mul" and kind(item.body.dtype) in "fc")
        perfect = all(len(needed(p, s)) == 1 for s in scopes[:-1])
        ragged = any(s.extent is not None and s.extent.mask & t.bit for s in scopes for t in scopes)
        if free and perfect and not ragged and p.votes.get(best, 0):
            scopes.remove(best)
            scopes.append(best)
            reorder(item, scopes)
    last = scopes[-1]
    if last.kind != "vector" or not item.body.mask & last.bit:
        return None
    if any(s.extent is not None and s.extent.mask & last.bit for s in inner):
        return None
    return scopes


def reorder(item: ReduceItem, order: list[Scope]) -> None:
    """Nests the loops of a reduction in another order; only the innermost one has items of its own."""
    body = item.scopes[-1].items
    for scope, inner in zip(order, order[1:]):
        scope.items = [LoopItem(inner)]
    order[-1].items = body
    item.scopes = tuple(order)


def needed(p: NestPrinter, scope: Scope) -> list[object]:
    return [i for i in scope.items if not (isinstance(i, Value) and i not in p.uses)]


def accumulator(p: NestPrinter, item: ReduceItem) -> Accumulator:
    dtype, op = item.body.dtype, item.op
    tag, t = block_tag(dtype), BLOCK_TYPE[dtype]
    if dtype == "bool":
        op = _BOOL.get(op, op)
    name = p.fresh("a")
    if op in ("argmax", "argmin"):
        at = p.fresh("k")
        return Accumulator(f"{t} {name} = 0; st_i64 {at} = -1;", f"st_{op}_{tag}(&{name}, &{at}, ",
                           f"({at} < 0 ? 0 : {at})")
    if op == "add" and kind(dtype) == "f":
        result = {"float64": f"({name}[0] + {name}[1])", "float32": f"(float){name}[0]"}.get(
            dtype, f"st_f16_round((float){name}[0])")
        return Accumulator(f"double {name}[2] = {{0.0, 0.0}};", f"st_add_{tag}({name}, ", result)
    if op == "add" and kind(dtype) == "c":
        part = "double" if dtype == "complex128" else "float"
        return Accumulator(f"double {name}[2] = {{0.0, 0.0}};", f"st_cadd_{tag}({name}, ",
                           f"__builtin_complex(({part}){name}[0], ({part}){name}[1])")
    helper = f"st_cmul_all_{tag}" if kind(dtype) == "c" else f"st_{op}_{tag}"
    result = f"({name} != 0)" if dtype == "bool" else f"st_f16_round({name})" if dtype == "float16" else name
    return Accumulator(f"{t} {name} = {fold_start(op, dtype)};", f"{helper}(&{name}, ", result)


def vector_reduce(p: NestPrinter, item: ReduceItem, order: list[Scope]) -> None:
    accumulate = accumulator(p, item)
    p.emit(accumulate.declaration)
    last = order[-1]
    if all(len(needed(p, s)) == 1 for s in item.scopes[:-1]):
        outer = p.join(order)
    else:
        p.choose_dense(last)
        outer = order[:-1]
    for scope in outer:
        p.loop_head(scope)
        for inner in scope.items:
            if not (isinstance(inner, LoopItem) and inner.scope in order):
                p.item(inner)
    extreme = item.op in ("argmax", "argmin")
    base = position(p, outer, last) if extreme else ""
    address = direct(p, item, last)
    if address:
        tail = f", {base}" if extreme else ""
        helper = accumulate.helper
        if item.body.kind == "cast":
            helper = helper.replace("st_add_f64(", "st_add_wide(")
        p.emit(p.call(f"{helper}{address}, {p.extent(last)}{tail});"))
    else:
        block = BlockPrinter(p, last, item.body)
        array = block.plan.kept[item.body].split("[")[0].lstrip("(")
        block.open_chunk(p.extent(last))
        block.print_nodes(block.plan.nodes)
        tail = f", {base} + {block.start}" if extreme else ""
        p.emit(p.call(f"{accumulate.helper}{array}, {block.count}{tail});"))
        p.close()
    for _ in outer:
        p.close()
    p.names[item.result] = ""
    p.name_value(item.result, bare(p.call(accumulate.result)) if "st_" in accumulate.result else accumulate.result)


def position(p: NestPrinter, outer: list[Scope], last: Scope) -> str:
    """The number, in C order, of the first element of a row."""
    text = "0"
    for scope in outer:
        index = p.names[scope.index]
        text = index if text == "0" else f"({text}) * {p.extent(scope)} + {index}"
    if text == "0":
        return text
    return f"({text}) * ({p.extent(last)})"


def direct(p: NestPrinter, item: ReduceItem, last: Scope) -> str:
    """The address of the body's elements if they lie in memory as they are wanted; else ""."""
    body = item.body
    if item.op == "add" and body.kind == "cast" and (body.args[0].dtype, body.dtype) == ("float32", "float64"):
        body = body.args[0]  # there is a function that sums floats in double
    if body.kind != "load" or body.dtype == "float16" or body.extra or body.scope is not last:
        return ""
    if [i for i in needed(p, last) if i is not body and i is not item.body]:
        return ""
    steps = [(a, linear(i).factor(last.index)) for a, i in enumerate(body.args) if linear(i).factor(last.index)]
    if len(steps) != 1 or steps[0][1] != 1 or not p.is_unit(body.name, steps[0][0]):
        return ""
    if any(v.mask & last.bit and v is not last.index for i in body.args for v, _ in linear(i).terms):
        return ""
    return f"(const {MEMORY[body.dtype]} *)({p.address(body.name, body.args, last.index)})"


def plain_reduce(p: NestPrinter, item: ReduceItem) -> None:
    """One loop for each axis and one step for each point."""
    dtype, op = item.body.dtype, item.op
    body_type = LOCAL[dtype]
    name, extreme = p.fresh("a"), op in ("argmax", "argmin")
    wide = op == "add" and kind(dtype) == "f"
    working = "float32" if dtype == "float16" else dtype
    at = count = ""
    if extreme:
        at, count = p.fresh("k"), p.fresh("c")
        p.emit(f"{body_type} {name} = 0; st_i64 {at} = -1, {count} = 0;")
    elif wide:
        p.emit(f"double {name}[2] = {{0.0, 0.0}};")
    else:
        p.emit(f"{body_type} {name} = {fold_start(op, dtype)};")
    for scope in item.scopes:
        p.loop_head(scope)
        for inner in scope.items:
            if not (isinstance(inner, LoopItem) and inner.scope in item.scopes):
                p.item(inner)
    x = p.text(item.body)
    if not x.isidentifier():
        x = p.fresh("t")
        p.emit(f"const {body_type} {x} = {bare(p.text(item.body))};")
    if extreme:
        sign = ">" if op == "argmax" else "<"
        nan = f" || ({x} != {x} && {name} == {name})" if kind(dtype) == "f" else ""
        p.emit(f"if ({at} < 0 || {x} {sign} {name}{nan}) {{ {name} = {x}; {at} = {count}; }}")
        p.emit(f"{count}++;")
    elif wide:
        p.emit(p.call(f"st_two_sum({name}, (double){x});"))
    else:
        p.emit(f"{name} = {p.call(operation(op, (working, working)).template.format(name, x))};")
    for _ in item.scopes:
        p.close()
    p.names[item.result] = ""
    if extreme:
        result = f"{at} < 0 ? 0 : {at}"
    elif wide:
        result = f"{name}[0] + {name}[1]" if dtype == "float64" else f"(float)({name}[0] + {name}[1])"
        result = p.call(f"st_f16_round({result})") if dtype == "float16" else result
    else:
        result = p.call(f"st_f16_round({name})") if dtype == "float16" else name
    p.name_value(item.result, result)

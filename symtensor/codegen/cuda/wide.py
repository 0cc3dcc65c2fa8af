"""Dense arrays by 16 bytes: elementwise nests whose threads take several neighbouring elements at a time.

Where one loop is left and every array that it walks is dense along it, with elements of one size, a loop over vectors
comes before the loop over elements, which does the rest, or everything where an array does not begin at 16 bytes.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from symtensor.codegen.c.dialect import ITEMSIZE, TAG
from symtensor.codegen.cuda.batches import MOST_VALUES
from symtensor.codegen.values import Scope, StoreItem, Value, accesses, linear

if TYPE_CHECKING:
    from symtensor.codegen.cuda.printer import KernelPrinter

__all__ = ["print_wide"]

BYTES = 16
MOST_ARRAYS = 8


def print_wide(p: KernelPrinter, loops: list[Scope], count: str, first: str, stride: str) -> str:
    """Prints the loop over vectors; returns the number of elements that it does, "" if there is none."""
    walked = arrays(p, loops)
    if not walked:
        return ""
    scope, lanes = loops[0], BYTES // ITEMSIZE[p.facts[next(iter(walked))].dtype]
    done, at, lane = p.fresh("m"), p.fresh("q"), p.fresh("u")
    every = " | ".join(f"(st_u64){p.pointer(b)}" for b in walked)
    p.emit(f"const st_i64 {done} = (({every}) & {BYTES - 1}) == 0 ? {count} / {lanes} : 0;")
    p.open(f"for (st_i64 {at} = {first}; {at} < {done}; {at} += {stride})")
    names = dict(p.names)
    vectors: dict[str, str] = {}
    for buffer, is_loaded in walked.items():
        t, name = f"st_wide_{TAG[p.facts[buffer].dtype]}", p.fresh("w")
        start = f" = (({t} *){p.pointer(buffer)})[{at}]" if is_loaded else ""
        p.emit(p.call(f"{t} {name}{start};"))
        vectors[buffer] = name
    p.emit("#pragma unroll")
    p.open(f"for (int {lane} = 0; {lane} < {lanes}; {lane}++)")
    if scope.index in p.uses:
        index = p.names[scope.index] = p.fresh("i")
        p.emit(f"const st_i64 {index} = {at} * {lanes} + {lane};")
    p.wide = {buffer: f"{name}.x[{lane}]" for buffer, name in vectors.items()}
    p.names.setdefault(scope.index, at)
    p.body(scope)
    p.wide = {}
    p.close()
    for buffer, name in vectors.items():
        if buffer in p.graph.stored:
            p.emit(f"((st_wide_{TAG[p.facts[buffer].dtype]} *){p.pointer(buffer)})[{at}] = {name};")
    p.close()
    p.names = names
    return f"{done} * {lanes}"


def arrays(p: KernelPrinter, loops: list[Scope]) -> dict[str, bool]:
    """The arrays that a nest walks element by element, and whether their elements are read; none if it is not of that
    kind."""
    if len(loops) != 1:
        return {}
    scope = loops[0]
    items = [i for i in scope.items if not isinstance(i, Value) or i in p.uses]
    if not all(isinstance(i, Value) or isinstance(i, StoreItem) and i.op is None for i in items):
        return {}
    if sum(isinstance(i, Value) and i.kind != "load" for i in items) > MOST_VALUES:
        return {}
    found: dict[str, bool] = {}
    for buffer, index, is_store in accesses(scope):
        steps = [(a, linear(i).factor(scope.index)) for a, i in enumerate(index)]
        walks = [(a, f) for a, f in steps if f]
        if not walks:
            if is_store or any(v.mask & scope.bit for i in index for v, _ in linear(i).terms):
                return {}
            continue
        if not in_rows(p, scope, buffer, index):
            return {}
        found[buffer] = found.get(buffer, False) or not is_store
    sizes = {ITEMSIZE[p.facts[b].dtype] for b in found}
    if len(sizes) != 1 or not sizes <= {2, 4, 8} or len(found) > MOST_ARRAYS or not p.graph.stored & found.keys():
        return {}
    return found


def in_rows(p: KernelPrinter, scope: Scope, buffer: str, index: tuple[Value, ...]) -> bool:
    """Whether element k of the loop is element k of the array's memory."""
    facts = p.facts[buffer]
    if not facts.dense:
        return False
    axes = [a for a in range(facts.ndim) if not facts.broadcast[a]]
    forms = [linear(index[a]) for a in axes]
    for form in forms:
        others = [v for v, _ in form.terms if v is not scope.index and not (v.kind == "index" and v.extra.static)]
        if form.constant or others or any(f != 1 for _, f in form.terms):
            return False
    return [form.factor(scope.index) for form in forms] == [0] * (len(axes) - 1) + [1]

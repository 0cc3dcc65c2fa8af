"""Walking graphs: ancestors, orders, clones, comparisons. Everything is iterative and its order deterministic."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from symtensor.graph.basic import Apply, Constant, Variable
from symtensor.utils.memory import collector_paused
from symtensor.utils.ordered import OrderedSet

__all__ = [
    "ancestors", "clone", "clone_get_equiv", "equal_computations", "general_toposort", "inputs",
    "io_connection_pattern", "io_toposort", "is_in_ancestors", "is_same_graph", "list_of_nodes", "ops", "orphans",
    "stack_search", "variables", "variables_and_orphans", "view_roots",
]


def stack_search(start: Iterable[Any], expand: Callable[[Any], Iterable[Any] | None], mode: str = "bfs",
                 build_inv: bool = False) -> Any:
    """Everything reachable from `start` by `expand` (which gives an iterable or None), each once, in order of the
    visit.

    `mode` is "bfs" or "dfs" (ValueError otherwise). With `build_inv` the result is a pair: the list, and a dict from
    each expanded item to the items that led to it.
    """
    if mode not in ("bfs", "dfs"):
        raise ValueError("mode should be bfs or dfs", mode)
    todo: deque[Any] = deque(start)
    take = todo.popleft if mode == "bfs" else todo.pop
    seen: set[Any] = set()
    found: list[Any] = []
    inverse: dict[Any, list[Any]] = {}
    while todo:
        item = take()
        if item in seen:
            continue
        seen.add(item)
        found.append(item)
        followers = expand(item)
        if followers:
            followers = list(followers)
            if build_inv:
                for follower in followers:
                    inverse.setdefault(follower, []).append(item)
            todo.extend(followers if mode == "bfs" else reversed(followers))
    return (found, inverse) if build_inv else found


def ancestors(variable_list: Iterable[Variable], blockers: Iterable[Variable] | None = None) -> list[Variable]:
    """The variables that contribute to those of `variable_list`, these included, depth first.

    The search does not go past a variable of `blockers`, but such a variable is part of the result.
    """
    blocked = frozenset(blockers) if blockers else frozenset()
    todo = list(variable_list)
    todo.reverse()
    seen: set[Variable] = set()
    found: list[Variable] = []
    while todo:
        variable = todo.pop()
        if variable in seen:
            continue
        seen.add(variable)
        found.append(variable)
        if variable.owner is not None and variable not in blocked:
            todo.extend(reversed(variable.owner.inputs))
    return found


def inputs(variable_list: Iterable[Variable], blockers: Iterable[Variable] | None = None) -> list[Variable]:
    """The ancestors that have no owner: free variables and constants."""
    return [variable for variable in ancestors(variable_list, blockers) if variable.owner is None]


def variables_and_orphans(i: Iterable[Variable], o: Iterable[Variable]) -> tuple[list[Variable], list[Variable]]:
    """All variables between `i` and `o`, and those among them that have no owner and are not in `i`."""
    given = list(i)
    blocked = frozenset(given)
    found: dict[Variable, None] = {}
    todo = list(o)
    todo.reverse()
    while todo:
        variable = todo.pop()
        if variable in found:
            continue
        found[variable] = None
        if variable.owner is not None and variable not in blocked:
            todo.extend(reversed(variable.owner.outputs))
            todo.extend(reversed(variable.owner.inputs))
    result = list(found)
    return result, [variable for variable in result if variable.owner is None and variable not in blocked]


def variables(i: Iterable[Variable], o: Iterable[Variable]) -> list[Variable]:
    """All variables between `i` and `o`, both included, with every output of the nodes between them."""
    return variables_and_orphans(i, o)[0]


def orphans(i: Iterable[Variable], o: Iterable[Variable]) -> list[Variable]:
    """The variables without owner that `o` depends on and `i` lacks: constants and forgotten inputs."""
    return variables_and_orphans(i, o)[1]


def list_of_nodes(inputs: Iterable[Variable], outputs: Iterable[Variable]) -> list[Apply]:
    """The nodes between `inputs` and `outputs`, from the outputs on, depth first."""
    blocked = frozenset(inputs)
    todo = [o.owner for o in outputs if o.owner is not None and o not in blocked]
    todo.reverse()
    seen: set[Apply] = set()
    found: list[Apply] = []
    while todo:
        node = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        found.append(node)
        todo.extend([v.owner for v in reversed(node.inputs) if v.owner is not None and v not in blocked])
    return found


def ops(i: Iterable[Variable], o: Iterable[Variable]) -> OrderedSet[Apply]:
    """The set of nodes between `i` and `o`."""
    return OrderedSet(list_of_nodes(i, o))


def _postorder(start: Iterable[Any], deps: Callable[[Any], Sequence[Any]]) -> list[Any]:
    """What is reachable from `start`, each item after its dependencies, the last dependency of an item first.

    A cycle raises ValueError.
    """
    done: dict[Any, bool] = {}  # False while the item waits for its dependencies
    order: list[Any] = []
    todo: list[tuple[Any, bool]] = [(item, False) for item in start]
    todo.reverse()
    with collector_paused():
        while todo:
            item, expanded = todo.pop()
            if expanded:
                done[item] = True
                order.append(item)
                continue
            state = done.get(item)
            if state is not None:
                if state is False:
                    raise ValueError("graph contains cycles")
                continue
            done[item] = False
            todo.append((item, True))
            for dependency in deps(item):
                state = done.get(dependency)
                if state is None:
                    todo.append((dependency, False))
                elif state is False:
                    raise ValueError("graph contains cycles")
    return order


def io_toposort(inputs: Iterable[Variable], outputs: Iterable[Variable],
                orderings: Mapping[Apply, Iterable[Apply]] | None = None,
                clients: dict[Any, list[Any]] | None = None) -> list[Apply]:
    """The nodes between `inputs` and `outputs`, each after those that it depends on.

    `orderings` maps a node to further nodes that must come before it. `clients`, when given, is a dict that is filled
    with the users of each variable and node. A cycle raises ValueError.
    """
    if clients is not None:
        return [item for item in _sorted_items(inputs, outputs, orderings, clients) if isinstance(item, Apply)]
    blocked = frozenset(inputs)
    if orderings:
        return [item for item in _sorted_items(blocked, outputs, orderings, None) if isinstance(item, Apply)]

    def parents(node: Apply) -> list[Apply]:
        return [v.owner for v in node.inputs if v.owner is not None and v not in blocked]

    return _postorder([o.owner for o in outputs if o.owner is not None and o not in blocked], parents)


def _sorted_items(inputs: Iterable[Variable], outputs: Iterable[Variable],
                  orderings: Mapping[Apply, Iterable[Apply]] | None, clients: dict[Any, list[Any]] | None) -> list[Any]:
    """Variables and nodes between `inputs` and `outputs` in topological order, `orderings` respected."""
    blocked = frozenset(inputs)
    extra = orderings or {}

    def deps(item: Any) -> list[Any]:
        if isinstance(item, Apply):
            return list(item.inputs) + list(extra.get(item, ()))
        if item in blocked or item.owner is None:
            return []
        return [item.owner]

    return general_toposort(outputs, deps, clients=clients)


def general_toposort(outputs: Iterable[Any], deps: Callable[[Any], Any], debug_print: bool = False,
                     compute_deps_cache: Callable[[Any], Any] | None = None, deps_cache: dict[Any, Any] | None = None,
                     clients: dict[Any, list[Any]] | None = None) -> list[Any]:
    """Everything that `outputs` depend on, each item after its dependencies `deps(item)` (a list, or None for none).

    `compute_deps_cache`, when given, is called instead of `deps` and may keep its results in `deps_cache`; giving one
    without the other raises ValueError, as does a cycle. `clients` is filled with the items that depend on each.
    """
    if (compute_deps_cache is None) != (deps_cache is None):
        raise ValueError("deps_cache cannot be None: compute_deps_cache and deps_cache go together")
    ask = compute_deps_cache or deps

    def ordered(item: Any) -> list[Any]:
        found = list(ask(item) or ())
        if clients is not None:
            for dependency in found:
                clients.setdefault(dependency, []).append(item)
        return found

    order = _postorder(outputs, ordered)
    if debug_print:
        print("")
        print(order)
    return order


def clone_get_equiv(inputs: Sequence[Variable], outputs: Sequence[Variable], copy_inputs: bool = True,
                    copy_orphans: bool = True, memo: dict[Any, Any] | None = None) -> dict[Any, Any]:
    """Copy the graph between `inputs` and `outputs`; a dict from each old variable and node to its copy.

    The inputs and the orphans (variables without owner that are no inputs) stand for themselves unless they are to be
    copied. `memo` may hold known pairs; it is filled and returned.
    """
    if memo is None:
        memo = {}
    with collector_paused():
        for input in inputs:
            if input not in memo:
                memo[input] = input.clone() if copy_inputs else input
        for node in io_toposort(inputs, outputs):
            if node in memo:
                continue
            new_inputs = []
            for variable in node.inputs:
                new = memo.get(variable)
                if new is None:
                    new = memo[variable] = variable.clone() if copy_orphans else variable
                new_inputs.append(new)
            new_node = node.clone_with_new_inputs(new_inputs)
            memo[node] = new_node
            for old, new in zip(node.outputs, new_node.outputs):
                memo.setdefault(old, new)
        for output in outputs:
            if output not in memo:
                memo[output] = output.clone() if copy_orphans else output
    return memo


def clone(i: Sequence[Variable], o: Sequence[Variable], copy_inputs: bool = True,
          copy_orphans: bool | None = None) -> tuple[list[Variable], list[Variable]]:
    """Copies of the inputs and outputs of a graph. `copy_orphans` defaults to `copy_inputs`."""
    if copy_orphans is None:
        copy_orphans = copy_inputs
    equiv = clone_get_equiv(i, o, copy_inputs, copy_orphans)
    return [equiv[variable] for variable in i], [equiv[variable] for variable in o]


def is_in_ancestors(l_node: Apply, f_node: Apply) -> bool:
    """Whether `f_node` is `l_node` or one of its ancestors."""
    seen: set[Apply] = set()
    todo = [l_node]
    while todo:
        node = todo.pop()
        if node is f_node:
            return True
        if node in seen:
            continue
        seen.add(node)
        todo.extend([v.owner for v in node.inputs if v.owner is not None])
    return False


def view_roots(r: Variable) -> list[Variable]:
    """The variables that `r` is a view of, as far as the ops' `view_map` tells; `[r]` when it is no view."""
    found: dict[Variable, None] = {}
    todo = [r]
    while todo:
        variable = todo.pop()
        node = variable.owner
        view_map = getattr(node.op, "view_map", None) if node is not None else None
        if view_map and node is not None:
            positions = view_map.get(node.outputs.index(variable))
            if positions:
                todo.extend(node.inputs[i] for i in reversed(positions))
                continue
            if positions is not None:
                continue
        found[variable] = None
    return list(found)


def io_connection_pattern(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> list[list[bool]]:
    """For each input the list that says for each output whether it depends on it, by the ops' `connection_pattern`."""
    reached: dict[Variable, frozenset[int]] = {}
    for position, variable in enumerate(inputs):
        reached[variable] = reached.get(variable, frozenset()) | {position}
    nothing: frozenset[int] = frozenset()
    for node in io_toposort(inputs, outputs):
        pattern_of = getattr(node.op, "connection_pattern", None)
        if pattern_of is None:
            everything = nothing.union(*[reached.get(variable, nothing) for variable in node.inputs])
            for output in node.outputs:
                reached.setdefault(output, everything)
            continue
        pattern = pattern_of(node)
        for j, output in enumerate(node.outputs):
            found = [reached.get(variable, nothing) for i, variable in enumerate(node.inputs) if pattern[i][j]]
            reached.setdefault(output, nothing.union(*found))
    return [[i in reached.get(output, nothing) for output in outputs] for i in range(len(inputs))]


def _same(xs: Sequence[Any], ys: Sequence[Any], pairs: Iterable[tuple[Variable, Variable]]) -> bool:
    """Whether two lists of variables are computed alike when each pair is taken as equal. Near-linear, no recursion."""
    known = {(a, b) for a, b in pairs}
    todo = list(zip(xs, ys))
    while todo:
        a, b = todo.pop()
        if a is b or (a, b) in known:
            continue
        if isinstance(a, Constant) or isinstance(b, Constant):
            if not (isinstance(a, Constant) and a.equals(b)):
                return False
            known.add((a, b))
            continue
        if a.owner is None or b.owner is None or a.index != b.index or a.type != b.type:
            return False
        node, other = a.owner, b.owner
        if node.op != other.op or len(node.inputs) != len(other.inputs) or len(node.outputs) != len(other.outputs):
            return False
        # Sound although nothing has been compared yet: a difference found later makes the whole answer False.
        known.add((a, b))
        todo.extend(zip(node.inputs, other.inputs))
    return True


def is_same_graph(var1: Variable, var2: Variable, givens: Any = None, debug: bool = False) -> bool:
    """Whether two variables are computed by the same ops in the same way from the same variables.

    `givens` (a dict or a list of pairs) says which variables of the one graph count as equal to which of the other. The
    order of operands matters: `x + y` is not `y + x`. `debug` adds a check that the comparison is symmetric.
    """
    pairs = list(givens.items()) if isinstance(givens, dict) else list(givens or ())
    pairs += [(b, a) for a, b in pairs]
    result = _same([var1], [var2], pairs)
    if debug:
        assert result == _same([var2], [var1], pairs)
    return result


def equal_computations(xs: Sequence[Any], ys: Sequence[Any], in_xs: Sequence[Variable] | None = None,
                       in_ys: Sequence[Variable] | None = None) -> bool:
    """Whether the variables `xs` compute from the inputs `in_xs` what `ys` compute from `in_ys`, by structure.

    Raises ValueError when the lists differ in length or the types of corresponding variables do.
    """
    if len(xs) != len(ys):
        raise ValueError("The number of graphs in each argument must match.")
    ins_x, ins_y = list(in_xs or ()), list(in_ys or ())
    if len(ins_x) != len(ins_y):
        raise ValueError("The number of inputs in each argument must match.")
    for x, y in zip(xs, ys):
        if isinstance(x, Variable) and isinstance(y, Variable) and x.type != y.type:
            return False
    for x, y in zip(ins_x, ins_y):
        if x.type != y.type:
            return False
    plain_x = [x for x in xs]
    plain_y = [y for y in ys]
    for x, y in zip(xs, ys):
        if not (isinstance(x, Variable) and isinstance(y, Variable)):
            if isinstance(x, Variable) or isinstance(y, Variable) or x != y:
                return False
            plain_x.remove(x)
            plain_y.remove(y)
    return _same(plain_x, plain_y, zip(ins_x, ins_y))

"""Local optimizers for user programs, in Theano's terms: groups, `OpSub`, `OpRemove`, `PatternSub`."""
from __future__ import annotations

import pdb
import sys
from collections.abc import Callable, Sequence
from typing import Any

from symtensor.graph.basic import Constant, Variable
from symtensor.graph.hooks import hooks
from symtensor.rewrite.apply import copy_stack_trace, replacements_of
from symtensor.rewrite.base import LocalOptimizer, name_of
from symtensor.rewrite.dispatch import Dispatch
from symtensor.rewrite.merge import constant_key

__all__ = [
    "LocalOptGroup", "OpRemove", "OpSub", "PatternSub", "check_chain", "pre_constant_merge",
    "pre_greedy_local_optimizer",
]


class LocalOptGroup(LocalOptimizer):
    """Tries several local optimizers on a node, in their order, until one answers.

    With `apply_all_opts=True` it goes on with the node that the answer has made, until none answers.
    """

    def __init__(self, *optimizers: Any, **kwargs: Any) -> None:
        if len(optimizers) == 1 and isinstance(optimizers[0], (list, tuple)):
            optimizers = tuple(optimizers[0])
        self.opts = list(optimizers)
        self.apply_all_opts = kwargs.pop("apply_all_opts", False)
        self.profile = kwargs.pop("profile", False)
        self.reentrant = any(getattr(opt, "reentrant", True) for opt in self.opts)
        self.retains_inputs = all(getattr(opt, "retains_inputs", False) for opt in self.opts)
        if kwargs:
            raise TypeError(f"LocalOptGroup() got unexpected keyword arguments {sorted(kwargs)}")
        self._dispatch = Dispatch(self.opts)

    def __str__(self) -> str:
        return getattr(self, "__name__", f"LocalOptGroup({','.join(name_of(opt) for opt in self.opts)})")

    def tracks(self) -> Sequence[Any] | None:
        found: dict[Any, None] = {}
        for opt in self.opts:
            tracked = opt.tracks()
            if tracked is None:
                return None
            found.update(dict.fromkeys(tracked))
        return list(found)

    def transform(self, node: Any) -> Any:
        answered: Any = False
        while True:
            for opt in self._dispatch(node.op):
                answer = opt.transform(node)
                if answer is False or answer is None:
                    continue
                if not self.apply_all_opts or isinstance(answer, dict):
                    return answer
                pairs, _ = replacements_of(node, answer, name_of(opt))
                if not pairs:
                    continue
                copy_stack_trace(node.outputs, list(answer))
                answered = list(answer)
                owners = {new.owner for new in answered if new is not None}
                if len(owners) != 1 or None in owners:
                    return answered
                (node,) = owners
                if [v.index for v in answered] != list(range(len(node.outputs))):
                    return answered
                break
            else:
                return answered

    def add_requirements(self, fgraph: Any) -> None:
        for opt in self.opts:
            opt.add_requirements(fgraph)

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        print(f"{' ' * level}{self.__class__.__name__} id={id(self)}", file=stream or sys.stdout)
        if depth != 0:
            for opt in self.opts:
                opt.print_summary(stream, level + 2, depth - 1)


class OpSub(LocalOptimizer):
    """Puts `op2` wherever `op1` is, on the same inputs. `transfer_tags` copies the tags of the outputs too."""

    reentrant = False
    retains_inputs = True

    def __init__(self, op1: Any, op2: Any, transfer_tags: bool = True) -> None:
        self.op1 = op1
        self.op2 = op2
        self.transfer_tags = transfer_tags

    def op_key(self) -> Any:
        """The op that is replaced."""
        return self.op1

    def tracks(self) -> Sequence[Any]:
        return [self.op1]

    def transform(self, node: Any) -> Any:
        if node.op != self.op1:
            return False
        new = self.op2.make_node(*node.inputs)
        if self.transfer_tags:
            copy_stack_trace(node.outputs, new.outputs)
            for old, made in zip(node.outputs, new.outputs):
                for key, value in old.tag.__dict__.items():
                    if key not in made.tag.__dict__:
                        setattr(made.tag, key, value)
        return new.outputs

    def __str__(self) -> str:
        return f"{self.op1} -> {self.op2}"


class OpRemove(LocalOptimizer):
    """Takes away an op that has as many outputs as inputs: each output becomes its input."""

    reentrant = False

    def __init__(self, op: Any) -> None:
        self.op = op

    def op_key(self) -> Any:
        """The op that is removed."""
        return self.op

    def tracks(self) -> Sequence[Any]:
        return [self.op]

    def transform(self, node: Any) -> Any:
        if node.op != self.op:
            return False
        return node.inputs

    def __str__(self) -> str:
        return f"{self.op}(x) -> x"

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        print(f"{' ' * level}{self.__class__.__name__}({self.op}) id={id(self)}", file=stream or sys.stdout)


class PatternSub(LocalOptimizer):
    """Replaces what matches one pattern by what another says.

    A pattern is a string (any variable, the same for the same string), a number or constant (a constant equal to it), a
    tuple `(op, pattern, ...)`, or a dict `{"pattern": pattern, "constraint": function}` whose function of the variable
    must be true. In the output pattern a string is what it matched and a tuple applies its op.

    Args:
        allow_multiple_clients: also match where variables between the root and the leaves have other users; a dict in
            the pattern may say it for one place by a key of this name.
        skip_identities_fn: a function that looks through a node: of a node to a variable, or a false value.
        get_nodes: a function `(fgraph, node)` to further nodes that may match in place of `node`, for patterns whose
            root is not the rarest op; `tracks` then names the ops whose nodes are offered.
        values_eq_approx: put into the replacement's tag, for DebugMode.
        pdb: stop in the debugger where the pattern matches.
    """

    def __init__(self, in_pattern: Any, out_pattern: Any, allow_multiple_clients: bool = False,
                 skip_identities_fn: Callable[[Any], Any] | None = None, name: str | None = None, pdb: bool = False,
                 tracks: Sequence[Any] = (), get_nodes: Callable[[Any, Any], Any] | None = None,
                 values_eq_approx: Any = None) -> None:
        self.in_pattern = in_pattern
        self.out_pattern = out_pattern
        self.values_eq_approx = values_eq_approx
        if isinstance(in_pattern, (list, tuple)):
            self.op = in_pattern[0]
        elif isinstance(in_pattern, dict):
            self.op = in_pattern["pattern"][0]
        else:
            raise TypeError("The pattern to search for must start with a specific Op instance.")
        self.__doc__ = self.__class__.__doc__ or ""
        self.allow_multiple_clients = allow_multiple_clients
        self.skip_identities_fn = skip_identities_fn
        if name:
            self.__name__ = name
        self.pdb = pdb
        self._tracks = list(tracks)
        self.get_nodes = get_nodes
        if tracks:
            assert get_nodes, "tracks says what get_nodes is given"

    def op_key(self) -> Any:
        """The op at the pattern's root."""
        return self.op

    def tracks(self) -> Sequence[Any]:
        return self._tracks or [self.op]

    def transform(self, node: Any, get_nodes: bool = True) -> Any:
        if get_nodes and self.get_nodes is not None:
            for real_node in self.get_nodes(node.fgraph, node):
                if real_node == "output":
                    continue
                answer = self.transform(real_node, get_nodes=False)
                if answer is not False and answer is not None:
                    return dict(zip(real_node.outputs, answer))
        if node.op != self.op:
            return False
        found = self._match(self.in_pattern, node.out if len(node.outputs) == 1 else node.outputs[0], {}, True)
        if found is None:
            return False
        if self.pdb:
            pdb.set_trace()
        result = self._build(self.out_pattern, found)
        if not isinstance(result, Variable):
            result = node.outputs[0].type.filter_variable(hooks.as_variable(result))
        old = node.outputs[0]
        if old.type != result.type and old.type.convert_variable(result) is None:
            return False
        if self.values_eq_approx is not None:
            result.tag.values_eq_approx = self.values_eq_approx
        copy_stack_trace(old, result)
        return [result]

    def _match(self, pattern: Any, variable: Any, found: dict[str, Any], root: bool, many: bool | None = None) -> Any:
        """`found` with what the pattern adds, or None where it does not match."""
        many = self.allow_multiple_clients if many is None else many
        if isinstance(pattern, dict):
            inner = self._match(pattern["pattern"], variable, found, root, pattern.get("allow_multiple_clients", many))
            constraint = pattern.get("constraint", lambda r: True)
            return inner if inner is not None and constraint(variable) else None
        if isinstance(pattern, (list, tuple)):
            node = variable.owner
            if node is None:
                return None
            if node.op != pattern[0]:
                return self._skipped(pattern, node, found, root, many)
            if len(pattern) - 1 != len(node.inputs):
                return self._skipped(pattern, node, found, root, many)
            if not (root or many) and len(getattr(variable, "clients", ())) > 1:
                return None
            new: Any = found
            for part, operand in zip(pattern[1:], node.inputs):
                new = self._match(part, operand, new, False)
                if new is None:
                    return self._skipped(pattern, node, found, root, many)
            return new
        if isinstance(pattern, str):
            if pattern in found:
                return found if found[pattern] is variable else None
            return {**found, pattern: variable}
        if isinstance(pattern, Constant):
            return found if pattern.equals(variable) else None
        if isinstance(pattern, (int, float)) and isinstance(variable, Constant):
            wanted = hooks.as_variable(pattern)
            same = wanted.equals(variable) or (getattr(variable.data, "size", 1) == 1 and bool(variable.data == pattern)
                                               and getattr(variable.data, "ndim", 0) == 0)
            return found if same else None
        return None

    def _skipped(self, pattern: Any, node: Any, found: dict[str, Any], root: bool, many: bool) -> Any:
        if self.skip_identities_fn is None or root:
            return None
        through = self.skip_identities_fn(node)
        return self._match(pattern, through, found, root, many) if through else None

    def _build(self, pattern: Any, found: dict[str, Any]) -> Any:
        if isinstance(pattern, (list, tuple)):
            return pattern[0](*[self._build(part, found) for part in pattern[1:]])
        if isinstance(pattern, str):
            return found[pattern]
        return pattern

    def __str__(self) -> str:
        if getattr(self, "__name__", None):
            return self.__name__
        return f"{_pattern_text(self.in_pattern)} -> {_pattern_text(self.out_pattern)}"

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        name = getattr(self, "__name__", getattr(self, "name", None))
        print(f"{' ' * level}{self.__class__.__name__} {name}({_pattern_text(self.in_pattern)}, "
              f"{_pattern_text(self.out_pattern)}) id={id(self)}", file=stream or sys.stdout)


def _pattern_text(pattern: Any) -> str:
    if isinstance(pattern, (list, tuple)):
        return f"{pattern[0]}({', '.join(map(_pattern_text, pattern[1:]))})"
    if isinstance(pattern, dict):
        return f"{_pattern_text(pattern['pattern'])} subject to {pattern.get('constraint', 'no conditions')}"
    return str(pattern)


def check_chain(r: Any, *chain: Any) -> bool:
    """Whether `r` is computed by `chain[0]` from what is computed by `chain[1]` and so on, always the first input.

    A link is an op, an op class, a function of an op, or None for any op. `r` may be a node.
    """
    node = r.owner if isinstance(r, Variable) else r
    for position, link in enumerate(chain):
        if node is None:
            return False
        if isinstance(link, type):
            fits = isinstance(node.op, link)
        elif hasattr(link, "make_node"):
            fits = node.op == link
        elif callable(link):
            fits = bool(link(node.op))
        else:
            fits = link is None
        if not fits:
            return False
        if position < len(chain) - 1:
            if not node.inputs:
                return False
            node = node.inputs[0].owner
    return True


def pre_constant_merge(vars: Sequence[Any]) -> Sequence[Any]:
    """Make equal constants below `vars` one object, in a graph that belongs to no FunctionGraph. Changes nodes in
    place; returns `vars`, with equal constants among them replaced."""
    constants: dict[Any, Any] = {}
    seen: set[Any] = set()

    def united(variable: Any) -> Any:
        if not isinstance(variable, Constant):
            return variable
        return constants.setdefault(constant_key(variable), variable)

    todo = [v.owner for v in vars if v.owner is not None]
    while todo:
        node = todo.pop()
        if node in seen or hasattr(node, "fgraph") and node.fgraph is not None:
            continue
        seen.add(node)
        for position, variable in enumerate(node.inputs):
            node.inputs[position] = united(variable)
            if variable.owner is not None:
                todo.append(variable.owner)
    return [united(variable) for variable in vars]


def pre_greedy_local_optimizer(list_optimizations: Sequence[Any], out: Any) -> Any:
    """Apply local optimizers to the graph that ends in `out`, each node once from inputs to outputs, again while one
    fires on the new node. Nodes of a FunctionGraph are left alone. Returns what stands for `out`."""
    stands_for: dict[Any, Any] = {}
    todo: list[tuple[Any, bool]] = [(out.owner, False)] if out.owner is not None else []
    done: set[Any] = set()
    while todo:
        node, ready = todo.pop()
        if node in done or getattr(node, "fgraph", None) is not None:
            continue
        if not ready:
            todo.append((node, True))
            todo.extend((v.owner, False) for v in node.inputs if v.owner is not None and v.owner not in done)
            continue
        done.add(node)
        inputs = [stands_for.get(v, v) for v in node.inputs]
        current = node if all(a is b for a, b in zip(inputs, node.inputs)) else node.clone_with_new_inputs(inputs)
        stands_for.update(zip(node.outputs, current.outputs))
        for _ in range(16):
            answer = _first_answer(list_optimizations, current)
            if answer is None:
                break
            copy_stack_trace(node.outputs, answer)
            stands_for.update(zip(node.outputs, answer))
            if len(answer) != 1 or answer[0].owner is None or len(answer[0].owner.outputs) != 1:
                break
            current = answer[0].owner
    return stands_for.get(out, out)


def _first_answer(rewriters: Sequence[Any], node: Any) -> list[Any] | None:
    for rewriter in rewriters:
        tracked = rewriter.tracks()
        if tracked is not None and type(node.op) not in tracked and node.op not in tracked:
            continue
        answer = rewriter.transform(node)
        if answer is False or answer is None:
            continue
        if isinstance(answer, dict):
            answer = [answer.get(v, v) for v in node.outputs]
        pairs, _ = replacements_of(node, answer, name_of(rewriter))
        if pairs:
            return [before if after is None else after for before, after in zip(node.outputs, answer)]
    return None

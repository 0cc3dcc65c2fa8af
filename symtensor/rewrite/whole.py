"""Optimizers of whole graphs, in Theano's terms: sequences, passes in topological order, equilibria."""
from __future__ import annotations

import logging
import pdb
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from symtensor.config import config
from symtensor.graph.features import NodeFinder, ReplaceValidate
from symtensor.rewrite.apply import warn_failure
from symtensor.rewrite.base import LocalOptimizer, Optimizer, Stopwatch, name_of
from symtensor.rewrite.dispatch import Dispatch
from symtensor.rewrite.driver import run_once, run_to_fixed_point
from symtensor.rewrite.local import LocalOptGroup
from symtensor.rewrite.log import log_of

__all__ = [
    "EquilibriumOptimizer", "NavigatorOptimizer", "OpKeyOptimizer", "Profile", "SeqOptimizer", "TopoOptimizer",
    "in2out", "out2in",
]

_log = logging.getLogger("symtensor.rewrite")


@dataclass
class Profile:
    """What an optimizer did: its name, the seconds it took, how often its rewriters fired, the same of its parts."""

    name: str
    seconds: float
    fired: dict[str, int]
    parts: list[Profile]

    def text(self, level: int = 0) -> str:
        """One line for each, indented."""
        own = ", ".join(f"{rule} {count}" for rule, count in sorted(self.fired.items(), key=lambda item: -item[1]))
        lines = [f"{'    ' * level}{self.name}: {self.seconds:.4f}s{'  ' + own if own else ''}"]
        return "\n".join([*lines, *[part.text(level + 1) for part in self.parts]])


def _print_profile(stream: Any, prof: Any, level: int = 0) -> None:
    """Print a profile."""
    if isinstance(prof, Profile):
        print(prof.text(level), file=stream)


def _merge_profile(prof1: Any, prof2: Any) -> Profile:
    """The sum of two profiles of optimizers of the same kind."""
    fired = dict(prof1.fired)
    for rule, count in prof2.fired.items():
        fired[rule] = fired.get(rule, 0) + count
    parts = {part.name: part for part in prof1.parts}
    for part in prof2.parts:
        parts[part.name] = _merge_profile(parts[part.name], part) if part.name in parts else part
    return Profile(prof1.name, prof1.seconds + prof2.seconds, fired, list(parts.values()))


def _measured(optimizer: Any, fgraph: Any, work: Callable[[], Any]) -> Profile:
    log = log_of(fgraph)
    before = dict(log.counts)
    clock = Stopwatch()
    work()
    fired = {rule: count - before.get(rule, 0) for rule, count in log.counts.items() if count != before.get(rule, 0)}
    return Profile(name_of(optimizer), clock(), fired, [])


class SeqOptimizer(Optimizer, list):
    """Runs optimizers one after the other.

    `failure_callback(error, self, optimizer)` is called when one raises; without it the exception comes through.
    """

    def __init__(self, *opts: Any, **kw: Any) -> None:
        if len(opts) == 1 and isinstance(opts[0], (list, tuple)):
            opts = tuple(opts[0])
        self[:] = opts
        self.failure_callback = kw.pop("failure_callback", None)
        if kw:
            raise TypeError(f"SeqOptimizer() got unexpected keyword arguments {sorted(kw)}")

    @staticmethod
    def warn(exc: BaseException, self: Any, optimizer: Any) -> None:
        """Log that an optimizer failed, or raise when `config.on_opt_error` is "raise"."""
        if config.on_opt_error == "raise":
            raise exc
        if config.on_opt_error == "pdb":
            pdb.post_mortem(exc.__traceback__)
            return
        if config.on_opt_error == "ignore":
            return
        _log.error("SeqOptimizer apply %s", name_of(optimizer))
        _log.error("Traceback:")
        _log.error("%s", "".join(traceback.format_exception(type(exc), exc, exc.__traceback__)))

    def apply(self, fgraph: Any) -> Profile:
        log = log_of(fgraph)
        parts = []

        def run() -> None:
            for opt in self:
                name = name_of(opt)
                log.stages.append(name)
                clock = Stopwatch()
                before = dict(log.counts)
                profile: Any = None
                try:
                    profile = opt.optimize(fgraph)
                except AssertionError:
                    raise
                except Exception as error:
                    if self.failure_callback is None:
                        raise
                    self.failure_callback(error, self, opt)
                seconds = clock()
                log.seconds[name] = log.seconds.get(name, 0.0) + seconds
                if not isinstance(profile, Profile):
                    fired = {rule: count - before.get(rule, 0) for rule, count in log.counts.items()
                             if count != before.get(rule, 0)}
                    profile = Profile(name, seconds, fired, [])
                parts.append(profile)

        result = _measured(self, fgraph, run)
        result.parts = parts
        result.fired = {}
        return result

    def __str__(self) -> str:
        return f"SeqOpt({', '.join(map(str, self))})"

    def __repr__(self) -> str:
        return list.__repr__(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        name = getattr(self, "name", None)
        print(f"{' ' * level}{self.__class__.__name__} {name} id={id(self)}", file=stream or sys.stdout)
        if depth != 0:
            for opt in self:
                opt.print_summary(stream, level=level + 2, depth=depth - 1)

    print_profile = staticmethod(_print_profile)
    merge_profile = staticmethod(_merge_profile)


class NavigatorOptimizer(Optimizer):
    """The base of optimizers that offer nodes to one local optimizer (or a group).

    ignore_newtrees    whether nodes that come in by a replacement are passed over; "auto" asks the local optimizer
    failure_callback   `(error, self, replacements, local_opt, node)`, called when the local optimizer raises
    """

    def __init__(self, local_opt: Any, ignore_newtrees: Any = "auto",
                 failure_callback: Callable[..., Any] | None = None) -> None:
        self.local_opt = local_opt
        if ignore_newtrees == "auto":
            ignore_newtrees = not getattr(local_opt, "reentrant", True)
        self.ignore_newtrees = bool(ignore_newtrees)
        self.failure_callback = failure_callback

    @staticmethod
    def warn(exc: BaseException, nav: Any, repl_pairs: Any, local_opt: Any, node: Any) -> None:
        """Treat the failure as `config.on_opt_error` says."""
        warn_failure(exc, local_opt, node)

    @staticmethod
    def warn_inplace(exc: BaseException, nav: Any, repl_pairs: Any, local_opt: Any, node: Any) -> None:
        """As `warn`; objections of features are never reported."""
        warn_failure(exc, local_opt, node)

    @staticmethod
    def warn_ignore(exc: BaseException, nav: Any, repl_pairs: Any, local_opt: Any, node: Any) -> None:
        """Say nothing."""

    def _on_failure(self, error: BaseException, rewriter: Any, node: Any) -> None:
        if self.failure_callback is None:
            raise error
        self.failure_callback(error, self, [(v, None) for v in node.outputs], rewriter, node)

    def add_requirements(self, fgraph: Any) -> None:
        fgraph.attach_feature(ReplaceValidate())
        if self.local_opt is not None:
            self.local_opt.add_requirements(fgraph)

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        print(f"{' ' * level}{self.__class__.__name__} {getattr(self, 'name', None)} id={id(self)}",
              file=stream or sys.stdout)
        if depth != 0 and self.local_opt is not None:
            self.local_opt.print_summary(stream, level=level + 2, depth=depth - 1)

    print_profile = staticmethod(_print_profile)
    merge_profile = staticmethod(_merge_profile)


class TopoOptimizer(NavigatorOptimizer):
    """Offers every node once to a local optimizer, from inputs to outputs ("in_to_out") or the other way
    ("out_to_in")."""

    def __init__(self, local_opt: Any, order: str = "in_to_out", ignore_newtrees: bool = False,
                 failure_callback: Callable[..., Any] | None = None) -> None:
        if order not in ("out_to_in", "in_to_out"):
            raise ValueError("order must be 'out_to_in' or 'in_to_out'")
        self.order = order
        super().__init__(local_opt, ignore_newtrees, failure_callback)

    def apply(self, fgraph: Any, start_from: Sequence[Any] | None = None) -> Profile:
        rewriters = [self.local_opt]
        if type(self.local_opt) is LocalOptGroup and not self.local_opt.apply_all_opts:
            rewriters = self.local_opt.opts  # so that each is known by its own name
        return _measured(self, fgraph, lambda: run_once(
            fgraph, rewriters, order=self.order, ignore_newtrees=self.ignore_newtrees, start_from=start_from,
            on_failure=self._on_failure))

    def __str__(self) -> str:
        return getattr(self, "__name__", f"<TopoOptimizer {self.local_opt}>")


class OpKeyOptimizer(NavigatorOptimizer):
    """Offers the nodes of one op to a local optimizer that has `op_key()`."""

    def __init__(self, local_opt: Any, ignore_newtrees: bool = False,
                 failure_callback: Callable[..., Any] | None = None) -> None:
        if not hasattr(local_opt, "op_key"):
            raise TypeError(f"{local_opt} must have an 'op_key' method.")
        super().__init__(local_opt, ignore_newtrees, failure_callback)

    def add_requirements(self, fgraph: Any) -> None:
        super().add_requirements(fgraph)
        fgraph.attach_feature(NodeFinder())

    def apply(self, fgraph: Any) -> Profile:
        key = self.local_opt.op_key()
        keys = list(key) if isinstance(key, (list, tuple)) else [key]

        class Offered(LocalOptimizer):
            """The local optimizer, for these ops only."""

            def __init__(self, inner: Any) -> None:
                self.inner = inner
                self.name = name_of(inner)

            def tracks(self) -> Sequence[Any]:
                return keys

            def transform(self, node: Any) -> Any:
                return self.inner.transform(node)

        return _measured(self, fgraph, lambda: run_once(
            fgraph, [Offered(self.local_opt)], ignore_newtrees=self.ignore_newtrees, on_failure=self._on_failure))


class EquilibriumOptimizer(NavigatorOptimizer):
    """Applies optimizers, local and of whole graphs, until none of them changes anything.

    optimizers            the list of both kinds
    max_use_ratio         how often, per node, one local optimizer may fire; None: `config.optdb.max_use_ratio`
    final_optimizers      of whole graphs, run whenever the local ones have come to an end
    cleanup_optimizers    the same, after those
    ignore_newtrees       nodes that are new, and with `tracks_on_change_inputs` nodes whose inputs have changed, are
                          offered in the same pass or the next: at the end every node has been offered either way
    """

    def __init__(self, optimizers: Iterable[Any], failure_callback: Callable[..., Any] | None = None,
                 ignore_newtrees: bool = True, tracks_on_change_inputs: bool = False,
                 max_use_ratio: float | None = None,
                 final_optimizers: Iterable[Any] | None = None,
                 cleanup_optimizers: Iterable[Any] | None = None) -> None:
        super().__init__(None, ignore_newtrees=ignore_newtrees, failure_callback=failure_callback)
        self.tracks_on_change_inputs = tracks_on_change_inputs
        self.max_use_ratio = max_use_ratio
        self.local_optimizers: list[Any] = []
        self.global_optimizers: list[Any] = []
        for opt in optimizers:
            (self.local_optimizers if isinstance(opt, LocalOptimizer) else self.global_optimizers).append(opt)
        self.final_optimizers = list(final_optimizers or ())
        self.cleanup_optimizers = list(cleanup_optimizers or ())
        self._dispatch: Dispatch | None = None

    def get_local_optimizers(self) -> list[Any]:
        """The local optimizers."""
        return list(self.local_optimizers)

    def add_requirements(self, fgraph: Any) -> None:
        super().add_requirements(fgraph)
        for opt in (*self.local_optimizers, *self.global_optimizers, *self.final_optimizers, *self.cleanup_optimizers):
            opt.add_requirements(fgraph)

    def apply(self, fgraph: Any, start_from: Any = None) -> Profile:
        if self._dispatch is None:
            self._dispatch = Dispatch(self.local_optimizers)
        dispatch = self._dispatch
        return _measured(self, fgraph, lambda: run_to_fixed_point(
            fgraph, dispatch, final=self.final_optimizers, cleanup=self.cleanup_optimizers,
            whole=self.global_optimizers,
            max_use_ratio=self.max_use_ratio, on_failure=self._on_failure))

    def print_summary(self, stream: Any = None, level: int = 0, depth: int = -1) -> None:
        print(f"{' ' * level}{self.__class__.__name__} {getattr(self, 'name', None)} id={id(self)}",
              file=stream or sys.stdout)
        if depth != 0:
            for opt in self.local_optimizers:
                opt.print_summary(stream, level=level + 2, depth=depth - 1)


def _pass(order: str, local_opts: Sequence[Any], kwargs: dict[str, Any]) -> TopoOptimizer:
    name = kwargs.pop("name", None)
    local = local_opts[0] if len(local_opts) == 1 else LocalOptGroup(*local_opts)
    made = TopoOptimizer(local, order=order, failure_callback=TopoOptimizer.warn_inplace, **kwargs)
    made.__name__ = name or name_of(local)  # type: ignore[attr-defined]
    return made


def in2out(*local_opts: Any, **kwargs: Any) -> TopoOptimizer:
    """A pass from inputs to outputs with these local optimizers; `name` and `ignore_newtrees` may be given."""
    return _pass("in_to_out", local_opts, kwargs)


def out2in(*local_opts: Any, **kwargs: Any) -> TopoOptimizer:
    """A pass from outputs to inputs with these local optimizers; `name` and `ignore_newtrees` may be given."""
    return _pass("out_to_in", local_opts, kwargs)

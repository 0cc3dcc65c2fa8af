"""What rewriting did to a graph: which rules fired how often, and in which order the stages ran."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Event", "RewriteLog", "log_of"]

_MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Event:
    """One replacement: the stage, the rule, and the text of what it replaced (one level deep)."""

    stage: str
    rule: str
    replaced: str


@dataclass
class RewriteLog:
    """The history of a graph, kept as `fgraph.rewrites`.

    counts      how often each rule fired
    declined    how often a rule's replacement had another type and was not used
    failed      how often each rule raised
    events      the replacements in order, up to a limit
    stages      the stages that ran, in order
    cycles      pairs of a rule and the node at which it would have undone what others did
    unsafe      names of fired rules that may hide or invent NaN or rely on shapes being right
    seconds     time spent in each stage
    """

    counts: dict[str, int] = field(default_factory=dict)
    declined: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    cycles: list[tuple[str, str]] = field(default_factory=list)
    unsafe: dict[str, tuple[str, ...]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def note_fired(self, rule: str, node: Any, unsafe: tuple[str, ...] = ()) -> None:
        """A rule has replaced the outputs of `node`."""
        self.counts[rule] = self.counts.get(rule, 0) + 1
        if unsafe:
            self.unsafe[rule] = unsafe
        if len(self.events) < _MOST_EVENTS:
            inputs = [str(v) for v in node.inputs[:4]] + ["..."] * (len(node.inputs) > 4)
            text = f"{node.op}({', '.join(inputs)})"
            self.events.append(Event(self.stages[-1] if self.stages else "", rule, text))

    def fired(self, rule: str) -> bool:
        """Whether a rule has fired."""
        return rule in self.counts

    def __str__(self) -> str:
        order = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return "\n".join(f"{count:6d}  {rule}" for rule, count in order)


def log_of(fgraph: Any) -> RewriteLog:
    """The graph's log, made if there is none."""
    log = getattr(fgraph, "rewrites", None)
    if log is None:
        log = fgraph.rewrites = RewriteLog()
    return log

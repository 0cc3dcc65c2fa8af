"""Where the time of compiling and calling functions goes: `ProfileStats`, filled while a function is made and called.

In: `function(..., profile=True)` or `config.profile`. Out: tables by class of op, by op and by node, printed by
`summary`, at exit unless told otherwise. Statements of compiled code may compute several nodes at once: their time
counts for the last of these, and the table of nodes says how many others are in it.
"""
from __future__ import annotations

import atexit
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from symtensor.config import config

__all__ = [
    "ProfileStats", "ScanProfileStats", "print_global_stats", "register_profiler_printer", "symtensor_imported_time",
    "theano_imported_time",
]

theano_imported_time = symtensor_imported_time = time.time()
"""When this module was imported, seconds since the epoch."""

_at_exit: list[ProfileStats] = []
_printers: list[Callable[..., None]] = []
totals = {"calls": 0.0, "rewriting": 0.0, "linking": 0.0}
"""Seconds spent by all profiled functions of this process."""


def __getattr__(name: str) -> float:
    # Theano's names of the totals, which change while the program runs.
    known = {"total_fct_exec_time": "calls", "total_graph_opt_time": "rewriting", "total_time_linker": "linking"}
    if name in known:
        return totals[known[name]]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def register_profiler_printer(fct: Callable[..., None]) -> Callable[..., None]:
    """Adds a function that every summary calls at its end, as `fct(message, compile_time, fct_call_time, apply_time,
    apply_cimpl, output_size, file)`; may be used as a decorator."""
    _printers.append(fct)
    return fct


def print_global_stats() -> None:
    """Prints the totals of all profiled functions to `config.profiling.destination`."""
    file, opened = _destination()
    try:
        print("=" * 50, file=file)
        print(f"Global stats: Time elasped since symtensor import = {time.time() - symtensor_imported_time:6.3f}s, "
              f"Time spent in symtensor functions = {totals['calls']:6.3f}s, "
              f"Time spent compiling symtensor functions: rewriting = {totals['rewriting']:6.3f}s, "
              f"linker = {totals['linking']:6.3f}s ", file=file)
        print("=" * 50, file=file)
    finally:
        if opened:
            file.close()


def _destination() -> tuple[TextIO, bool]:
    """The file that `config.profiling.destination` names, and whether it was opened for this."""
    name = config.profiling.destination
    if name == "stdout":
        return sys.stdout, False
    if name == "stderr":
        return sys.stderr, False
    return open(name, "a"), True


def _print_at_exit() -> None:
    """Prints every profile that wants it, and the sum of all where there are several."""
    for stats in _at_exit:
        if stats.atexit_print and (stats.fct_callcount or stats.compile_time):
            file, opened = _destination()
            try:
                stats.summary(file=file, n_ops_to_print=config.profiling.n_ops,
                              n_apply_to_print=config.profiling.n_apply)
            finally:
                if opened:
                    file.close()
    if config.print_global_stats:
        print_global_stats()


atexit.register(_print_at_exit)


class ProfileStats:
    """Times of one function, or of several that were given the same object.

    Args:
        atexit_print: print a summary when the process ends.
        flag_time_thunks: time the single statements; None: as `config.profiling.time_thunks` says.
        gpu_checks: kept for old programs: on the CPU there is nothing to check.
        kwargs: attributes to set, e.g. `message`.
    """

    compile_time = 0.0
    fct_call_time = 0.0
    fct_callcount = 0
    vm_call_time = 0.0
    optimizer_time = 0.0
    validate_time = 0.0
    linker_time = 0.0
    import_time = 0.0
    linker_node_make_thunks = 0.0
    nb_nodes = -1
    line_width = 512
    message: str | None = None
    optimizer_profile: Any = None
    apply_time: Any = None
    apply_callcount: Any = None
    apply_cimpl: Any = None

    def __init__(self, atexit_print: bool = True, flag_time_thunks: bool | None = None, gpu_checks: bool = True,
                 **kwargs: Any) -> None:
        self.apply_time: dict[Any, float] = {}
        self.apply_callcount: dict[Any, int] = {}
        self.apply_cimpl: dict[Any, bool] = {}
        self.apply_fused: dict[Any, int] = {}
        self.output_size: dict[Any, Any] = {}
        self.line_width = config.profiling.output_line_width
        self.flag_time_thunks = config.profiling.time_thunks if flag_time_thunks is None else flag_time_thunks
        self.ignore_first_call = config.profiling.ignore_first_call
        self.atexit_print = atexit_print
        for name, value in kwargs.items():
            setattr(self, name, value)
        if atexit_print:
            _at_exit.append(self)

    def __bool__(self) -> bool:
        return True

    def __deepcopy__(self, memo: Any) -> ProfileStats:
        return self

    # -- what the compile layer reports -----------------------------------------------------------------------------

    def note_call(self, total: float, running: float) -> None:
        """One call of the function took `total` seconds, `running` of them in the executable."""
        if self.ignore_first_call and self.fct_callcount == 0 and not getattr(self, "_skipped", False):
            self._skipped = True
            return
        self.fct_callcount += 1
        self.fct_call_time += total
        self.vm_call_time += running
        totals["calls"] += total

    def note_node(self, node: Any, seconds: float, compiled: bool, others: int) -> None:
        """A statement whose last node is `node` ran; `others` is how many more nodes it computes."""
        if self.ignore_first_call and not getattr(self, "_skipped", False):
            return
        self.apply_time[node] = self.apply_time.get(node, 0.0) + seconds
        self.apply_callcount[node] = self.apply_callcount.get(node, 0) + 1
        self.apply_cimpl[node] = compiled
        self.apply_fused[node] = others

    def note_rewriting(self, seconds: float, fgraph: Any) -> None:
        """The graph was rewritten."""
        self.optimizer_time += seconds
        self.nb_nodes = len(fgraph.apply_nodes)
        totals["rewriting"] += seconds

    def note_linking(self, seconds: float) -> None:
        """The graph was lowered, compiled and loaded."""
        self.linker_time += seconds
        totals["linking"] += seconds

    def note_compiling(self, seconds: float) -> None:
        """All of making the function, rewriting and linking included."""
        self.compile_time += seconds

    def reset(self) -> None:
        """Forgets the calls, not the times of compiling."""
        self.fct_callcount = 0
        self.fct_call_time = 0.0
        self.vm_call_time = 0.0
        self.apply_time = {}
        self.apply_callcount = {}
        self.apply_cimpl = {}

    # -- sums -------------------------------------------------------------------------------------------------------

    def _sums(self, key: Callable[[Any], Any], values: dict[Any, Any]) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for node, value in values.items():
            result[key(node)] = result.get(key(node), 0) + value
        return result

    def class_time(self) -> dict[type, float]:
        """Seconds by class of op."""
        return self._sums(lambda node: type(node.op), self.apply_time)

    def class_callcount(self) -> dict[type, int]:
        """Calls by class of op."""
        return self._sums(lambda node: type(node.op), self.apply_callcount)

    def class_nodes(self) -> dict[type, int]:
        """Timed nodes by class of op."""
        return self._sums(lambda node: type(node.op), {node: 1 for node in self.apply_callcount})

    def class_impl(self) -> dict[type, str]:
        """How each class of op runs: "C ", "Py", or "C/Py" where its nodes differ."""
        return self._impl(lambda node: type(node.op))

    def op_time(self) -> dict[Any, float]:
        """Seconds by op."""
        return self._sums(lambda node: node.op, self.apply_time)

    def op_callcount(self) -> dict[Any, int]:
        """Calls by op."""
        return self._sums(lambda node: node.op, self.apply_callcount)

    def op_nodes(self) -> dict[Any, int]:
        """Timed nodes by op."""
        return self._sums(lambda node: node.op, {node: 1 for node in self.apply_callcount})

    def op_impl(self) -> dict[Any, str]:
        """How each op runs: "C ", "Py", or "C/Py" where its nodes differ."""
        return self._impl(lambda node: node.op)

    def _impl(self, key: Callable[[Any], Any]) -> dict[Any, str]:
        found: dict[Any, set[bool]] = {}
        for node, compiled in self.apply_cimpl.items():
            found.setdefault(key(node), set()).add(compiled)
        return {k: "C/Py" if len(kinds) > 1 else ("C " if True in kinds else "Py") for k, kinds in found.items()}

    def compute_total_times(self) -> dict[Any, float]:
        """For each timed node its seconds and those of everything that it depends on."""
        total: dict[Any, float] = {}
        for node in self.apply_time:
            self.fill_node_total_time(node, total)
        return total

    def fill_node_total_time(self, node: Any, total_times: dict[Any, float]) -> None:
        """Computes the entry of one node of `compute_total_times`."""
        seen = {node}
        todo = [node]
        seconds = 0.0
        while todo:
            current = todo.pop()
            seconds += self.apply_time.get(current, 0.0)
            for variable in current.inputs:
                if variable.owner is not None and variable.owner not in seen:
                    seen.add(variable.owner)
                    todo.append(variable.owner)
        total_times[node] = seconds

    # -- summaries --------------------------------------------------------------------------------------------------

    def summary(self, file: Any = None, n_ops_to_print: int = 20, n_apply_to_print: int = 20) -> None:
        """Prints everything (default: to stderr)."""
        file = sys.stderr if file is None else file
        self.summary_function(file)
        self.summary_globals(file)
        if sum(self.apply_time.values()) > 0:
            self.summary_class(file, n_ops_to_print)
            self.summary_ops(file, n_ops_to_print)
            self.summary_nodes(file, n_apply_to_print)
        elif self.fct_callcount > 0:
            print("  No execution time accumulated (hint: try config profiling.time_thunks=1)", file=file)
        for printer in _printers:
            printer(self.message, self.compile_time, self.fct_call_time, self.apply_time, self.apply_cimpl,
                    self.output_size, file)
        self.print_extra(file)
        if self.fct_callcount > 0:
            self.print_tips(file)

    def summary_function(self, file: Any) -> None:
        """Prints the times of the function as a whole."""
        print("Function profiling", file=file)
        print("==================", file=file)
        print(f"  Message: {self.message}", file=file)
        if self.fct_callcount > 0:
            print(f"  Time in {self.fct_callcount} calls to Function.__call__: {self.fct_call_time:e}s", file=file)
            share = 100 / self.fct_call_time if self.fct_call_time else 0.0
            print(f"  Time in Function.fn.__call__: {self.vm_call_time:e}s ({self.vm_call_time * share:.3f}%)",
                  file=file)
            inside = sum(self.apply_time.values())
            if inside > 0:
                print(f"  Time in thunks: {inside:e}s ({inside * share:.3f}%)", file=file)
        print(f"  Total compile time: {self.compile_time:e}s", file=file)
        if self.nb_nodes >= 0:
            print(f"    Number of Apply nodes: {self.nb_nodes}", file=file)
        print(f"    Optimizer time: {self.optimizer_time:e}s", file=file)
        print(f"    Linker time (includes C code generation/compiling): {self.linker_time:e}s", file=file)
        print("", file=file)

    def summary_globals(self, file: Any) -> None:
        """Prints the times of the process."""
        print(f"Time since symtensor import {time.time() - symtensor_imported_time:.3f}s", file=file)

    def summary_class(self, file: Any = None, N: int | None = None) -> None:
        """Prints the time by class of op, at most `N` lines."""
        counts, nodes, impl = self.class_callcount(), self.class_nodes(), self.class_impl()
        rows = [(seconds, f"{impl[k]:>5s} {counts[k]:>8d} {nodes[k]:>7d}   {k.__module__}.{k.__name__}", counts[k])
                for k, seconds in self.class_time().items()]
        self._table("Class", "---", "<type> <#call> <#apply> <Class name>", "Classes", rows, file, N)

    def summary_ops(self, file: Any = None, N: int | None = None) -> None:
        """Prints the time by op, at most `N` lines."""
        counts, nodes, impl = self.op_callcount(), self.op_nodes(), self.op_impl()
        rows = [(seconds, f"{impl[k]:>5s} {counts[k]:>8d} {nodes[k]:>8d}   {k}", counts[k])
                for k, seconds in self.op_time().items()]
        self._table("Ops", "---", "<type> <#call> <#apply> <Op name>", "Ops", rows, file, N)

    def summary_nodes(self, file: Any = None, N: int | None = None) -> None:
        """Prints the time by node, at most `N` lines."""
        rows = []
        for i, (node, seconds) in enumerate(self.apply_time.items()):
            count, others = self.apply_callcount[node], self.apply_fused.get(node, 0)
            fused = f"   (with {others} other nodes)" if others else ""
            rows.append((seconds, f"{count:>8d} {i:>5d}   {node}{fused}", count))
        self._table("Apply", "------", "<#call> <id> <Apply name>", "Apply instances", rows, file, N)

    def _table(self, title: str, line: str, columns: str, kind: str, rows: Iterable[tuple[float, str, int]], file: Any,
               N: int | None) -> None:
        file = sys.stderr if file is None else file
        ordered = sorted(rows, key=lambda row: -row[0])
        total = sum(row[0] for row in ordered)
        if total == 0:
            print(f"{title}: no time was measured", file=file)
            return
        shown: Sequence[tuple[float, str, int]] = ordered if N is None else ordered[:N]
        print(f"{title}\n{line}\n<% time> <sum %> <apply time> <time per call> {columns}", file=file)
        running = 0.0
        for seconds, text, count in shown:
            running += seconds
            print((f" {seconds * 100 / total:5.1f}%   {running * 100 / total:5.1f}%     {seconds:7.3f}s "
                   f"     {seconds / max(count, 1):8.2e}s    {text}")[:self.line_width], file=file)
        left = total - running
        print(f"   ... (remaining {len(ordered) - len(shown)} {kind} account for "
              f"{left * 100 / total:6.2f}%({left:.2f}s) of the runtime)\n", file=file)

    def summary_memory(self, file: Any, N: int | None = None) -> None:
        """Prints the sizes of the values that were seen (`output_size`), the largest first."""
        rows = sorted(self.output_size.items(), key=lambda row: -row[1])
        print("Memory Profile", file=file)
        for variable, size in rows if N is None else rows[:N]:
            print(f"  {size:>12d}B  {variable}", file=file)

    def print_extra(self, file: Any) -> None:
        """Prints what the optimizer has to say about its own time, if it was profiled."""
        if self.optimizer_profile is not None:
            print("Optimizer Profile\n-----------------", file=file)
            optimizer, profile = self.optimizer_profile
            optimizer.print_profile(file, profile)

    def print_tips(self, file: Any) -> None:
        """Prints what may make the function quicker."""
        tips = []
        if config.floatX == "float64":
            tips.append("Try the flag floatX=float32")
        slow = [str(node.op) for node, compiled in self.apply_cimpl.items() if not compiled]
        if slow:
            tips.append(f"These ops run in Python, not in C: {', '.join(dict.fromkeys(slow))}")
        print("Here are tips to potentially make your code run faster", file=file)
        for tip in tips:
            print(f"  - {tip}", file=file)
        if not tips:
            print("  Sorry, no tip for today.", file=file)


class ScanProfileStats(ProfileStats):
    """Times of the inner function of a scan."""

    callcount = 0.0
    nbsteps = 0.0
    call_time = 0.0

    def __init__(self, atexit_print: bool = True, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(atexit_print, **kwargs)
        self.name = name

    def summary_globals(self, file: Any) -> None:
        """Prints nothing: the times of the process belong to the outer function."""

    def summary_function(self, file: Any) -> None:
        """Prints the calls and steps of the loop."""
        print(f"Scan Op profiling ({self.name})" if self.name is not None else "Scan Op profiling", file=file)
        print("==================", file=file)
        print(f"  Message: {self.message}", file=file)
        print(f"  Time in {self.callcount:.0f} calls of the op (for a total of {self.nbsteps:.0f} steps) "
              f"{self.call_time:e}s",
              file=file)
        print("", file=file)

"""One-line text of expressions: `PPrinter` and the printers that it hands single nodes to.

Comes in: a variable. Goes out: the expression that computes it, written out in full, so that a part used twice is
written twice. A printer is assigned to an op, to a class of ops, or to a condition.

The printers here say what they print as a sequence of parts, texts and variables still to be printed, which `PPrinter`
expands with an explicit stack: chains of any depth work, and the cost grows with the length of the text alone. A
printer from outside needs only `process(output, pstate)`, which returns text.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Union

from symtensor.graph.basic import Variable
from symtensor.graph.op import Op
from symtensor.graph.traversal import io_toposort
from symtensor.graph.utils import scratchpad
from symtensor.utils.memory import collector_paused

__all__ = [
    "VALID_ASSOC", "DefaultPrinter", "FunctionPrinter", "IgnorePrinter", "LeafPrinter", "Nested", "OperatorPrinter",
    "PPrinter", "PatternPrinter", "Printer", "PrinterState", "default_printer", "greek", "leaf_printer", "special",
    "use_ascii",
]

VALID_ASSOC = {"left", "right", "either"}

# Names that are printed as LaTeX knows them.
greek = {name: "\\" + name for name in ("alpha", "beta", "gamma", "delta", "epsilon")}
special = {"middle_dot": "\\dot", "big_sigma": "\\Sigma"}
use_ascii = True

# A precedence below that of every operator.
LOWEST = -1000


class PrinterState(scratchpad):
    """What a printer may want to know: `pprinter`, `precedence` (of the operator around, if any), `memo`."""

    def __init__(self, props: Any = None, **more_props: Any) -> None:
        if isinstance(props, scratchpad):
            self.__update__(props)
        elif props is not None:
            self.__dict__.update(props)
        self.__dict__.update(more_props)
        if not hasattr(self, "memo"):
            self.memo: dict[Any, str] = {}


class Nested:
    """A variable inside what a printer prints, with the precedence of what surrounds it."""

    __slots__ = ("variable", "precedence")

    def __init__(self, variable: Variable, precedence: int = LOWEST) -> None:
        self.variable = variable
        self.precedence = precedence


Part = Union[str, Nested]


class Printer:
    """The base of the printers here: a subclass defines `parts`."""

    def parts(self, output: Any, pstate: Any) -> Iterable[Part]:
        """The texts and the inner variables that make up the text of `output`, in order."""
        raise NotImplementedError(f"{type(self).__name__} must define parts or process")

    def process(self, output: Any, pstate: Any) -> str:
        """The text of `output`."""
        return _expand(iter(self.parts(output, pstate)), pstate)


class OperatorPrinter(Printer):
    """`(a + b)`: the inputs with an operator between them, always in parentheses; one input: `(-a)`.

    ValueError where `assoc` is none of "left", "right" and "either".
    """

    def __init__(self, operator: str, precedence: int, assoc: str = "left") -> None:
        if assoc not in VALID_ASSOC:
            raise ValueError(f"assoc must be one of {sorted(VALID_ASSOC)}, got {assoc!r}")
        self.operator = operator
        self.precedence = precedence
        self.assoc = assoc

    def parts(self, output: Any, pstate: Any) -> Iterator[Part]:
        node = _owner(output, f"operator {self.operator}")
        yield "("
        if len(node.inputs) == 1:
            yield self.operator
        for i, x in enumerate(node.inputs):
            if i:
                yield f" {self.operator} "
            yield Nested(x, self.precedence)
        yield ")"


class PatternPrinter(Printer):
    """A text per output, with `%(0)s`, `%(1)s` ... for the inputs.

    A pattern is a text, or a tuple of it and the precedences that the inputs are printed with.
    """

    def __init__(self, *patterns: Any) -> None:
        self.patterns = [(p, ()) if isinstance(p, str) else (p[0], tuple(p[1:])) for p in patterns]

    def parts(self, output: Any, pstate: Any) -> Iterator[Part]:
        node = _owner(output, f"Patterns {self.patterns}")
        pattern, precedences = self.patterns[output.index]
        fields = _Fields(len(node.inputs))
        # Formatting with placeholders that no text contains tells where each input goes.
        pieces = (pattern % fields).split("\0")
        for i, piece in enumerate(pieces):
            if i % 2 == 0:
                yield piece
            else:
                at = int(piece)
                yield Nested(node.inputs[at], precedences[at] if at < len(precedences) else LOWEST)


class _Fields(Mapping[str, str]):
    """Maps "0", "1" ... to placeholders; KeyError beyond the number of inputs."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __getitem__(self, key: str) -> str:
        if not (key.isdigit() and int(key) < self.count):
            raise KeyError(key)
        return f"\0{key}\0"

    def __iter__(self) -> Iterator[str]:
        return map(str, range(self.count))

    def __len__(self) -> int:
        return self.count


class FunctionPrinter(Printer):
    """`name(a, b)`, with one name per output."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def parts(self, output: Any, pstate: Any) -> Iterator[Part]:
        node = _owner(output, f"function {self.names[0]}")
        yield f"{self.names[output.index]}("
        yield from separated(node.inputs)
        yield ")"


class IgnorePrinter(Printer):
    """The first input, as if the op were not there."""

    def parts(self, output: Any, pstate: Any) -> Iterator[Part]:
        node = _owner(output, "an ignored op")
        yield Nested(node.inputs[0], getattr(pstate, "precedence", LOWEST))


class LeafPrinter(Printer):
    """The name of a variable; five names of Greek letters in LaTeX's spelling."""

    def parts(self, output: Any, pstate: Any) -> Iterator[Part]:
        yield greek.get(output.name) or str(output)


class DefaultPrinter(Printer):
    """`op(a, b)`, and leaves as `LeafPrinter` prints them."""

    def parts(self, output: Any, pstate: Any) -> Iterator[Part]:
        node = output.owner
        if node is None:
            yield from leaf_printer.parts(output, pstate)
            return
        yield f"{node.op}("
        yield from separated(node.inputs)
        yield ")"


leaf_printer = LeafPrinter()
default_printer = DefaultPrinter()


def separated(variables: Sequence[Variable]) -> Iterator[Part]:
    """The variables, with commas between them."""
    for i, x in enumerate(variables):
        if i:
            yield ", "
        yield Nested(x)


def _owner(output: Any, who: str) -> Any:
    node = output.owner
    if node is None:
        raise TypeError(f"{who} cannot represent a variable that is not the result of an operation")
    return node


class PPrinter:
    """Prints expressions: `pp(variable)`.

    printers_dict  what to print an op, or the ops of a class, with
    printers       pairs of a condition `(pstate, variable) -> bool` and a printer, newest first, asked where the op has
                   no printer of its own
    """

    def __init__(self) -> None:
        self.printers: list[tuple[Callable[[Any, Any], Any], Any]] = []
        self.printers_dict: dict[Any, Any] = {}

    def assign(self, condition: Any, printer: Any) -> None:
        """Print with `printer` what `condition` says: an op, a class of ops, or a function of (pstate, variable)."""
        if isinstance(condition, Op) or (isinstance(condition, type) and issubclass(condition, Op)):
            self.printers_dict[condition] = printer
        elif callable(condition):
            self.printers.insert(0, (condition, printer))
        else:
            raise TypeError(f"expected an op, a class of ops or a function, got {condition!r}")

    def clone(self) -> PPrinter:
        """A printer with the same assignments, to be changed on its own."""
        new = type(self)()
        new.printers = list(self.printers)
        new.printers_dict = dict(self.printers_dict)
        return new

    def clone_assign(self, condition: Any, printer: Any) -> PPrinter:
        """A clone with one more assignment."""
        new = self.clone()
        new.assign(condition, printer)
        return new

    def process(self, r: Any, pstate: Any = None) -> str:
        """The text of the variable `r`."""
        if not isinstance(r, Variable):
            raise TypeError(f"pp prints variables, got {r!r} of type {type(r)}")
        if pstate is None:
            pstate = PrinterState(pprinter=self)
        elif not hasattr(pstate, "pprinter"):
            pstate = PrinterState(pstate, pprinter=self)
        with collector_paused():
            return _expand(iter((r,)), pstate)

    def printer_for(self, r: Any, pstate: Any) -> Any:
        """The printer for a variable. TypeError where nothing fits, which only a printer without default can do."""
        if r.owner is not None:
            op = r.owner.op
            printer = self.printers_dict.get(op)
            if printer is None:
                printer = self.printers_dict.get(type(op))
            if printer is not None:
                return printer
        for condition, printer in self.printers:
            if condition(pstate, r):
                return printer
        raise TypeError(f"no printer is assigned to {r}")

    def process_graph(
        self, inputs: Sequence[Any], outputs: Sequence[Any], updates: Any = None, display_inputs: bool = False
    ) -> str:
        """The lines of a program: named inner variables, updates (`shared <- value`), then the outputs."""
        updates = dict(updates or {})
        lines = []
        if display_inputs:
            shown = [*inputs, *(shared for shared in updates if shared not in inputs)]
            lines.append("inputs: " + ", ".join(map(str, shown)))
        for node in io_toposort(list(inputs), [*outputs, *updates.values()]):
            for variable in node.outputs:
                if variable.name is not None and variable not in outputs:
                    lines.append(f"{variable.name} = {self.process(variable)}")
        for shared, value in updates.items():
            lines.append(f"{shared} <- {self.process(value)}")
        for i, output in enumerate(outputs):
            if output.owner is None:
                continue
            if output.name is not None:
                lines.append(f"{output.name} = {self.process(output)}")
            elif len(outputs) == 1:
                lines.append(f"return {self.process(output)}")
            else:
                lines.append(f"out[{i}] = {self.process(output)}")
        return "\n".join(lines)

    def __call__(self, *args: Any) -> str:
        """`pp(variable)` is `process`; `pp(inputs, outputs, updates[, display_inputs])` is `process_graph`."""
        if len(args) == 1 or (len(args) == 2 and isinstance(args[1], PrinterState)):
            return self.process(*args)
        if len(args) > 2:
            return self.process_graph(*args)
        raise TypeError("Not enough arguments to call.")


def _expand(parts: Iterator[Any], pstate: Any) -> str:
    """Expands parts until only texts are left, and joins them. A bare variable is printed with `pstate` itself."""
    pprinter: PPrinter = pstate.pprinter
    texts: list[str] = []
    stack = [parts]
    while stack:
        for part in stack[-1]:
            if isinstance(part, str):
                texts.append(part)
                continue
            if isinstance(part, Nested):
                variable = part.variable
                state = PrinterState(precedence=part.precedence, pprinter=pprinter, memo=pstate.memo)
            else:
                variable, state = part, pstate
            printer = pprinter.printer_for(variable, state)
            if isinstance(printer, Printer) and type(printer).process is Printer.process:
                stack.append(iter(printer.parts(variable, state)))
                break
            text = printer.process(variable, state)
            if not isinstance(text, str):
                raise TypeError(f"{type(printer).__name__}.process returned {type(text)} for {variable}, expected str")
            texts.append(text)
        else:
            stack.pop()
    return "".join(texts)

"""The nodes of a graph: `Variable`, `Constant` and `Apply`.

A variable has a type, and either an owner (the `Apply` that computes it) with its index among the owner's outputs, or
none. An `Apply` is an op with input and output variables. Graphs are read backwards, from outputs to inputs; a variable
does not know who uses it unless it belongs to a `FunctionGraph`.

Nothing here checks values or dtypes: that is what types do. Nothing recurses over the depth of a graph.
"""
from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

from symtensor.config import config
from symtensor.graph.hooks import hooks
from symtensor.graph.pickling import flattened_reduce, strip_prerequisites
from symtensor.graph.trace import add_tag_trace
from symtensor.graph.utils import object2, scratchpad

if TYPE_CHECKING:
    from symtensor.graph.op import Op
    from symtensor.graph.type import Type

__all__ = ["Apply", "Constant", "NoParams", "Node", "Variable", "nodes_constructed"]

NoParams = object()
"""The params of a node whose op has none."""


def _copied(tag: Any) -> Any:
    """A shallow copy of a tag, the quick way for what nearly all tags are."""
    return tag.__copy__() if type(tag) is scratchpad else copy(tag)


class Node(object2):
    """The base of variables and apply nodes."""

    def get_parents(self) -> list[Any]:
        """The nodes one step towards the inputs."""
        raise NotImplementedError()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return flattened_reduce(self, protocol)

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(strip_prerequisites(state))

    def __copy__(self) -> Any:
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__getstate__())
        return new

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()


class Apply(Node):
    """An op applied to inputs: `outputs[i] = op(inputs)[i]`.

    `inputs` and `outputs` are lists of variables. The outputs are given without owner and become owned by the node.

    Raises TypeError when inputs or outputs is no list or tuple or holds anything but variables, and ValueError when an
    output belongs to another node.
    """

    def __init__(self, op: Op, inputs: Sequence[Variable], outputs: Sequence[Variable]) -> None:
        self.op = op
        self.inputs: list[Variable] = []
        self.tag = scratchpad()
        if not isinstance(inputs, (list, tuple)):
            raise TypeError("The inputs of an Apply must be a list or tuple")
        if not isinstance(outputs, (list, tuple)):
            raise TypeError("The output of an Apply must be a list or tuple")
        for input in inputs:
            if not isinstance(input, Variable):
                raise TypeError(f"The 'inputs' argument to Apply must contain Variable instances, not {input}")
            self.inputs.append(input)
        self.outputs: list[Variable] = []
        for i, output in enumerate(outputs):
            if not isinstance(output, Variable):
                raise TypeError(
                    f"The 'outputs' argument to Apply must contain Variable instances with no owner, not {output}")
            if output.owner is None:
                output.owner = self
                output.index = i
            elif output.owner is not self or output.index != i:
                raise ValueError("All output variables passed to Apply must belong to it.")
            self.outputs.append(output)

    @property
    def nin(self) -> int:
        """The number of inputs."""
        return len(self.inputs)

    @property
    def nout(self) -> int:
        """The number of outputs."""
        return len(self.outputs)

    @property
    def out(self) -> Variable:
        """The same as `default_output()`."""
        return self.default_output()

    @property
    def params_type(self) -> Any:
        """The type of the op's params, if it has any; else AttributeError."""
        return self.op.params_type

    def run_params(self) -> Any:
        """The op's params for this node, or `NoParams`."""
        get_params = getattr(self.op, "get_params", None)
        if get_params is None or getattr(self.op, "params_type", None) is None:
            return NoParams
        return get_params(self)

    def default_output(self) -> Variable:
        """The output that an expression means when it names the node: the only one, or `op.default_output`.

        Raises AttributeError when the op says no such index.
        """
        index = getattr(self.op, "default_output", None)
        if index is None:
            if len(self.outputs) == 1:
                return self.outputs[0]
            raise AttributeError(f"{self.op}.default_output should be an output index.")
        if not isinstance(index, int):
            raise AttributeError(f"{self.op}.default_output should be an int or long")
        if index < 0 or index >= len(self.outputs):
            raise AttributeError(f"{self.op}.default_output is out of range.")
        return self.outputs[index]

    def clone(self) -> Apply:
        """A node with the same op and inputs and new outputs."""
        new = self.__class__(self.op, self.inputs, [output.clone() for output in self.outputs])
        new.tag = _copied(self.tag)
        return new

    def clone_with_new_inputs(self, inputs: Sequence[Variable], strict: bool = True) -> Apply:
        """A node with the same op and other inputs.

        Where an input's type differs, it is converted to the old type when `strict` (TypeError if that cannot be), else
        the op makes the node anew and the outputs may get other types.
        """
        if not isinstance(inputs, (list, tuple)):
            raise TypeError("The inputs of an Apply must be a list or tuple")
        remake = False
        new_inputs = list(inputs)
        for i, (old, new) in enumerate(zip(self.inputs, new_inputs)):
            if old.type is not new.type and old.type != new.type:
                if strict:
                    new_inputs[i] = old.type.filter_variable(new)
                else:
                    remake = True
        if remake:
            node = self.op.make_node(*new_inputs)
            node.tag = copy(self.tag).__update__(node.tag)
            return node
        new_node = self.clone()
        new_node.inputs = new_inputs
        return new_node

    def get_parents(self) -> list[Variable]:
        return list(self.inputs)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("fgraph", None)
        state.pop("deps", None)
        return state

    def __asapply__(self) -> Apply:
        return self

    def __str__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.inputs))})"

    def __repr__(self) -> str:
        return str(self)


class Variable(Node):
    """A value to be: of a `type`, computed by `owner` as its output number `index`, or free when `owner` is None.

    Raises TypeError when the owner is no `Apply`, the index no int, or the name no string.
    """

    __count__ = itertools.count(0)
    construction_observers: list[Any] = []

    def __init__(self, type: Type, owner: Apply | None = None, index: int | None = None,
                 name: str | None = None) -> None:
        self.tag = scratchpad()
        self.type = type
        if owner is not None and not isinstance(owner, Apply):
            raise TypeError("owner must be an Apply instance", owner)
        self.owner = owner
        if index is not None and not isinstance(index, int):
            raise TypeError("index must be an int", index)
        self.index = index
        if name is not None and not isinstance(name, str):
            raise TypeError("name must be a string", name)
        self.name = name
        self.auto_name = f"auto_{next(Variable.__count__)}"
        if Variable.construction_observers:
            Variable.notify_construction_observers(self)

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        if self.owner is not None:
            return f"{self.owner.op}.{self.index}"
        return f"<{self.type}>"

    def __repr_test_value__(self) -> str:
        """The text of the test value; AttributeError when there is none."""
        return repr(self.tag.test_value)

    def __repr__(self, firstPass: bool = True) -> str:
        text = str(self)
        if firstPass and config.print_test_value:
            try:
                return f"{text}\n{self.__repr_test_value__()}"
            except AttributeError:
                pass
        return text

    def clone(self) -> Any:
        """A free variable of the same type and name, with a copy of the tag."""
        new = self.__class__(self.type, None, None, self.name)
        new.tag = _copied(self.tag)
        return new

    def get_parents(self) -> list[Any]:
        return [self.owner] if self.owner is not None else []

    def eval(self, inputs_to_values: dict[Any, Any] | None = None) -> Any:
        """Compute the value of this variable.

        `inputs_to_values` maps the free variables that it needs to their values. The function compiled for it is kept,
        so that calling again with the same variables is quick.
        """
        return hooks.eval_variable(self, {} if inputs_to_values is None else inputs_to_values)

    def __lt__(self, other: Any) -> Any:
        raise NotImplementedError("Subclasses of Variable must provide __lt__", self.__class__.__name__)

    def __le__(self, other: Any) -> Any:
        raise NotImplementedError("Subclasses of Variable must provide __le__", self.__class__.__name__)

    def __gt__(self, other: Any) -> Any:
        raise NotImplementedError("Subclasses of Variable must provide __gt__", self.__class__.__name__)

    def __ge__(self, other: Any) -> Any:
        raise NotImplementedError("Subclasses of Variable must provide __ge__", self.__class__.__name__)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for key in ("_fn_cache", "fgraph", "clients"):
            state.pop(key, None)
        if not config.pickle_test_value and hasattr(self.tag, "test_value"):
            tag = copy(self.tag)
            del tag.test_value
            state["tag"] = tag
        return state

    # Observers of construction: user code registers objects with a method `observe(variable)`.

    @classmethod
    def notify_construction_observers(cls, instance: Any) -> None:
        """Call `observe(instance)` of every observer."""
        for observer in cls.construction_observers:
            observer.observe(instance)

    @classmethod
    def append_construction_observer(cls, observer: Any) -> None:
        """From now on call `observer.observe(variable)` for each new variable."""
        cls.construction_observers.append(observer)

    @classmethod
    def remove_construction_observer(cls, observer: Any) -> None:
        """Stop calling an observer; ValueError when it is not registered."""
        cls.construction_observers.remove(observer)


class Constant(Variable):
    """A variable whose value, `data`, is known and never changes. It has no owner.

    The value goes through `type.filter`, which raises what the type raises.
    """

    def __init__(self, type: Type, data: Any, name: str | None = None) -> None:
        Variable.__init__(self, type, None, None, name)
        self.data = type.filter(data)
        add_tag_trace(self)

    def equals(self, other: Any) -> bool:
        """Whether `other` is a constant of the same type and value."""
        return isinstance(other, Constant) and self.signature() == other.signature()

    def signature(self) -> Any:
        """A hashable key: constants with equal signatures are interchangeable."""
        return (self.type, self.data)

    def merge_signature(self) -> Any:
        """As `signature`, but finer where two equal values must not be merged (0.0 and -0.0)."""
        return self.signature()

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        text = str(self.data)
        if len(text) > 20:
            text = text[:10] + "..." + text[-10:]
        return f"{type(self).__name__}{{{text}}}"

    def clone(self) -> Any:
        """A constant with the same data (not copied), name and a copy of the tag."""
        new = self.__class__(self.type, self.data, self.name)
        new.tag = _copied(self.tag)
        return new

    def _get_owner(self) -> None:
        return None

    def _set_owner(self, value: Any) -> None:
        if value is not None:
            raise ValueError("Constant instances cannot have an owner.")

    owner = property(_get_owner, _set_owner, doc="None, always; setting anything else raises ValueError.")  # type: ignore

    @property
    def value(self) -> Any:
        """The data, read-only."""
        return self.data


@contextmanager
def nodes_constructed() -> Iterator[list[Any]]:
    """Within the block, collect the variables that are made: `with nodes_constructed() as made:`."""

    class Collector(list):
        """A list that new variables are appended to."""

        def observe(self, variable: Any) -> None:
            """Take a variable."""
            self.append(variable)

    made = Collector()
    Variable.append_construction_observer(made)
    try:
        yield made
    finally:
        # By identity: two empty lists are equal.
        observers = Variable.construction_observers
        del observers[next(i for i, observer in enumerate(observers) if observer is made)]


def eval_through_cache(variable: Variable, inputs_to_values: dict[Any, Any],
                       make_function: Callable[[list[Any], Variable], Callable[..., Any]]) -> Any:
    """What fills `hooks.eval_variable` calls: keep one function per set of given inputs in `variable._fn_cache`."""
    cache: dict[Any, Any] = variable.__dict__.setdefault("_fn_cache", {})
    inputs = sorted(inputs_to_values, key=id)
    key = tuple(map(id, inputs))
    known = cache.get(key)
    if known is None:
        # The entry keeps the inputs alive, so an id in its key cannot come to mean another object.
        known = cache[key] = (make_function(inputs, variable), inputs)
    return known[0](*[inputs_to_values[i] for i in inputs])


def as_inputs(variables: Iterable[Any]) -> list[Variable]:
    """A list of variables; TypeError for anything else."""
    result = list(variables)
    for item in result:
        if not isinstance(item, Variable):
            raise TypeError(f"expected variables, got {item!r} of {type(item)}")
    return result

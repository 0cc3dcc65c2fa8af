"""Shared variables: symbolic variables with a value of their own, which functions read and update.

In: a Python value. Out: `shared(value)` asks the registered constructors, the newest first, for a variable that can
hold it: an array becomes a `TensorSharedVariable`, a number a `ScalarSharedVariable`, anything else a `SharedVariable`
of type Generic. The value lives in the variable's `container`, whose `storage` is a list of one object; compiled
functions keep hold of that list. The object may be a `DeviceValue`, an array on a device: functions for a device leave
values there, and a program gets NumPy arrays unless it asks for the form in which the value is stored.

Refused: symbolic values, values that do not fit the variable's type, and a value that no constructor takes with the
given arguments.
"""
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from symtensor.graph.basic import Variable
from symtensor.graph.trace import add_tag_trace
from symtensor.graph.hooks import hooks
from symtensor.graph.type import Generic
from symtensor.tensor.transfer import is_device_in_use
from symtensor.tensor.type import TensorType
from symtensor.tensor.var import _tensor_py_operators
from symtensor.utils.device_value import DeviceValue

__all__ = [
    "Container", "ScalarSharedVariable", "SharedVariable", "TensorSharedVariable", "generic", "generic_constructor",
    "load_shared_variable", "scalar_constructor", "shared", "shared_constructor", "tensor_constructor",
]

generic = Generic()


class Container:
    """The place where a value is kept.

    `storage` is a list of one object, which others may hold on to; assigning to `value` checks and converts the value
    for `type`, strictly or with `allow_downcast` as `Type.filter` understands it. `readonly` refuses assignment with
    Exception.
    """

    def __init__(
        self, r: Any, storage: list[Any], readonly: bool = False, strict: bool = False,
        allow_downcast: bool | None = None, name: str | None = None,
    ):
        if not isinstance(storage, list) or len(storage) != 1:
            raise TypeError("storage must be a list of length 1", storage)
        self.type = r.type if isinstance(r, Variable) else r
        self.name = name if name is not None or not isinstance(r, Variable) else r.name
        self.storage = storage
        self.readonly = readonly
        self.strict = strict
        self.allow_downcast = allow_downcast

    @property
    def value(self) -> Any:
        """What is kept."""
        return self.storage[0]

    @value.setter
    def value(self, value: Any) -> None:
        if self.readonly:
            raise Exception(f"Cannot set readonly storage: {self.name}")
        try:
            if value is None:
                self.storage[0] = None
                return
            if isinstance(value, DeviceValue) and _fits(value, self.type):
                self.storage[0] = value
                return
            options = {"strict": True} if self.strict else {}
            if not self.strict and self.allow_downcast is not None:
                options = {"allow_downcast": self.allow_downcast}
            self.storage[0] = self.type.filter(value, **options)
        except Exception as error:
            error.args = (*error.args, f'Container name "{self.name}"')
            raise

    data = value

    def __str__(self) -> str:
        return f"<{self.storage[0]}>"

    def __repr__(self) -> str:
        return f"<{self.storage[0]!r}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Container:
        if id(self.storage) in memo:
            storage = memo[id(self.storage)]
        else:
            storage = [copy.deepcopy(self.storage[0], memo)]
            memo[id(self.storage)] = storage
        return type(self)(
            copy.deepcopy(self.type, memo), storage, self.readonly, self.strict, self.allow_downcast, self.name
        )


def _fits(value: DeviceValue, kind: Any) -> bool:
    """Whether an array on a device is a value of a type as it is."""
    if not isinstance(kind, TensorType) or value.dtype != kind.numpy_dtype or value.ndim != kind.ndim:
        return False
    return all(length == 1 for length, one in zip(value.shape, kind.broadcastable) if one)


class SharedVariable(Variable):
    """A variable with a value.

    `value` is checked for `type` (strictly if `strict`; `allow_downcast` as `Type.filter` has it) and put into a new
    container, or `container` is an existing one, shared with other variables (then `value` must be None).

    `default_update`, where set, is the variable's new value after each call of a function that uses it and has no other
    update for it.
    """

    def __init__(
        self, name: str | None, type: Any, value: Any, strict: bool, allow_downcast: bool | None = None,
        container: Container | None = None,
    ):
        super().__init__(type=type, name=name, owner=None, index=None)
        self.container: Container
        if container is not None:
            if value is not None or strict is not None:
                raise TypeError("value and strict are ignored if you pass a container here")
            self.container = container
            return
        options = {} if strict else {"allow_downcast": allow_downcast}
        self.container = Container(
            self, storage=[None], readonly=False, strict=strict, allow_downcast=allow_downcast,
        )
        if isinstance(value, DeviceValue) and _fits(value, type):
            self.container.storage[0] = value
        else:
            self.container.storage[0] = type.filter(value, strict=strict, **options)

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """A copy of the value, or with `borrow` the value itself, which must then not be changed.

        `return_internal_type`: the form in which the value is stored, which is a `DeviceValue` where a function for a
        device has moved it there. Without it, such a value is copied to the host, also with `borrow`.
        """
        value = self.container.value
        if isinstance(value, DeviceValue) and not return_internal_type:
            return value.get()
        return value if borrow else copy.deepcopy(value)

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Change the value, for all functions that use it. Raises what `Type.filter` raises.

        `borrow`: the new object may be kept and changed by functions; otherwise a copy is.
        """
        self.container.value = new_value if borrow else copy.deepcopy(new_value)

    def zero(self, borrow: bool = False) -> None:
        """Set all elements to 0; with `borrow` in the memory of the present value."""
        value = self.container.value
        if isinstance(value, DeviceValue):
            if not borrow:
                self.container.value = value = value.copy()
            value.set(np.zeros(value.shape, value.dtype))
        elif borrow:
            value[...] = 0
        else:
            self.container.value = 0 * value

    def clone(self) -> Any:
        """Another variable with the same container, name and tag."""
        other = self.__class__(
            name=self.name, type=self.type, value=None, strict=None, container=self.container  # type: ignore[arg-type]
        )
        other.tag = copy.copy(self.tag)
        return other

    def __getitem__(self, *args: Any) -> Any:
        value = self.get_value(borrow=True)
        if isinstance(value, np.ndarray):
            what = (
                f"a Numpy array with dtype: '{value.dtype}'. This data type is not one that tensors may have: please "
                "cast your data into a supported numeric type if you need tensor functionalities."
            )
        else:
            what = (
                f"an object of type: {type(value)}. Did you forget to cast it into a Numpy array before calling "
                "shared()?"
            )
        raise TypeError(
            f"The generic 'SharedVariable' object is not subscriptable. This shared variable contains {what}"
        )

    def _no_value(self, *args: Any) -> Any:
        raise Exception(
            "sharedvar.value does not exist anymore. Use sharedvar.get_value() or sharedvar.set_value() instead."
        )

    value = property(_no_value, _no_value, doc="Gone; use get_value() and set_value().")


class TensorSharedVariable(_tensor_py_operators, SharedVariable):
    """A shared array."""


class ScalarSharedVariable(_tensor_py_operators, SharedVariable):
    """A shared number, kept as a 0-d array."""


# -- constructors ------------------------------------------------------------------------------------------------------


def shared(
    value: Any, name: str | None = None, strict: bool = False, allow_downcast: bool | None = None, **kwargs: Any
) -> Any:
    """A shared variable initialised with (a copy of) `value`.

    strict, allow_downcast   how values assigned later are checked: see `Type.filter`
    kwargs                   passed to the constructors, e.g. `borrow=True` (keep the object itself), `broadcastable`

    A constructor that does not know an argument is passed over. Raises TypeError for a symbolic value, and where no
    constructor takes the value with these arguments.
    """
    if isinstance(value, Variable):
        raise TypeError("Shared variable constructor needs numeric values and not symbolic variables.")
    for construct in reversed(shared.constructors):  # type: ignore[attr-defined]
        try:
            variable = construct(value, name=name, strict=strict, allow_downcast=allow_downcast, **kwargs)
        except TypeError:
            continue
        except MemoryError as error:
            error.args = (*error.args, "you might consider using 'symtensor.shared(..., borrow=True)'")
            raise
        return add_tag_trace(variable)
    raise TypeError(
        "No suitable SharedVariable constructor could be found. Are you sure all kwargs are supported? We do not "
        f'support the parameter dtype or type. value="{value}". parameters="{kwargs}"'
    )


shared.constructors = []  # type: ignore[attr-defined]


def shared_constructor(ctor: Callable[..., Any], remove: bool = False) -> Callable[..., Any]:
    """Register a constructor, to be asked before the older ones; or take it from the register again.

    It is called as ctor(value, name=, strict=, allow_downcast=, **kwargs), and raises TypeError for what it does not
    take. May be used as a decorator.
    """
    if remove:
        shared.constructors.remove(ctor)  # type: ignore[attr-defined]
    else:
        shared.constructors.append(ctor)  # type: ignore[attr-defined]
    return ctor


def _on_target(target: Any) -> bool:
    """Whether a target is the device in use, not the CPU; TypeError for any other."""
    if target != "cpu" and not is_device_in_use(target):
        raise TypeError(f"not for {target}")
    return target != "cpu"


@shared_constructor
def generic_constructor(
    value: Any, name: str | None = None, strict: bool = False, allow_downcast: bool | None = None
) -> SharedVariable:
    """A shared variable for any Python object."""
    return SharedVariable(type=generic, value=value, name=name, strict=strict, allow_downcast=allow_downcast)


@shared_constructor
def tensor_constructor(
    value: Any, name: str | None = None, strict: bool = False, allow_downcast: bool | None = None,
    borrow: bool = False, broadcastable: Any = None, target: str = "cpu",
) -> TensorSharedVariable:
    """A shared array. No axis is broadcastable unless `broadcastable` says so: a later value may be longer.

    `target`: "cpu", or a name of the device in use ("cuda0", or what `config.contexts` calls it): the value is moved
    there at once, not when the first function wants it there. A later value may live anywhere, whatever the target.

    TypeError for what is not an array of a tensor dtype, and for a target that is not in use.
    """
    there = _on_target(target)
    if not isinstance(value, (np.ndarray, DeviceValue)):
        raise TypeError()
    if broadcastable is None:
        broadcastable = (False,) * value.ndim
    kind = TensorType(value.dtype, broadcastable=broadcastable)
    if isinstance(value, DeviceValue):
        value = value if borrow else value.copy()
    elif not borrow and not there:
        value = np.array(value)
    return TensorSharedVariable(
        type=kind, value=hooks.to_device(value) if there else value, name=name, strict=strict,
        allow_downcast=allow_downcast
    )


# Kinds of Python numbers, and the dtypes of arrays made of them.
_NUMBERS = (np.number, float, int, complex)


@shared_constructor
def scalar_constructor(
    value: Any, name: str | None = None, strict: bool = False, allow_downcast: bool | None = None,
    borrow: bool = False, target: str = "cpu",
) -> ScalarSharedVariable:
    """A shared number. Python numbers become int64, float64 or complex128, NumPy's keep their dtype.

    It is kept on the host, where functions for a device read it as they start, also if `target` is the device in use.

    TypeError for what is not a number, or too large for one, and for a target that is not in use.
    """
    _on_target(target)
    if not isinstance(value, _NUMBERS):
        raise TypeError()
    kind = TensorType(dtype=str(np.asarray(value).dtype), broadcastable=[])
    # A new array in any case: a NumPy scalar cannot be written to.
    return ScalarSharedVariable(
        type=kind, value=np.array(value, copy=True), name=name, strict=strict, allow_downcast=allow_downcast
    )


def load_shared_variable(val: Any) -> Any:
    """A shared variable of an array, for old pickles that name this function."""
    return tensor_constructor(val)


TensorType.SharedVariable = TensorSharedVariable

"""`ScalarOp`: operations on scalar variables, and how the rows of the table become ops.

A row's op (`row_name` is set) computes, differentiates and types itself from `symtensor.scalar.table`. A user's op
subclasses `ScalarOp`, `UnaryScalarOp` or `BinaryScalarOp`, gives an output-type rule and `impl`, and where it has one
`grad` or `L_op`.
"""
from __future__ import annotations

from typing import Any, Callable, ClassVar, Optional, Sequence

import numpy as np

from symtensor.graph.basic import Apply
from symtensor.graph.null_type import DisconnectedType, NullType
from symtensor.graph.op import Op
from symtensor.graph.utils import MethodNotDefined
from symtensor.scalar import dtypes as dt
from symtensor.scalar import table
from symtensor.scalar.derivatives import DISCONNECTED, NoGradient
from symtensor.scalar.type import Scalar, ScalarConstant, as_scalar, constant, get_scalar_type, operators

__all__ = [
    "BinaryBitOp", "BinaryScalarOp", "FixedLogicalComparison", "LogicalComparison", "ScalarOp", "UnaryBitOp",
    "UnaryScalarOp", "evaluate", "namespace",
]


class ScalarOp(Op):
    """An operation on scalars.

    output_types_preference   a rule from input types to a tuple of output types (`symtensor.scalar.rules`); without it
                              the row's rule counts
    name                      how the op prints
    nin, nout                 numbers of inputs (-1: any) and outputs
    """

    __module__ = "symtensor.scalar.basic"

    nin: int = -1
    nout: int = 1
    row_name: ClassVar[Optional[str]] = None

    def __init__(self, output_types_preference: Optional[Callable[..., Any]] = None,
                 name: Optional[str] = None) -> None:
        if name is None and self.row_name is not None and output_types_preference is None:
            name = table.ROWS[self.row_name].title
        self.name = name
        if output_types_preference is not None:
            if not callable(output_types_preference):
                raise TypeError(
                    f"Expected a callable for the 'output_types_preference' argument to {self.__class__}. "
                    f"(got: {output_types_preference})")
            self.output_types_preference = output_types_preference

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def make_node(self, *inputs: Any) -> Apply:
        if self.nin >= 0 and len(inputs) != self.nin:
            raise TypeError(f"Wrong number of inputs for {self}.make_node (got {len(inputs)}({inputs}), "
                            f"expected {self.nin})")
        scalars = [as_scalar(x) for x in inputs]
        outputs = [t() for t in self.output_types([x.type for x in scalars])]
        if len(outputs) != self.nout:
            inputs_text = ", ".join(map(str, inputs))
            raise TypeError(f"Not the right number of outputs produced for {self}({inputs_text}). "
                            f"Expected {self.nout}, got {len(outputs)}.")
        return Apply(self, scalars, outputs)

    def output_types(self, types: Sequence[Scalar]) -> Sequence[Scalar]:
        """The output types for given input types; TypeError where the op does not take them."""
        rule = getattr(self, "output_types_preference", None)
        if rule is not None:
            variables = rule(*types)
            if not isinstance(variables, (list, tuple)) or any(not isinstance(t, Scalar) for t in variables):
                raise TypeError("output_types_preference should return a list or a tuple of types",
                                rule, variables)
            if len(variables) != self.nout:
                raise TypeError(f"Not the right number of outputs types produced for {self} by {rule}. "
                                f"Expected {self.nout}, got {len(variables)}.")
            return variables
        if self.row_name is not None:
            return [get_scalar_type(table.ROWS[self.row_name].output(*[t.dtype for t in types]))]
        raise NotImplementedError(f"Cannot calculate the output types for {self}")

    # -- values --------------------------------------------------------------------------------------------------------

    def impl(self, *inputs: Any) -> Any:
        """The value for given numbers (NumPy's or Python's)."""
        if self.row_name is None:
            raise MethodNotDefined("impl", type(self), self.__class__.__name__)
        dtypes = [str(np.asarray(x).dtype) for x in inputs]
        return table.evaluate(self.row_name, inputs, self.output_types([get_scalar_type(d) for d in dtypes])[0].dtype)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: list[list[Any]], params: Any = None) -> None:
        results = evaluate(self, inputs, [output.type.dtype for output in node.outputs])
        for storage, result in zip(output_storage, results):
            storage[0] = result

    # -- derivatives ---------------------------------------------------------------------------------------------------

    def grad(self, inputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        """The gradients by the inputs; MethodNotDefined for an op without derivative."""
        if self.row_name is None or table.ROWS[self.row_name].grad is None:
            raise MethodNotDefined("grad", type(self), self.__class__.__name__)
        return self.L_op(inputs, [self(*inputs)], output_gradients)

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_gradients: Sequence[Any]) -> list[Any]:
        """As `grad`, with the outputs at hand."""
        derivative = None if self.row_name is None else table.ROWS[self.row_name].grad
        if derivative is None or type(self).grad is not ScalarOp.grad:
            return self.grad(inputs, output_gradients)
        (gz,) = output_gradients
        if isinstance(gz.type, DisconnectedType):
            return [DisconnectedType()() for _ in inputs]
        gradients = derivative(namespace, inputs, outputs, gz)
        return [self._no_gradient(g, i, inputs[i]) if isinstance(g, NoGradient) else g for i, g in enumerate(gradients)]

    def _no_gradient(self, reason: NoGradient, position: int, x: Any) -> Any:
        if reason is DISCONNECTED:
            return DisconnectedType()()
        return NullType(
            f"This variable is Null because the grad method for input {position} ({x}) of the {self} op is not "
            "implemented.")()

    # -- identity ------------------------------------------------------------------------------------------------------

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and (
            getattr(self, "output_types_preference", None) == getattr(other, "output_types_preference", None))

    def __hash__(self) -> int:
        return hash((type(self), getattr(self, "output_types_preference", None)))

    def __str__(self) -> str:
        if getattr(self, "name", None):
            return str(self.name)
        details = ", ".join(f"{k}={v}" for k, v in sorted(self.__dict__.items()) if k not in ("name", "nin", "nout"))
        return f"{self.__class__.__name__}{{{details}}}"


class UnaryScalarOp(ScalarOp):
    """An operation on one scalar."""

    __module__ = "symtensor.scalar.basic"
    nin = 1


class BinaryScalarOp(ScalarOp):
    """An operation on two scalars."""

    __module__ = "symtensor.scalar.basic"
    nin = 2


class LogicalComparison(BinaryScalarOp):
    """A comparison of two scalars; the result is bool."""

    __module__ = "symtensor.scalar.basic"


class FixedLogicalComparison(UnaryScalarOp):
    """A test of one scalar; the result is bool."""

    __module__ = "symtensor.scalar.basic"


class BinaryBitOp(BinaryScalarOp):
    """Bitwise arithmetic on integers, logical on bools."""

    __module__ = "symtensor.scalar.basic"


class UnaryBitOp(UnaryScalarOp):
    """Bitwise arithmetic on one integer, logical on a bool."""

    __module__ = "symtensor.scalar.basic"


def evaluate(op: Any, inputs: Sequence[Any], out_dtypes: Sequence[str]) -> list[Any]:
    """The values of a scalar op's outputs on numbers or arrays, element by element; one result for each output dtype.

    Arrays broadcast as in NumPy; results of rank 0 are NumPy scalars. Floating-point warnings are silenced.
    """
    if getattr(op, "row_name", None) is not None and type(op).impl is ScalarOp.impl:
        return [table.evaluate(op.row_name, tuple(inputs), out_dtypes[0])]
    many = getattr(op, "evaluate_arrays", None)
    if many is not None:
        return many(inputs, out_dtypes)
    with np.errstate(all="ignore"):
        results = np.frompyfunc(op.impl, len(inputs), op.nout)(*inputs)
        return [np.asarray(r).astype(d)[()] for r, d in zip(results if op.nout > 1 else (results,), out_dtypes)]


class _Namespace:
    """The namespace that derivatives of scalars are written in (see `symtensor.scalar.derivatives`)."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            return operators[name]
        except KeyError:
            raise AttributeError(name) from None

    @staticmethod
    def constant(value: Any, dtype: Optional[str] = None) -> ScalarConstant:
        """A constant, in `dtype` or the smallest dtype that holds a Python number."""
        return constant(value, dtype=dtype)

    @staticmethod
    def cast(x: Any, dtype: str) -> Any:
        """`x` converted to a dtype; complex to real takes the real part."""
        if x.dtype in dt.COMPLEX and dtype not in dt.COMPLEX:
            x = operators["real"](x)
        return operators["cast"](x, dtype)


namespace = _Namespace()
"""Rows of the table as scalar ops, `constant` and `cast`."""

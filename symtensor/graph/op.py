"""Ops: what can be applied to variables. One class says how to make a node, how to compute it, its gradient and shape.

A user's op defines `make_node` (or `itypes` and `otypes`), `perform`, and where they make sense `grad` or `L_op`,
`R_op`, `infer_shape`, `connection_pattern`, `view_map`, `destroy_map`, `default_output` and `__props__`. An op without
`__props__` or its own `__eq__` is equal to itself only.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symtensor.config import config
from symtensor.graph.basic import Apply, NoParams, Variable
from symtensor.graph.test_values import (
    compute_test_value,
    debug_assert,
    debug_error_message,
    get_debug_values,
    get_test_value,
    missing_test_message,
)
from symtensor.graph.trace import add_tag_trace, user_frames
from symtensor.graph.utils import MethodNotDefined, object2

__all__ = [
    "Op", "PureOp", "debug_assert", "debug_error_message", "get_debug_values", "get_test_value",
    "missing_test_message", "ops_with_inner_function",
]


ops_with_inner_function: dict[type, str] = {}
"""Op classes that run a compiled function of their own, and the attribute that holds it."""


class PureOp:
    """The interface of ops.

    Optional methods and attributes, found by name:

    grad(inputs, output_gradients) -> list      the gradients with respect to each input
    infer_shape(node, input_shapes) -> list     the outputs' shapes as tuples of scalar int64 variables
    connection_pattern(node) -> list of lists   `[i][j]`: whether output j depends on input i
    view_map {output: [input]}                  which outputs are views of which inputs
    destroy_map {output: [input]}               which inputs `perform` overwrites
    itypes, otypes                              lists of types, in place of `make_node`
    """

    default_output: int | None = None
    """The output that `op(...)` returns alone; None returns the only one, or all of several."""

    def make_node(self, *inputs: Any) -> Apply:
        """The node for these inputs. The default takes the types from `itypes` and `otypes`.

        Raises ValueError for a wrong number of inputs and TypeError for wrong types.
        """
        if not hasattr(self, "itypes"):
            raise NotImplementedError("You can either define itypes and otypes,             or implement make_node")
        if not hasattr(self, "otypes"):
            raise NotImplementedError("itypes implemented but otypes missing")
        if len(inputs) != len(self.itypes):
            raise ValueError(f"We expected {len(self.itypes)} inputs but got {len(inputs)}.")
        if not all(given.type == wanted for given, wanted in zip(inputs, self.itypes)):
            raise TypeError(f"We expected inputs of types '{list(self.itypes)}' but got types "
                            f"'{[given.type for given in inputs]}' ")
        return Apply(self, list(inputs), [kind() for kind in self.otypes])  # type: ignore[arg-type]

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        """Apply the op: the default output, or the only one, or a list of all outputs.

        `return_list=True` always gives a list. All other arguments go to `make_node`.
        """
        return_list = kwargs.pop("return_list", False)
        node = self.make_node(*inputs, **kwargs)
        self._note_birth(node)
        if config.compute_test_value != "off":
            compute_test_value(node)
        outputs = node.outputs
        if self.default_output is not None:
            result = outputs[self.default_output]
            return [result] if return_list else result
        if return_list or len(outputs) != 1:
            return list(outputs)
        return outputs[0]

    @staticmethod
    def _note_birth(node: Apply) -> None:
        """Record where the user applied the op, in the tags of the node and of outputs that do not say it yet."""
        limit = config.traceback.limit
        if not limit:
            return
        trace = getattr(node.outputs[0].tag, "trace", None) if node.outputs else None
        if trace is None:
            trace = [user_frames(limit)]
        node.tag.trace = trace
        for output in node.outputs:
            if not hasattr(output.tag, "trace"):
                output.tag.trace = trace

    @staticmethod
    def add_tag_trace(thing: Any, user_line: int | None = None) -> Any:
        """Record in `thing.tag.trace` where the user made it; returns `thing`."""
        return add_tag_trace(thing, user_line)

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        """The gradients with respect to the inputs, given the outputs too. The default calls `grad`."""
        return self.grad(inputs, output_grads)  # type: ignore[attr-defined]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        """The Jacobian times `eval_points`: one variable per output. Raises NotImplementedError unless defined."""
        raise NotImplementedError(
            f"{self} of class {self.__class__.__name__} does not implement R_op. "
            "If it is your own op, implement the R_op method.")

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: list[list[Any]], params: Any = None) -> None:
        """Compute the outputs: `output_storage[i][0] = value`. Must not change the inputs unless `destroy_map` says
        so."""
        raise MethodNotDefined(
            "perform", type(self), self.__class__.__name__,
            "Did you used Theano flags mode=FAST_COMPILE? You can use optimizer=fast_compile instead.")

    def do_constant_folding(self, node: Apply) -> bool:
        """Whether a node all of whose inputs are constants may be computed while compiling."""
        return True


class Op(object2, PureOp):
    """The base of all ops."""

    def get_params(self, node: Apply) -> Any:
        """The params that `perform` gets as its last argument; only for ops with a `params_type`."""
        params_type = getattr(self, "params_type", None)
        if params_type is not None and hasattr(params_type, "get_params"):
            wrapper = params_type.get_params(self)
            if not params_type.is_valid_value(wrapper):
                raise MethodNotDefined("get_params")
            return wrapper
        raise MethodNotDefined("get_params")

    def run_perform(self, node: Apply, inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        """Call `perform`, with the params if the op has any."""
        params = node.run_params()
        if params is NoParams:
            self.perform(node, inputs, output_storage)
        else:
            self.perform(node, inputs, output_storage, params)

    def prepare_node(self, node: Apply, storage_map: Any, compute_map: Any, impl: Any) -> None:
        """Called once for each node before it is first run."""

    def make_py_thunk(self, node: Apply, storage_map: dict[Variable, list[Any]],
                      compute_map: dict[Variable, list[bool]],
                      no_recycling: Any, debug: bool = False) -> Callable[[], None]:
        """A function without arguments that runs `perform` on the cells of `storage_map` and notes what it computed."""
        inputs = [storage_map[variable] for variable in node.inputs]
        outputs = [storage_map[variable] for variable in node.outputs]
        computed = [compute_map[variable] for variable in node.outputs]

        def thunk() -> None:
            self.run_perform(node, [cell[0] for cell in inputs], outputs)
            for cell in computed:
                cell[0] = True

        thunk.inputs = inputs  # type: ignore[attr-defined]
        thunk.outputs = outputs  # type: ignore[attr-defined]
        thunk.perform = self.perform  # type: ignore[attr-defined]
        thunk.lazy = False  # type: ignore[attr-defined]
        return thunk

    def make_thunk(self, node: Apply, storage_map: dict[Variable, list[Any]], compute_map: dict[Variable, list[bool]],
                   no_recycling: Any, impl: str | None = None) -> Callable[[], None]:
        """A function without arguments that runs this node on the cells of `storage_map`."""
        self.prepare_node(node, storage_map, compute_map, "py")
        return self.make_py_thunk(node, storage_map, compute_map, no_recycling)

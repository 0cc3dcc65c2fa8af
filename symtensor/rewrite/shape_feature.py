"""`fgraph.shape_feature`: for local optimizers of user programs, the sizes of the variables of a graph.

`fgraph.shape_feature.shape_of[v]` is a tuple of symbolic int64 scalars, one per axis, as each op's `infer_shape`
tells; None for variables without axes. Equal expressions are the same object, so that sizes can be compared. Sizes are
inferred when they are asked for, and again after the graph has changed.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from symtensor.graph.basic import Constant, Variable
from symtensor.graph.errors import AlreadyThere
from symtensor.graph.features import Feature
from symtensor.rewrite.base import Optimizer
from symtensor.tensor.constant import constant
from symtensor.tensor.make_vector import MakeVector
from symtensor.tensor.shape_env import ShapeEnv

__all__ = ["ShapeFeature", "ShapeOptimizer"]


class _ShapeOf(Mapping):
    """The sizes of the variables of a graph, by variable."""

    def __init__(self, feature: ShapeFeature) -> None:
        self._feature = feature

    def __getitem__(self, variable: Any) -> Any:
        return self._feature.shape_tuple(variable)

    def __contains__(self, variable: object) -> bool:
        return variable in self._feature.fgraph.variables

    def __iter__(self) -> Iterator[Any]:
        return iter(self._feature.fgraph.variables)

    def __len__(self) -> int:
        return len(self._feature.fgraph.variables)


class ShapeFeature(Feature):
    """The feature: see the module. `lscalar_one` is the constant 1 that stands for broadcastable axes."""

    def __init__(self) -> None:
        self.fgraph: Any = None
        self.shape_of = _ShapeOf(self)
        self._env: ShapeEnv | None = None
        self._given: dict[Any, tuple[Any, ...]] = {}

    pickle_rm_attr = ["shape_feature"]

    def on_attach(self, fgraph: Any) -> None:
        if self.fgraph is not None or hasattr(fgraph, "shape_feature"):
            raise AlreadyThere("This FunctionGraph already has a ShapeFeature")
        self.fgraph = fgraph
        fgraph.shape_feature = self

    def on_detach(self, fgraph: Any) -> None:
        del fgraph.shape_feature
        self.fgraph = self._env = None
        self._given.clear()

    def unpickle(self, fgraph: Any) -> None:
        """Put the attribute on the graph again."""
        fgraph.shape_feature = self

    def on_change_input(self, fgraph: Any, node: Any, i: Any, r: Any, new_r: Any, reason: Any = None) -> None:
        self._env = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_env": None, "_given": {}}

    @property
    def env(self) -> ShapeEnv:
        """What infers the sizes, from those of the graph's inputs."""
        if self._env is None:
            self._env = ShapeEnv(self.fgraph.inputs)
        return self._env

    @property
    def lscalar_one(self) -> Any:
        """The size of a broadcastable axis."""
        return self.env.length(1)

    def shape_tuple(self, r: Any) -> tuple[Any, ...] | None:
        """One symbolic size per axis; None for a variable without axes."""
        if r in self._given:
            return self._given[r]
        if not hasattr(r.type, "ndim"):
            return None
        return self.env.shape(r)

    def get_shape(self, var: Any, idx: int) -> Any:
        """The size of one axis."""
        shape = self.shape_tuple(var)
        if shape is None:
            raise TypeError(f"{var} of type {var.type} has no shape")
        return shape[idx]

    def shape_ir(self, i: int, r: Any) -> Any:
        """The size of axis `i` of `r`."""
        return self.get_shape(r, i)

    def make_vector_shape(self, r: Any) -> Any:
        """All sizes as one int64 vector."""
        return MakeVector(dtype="int64")(*(self.shape_tuple(r) or ()))

    def same_shape(self, x: Any, y: Any, dim_x: int | None = None, dim_y: int | None = None) -> bool:
        """Whether two variables, or one axis of each, are known to have the same size."""
        sx, sy = self.shape_tuple(x), self.shape_tuple(y)
        if sx is None or sy is None:
            return False
        if (dim_x is None) != (dim_y is None):
            raise ValueError("dim_x and dim_y go together")
        if dim_x is not None and dim_y is not None:
            sx, sy = (sx[dim_x],), (sy[dim_y],)
        if len(sx) != len(sy):
            return False
        return all(a is b or isinstance(a, Constant) and a.equals(b) for a, b in zip(sx, sy))

    def unpack(self, s_i: Any, var: Any) -> Any:
        """A size given as a number or an integer variable, as a symbolic one."""
        if isinstance(s_i, Variable):
            return s_i
        return constant(int(s_i), dtype="int64")

    def set_shape(self, r: Any, s: Any, override: bool = False) -> None:
        """Say what the sizes of `r` are (None: it has no axes). AssertionError where they are set and not `override`n,
        or where there are too many or too few."""
        assert override or r not in self._given, "r already in shape_of"
        if s is None:
            self._given.pop(r, None)
            return
        assert len(s) == r.type.ndim, "one size per axis"
        self._given[r] = tuple(self.unpack(size, r) for size in s)

    def set_shape_i(self, r: Any, i: int, s_i: Any) -> None:
        """Say what the size of one axis is."""
        known = list(self.shape_tuple(r) or ())
        known[i] = self.unpack(s_i, r)
        self._given[r] = tuple(known)

    def update_shape(self, r: Any, other_r: Any) -> None:
        """Say that `r` has the sizes of `other_r`, whose place it takes."""
        shape = self.shape_tuple(other_r)
        if shape is not None and getattr(r.type, "ndim", None) == len(shape):
            self._given[r] = shape

    def default_infer_shape(self, node: Any, i_shapes: Any) -> list[Any]:
        """The sizes of a node's outputs where its op does not tell: asked of the values at run time."""
        return [self.shape_tuple(output) for output in node.outputs]

    def get_node_infer_shape(self, node: Any) -> list[Any]:
        """The sizes of a node's outputs."""
        return [self.shape_tuple(output) for output in node.outputs]


class ShapeOptimizer(Optimizer):
    """Attaches a `ShapeFeature`."""

    def add_requirements(self, fgraph: Any) -> None:
        fgraph.attach_feature(ShapeFeature())

    def apply(self, fgraph: Any) -> None:
        """Changes nothing."""

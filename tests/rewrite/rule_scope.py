"""Variables for the cases of the rules, values for them, and evaluation by `perform`."""
from __future__ import annotations

import warnings

import numpy as np

import symtensor.tensor as T
from symtensor import scalar as sc
from symtensor.control.raise_op import Assert
from symtensor.graph.basic import Constant
from symtensor.graph.traversal import io_toposort
from symtensor.tensor import nnet as N
from symtensor.tensor.shape_ops import shape_i_op


class Variables:
    """The variables of the cases for a dtype, and values for them."""

    def __init__(self, dtype, rng, special=False):
        self.dtype = dtype
        vector, matrix = T.vector, T.matrix
        made = {name: vector(name, dtype=dtype) for name in "xyzp"}
        made.update({name: matrix(name, dtype=dtype) for name in "mn"})
        made.update({name: T.scalar(name, dtype=dtype) for name in "st"})
        made.update(row=T.row("row", dtype=dtype), col=T.col("col", dtype=dtype))
        made.update(one_row=matrix("one_row", dtype=dtype))
        made.update({name: T.lvector(name) for name in ("i", "j", "y1", "y2")})
        made.update(k=T.lscalar("k"), b=vector("b", dtype="bool"), c=vector("c", dtype="bool"),
                    u=vector("u", dtype="uint8"), e=vector("e", dtype="int8"), q=vector("q", dtype="complex128"))
        self.variables = made
        self.values = {name: self.value(name, v, rng, special) for name, v in made.items()}

    def value(self, name, variable, rng, special):
        dtype, ndim = variable.type.dtype, variable.type.ndim
        shape = tuple(1 if one else 5 for one in variable.type.broadcastable)
        if name == "one_row":
            shape = (1, 5)
        if name == "k":
            return np.asarray(3)
        if name in ("y1", "y2"):
            return rng.integers(0, 5, size=shape)
        if name == "i":
            return rng.permutation(5)
        if dtype.startswith(("int", "uint")):
            return rng.integers(0 if dtype[0] == "u" else -4, 5, size=shape).astype(dtype)
        if dtype == "bool":
            return rng.integers(0, 2, size=shape).astype(bool)
        if dtype.startswith("complex"):
            return rng.normal(size=shape) + 1j * rng.normal(size=shape)
        data = rng.uniform(-2, 2, size=shape)
        if name == "p":
            data = np.abs(data) + 0.05
        if special and ndim == 1 and name in "xyz":
            data[:] = rng.permutation([np.nan, np.inf, -np.inf, 0.0, -1.5])
        return data.astype(dtype)

    def outputs(self, text):
        scope = {**self.variables, "T": T, "N": N, "np": np, "sc": sc, "D": self.dtype}
        scope.update(si=lambda v, axis: shape_i_op(axis)(v), A=Assert("failed"), arange=T.arange,
                     rows=lambda where: np.asarray(where))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = eval(text, scope)  # noqa: S307
        return list(made) if isinstance(made, list) else [made]


def performed(inputs, outputs, values):
    """The values of outputs by `perform`, node after node."""
    known = dict(zip(inputs, values))
    value = lambda v: v.data if isinstance(v, Constant) else known[v]
    for node in io_toposort(list(inputs), list(outputs)):
        storage = [[None] for _ in node.outputs]
        with np.errstate(all="ignore"):
            node.op.perform(node, [value(v) for v in node.inputs], storage)
        known.update(zip(node.outputs, (cell[0] for cell in storage)))
    return [np.asarray(value(v)) for v in outputs]

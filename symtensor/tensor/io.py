"""Arrays from files.

In: the path of a `.npy` file, known when the graph is built or given to the function. Out: a tensor of an announced
dtype and pattern, read each time the function runs. Refused at run time: files that hold something else.
"""
from __future__ import annotations

import os
from typing import Any

import numpy as np

from symtensor.graph.basic import Apply, Constant
from symtensor.graph.op import Op
from symtensor.graph.type import Generic
from symtensor.tensor.type import TensorType
from symtensor.tensor.undefined import grad_undefined

__all__ = ["LoadFromDisk", "load"]


class LoadFromDisk(Op):
    """Reads a `.npy` file whose path is the input, of type Generic. No pickles: only arrays of numbers.

    `mmap_mode`: None reads the file into memory, "c" maps it copy-on-write. ValueError for another one.
    """

    __props__ = ("dtype", "broadcastable", "mmap_mode")

    def __init__(self, dtype: Any, broadcastable: Any, mmap_mode: str | None = None):
        self.dtype = np.dtype(dtype).name
        self.broadcastable = tuple(bool(one) for one in broadcastable)
        if mmap_mode not in (None, "c"):
            raise ValueError(f"The only supported values for mmap_mode are None and 'c', got {mmap_mode}")
        self.mmap_mode = mmap_mode

    def make_node(self, path: Any) -> Apply:
        if isinstance(path, (str, os.PathLike)):
            path = Constant(Generic(), os.fspath(path))
        return Apply(self, [path], [TensorType(self.dtype, self.broadcastable)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        (path,) = inputs
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"Expected the path of a file, got {path!r}")
        found = np.load(path, mmap_mode=self.mmap_mode, allow_pickle=False)  # type: ignore[arg-type]
        if found.dtype != np.dtype(self.dtype):
            raise TypeError(f"Expected an array of type {self.dtype}, got {found.dtype} instead")
        output_storage[0][0] = node.outputs[0].type.filter(found)

    def do_constant_folding(self, node: Apply) -> bool:
        """Never: the file may have changed when the function runs."""
        return False

    def grad(self, inputs: Any, output_gradients: Any) -> Any:
        return [grad_undefined(self, 0, inputs[0])]

    def __str__(self) -> str:
        return "Load{dtype: %s, broadcastable: %s, mmep: %s}" % (self.dtype, self.broadcastable, self.mmap_mode)


def load(path: Any, dtype: Any, broadcastable: Any, mmap_mode: str | None = None) -> Any:
    """The array in the `.npy` file at `path` (a string or a Generic variable), of the dtype and pattern announced."""
    return LoadFromDisk(dtype, broadcastable, mmap_mode)(path)

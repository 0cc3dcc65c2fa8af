"""Arrays read from files when a function runs."""
from __future__ import annotations

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.graph.type import Generic

A = np.arange(6.0).reshape(2, 3)


def run(variable, path):
    storage = [[None]]
    variable.owner.op.perform(variable.owner, [path], storage)
    return storage[0][0]


def test_load(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, A)
    for given in (str(path), path):
        out = T.load(given, "float64", (False, False))
        assert out.type == T.dmatrix
        assert str(out.owner.op) == "Load{dtype: float64, broadcastable: (False, False), mmep: None}"
        np.testing.assert_array_equal(run(out, out.owner.inputs[0].data), A)
    later = T.load(Generic()("path"), "float64", (False, False), mmap_mode="c")
    found = run(later, str(path))
    found[0, 0] = 9.0
    assert np.load(path)[0, 0] == 0.0 and not later.owner.op.do_constant_folding(later.owner)


def test_what_does_not_fit(tmp_path):
    path = str(tmp_path / "a.npy")
    np.save(path, A)
    for dtype, pattern, message in [("int64", (0, 0), "Expected an array of type int64, got float64 instead"),
                                    ("float64", (0,), "Wrong number of dimensions"), ("float64", (1, 0), "Non-unit")]:
        with pytest.raises(TypeError, match=message):
            run(T.load(path, dtype, pattern), path)
    with pytest.raises(FileNotFoundError):
        run(T.load(path, "float64", (0, 0)), path + "x")
    with pytest.raises(TypeError, match="path of a file"):
        run(T.load(path, "float64", (0, 0)), 3)
    with pytest.raises(ValueError, match="only supported values for mmap_mode are None and 'c', got r"):
        T.load(path, "float64", (0, 0), mmap_mode="r")


def test_pickles_are_not_read(tmp_path):
    path = str(tmp_path / "o.npy")
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError):
        run(T.load(path, "float64", (0,)), path)

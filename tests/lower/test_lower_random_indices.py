"""Random indices of every kind, read and written, against NumPy: op by op and interpreted."""
from __future__ import annotations

import numpy as np
from lowered import run_all

import symtensor.tensor as T
from symtensor.tensor.subtensor import inc_subtensor, set_subtensor

TRIALS = 60


def random_index(rng, shape):
    """(index for NumPy, index for variables, values of the variables)."""
    arrays = [(2,), (3, 1), (1,), (2, 3)][rng.integers(4)]
    numpy_index, symbolic, given = [], [], {}

    def integer(value):
        if value is None or rng.random() < 0.5:
            return value
        variable = T.lscalar() if rng.random() < 0.5 else T.iscalar()
        given[variable] = value
        return variable

    def bound(length):
        return None if rng.random() < 0.3 else int(rng.integers(-length - 2, length + 3))

    for length in shape[: rng.integers(0, len(shape) + 1)]:
        kind = rng.random()
        if kind < 0.25 and length:
            place = int(rng.integers(-length, length))
            numpy_index.append(place)
            symbolic.append(integer(place))
        elif kind < 0.7 or not length:
            step = None if rng.random() < 0.4 else int(rng.choice([-3, -2, -1, 1, 2, 3]))
            parts = bound(length), bound(length), step
            numpy_index.append(slice(*parts))
            symbolic.append(slice(*map(integer, parts)))
        elif kind < 0.9:
            places = rng.integers(-length, length, size=arrays)
            variable = T.TensorType("int64", [False] * places.ndim)()
            given[variable] = places
            numpy_index.append(places)
            symbolic.append(variable)
        else:
            mask = rng.random(length) < 0.5
            variable = T.TensorType("bool", (False,))()
            given[variable] = mask
            numpy_index.append(mask)
            symbolic.append(variable)
    if rng.random() < 0.3:
        numpy_index.append(Ellipsis)
        symbolic.append(Ellipsis)
    if rng.random() < 0.2:
        numpy_index.append(None)
        symbolic.append(None)
    return tuple(numpy_index), tuple(symbolic), given


def test_random_indices(rng):
    tried = 0
    while tried < TRIALS:
        shape = tuple(int(n) for n in rng.integers(0 if rng.random() < 0.2 else 1, 5, size=rng.integers(1, 4)))
        data = rng.normal(size=shape)
        index, symbolic, given = random_index(rng, shape)
        try:
            expected = np.asarray(data[index])
        except IndexError:  # a mask of one length beside arrays of another
            continue
        tried += 1
        x = T.TensorType("float64", [n == 1 and rng.random() < 0.5 for n in shape])("x")
        y = T.TensorType("float64", [False] * expected.ndim)("y")
        out = x[symbolic]
        new = rng.normal(size=expected.shape)
        outputs = [out, out * 2 + 1]
        if None not in [e if e is None else 0 for e in index]:
            outputs += [set_subtensor(out, y), inc_subtensor(out, y), inc_subtensor(out, 1.5), set_subtensor(out, -out)]
        results = run_all([x, y, *given], outputs, [data, new, *given.values()], compile=False)
        np.testing.assert_array_equal(results[0], expected)
        if len(results) > 2:
            added = data.copy()
            places = np.arange(data.size).reshape(shape)[index]
            np.add.at(added.ravel(), np.ravel(places), np.ravel(new))
            np.testing.assert_allclose(results[3], added)

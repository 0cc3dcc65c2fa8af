"""Ops of users inside compiled functions: plain ones, ones with params, ones that give views or destroy inputs."""

from __future__ import annotations

import numpy as np

import symtensor
import symtensor.tensor as T
from symtensor.graph.basic import Apply
from symtensor.graph.op import Op
from symtensor.graph.params_type import ParamsType
from symtensor.scalar import float64


class Scale(Op):
    """x * factor, the factor being a param."""

    __props__ = ("factor",)
    params_type = ParamsType(factor=float64)

    def __init__(self, factor):
        self.factor = factor

    def make_node(self, x):
        x = T.as_tensor_variable(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params):
        output_storage[0][0] = inputs[0] * params.factor


class Overwrite(Op):
    """x + 1, written over x."""

    __props__ = ()
    destroy_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        inputs[0] += 1
        output_storage[0][0] = inputs[0]


class Backwards(Op):
    """A view of x, last element first."""

    __props__ = ()
    view_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0][::-1]


def test_params():
    x = T.dvector()
    f = symtensor.function([x], Scale(2.5)(x) + 1)
    np.testing.assert_array_equal(f([1, 2]), [3.5, 6])


def test_what_is_destroyed_is_copied_where_it_is_needed():
    x = T.dvector()
    f = symtensor.function([x], [Overwrite()(x), x * 2, Overwrite()(x * 1.5)], accept_inplace=True)
    value = np.arange(3.0)
    for got, expected in zip(f(value), ([1, 2, 3], [0, 2, 4], [1, 2.5, 4]), strict=True):
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(value, np.arange(3.0))


def test_views_keep_their_memory():
    x, state = T.dvector(), symtensor.shared(np.zeros(3))
    f = symtensor.function([x], Backwards()(T.exp(x)) - T.exp(x), updates=[(state, Backwards()(state) + x)])
    np.testing.assert_allclose(f([0.0, 1.0, 2.0]), np.exp([2, 1, 0]) - np.exp([0, 1, 2]))
    f([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(state.get_value(), [2, 2, 2])

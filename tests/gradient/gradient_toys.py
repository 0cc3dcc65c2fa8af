"""Variables and toy ops for the tests of gradients."""
from __future__ import annotations

import numpy as np

import symtensor.tensor.var  # noqa: F401  (gives tensor types their variables)
from symtensor.graph.basic import Apply, Constant
from symtensor.graph.op import Op
from symtensor.graph.traversal import io_toposort
from symtensor.tensor.type import TensorType


def evaluate(output, given):
    """The value of a variable, op by op with `perform`, for values of the inputs of its graph."""
    values = {variable: variable.type.filter(np.asarray(value)) for variable, value in given.items()}
    for node in io_toposort(list(values), [output]):
        storage = [[None] for _ in node.outputs]
        node.op.perform(node, [v.data if isinstance(v, Constant) else values[v] for v in node.inputs], storage)
        values.update((v, cell[0]) for v, cell in zip(node.outputs, storage))
    return values[output]


def tensor(dtype, ndim, name=None):
    return TensorType(dtype, (False,) * ndim)(name)


def scalar(name=None):
    return tensor("float64", 0, name)


def vector(name=None):
    return tensor("float64", 1, name)


def matrix(name=None):
    return tensor("float64", 2, name)


class Toy(Op):
    """One input, one output of its type unless `outputs` says otherwise, and the gradients it is told to return."""

    def __init__(self, terms=None, outputs=None):
        self.terms = terms
        self.outputs = outputs
        self.seen = []

    def __str__(self):
        return "Toy"

    def make_node(self, *inputs):
        outputs = [t() for t in self.outputs] if self.outputs is not None else [inputs[0].type()]
        return Apply(self, list(inputs), outputs)

    def perform(self, node, inputs, output_storage, params=None):
        for storage in output_storage:
            storage[0] = inputs[0]

    def grad(self, inputs, output_gradients):
        self.seen.append(list(output_gradients))
        return self.terms(inputs, output_gradients) if callable(self.terms) else self.terms


class ToyWithPattern(Toy):
    """A toy that declares which outputs depend on which inputs."""

    def __init__(self, pattern, terms=None, outputs=None):
        super().__init__(terms, outputs)
        self.pattern = pattern

    def connection_pattern(self, node):
        return self.pattern

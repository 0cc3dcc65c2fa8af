"""A toy language for the tests of the graph layer: one type of floats, ops that add and scale."""
from __future__ import annotations

from symtensor.graph.basic import Apply, Variable
from symtensor.graph.op import Op
from symtensor.graph.type import Type


class Number(Type):
    __props__ = ("kind",)

    def __init__(self, kind="plain"):
        self.kind = kind

    def filter(self, data, strict=False, allow_downcast=None):
        if strict and not isinstance(data, float):
            raise TypeError(f"{data!r} is no float")
        return float(data)

    def convert_variable(self, var):
        if isinstance(var.type, Number) and self.kind == "wide":
            return Widen()(var)
        return None

    def __str__(self):
        return "Number" if self.kind == "plain" else f"Number({self.kind})"


number = Number()
wide = Number("wide")


class Sum(Op):
    __props__ = ("bias",)

    def __init__(self, bias=0.0):
        self.bias = bias

    def make_node(self, *inputs):
        return Apply(self, [as_number(x) for x in inputs], [number()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = float(sum(inputs)) + self.bias


class Widen(Op):
    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [wide()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0]


class Split(Op):
    """Two outputs: the number and its negative; the second depends on the first input only."""

    __props__ = ()

    def make_node(self, x, y):
        return Apply(self, [x, y], [number(), number()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] + inputs[1]
        output_storage[1][0] = -inputs[0]

    def connection_pattern(self, node):
        return [[True, True], [True, False]]


class View(Op):
    __props__ = ()
    view_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])


class Bump(Op):
    """Overwrites its input."""

    __props__ = ()
    destroy_map = {0: [0]}

    def make_node(self, x):
        return Apply(self, [x], [x.type()])


def as_number(x):
    return x if isinstance(x, Variable) else number.make_constant(x)


add = Sum()
add1 = Sum(1.0)
split = Split()


def chain(length, start):
    """`add1` applied `length` times."""
    for _ in range(length):
        start = add1(start)
    return start

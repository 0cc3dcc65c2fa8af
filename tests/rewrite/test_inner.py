"""Graphs inside ops: what is inlined, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

import symtensor
import symtensor.tensor as T


@pytest.mark.parametrize("inline", [True, False])
def test_op_from_graph(inline):
    x, y = T.dmatrices("x", "y")
    inner = symtensor.OpFromGraph([x, y], [x + y**2], inline=inline)
    outer = symtensor.OpFromGraph([x, y], [inner(x, y) * 2], inline=inline)
    f = symtensor.function([x, y], outer(x, y) + 1)
    ops = [node.op for node in f.maker.fgraph.toposort()]
    assert any(isinstance(op, symtensor.OpFromGraph) for op in ops) is not inline
    a, b = np.arange(6.0).reshape(2, 3), np.ones((2, 3)) * 3
    np.testing.assert_array_equal(f(a, b), (a + 9) * 2 + 1)


def test_rules_reach_the_bodies_of_scans():
    x = T.dvector()
    out, _ = symtensor.scan(lambda v: T.log(1 + T.exp(v)), x)
    f = symtensor.function([x], out)
    np.testing.assert_allclose(f([-800.0, 0.0, 800.0]), [0, np.log(2), 800])

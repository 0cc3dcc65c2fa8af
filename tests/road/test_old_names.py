"""Theano's dotted paths under `symtensor.`, and unchanged programs under the word `theano`."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from symtensor.compat.paths import PATHS


@pytest.mark.parametrize("path", PATHS)
def test_sources_exist(path):
    for source in PATHS[path]:
        importlib.import_module(f"symtensor.{source}")
    importlib.import_module(f"symtensor.{path}")


@pytest.mark.parametrize(
    "path, name",
    [
        ("gof", "Op"),
        ("gof", "Apply"),
        ("gof", "local_optimizer"),
        ("gof.graph", "is_same_graph"),
        ("gof.graph", "io_toposort"),
        ("gof.opt", "PatternSub"),
        ("gof.optdb", "Query"),
        ("gof.toolbox", "Feature"),
        ("gof.null_type", "NullType"),
        ("compile.ops", "as_op"),
        ("compile.sharedvalue", "SharedVariable"),
        ("raise_op", "Assert"),
        ("ifelse", "ifelse"),
        ("compile.builders", "OpFromGraph"),
        ("gof.type", "Type"),
    ],
)
def test_names_are_found(path, name):
    assert getattr(importlib.import_module(f"symtensor.{path}"), name) is not None


def test_missing_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        importlib.import_module("symtensor.gof").nonsense
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("symtensor.nonsense")


PROGRAM = """
import sys
import numpy
import theano
import theano.tensor as T
from theano import function, shared
from theano.gof import Op
from theano.tensor.nnet import sigmoid
import symtensor
x = T.vector('x')
w = shared(numpy.ones(3, dtype=theano.config.floatX), name='w')
f = function([x], sigmoid(T.dot(x, w)), updates=[(w, w * 2)])
print(f([0, 0, 0]), w.get_value()[0], theano.config.floatX, sys.argv[1:])
assert isinstance(x, symtensor.tensor.TensorVariable) and theano.tensor is symtensor.tensor
assert isinstance(theano.tensor.add, symtensor.gof.Op) and issubclass(Op, symtensor.graph.op.Op)
assert x.type.__class__.__module__ == 'symtensor.tensor.type'
"""


def test_unchanged_program_as_script(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    run = subprocess.run(
        [sys.executable, "-m", "symtensor.compat.theano", str(script), "a", "b"],
        capture_output=True,
        text=True,
        env={**__import__("os").environ, "THEANO_FLAGS": "floatX=float32"},
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "0.5 2.0 float32 ['a', 'b']\n"


def test_install_after_another_theano_is_refused():
    code = (
        "import sys, types; sys.modules['theano'] = types.ModuleType('theano')\n"
        "import symtensor.compat.theano as c\n"
        "try: c.install()\nexcept ImportError as error: print('refused:', error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "refused: theano has already been imported" in run.stdout, run.stderr

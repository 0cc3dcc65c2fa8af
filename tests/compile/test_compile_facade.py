"""The facade: names, and that importing it is quick and quiet."""
from __future__ import annotations

import logging
import subprocess
import sys

import pytest

import symtensor
import symtensor.compile as compiling
import symtensor.tensor as T


def test_every_name_is_there():
    for name in symtensor.__all__:
        assert getattr(symtensor, name) is not None
    assert set(symtensor.__all__) <= set(dir(symtensor))
    with pytest.raises(AttributeError, match="module 'symtensor' has no attribute 'nonsense'"):
        symtensor.nonsense


def test_names_lead_to_one_object():
    assert symtensor.function is compiling.function and symtensor.In is compiling.In
    assert symtensor.config is compiling.config
    assert symtensor.shared is compiling.shared and symtensor.tensor is T
    assert symtensor.compile.io.In is symtensor.In


def test_importing_runs_nothing_and_prints_nothing():
    code = (
        "import sys, numpy\n"
        "import subprocess, os\n"
        "def refuse(*a, **k): raise SystemExit('a process was started')\n"
        "subprocess.Popen = os.system = os.fork = refuse\n"
        "import symtensor\n"
        "heavy = [m for m in ('symtensor.compile', 'symtensor.tensor', 'symtensor.rewrite', 'scipy') if m in "
        "sys.modules]\n"
        "assert not heavy, heavy\n"
        "assert symtensor.config.floatX and symtensor.__version__\n")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_eval_works_before_anything_was_compiled():
    code = "import symtensor.tensor as T\nx = T.dscalar('x')\nprint((x + 1).eval({x: 1}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2.0\n"


def test_dot_of_anything_that_has_one():
    class Odd:
        def __rdot__(self, other):
            return "rdot"

    v = T.dvector("v")
    assert symtensor.dot(v, v).type == T.dscalar and symtensor.dot(3, Odd()) == "rdot"
    with pytest.raises(NotImplementedError, match="Dot failed for the following reasons:"):
        symtensor.dot(3, 4)


def test_constant_values():
    assert symtensor.get_scalar_constant_value(T.constant(3) + 0) == 3
    with pytest.raises(Exception) as caught:
        symtensor.get_scalar_constant_value(T.dscalar())
    assert type(caught.value).__name__ == "NotScalarConstantError"


def test_log_handlers():
    logger = logging.getLogger("symtensor.test")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    assert symtensor.has_handlers(logger)
    symtensor.disable_log_handler(logger, handler)
    assert handler not in logger.handlers

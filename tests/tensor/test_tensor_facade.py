"""symtensor.tensor offers what theano.tensor does, and loads quickly what it can."""
from __future__ import annotations

import subprocess
import sys

import pytest

import symtensor.tensor as T
from symtensor.tensor import basic, creation, elemwise


def test_every_exported_name_exists():
    for module in (T, basic, creation, elemwise):
        assert [name for name in module.__all__ if not hasattr(module, name)] == []
        assert len(set(module.__all__)) == len(module.__all__)


def test_functions_are_not_hidden_by_modules_of_the_same_name():
    for name in ("sort", "alloc", "constant", "diagonal", "transfer", "choose"):
        assert callable(getattr(T, name)), name
    assert T.complex(T.dscalar(), 1.0).dtype == "complex128"
    assert T.pow is T.basic.pow and T.Tensor is T.TensorType and T.as_tensor is T.as_tensor_variable


def test_names_of_later_layers_are_loaded_on_demand():
    import symtensor.gradient

    assert T.grad is symtensor.gradient.grad and T.Rop is symtensor.gradient.Rop
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        T.nonsense
    assert "grad" in dir(T) and "nnet" in dir(T)


def test_gradients_are_not_loaded_with_tensors():
    code = "import sys, symtensor.tensor; print(sorted(n for n in sys.modules if n.startswith('symtensor.gradient')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["symtensor.tensor.var", "symtensor.tensor.elementwise", "symtensor.updates",
                                    "symtensor.tensor.sharedvar", "symtensor.tensor.extra_ops"])
def test_any_module_may_be_imported_first(module):
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {module}"], check=True)

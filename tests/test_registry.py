"""Every op of tensors says what it computes, its sizes, its gradient, and how it becomes a Program.

What an op lacks stands in one of the tables here, with the reason; an entry that is no longer needed fails too.
"""
from __future__ import annotations

import importlib
import pkgutil

import pytest

import symtensor
from symtensor.graph.op import Op
from symtensor.lower import driver, registry
from symtensor.scalar.op import ScalarOp

# Bases of ops: nothing is an instance of them.
BASES = {
    "_BatchNorm", "_DiagonalMatrix", "_ProductOp", "_Sorting", "BaseAdvancedIncSubtensor", "BaseAdvancedSubtensor",
    "GemmRelated",
}
NO_PERFORM: dict[str, str] = {}
NO_SHAPE = {
    "Default": "its values may be of any type",
    "LoadFromDisk": "the file alone knows",
    "MakeSlice": "a slice has no sizes",
    "Nonzero": "how many elements are not zero shows at run time",
    "Unique": "how many different elements there are shows at run time",
}
NO_GRADIENT = {
    "Dot22": "stands in optimised graphs only",
    "Dot22Scalar": "stands in optimised graphs only",
    "Gemm": "stands in optimised graphs only",
    "Gemv": "stands in optimised graphs only",
    "Ger": "stands in optimised graphs only",
}
PYTHON_ONLY = {
    "Bartlett": "a window is computed once, and small",
    "Choose": "its choices broadcast at run time as NumPy's do",
    "Default": "its values may be of any type",
    "LoadFromDisk": "reads a file",
    "MakeSlice": "a slice is a Python object; indexing by a known one never makes it",
    "PermuteRowElements": "rare",
    "RavelMultiIndex": "rare; its checks depend on the mode",
    "RandomFunction": "its generator is a Python object",
    "SearchsortedOp": "NumPy's binary search is compiled, and the sorter is optional",
    "Tile": "deprecated; `tile` builds it of other ops",
    "TopKOp": "NumPy's selection is compiled",
    "Unique": "how many different elements there are shows at run time",
    "UnravelIndex": "rare; its checks depend on the mode",
}


def _subclasses(cls: type) -> list[type]:
    found = []
    for sub in cls.__subclasses__():
        found += [sub, *_subclasses(sub)]
    return found


def _ops() -> list[type]:
    for module in pkgutil.walk_packages(symtensor.__path__, "symtensor."):
        if module.name.startswith(("symtensor.tensor", "symtensor.control", "symtensor.gradient")):
            importlib.import_module(module.name)
    ops = {cls for cls in _subclasses(Op) if cls.__module__.startswith("symtensor.tensor")}
    return sorted((c for c in ops if not issubclass(c, ScalarOp) and c.__name__ not in BASES),
                  key=lambda c: (c.__module__, c.__name__))


OPS = _ops()


def _brings(cls: type, *names: str) -> bool:
    """Whether the class or a base of it other than `Op` defines one of the methods."""
    return any(name in base.__dict__ for base in cls.__mro__ if base is not object and base not in Op.__mro__
               for name in names)


def _lowered(cls: type) -> bool:
    """Whether a rule is registered for the class (or for a base with the same `perform`)."""
    for table in (registry.ELEMENT_RULES, registry.VIEW_RULES, registry.EMIT_RULES):
        for base in cls.__mro__:
            if base in table:
                if cls.perform is base.perform:
                    return True
                break
    return False


QUESTIONS = {
    "perform": (lambda cls: _brings(cls, "perform"), NO_PERFORM),
    "infer_shape": (lambda cls: _brings(cls, "infer_shape"), NO_SHAPE),
    "a gradient": (lambda cls: _brings(cls, "grad", "L_op"), NO_GRADIENT),
    "a lowering": (_lowered, PYTHON_ONLY),
}


@pytest.mark.parametrize("question", list(QUESTIONS))
def test_every_op_has(question):
    has, reasons = QUESTIONS[question]
    lacking = {cls.__name__ for cls in OPS if not has(cls)}
    assert lacking - set(reasons) == set(), f"ops without {question}"
    assert set(reasons) - lacking == set(), f"listed as ops without {question}, but have it"


def test_the_walk_finds_ops():
    assert driver is not None and len(OPS) > 80
    assert {"Elemwise", "DimShuffle", "Softmax", "Gemm", "AdvancedSubtensor"} <= {cls.__name__ for cls in OPS}


def test_every_rule_belongs_to_an_op():
    """Rules are for Op classes that still exist, each with one way at least to its values."""
    for table in (registry.ELEMENT_RULES, registry.VIEW_RULES, registry.EMIT_RULES):
        assert all(issubclass(cls, Op) for cls in table)
    assert not [cls for cls in registry.VIEW_RULES if cls not in registry.ELEMENT_RULES]

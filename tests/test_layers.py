"""Imports go one way: a module may import from its own layer or a lower one, and only at the top of the file."""
from __future__ import annotations

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent / "symtensor"

# The first matching prefix decides; longest prefixes first.
LAYERS = {
    "compat": 15,
    "__main__": 14,
    "doctor": 14,
    "distributed": 14,
    "compile": 13,
    "printing": 12,
    "runtime": 11,
    "codegen": 10,
    "lower": 9,
    "rewrite": 8,
    "tensor.nnet": 7,
    "tensor.signal": 7,
    "tensor.raw_random": 7,
    "tensor.shared_randomstreams": 7,
    "sandbox": 7,
    "sparse": 7,
    "typed_list": 7,
    "control": 6,
    "gradient": 5,
    "tensor": 4,
    "updates": 4,
    "scan_module": 6,
    "ir": 3,
    "scalar": 2,
    "graph": 1,
    "_version": 0,
    "config": 0,
    "configdefaults": 0,
    "configparser": 0,
    "errors": 0,
    "utils": 0,
}
# What a layer may not see although it is lower.
FORBIDDEN = {
    "codegen": ("graph", "tensor", "gradient", "control", "rewrite", "lower"),
    "ir": ("graph",),
    "lower": ("rewrite",),
    "runtime": ("tensor", "gradient", "control", "rewrite", "lower"),
}
FACADES = {"", "tensor", "_version"}


def module_name(path: pathlib.Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(module: str) -> int | None:
    for prefix in sorted(LAYERS, key=len, reverse=True):
        if module == prefix or module.startswith(prefix + "."):
            return LAYERS[prefix]
    return None


def imports(path: pathlib.Path):
    """(imported module without the package, line, inside a function?) of every import of our own package."""
    package = module_name(path).split(".") if path.name == "__init__.py" else module_name(path).split(".")[:-1]
    tree = ast.parse(path.read_text())
    inner = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner.update(id(n) for n in ast.walk(node) if isinstance(n, (ast.Import, ast.ImportFrom)))
    typing_only = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            typing_only.update(id(n) for n in ast.walk(node))
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = [p for p in package if p]
                base = base[: len(base) - node.level + 1]
                names = ["symtensor." + ".".join(base + ([node.module] if node.module else []))]
            else:
                names = [node.module or ""]
            names = [n for n in names if n.split(".")[0] == "symtensor"]
            names = [f"{n}.{a.name}" for n in names for a in node.names]
        for name in names:
            if name.split(".")[0] == "symtensor":
                yield name.removeprefix("symtensor").strip("."), node.lineno, id(node) in inner


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: module_name(p) or "symtensor")
def test_imports_go_one_way(path):
    own = module_name(path)
    found = list(imports(path))
    hidden = [line for _, line, inside in found if inside]
    assert not hidden, f"imports hidden in functions at lines {hidden}"
    if own in FACADES:
        return
    rank = layer(own)
    assert rank is not None, f"{own} has no layer: add it to LAYERS"
    for name, line, _ in found:
        if name.split(".")[0] == "_version" or name.split(".")[0].startswith("_executor"):
            continue
        other = layer(name)
        assert other is not None, f"line {line}: import of the facade or of an unknown module {name!r}"
        assert other <= rank, f"line {line}: layer {rank} imports {name} of layer {other}"
        for banned in FORBIDDEN.get(own.split(".")[0], ()):
            assert not (name + ".").startswith(banned + "."), f"line {line}: {own} may not see {name}"

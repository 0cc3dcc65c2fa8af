"""`pp` and `debugprint` of some 420 unoptimised graphs, against the texts that Theano 1.0.5 prints for them.

`printing_graphs.py` builds the graphs, `recorded/*.txt` holds the texts; the package's name is replaced and memory
addresses are cut off. Where we differ on purpose, `recorded_differences.txt` says why and what we print.
"""
from __future__ import annotations

import pathlib
import re
from types import SimpleNamespace

import pytest
from printing_graphs import GRAPHS

import symtensor.tensor
import symtensor.tensor.nnet
from symtensor import gradient
from symtensor.control import builders, function_op, ifelse, raise_op
from symtensor.gradient import Lop, Rop, grad
from symtensor.printing import Print, debugprint, pp

HERE = pathlib.Path(__file__).parent


class _Tensor:
    """`symtensor.tensor`, with the names that other modules of the package hold."""

    opt = raise_op
    grad, Rop, Lop = staticmethod(grad), staticmethod(Rop), staticmethod(Lop)

    def __getattr__(self, name):
        return getattr(symtensor.tensor, name)


PACKAGE = SimpleNamespace(
    tensor=_Tensor(), shared=symtensor.tensor.sharedvar.shared, gradient=gradient, ifelse=ifelse,
    printing=SimpleNamespace(Print=Print), compile=SimpleNamespace(ops=function_op, builders=builders),
)


def read(path):
    """The blocks of a file of recorded texts: name -> {"pp": ..., "debugprint": ...}."""
    blocks = {}
    for block in re.split(r"^=== ", path.read_text(), flags=re.M)[1:]:
        name, rest = block.split("\n", 1)
        parts = re.split(r"^--- (\w+)\n", rest, flags=re.M)[1:]
        blocks[name] = {key: text if key == "debugprint" else text[:-1] for key, text in zip(parts[::2], parts[1::2])}
    return blocks


RECORDED = {name: block for path in sorted((HERE / "recorded").glob("*.txt")) for name, block in read(path).items()}
DIFFERENT = read(HERE / "recorded_differences.txt")


def without_addresses(text):
    return re.sub(r"0x[0-9a-f]+", "0x", text)


def forms(name):
    built = GRAPHS[name](PACKAGE)
    outputs = list(built) if isinstance(built, (list, tuple)) else [built]
    return {
        "pp": without_addresses("\n".join(pp(output) for output in outputs)),
        "debugprint": without_addresses(debugprint(outputs, file="str", print_type=True)),
    }


@pytest.mark.filterwarnings("ignore:DEPRECATION. If x is a vector:UserWarning")
@pytest.mark.parametrize("name", RECORDED)
def test_form(name):
    ours, theirs = forms(name), RECORDED[name]
    if name in DIFFERENT:
        assert ours != theirs, f"no longer different: {DIFFERENT[name]['why']}"
        theirs = {key: DIFFERENT[name][key] for key in theirs}
    assert ours["pp"] == theirs["pp"]
    assert ours["debugprint"] == theirs["debugprint"]


def test_every_graph_is_recorded():
    assert set(GRAPHS) == set(RECORDED)
    assert set(DIFFERENT) <= set(RECORDED)
    assert len(RECORDED) > 400

"""Kernels, byte for byte; the same in every process."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from golden_kernels import FOLDER, KEPT, kept_kernels


@pytest.mark.parametrize("name", KEPT)
def test_text(name):
    expected = (FOLDER / f"{name}.cu").read_text()
    assert kept_kernels(name) == expected, "python tests/cuda/golden_kernels.py rewrites it"


def test_no_text_is_left_over():
    assert sorted(p.stem for p in FOLDER.glob("*.cu")) == sorted(KEPT)


def test_texts_do_not_depend_on_the_hash_seed():
    code = "import golden_kernels as g, zlib; print([zlib.crc32(g.kept_kernels(n).encode()) for n in g.KEPT])"
    here, found = Path(__file__).parent, set()
    for seed in ("1", "2"):
        places = [here, here.parent / "codegen", here.parents[1]]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(map(str, places))}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1

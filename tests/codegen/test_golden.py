"""Printed texts, byte for byte; the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from golden import FOLDER, PROGRAMS, kept_text
from harness import compile_unit

from symtensor.codegen.c import print_program


@pytest.mark.parametrize("name", PROGRAMS)
def test_text(name):
    expected = (FOLDER / f"{name}.c").read_text()
    assert kept_text(PROGRAMS[name]()) == expected, "python tests/codegen/golden.py rewrites it"


def test_every_program_compiles_without_warnings():
    for make in PROGRAMS.values():
        compile_unit(print_program(make()))


def test_no_text_is_left_over():
    assert sorted(p.stem for p in FOLDER.glob("*.c")) == sorted(PROGRAMS)


def test_texts_do_not_depend_on_the_hash_seed():
    code = "import golden, zlib; print([zlib.crc32(golden.kept_text(m()).encode()) for m in golden.PROGRAMS.values()])"
    here = Path(__file__).parent
    found = set()
    for seed in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])]),
        }
        found.add(
            subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
            ).stdout
        )
    assert len(found) == 1

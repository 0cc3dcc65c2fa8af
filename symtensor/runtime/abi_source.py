"""Makes `symtensor/runtime/_abi.py` from `csrc/abi.h`: cffi's description of the interface, parsed once and for all.

Run `python -m symtensor.runtime.abi_source` from a checkout after a change of the header (a test compares). The module
it writes needs no parser and costs half a millisecond a process.
"""
from __future__ import annotations

import sys
from pathlib import Path

import cffi

HEADER = (
    '"""The interface of csrc/abi.h as cffi reads it; made by symtensor.runtime.abi_source, not by hand."""\n'
    "# ruff: noqa\n# mypy: ignore-errors\n"
)
TARGET = Path(__file__).with_name("_abi.py")


def generated(header: str, path: Path) -> str:
    """The text of the module for a header; `path` is a file to write it to on the way."""
    builder = cffi.FFI()
    builder.cdef(header)
    builder.set_source("symtensor.runtime._abi", None)
    builder.emit_python_code(str(path))
    return HEADER + path.read_text()


def main(header: str) -> None:
    """Rewrites the module from the header file at `header`."""
    TARGET.write_text(generated(Path(header).read_text(), TARGET))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(TARGET.parents[2] / "csrc" / "abi.h"))

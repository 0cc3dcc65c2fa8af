"""`python -m symtensor.compat.theano [-m module | script.py] [arguments]`: runs an unchanged Theano program."""
from __future__ import annotations

import os
import runpy
import sys

from symtensor.compat.theano import install

USAGE = "usage: python -m symtensor.compat.theano [-m module | script.py] [arguments]"


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.exit(USAGE)
    install()
    if arguments[0] == "-m":
        if len(arguments) < 2:
            sys.exit(USAGE)
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()

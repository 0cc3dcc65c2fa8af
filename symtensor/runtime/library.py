"""NumPy versions of the library routines that `ir.Call` names: what the interpreter runs.

Each takes (outputs, inputs, scalars): arrays already allocated and written in place, arrays read, NumPy scalars. The
names and roles are those of `symtensor.codegen.library`.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Routine = Callable[[list[np.ndarray], list[np.ndarray], list[Any]], None]

ROUTINES: Mapping[str, Routine] = {}

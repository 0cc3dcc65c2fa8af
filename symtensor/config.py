"""Configuration (bootstrap)."""
from __future__ import annotations

from types import SimpleNamespace

config = SimpleNamespace(
    floatX="float64", compute_test_value="off", compute_test_value_opt="off", print_test_value=False, pickle_test_value=True,
    traceback=SimpleNamespace(limit=8, compile_limit=0), exception_verbosity="low", cast_policy="custom", int_division="int",
    warn_float64="ignore", device="cpu", mode="Mode", optimizer="o4", linker="cvm", check_input=True, openmp=False,
    optimizer_verbose=False, profile=False)

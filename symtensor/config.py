"""The configuration: `from symtensor.config import config`.

`config.floatX`, `config.blas.ldflags` ... read as attributes and are set by assignment, by `change_flags` for a while,
by the environment variable SYMTENSOR_FLAGS and by the file `~/.symtensorrc`. See `symtensor.configparser` for the
machinery and `symtensor.configdefaults` for the table of flags.
"""
from __future__ import annotations

from symtensor.configdefaults import FLAGS, flag_table
from symtensor.configparser import (
    AddConfigVar,
    BoolParam,
    ConfigParam,
    EnumStr,
    FloatParam,
    IntParam,
    StrParam,
    TypedParam,
    change_flags,
    config,
    load_flags,
    load_rc,
)

__all__ = [
    "AddConfigVar", "BoolParam", "ConfigParam", "EnumStr", "FLAGS", "FloatParam", "IntParam", "StrParam", "TypedParam",
    "change_flags", "config", "flag_table", "load_flags", "load_rc",
]

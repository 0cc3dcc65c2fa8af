"""The functions of csrc/ that a unit needs, found by name: nothing unused is printed.

The headers are plain C, one definition a paragraph, without blank lines inside. A definition whose name ends in `_X`
is a pattern for several dtypes: in it T is the C type, U the unsigned type it computes in, C the type of the dtype
itself (T is the real type of a complex one), M its type in memory, X its tag, ST_F(name) the libm function for T;
ST_SIGNED, ST_FLOAT, ST_HALF and ST_COMPLEX are 1 or 0. What a definition calls is found by reading it.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from symtensor.codegen.c.built_in import NAMES, symbol
from symtensor.codegen.c.dialect import LOCAL, MEMORY, TAG, UNSIGNED, kind
from symtensor.codegen.target import Target

HEADERS = ("convert.h", "arith.h", "float16.h", "complex.h", "special.h", "bessel.h", "reduce.h", "memory.h",
           "device.h", "routine.h", "blas_table.h", "blas.h", "sort.h", "search.h")

_ONE = ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "acos", "asin", "atan", "cosh",
        "sinh", "tanh", "acosh", "asinh", "atanh", "erf", "erfc", "tgamma", "cbrt", "j0", "j1")
_TWO = ("pow", "atan2", "hypot", "fmod")
_COMPLEX_ONE = ("cexp", "clog", "csin", "ccos", "ctan", "casin", "cacos", "catan", "csinh", "ccosh", "ctanh", "casinh",
                "cacosh", "catanh", "csqrt")


def _prototypes() -> dict[str, str]:
    table = {}
    for suffix, t in (("", "double"), ("f", "float")):
        c = t + " _Complex"
        table.update({n + suffix: f"{t} {n}{suffix}({t})" for n in _ONE})
        table.update({n + suffix: f"{t} {n}{suffix}({t}, {t})" for n in _TWO})
        table.update({n + suffix: f"{c} {n}{suffix}({c})" for n in _COMPLEX_ONE})
        table["cpow" + suffix] = f"{c} cpow{suffix}({c}, {c})"
    table["lgamma_r"] = "double lgamma_r(double, int *)"
    return table


LIBM = _prototypes()

PRELUDE = """\
#define ST_INLINE static inline __attribute__((always_inline))
#define ST_NEST static __attribute__((noinline))
#define ST_RARE static __attribute__((noinline, cold))
"""

_CALLED = re.compile(r"\b([a-z]\w*)\b")
_DEFINED = re.compile(r"\b(st_\w+)\s*\(")
_TYPE = re.compile(r"\b(st_\w+);\s*\Z")
_MACRO = re.compile(r"#define (\w+)")
_DTYPE_OF_TAG = {tag: dtype for dtype, tag in TAG.items()}


@lru_cache(maxsize=None)
def source_folder(name: str = "csrc") -> Path:
    """Where csrc/ (or cuda/) lies: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def without_comments(text: str) -> str:
    """C text without comments; where one has lines of its own, without these lines."""
    parts: list[str] = []
    end = 0
    for start in iter(lambda: text.find("/*", end), -1):
        before, end = text[end:start].rstrip(" \t"), text.index("*/", start) + 2
        if text[end:end + 1] == "\n" and (before.endswith("\n") or not (before or parts)):
            end += 1
        parts.append(before)
    return "".join(parts) + text[end:]


@lru_cache(maxsize=None)
def abi_text() -> str:
    """abi.h without comments: what every unit begins with."""
    text = without_comments((source_folder() / "abi.h").read_text())
    return re.sub(r"\n{2,}", "\n", text).lstrip("\n")


class Sources:
    """Functions in headers, by name. `libm`: prototypes of functions that are called without being defined."""

    def __init__(self, headers: Sequence[tuple[str, str]], libm: Mapping[str, str]):
        self.headers = headers  # (folder, file)
        self.libm = libm
        self.table: dict[str, str] | None = None
        self.instances: dict[str, str | None] = {}
        self.names: dict[str, tuple[str, ...]] = {}

    def definitions(self) -> dict[str, str]:
        """Every definition, patterns as they are."""
        if self.table is not None:
            return self.table
        table: dict[str, str] = {}
        for folder, name in self.headers:
            path = source_folder(folder) / name
            if not path.is_file():
                continue
            for paragraph in without_comments(path.read_text()).split("\n\n"):
                text = paragraph.strip("\n ")
                if not text:
                    continue
                found = _TYPE.search(text) if text.startswith("typedef") else None
                found = found or (_MACRO if text.startswith("#define") else _DEFINED).search(text)
                if found is None:
                    raise ValueError(f"{name}: no definition in {text!r}")
                key = next(g for g in found.groups() if g)
                if key in table:
                    raise ValueError(f"{name}: {key} is defined twice")
                table[key] = text
        self.table = table
        return table

    def instance(self, name: str) -> str | None:
        """The text that defines a name, patterns filled in; None if no header defines it."""
        if name not in self.instances:
            self.instances[name] = _instance(self.definitions(), name)
        return self.instances[name]

    def mentioned(self, text: str) -> tuple[str, ...]:
        """Names in a C text that are functions or types of the headers or of libm, in order of appearance."""
        found = self.names.get(text)
        if found is None:
            names = dict.fromkeys(_CALLED.findall(text))
            found = tuple(n for n in names
                          if n in self.libm or (n.startswith("st_") and self.instance(n) is not None))
            if len(self.names) < 4096:
                self.names[text] = found
        return found


def _instance(table: Mapping[str, str], name: str) -> str | None:
    if name in table:
        return table[name]
    root, _, tag = name.rpartition("_")
    pattern = table.get(root + "_X")
    dtype = _DTYPE_OF_TAG.get(tag)
    if pattern is None or dtype is None:
        return None
    real = {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
    words = {"T": LOCAL[real] if dtype != "bool" else "st_u8", "U": UNSIGNED.get(dtype, "st_u32"), "C": LOCAL[dtype],
             "X": tag, "M": MEMORY[dtype],
             "ST_SIGNED": str(int(kind(dtype) == "i")), "ST_FLOAT": str(int(kind(real) == "f")),
             "ST_HALF": str(int(dtype == "float16")), "ST_COMPLEX": str(int(kind(dtype) == "c"))}
    suffix = "" if real == "float64" else "f"
    text = re.sub(r"\bST_F\((\w+)\)", rf"\g<1>{suffix}", pattern)
    text = re.sub(r"\b(T|U|C|M|X|ST_SIGNED|ST_FLOAT|ST_HALF|ST_COMPLEX)\b", lambda m: words[m.group(1)], text)
    return re.sub(r"(?<=_)X\b", tag, text)


C_SOURCES = Sources([("csrc", name) for name in HEADERS], LIBM)


def mentioned(text: str) -> tuple[str, ...]:
    """Names in a C text that are functions or types of csrc/ or of libm, in order of appearance."""
    return C_SOURCES.mentioned(text)


def declared(text: str) -> str:
    """The declaration of a function, from its definition."""
    return text.partition(" {\n")[0].removeprefix("ST_NEST ").removeprefix("ST_RARE ")


class Helpers:
    """Collects what a unit calls; `text` gives the definitions, each after those that it needs. Of what is built into
    the extension for the target there are only declarations."""

    def __init__(self, target: Target, sources: Sources = C_SOURCES):
        self.target = target
        self.sources = sources
        self.prototypes: dict[str, str] = {}
        self.texts: dict[str, str] = {}

    def need(self, name: str) -> None:
        if name in self.prototypes or name in self.texts:
            return
        if name in self.sources.libm:
            simd = '__attribute__((simd("notinbranch"))) ' if name in self.target.simd_math else ""
            self.prototypes[name] = f"{simd}{self.sources.libm[name]};"
            return
        text = self.sources.instance(name)
        if text is None:
            raise KeyError(f"csrc/ does not define {name}")
        if self.target.built_in and name in NAMES:
            self.prototypes[name] = f'{declared(text)} __asm__("{symbol(name, self.target.built_in)}");'
            return
        self.need_all(n for n in self.sources.mentioned(text) if n != name)
        self.texts[name] = text

    def need_all(self, names: Iterable[str]) -> None:
        for name in names:
            self.need(name)

    def scan(self, text: str) -> None:
        """Notes everything that a (short, often repeated) text mentions."""
        for name in self.sources.mentioned(text):
            if name not in self.prototypes and name not in self.texts:
                self.need(name)

    def text(self) -> str:
        parts = [*self.prototypes.values(), *self.texts.values()]
        return "\n".join(parts) + "\n" if parts else ""

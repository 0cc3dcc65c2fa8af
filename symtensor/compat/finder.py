"""Import finders: Theano's dotted paths under `symtensor.`, and the same modules under the word `theano`.

`OldPathFinder` answers for the paths of `compat.paths`: it makes a module whose attributes are looked up, when first
asked for, in the modules that the table names. Real modules of the package always come first. `AliasFinder` (used by
`compat.theano.install`) makes `theano.X` the very module `symtensor.X`, so that classes are the same under both words.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

from symtensor.compat.paths import PATHS

PACKAGE = "symtensor"


class OldModule(ModuleType):
    """A module of old names, each found in the first of `sources` that has it."""

    __path__: list[str] = []

    def __init__(self, name: str, sources: Sequence[str]):
        super().__init__(name, f"Theano's {name.removeprefix(PACKAGE + '.')}: names from {', '.join(sources)}.")
        self.__dict__["_sources"] = tuple(sources)

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        for source in self.__dict__["_sources"]:
            module = importlib.import_module(source)
            try:
                value = getattr(module, name)
            except AttributeError:
                continue
            if name in vars(module):  # what a module computes when asked may be something else the next time
                self.__dict__[name] = value
            return value
        child = f"{self.__name__}.{name}"
        if importlib.util.find_spec(child) is not None:
            return importlib.import_module(child)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        names = set(super().__dir__())
        for source in self.__dict__["_sources"]:
            names.update(n for n in dir(importlib.import_module(source)) if not n.startswith("_"))
        return sorted(names)


class OldPathFinder:
    """Serves the table's paths under `symtensor.`."""

    def find_spec(self, fullname, path=None, target=None):
        if not fullname.startswith(PACKAGE + "."):
            return None
        if fullname.removeprefix(PACKAGE + ".") not in PATHS:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        return OldModule(
            spec.name, [f"{PACKAGE}.{s}".rstrip(".") for s in PATHS[spec.name.removeprefix(PACKAGE + ".")]]
        )

    def exec_module(self, module) -> None:
        """Nothing to run: names are looked up when asked for."""


class AliasFinder:
    """Makes `word` and everything below it the modules of this package."""

    def __init__(self, word: str):
        self.word = word

    def _own(self, name: str) -> str:
        return PACKAGE + name[len(self.word) :]

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.word and not fullname.startswith(self.word + "."):
            return None
        try:
            own = importlib.util.find_spec(self._own(fullname))
        except ModuleNotFoundError:
            return None
        if own is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=own.submodule_search_locations is not None)

    def create_module(self, spec):
        module = importlib.import_module(self._own(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module) -> None:
        """The module has run under its own name; its spec stays its own."""
        spec = module.__spec__
        if spec is not None and spec.loader is self:
            module.__spec__ = spec.loader_state


def install_old_paths() -> None:
    """Puts the finder of old paths behind the ordinary ones (once)."""
    if not any(isinstance(finder, OldPathFinder) for finder in sys.meta_path):
        sys.meta_path.append(OldPathFinder())

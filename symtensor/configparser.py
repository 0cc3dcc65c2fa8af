"""The machinery of the configuration: where settings come from, what they may be, and how they are changed.

Sources, the first that names a flag wins: the environment variable SYMTENSOR_FLAGS (`flag=value,section.flag=value`),
then the files named by SYMTENSORRC (a list of paths, default `~/.symtensorrc`; of several, the last that names it),
then the default. Defaults may be functions: they run when the flag is first read, so importing looks at nothing but
those two sources. A value that a flag does not allow raises ValueError, at import if it comes from a source. A flag
that SYMTENSOR_FLAGS names and nobody has defined gives one UserWarning with the nearest name.

The flags themselves are rows of `symtensor.configdefaults`. `symtensor.config` is the object to read and to assign to.
"""
from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from symtensor.utils.optional import optional_import

__all__ = [
    "AddConfigVar", "BoolParam", "ConfigParam", "EnumStr", "FloatParam", "IntParam", "SYMTENSOR_FLAGS",
    "SYMTENSOR_FLAGS_DICT", "Section", "StrParam", "SymtensorConfigParser", "SymtensorConfigWarning", "TypedParam",
    "change_flags", "config", "config_files", "config_files_from_symtensorrc", "fetch_val_for_key", "get_config_hash",
    "load_flags", "load_rc", "nearest_flag", "parse_config_string", "warn_unrecognised",
]

F = TypeVar("F", bound=Callable[..., Any])


class SymtensorConfigWarning(Warning):
    """Something is odd about a setting."""

    @classmethod
    def warn(cls, message: str, stacklevel: int = 0) -> None:
        """Emit this warning, attributed `stacklevel` calls above the caller."""
        warnings.warn(message, cls, stacklevel=stacklevel + 3)


# ------------------------------------------------------------------------------------------------------------- sources


def parse_config_string(config_string: str, issue_warnings: bool = True) -> dict[str, str]:
    """`"a=1,b.c=x y"` as a dict of strings. Values may be quoted; a key without value gives a warning and is left
    out."""
    if not config_string.strip():
        return {}
    shlex: Any = optional_import("shlex")
    splitter = shlex.shlex(config_string, posix=True)
    splitter.whitespace = ","
    splitter.whitespace_split = True
    found: dict[str, str] = {}
    for pair in splitter:
        key, equals, value = pair.strip().partition("=")
        if not equals:
            if issue_warnings:
                SymtensorConfigWarning.warn(f"Config key '{key}' has no value, ignoring it", stacklevel=1)
            continue
        found[key.strip()] = value.strip()
    return found


def config_files_from_symtensorrc() -> list[str]:
    """The paths of the configuration files, in the order in which they are read; they need not exist."""
    paths = os.environ.get("SYMTENSORRC", "~/.symtensorrc").split(os.pathsep)
    return [os.path.expanduser(path) for path in paths if path]


def _read_files(paths: Iterable[str]) -> Any:
    """The configuration files that exist as one parser, or None where there is none.

    `%(HOME)s` and a few more variables of the environment are substituted. Python's parser is imported only if needed.
    """
    existing = [path for path in paths if os.path.isfile(path)]
    if not existing:
        return None
    names = ("USER", "LSCRATCH", "TMPDIR", "TEMP", "TMP", "HOME")
    known = {name: os.environ.get(name, "").replace("%", "%%") for name in names}
    known["PID"] = str(os.getpid())
    stdlib: Any = optional_import("configparser")
    parser = stdlib.ConfigParser(known)
    parser.read(existing)
    return parser


def _from_parser(parser: Any, key: str) -> str:
    """The text for a flag; KeyError when the files do not name it."""
    section, _, option = key.rpartition(".")
    section = section or "global"
    if parser is None or not parser.has_section(section) or not parser.has_option(section, option):
        raise KeyError(key)
    raw: str = parser.get(section, option, raw=True)
    try:
        return parser.get(section, option)
    except Exception:  # a "%" that stands for itself
        return raw


SYMTENSOR_FLAGS: str = os.environ.get("SYMTENSOR_FLAGS", "")
SYMTENSOR_FLAGS_DICT: dict[str, str] = parse_config_string(SYMTENSOR_FLAGS)
"""The flags of the environment; those that a defined flag has taken are gone from it."""
config_files: list[str] = config_files_from_symtensorrc()
_files = _read_files(config_files)


def fetch_val_for_key(key: str, delete_key: bool = False) -> str:
    """The text that the sources give for a flag, or KeyError. `delete_key` takes it out of SYMTENSOR_FLAGS_DICT."""
    if key in SYMTENSOR_FLAGS_DICT:
        return SYMTENSOR_FLAGS_DICT.pop(key) if delete_key else SYMTENSOR_FLAGS_DICT[key]
    return _from_parser(_files, key)


# ---------------------------------------------------------------------------------------------------------- parameters


class ConfigParam:
    """One flag: its default (a value, or a function that is called when the flag is first read) and its filter.

    `filter(value)` returns the value to store, or raises ValueError. With `allow_override` false the flag can be set by
    the sources only. A reason in `no_effect` makes the flag one that means nothing here: it can be read and set, and
    setting it to anything but its default warns once, with the reason.
    """

    def __init__(self, default: Any, filter: Callable[[Any], Any] | None = None, allow_override: bool = True) -> None:
        self.default = default
        self.filter = filter
        self.allow_override = allow_override
        self.is_default = True
        self.fullname = ""
        self.doc = ""
        self.in_c_key = True
        self.no_effect = ""

    def checked(self, value: Any) -> Any:
        """The value as the flag stores it."""
        return self.filter(value) if self.filter is not None else value

    def default_value(self) -> Any:
        """The default, computed if it is a function."""
        return self.checked(self.default() if callable(self.default) else self.default)

    @property
    def val(self) -> Any:
        """The present value."""
        return functools.reduce(getattr, self.fullname.split("."), config)

    def describe_options(self) -> str:
        """What values are allowed, for people."""
        return ""


class EnumStr(ConfigParam):
    """One of some strings."""

    def __init__(self, default: str, *options: str, **kwargs: Any) -> None:
        self.all = (default, *options)
        for option in self.all:
            if not isinstance(option, str):
                raise ValueError("Valid values for an EnumStr parameter should be strings", option, type(option))
        super().__init__(default, self._check, allow_override=kwargs.pop("allow_override", True))
        if kwargs:
            raise TypeError(f"EnumStr() got unexpected keyword arguments {sorted(kwargs)}")

    def _check(self, value: Any) -> str:
        if value in self.all:
            return value
        raise ValueError(f'Invalid value ("{value}") for configuration variable "{self.fullname}". '
                         f"Valid options are {self.all}")

    def describe_options(self) -> str:
        return str(self.all)


class TypedParam(ConfigParam):
    """A value that `mytype` makes of what is given; `is_valid(value)` may refuse it."""

    def __init__(self, default: Any, mytype: Callable[[Any], Any], is_valid: Callable[[Any], bool] | None = None,
                 allow_override: bool = True) -> None:
        self.mytype = mytype
        self.is_valid = is_valid
        super().__init__(default, self._check, allow_override=allow_override)

    def _check(self, value: Any) -> Any:
        converted = self.mytype(value)
        if self.is_valid is not None and not self.is_valid(converted):
            raise ValueError(f'Invalid value ({value}) for configuration variable "{self.fullname}".', value)
        return converted

    def describe_options(self) -> str:
        return str(getattr(self.mytype, "__name__", self.mytype))


def _bool(value: Any) -> bool:
    if value in (True, 1, "1", "True", "true"):
        return True
    if value in (False, 0, "0", "False", "false"):
        return False
    raise ValueError(f"Invalid value ({value}) for a configuration variable that is True or False.", value)


_bool.__name__ = "bool"


def StrParam(default: Any, is_valid: Callable[[Any], bool] | None = None, allow_override: bool = True) -> TypedParam:
    """A string."""
    return TypedParam(default, str, is_valid, allow_override=allow_override)


def IntParam(default: Any, is_valid: Callable[[Any], bool] | None = None, allow_override: bool = True) -> TypedParam:
    """An integer."""
    return TypedParam(default, int, is_valid, allow_override=allow_override)


def FloatParam(default: Any, is_valid: Callable[[Any], bool] | None = None, allow_override: bool = True) -> TypedParam:
    """A float."""
    return TypedParam(default, float, is_valid, allow_override=allow_override)


def BoolParam(default: Any, is_valid: Callable[[Any], bool] | None = None, allow_override: bool = True) -> TypedParam:
    """True or False, also written 1, 0, true, false."""
    return TypedParam(default, _bool, is_valid, allow_override=allow_override)


# ------------------------------------------------------------------------------------------------------- the object


_params: dict[str, ConfigParam] = {}
_config_var_list: list[ConfigParam] = []
_warned: set[str] = set()


def _warn_no_effect(param: ConfigParam, value: Any, stacklevel: int) -> None:
    """Say once that a flag which somebody set means nothing here."""
    if not param.no_effect or param.fullname in _warned or value == param.default_value():
        return
    _warned.add(param.fullname)
    warnings.warn(f"config.{param.fullname} means nothing here: {param.no_effect}", UserWarning,
                  stacklevel=stacklevel + 1)


class Section:
    """A group of flags. Values that have been read or set are plain attributes, so that reading one costs nothing."""

    def __init__(self, prefix: str = "") -> None:
        object.__setattr__(self, "_prefix", prefix)

    def __getattr__(self, name: str) -> Any:
        param = _params.get(self._prefix + name)
        if param is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        value = param.default_value()
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        full = self._prefix + name
        param = _params.get(full)
        if param is None:
            if isinstance(self.__dict__.get(name), Section):
                raise AttributeError(f"config.{full} is a section: set one of its flags")
            hint = nearest_flag(full)
            warnings.warn(f"symtensor does not recognise this flag: {full}{hint}", UserWarning, stacklevel=2)
            self.__dict__[name] = value
            return
        if not param.allow_override:
            raise Exception("Can't change the value of this config parameter after initialization!")
        self.__dict__[name] = param.checked(value)
        param.is_default = False
        _warn_no_effect(param, self.__dict__[name], stacklevel=2)

    def __str__(self) -> str:
        lines = []
        for param in _config_var_list:
            if not param.fullname.startswith(self._prefix):
                continue
            text = f"{param.fullname} ({param.describe_options()}) \n    Doc:  {param.doc}\n    Value:  {param.val}\n"
            if param.no_effect:
                text += f"    Means nothing here: {param.no_effect}\n"
            lines.append(text)
        return "\n".join(lines)


class SymtensorConfigParser(Section):
    """The whole configuration: `symtensor.config`."""


config = SymtensorConfigParser()


def AddConfigVar(name: str, doc: str, configparam: ConfigParam, root: Section = config, in_c_key: bool = True,
                 no_effect: str = "") -> None:
    """Define a flag. Its name may have dots: `config.a.b`.

    What the sources say about it is read and checked here (ValueError). A name that is taken raises AttributeError, one
    inside a flag that is no section raises TypeError.
    """
    *path, last = name.split(".")
    section = root
    for part in path:
        inner = section.__dict__.get(part)
        if section._prefix + part in _params:
            raise TypeError("Internal config nodes must be config class instances", getattr(section, part))
        if inner is None:
            inner = Section(section._prefix + part + ".")
            section.__dict__[part] = inner
        if not isinstance(inner, Section):
            raise TypeError("Internal config nodes must be config class instances", inner)
        section = inner
    full = section._prefix + last
    if full in _params or last in section.__dict__:
        raise AttributeError("This name is already taken", full)
    configparam.fullname = full
    configparam.doc = doc
    configparam.in_c_key = in_c_key
    configparam.no_effect = no_effect
    try:
        text = fetch_val_for_key(full, delete_key=True)
    except KeyError:
        pass
    else:
        section.__dict__[last] = configparam.checked(text)
        configparam.is_default = False
        _warn_no_effect(configparam, section.__dict__[last], stacklevel=2)
    _params[full] = configparam
    _config_var_list.append(configparam)


def nearest_flag(name: str) -> str:
    """`" (did you mean floatX?)"`, or nothing when no flag looks like `name`."""
    difflib: Any = optional_import("difflib")
    lowered = {key.lower(): key for key in _params}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.7)
    return f" (did you mean {lowered[near[0]]}?)" if near else ""


def warn_unrecognised() -> None:
    """Warn about what is left of SYMTENSOR_FLAGS when all flags are defined."""
    for key in SYMTENSOR_FLAGS_DICT:
        warnings.warn(f"symtensor does not recognise this flag: {key}{nearest_flag(key)}", UserWarning, stacklevel=2)


def _section_of(name: str) -> tuple[Section, str]:
    *path, last = name.split(".")
    section: Any = config
    for part in path:
        section = section.__dict__[part]
    return section, last


def _load(pairs: Mapping[str, str], override: bool) -> dict[str, str]:
    unknown = {}
    for key, text in pairs.items():
        param = _params.get(key)
        if param is None:
            unknown[key] = text
            continue
        if not param.is_default and not override:
            continue
        section, last = _section_of(key)
        section.__dict__[last] = param.checked(text)
        param.is_default = False
        _warn_no_effect(param, section.__dict__[last], stacklevel=3)
    return unknown


def load_flags(text: str, override: bool = False) -> dict[str, str]:
    """Set the flags of `"flag=value,..."`, also those that cannot be assigned to; returns those that do not exist.

    Flags that a source or an assignment has set already keep their value unless `override`.
    """
    return _load(parse_config_string(text), override)


def load_rc(path: str, override: bool = False) -> None:
    """Set the flags that a configuration file names, as `load_flags` does. Names that do not exist are passed over."""
    parser = _read_files([os.path.expanduser(path)])
    pairs = {}
    for name in _params:
        try:
            pairs[name] = _from_parser(parser, name)
        except KeyError:
            continue
    _load(pairs, override)


def get_config_hash() -> str:
    """A hash of the values of all flags that can change what is compiled."""
    values = sorted((param.fullname, str(param.val)) for param in _config_var_list if param.in_c_key)
    hashlib: Any = optional_import("hashlib")
    return "m" + hashlib.sha256("\n".join(f"{name} = {value}" for name, value in values).encode()).hexdigest()


class change_flags:
    """Change flags for a while: `with change_flags(floatX="float32"):`, or as a decorator of a function.

    Flags with dots go into a list of pairs or a dict, `change_flags([("traceback.limit", 1)])`, or into `**{...}`. A
    name that does not exist raises AssertionError; a value that is not allowed raises ValueError and changes nothing.
    """

    def __init__(self, args: Any = (), **kwargs: Any) -> None:
        self.confs: dict[str, Any] = {**dict(args), **kwargs}
        unknown = [name for name in self.confs if name not in _params]
        assert not unknown, "no such flag: " + ", ".join(name + nearest_flag(name) for name in unknown)
        self._saved: list[list[tuple[Section, str, bool, Any, bool]]] = []

    def __call__(self, f: F) -> F:
        @functools.wraps(f)
        def changed(*args: Any, **kwargs: Any) -> Any:
            with self:
                return f(*args, **kwargs)

        return changed  # type: ignore[return-value]

    def __enter__(self) -> None:
        saved: list[tuple[Section, str, bool, Any, bool]] = []
        self._saved.append(saved)
        try:
            for name, value in self.confs.items():
                section, last = _section_of(name)
                there = last in section.__dict__
                saved.append((section, last, there, section.__dict__.get(last), _params[name].is_default))
                setattr(section, last, value)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise

    def __exit__(self, *args: Any) -> None:
        for section, last, there, value, was_default in reversed(self._saved.pop()):
            if there:
                section.__dict__[last] = value
            else:
                section.__dict__.pop(last, None)
            _params[section._prefix + last].is_default = was_default

"""The configuration: names, values, sources and messages; facts recorded from Theano 1.0.5."""
from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import warnings

import pytest

from symtensor import configparser as cp
from symtensor.config import change_flags, config, flag_table
from symtensor.configdefaults import FLAGS


def in_a_process(code, flags=None, rc=None, **env):
    """What a fresh process prints and warns when it imports the configuration."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SYMTENSOR")}
    environment["PYTHONPATH"] = os.path.dirname(os.path.dirname(os.path.abspath(cp.__file__)))
    environment["SYMTENSORRC"] = str(rc) if rc is not None else os.devnull + "/nothing"
    if flags is not None:
        environment["SYMTENSOR_FLAGS"] = flags
    done = subprocess.run([sys.executable, "-W", "always", "-c", "from symtensor.config import config\n" + code],
                          env={**environment, **env}, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


def test_defaults():
    assert [config.floatX, config.device, config.mode, config.linker, config.optimizer] == [
        "float64", "cpu", "Mode", "cvm", "o4"]
    assert config.traceback.limit == 8 and config.exception_verbosity == "low" and config.optdb.max_use_ratio == 8.0
    assert config.unittests.rseed == "666" and config.vm.lazy is None and config.compile.timeout == 120
    assert config.warn.inc_subtensor1_opt is True and config.warn.round is False
    assert os.path.basename(config.base_compiledir) == "symtensor"


def test_every_flag_of_theano_is_here():
    assert len(FLAGS) == 141 == len({flag.name for flag in FLAGS})  # and cuda.graphs, which is ours
    assert all(flag.doc for flag in FLAGS)
    table = {name: status for name, _, _, status in flag_table()}
    assert table["floatX"] == "works" and table["magma.enabled"].startswith("means nothing here: ")
    assert "floatX" in str(config) and "Value:  float64" in str(config)


def test_the_table_tells_the_truth():
    """A flag that works is read somewhere, and one that means nothing is read nowhere."""
    package = pathlib.Path(cp.__file__).parent
    sources = [path.read_text() for path in sorted(package.rglob("*.py")) if not path.stem.startswith("config")]

    def is_read(name):
        section, _, last = name.rpartition(".")
        plain = re.compile(rf"config\.{re.escape(name)}\b|[\"']{re.escape(name)}[\"']")
        by_section = re.compile(rf"config\.{re.escape(section)}\b(?!\.)") if section else None
        for source in sources:
            if plain.search(source):
                return True
            if by_section is not None and by_section.search(source) and re.search(rf"\b{last}\b", source):
                return True
        return False

    used_by_other_flags = {"base_compiledir"}
    # Defaults of attributes that ops and linkers only keep, for programs that read them.
    allowed = {"openmp", "scan.allow_gc", "vm.lazy"}
    for flag in FLAGS:
        if flag.no_effect:
            assert flag.name in allowed or not is_read(flag.name), f"{flag.name} is read, so it does mean something"
        else:
            assert flag.name in used_by_other_flags or is_read(flag.name), f"nothing reads {flag.name}"


@pytest.mark.parametrize("name, value, message", [
    ("floatX", "foo", r'Invalid value \("foo"\) for configuration variable "floatX". Valid options are '
                      r"\('float64', 'float32', 'float16'\)"),
    ("profile", "yes", r"Invalid value \(yes\) for"),
    ("traceback.limit", "x", "invalid literal for int"),
    ("tensor.cmp_sloppy", 5, "Can't change the value"),
    ("device", "cuda", "Can't change the value of this config parameter after initialization!"),
    ("mode", "FOO", "Expected one of those string 'Mode', 'DebugMode', 'FAST_RUN'"),
    ("vm.lazy", "maybe", "Valid values for vm.lazy"),
    ("DebugMode.check_preallocated_output", "nonsense", "Invalid value"),
    ("DebugMode.patience", 0, r"Invalid value \(0\)"),
])
def test_values_that_are_refused(name, value, message):
    section, _, last = name.rpartition(".")
    target = getattr(config, section) if section else config
    before = getattr(target, last)
    with pytest.raises(Exception, match=message):
        setattr(target, last, value)
    assert getattr(target, last) == before


@pytest.mark.parametrize("name, value, stored", [
    ("profile", "True", True), ("profile", 1, True), ("profile", "0", False), ("traceback.limit", "3", 3),
    ("traceback.limit", 3.5, 3), ("optdb.max_use_ratio", "3", 3.0), ("gcc.cxxflags", 3, "3"), ("vm.lazy", "None", None),
])
def test_values_that_are_converted(name, value, stored):
    section, _, last = name.rpartition(".")
    with change_flags([(name, value)]):
        assert getattr(getattr(config, section) if section else config, last) == stored


def test_change_flags():
    with change_flags(floatX="float32", **{"traceback.limit": 2}) as nothing:
        assert nothing is None and config.floatX == "float32" and config.traceback.limit == 2
        with change_flags([("floatX", "float16")], exception_verbosity="high"):
            assert config.floatX == "float16" and config.exception_verbosity == "high"
        assert config.floatX == "float32"
    assert config.floatX == "float64" and config.traceback.limit == 8

    @change_flags({"floatX": "float32"})
    def f(x):
        return x, config.floatX

    assert f(1) == (1, "float32") == f(1) and config.floatX == "float64" and f.__name__ == "f"
    with pytest.raises(AssertionError, match="did you mean floatX"):
        change_flags(floatx="float32")
    with pytest.raises(ValueError), change_flags(exception_verbosity="high", floatX="zz"):
        pass
    assert config.exception_verbosity == "low"
    with pytest.raises(RuntimeError), change_flags(floatX="float32"):
        raise RuntimeError()
    assert config.floatX == "float64"


def test_one_change_flags_entered_twice():
    change = change_flags(floatX="float32")
    with change, change:
        assert config.floatX == "float32"
    assert config.floatX == "float64"


def test_unknown_names():
    with pytest.raises(AttributeError, match="'SymtensorConfigParser' object has no attribute 'foo'"):
        config.foo
    with pytest.warns(UserWarning, match=r"does not recognise this flag: floatx \(did you mean floatX\?\)"):
        config.floatx = "float32"
    assert config.floatx == "float32" and config.floatX == "float64"
    del config.__dict__["floatx"]
    with pytest.raises(AttributeError, match="is a section"):
        config.blas = 3


def test_flags_without_meaning_warn_once():
    cp._warned.discard("lib.amdlibm")
    with pytest.warns(UserWarning, match="config.lib.amdlibm means nothing here: the C library's"):
        config.lib.amdlibm = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config.lib.amdlibm = True
        config.lib.amdlibm = False
    assert config.lib.amdlibm is False


def test_flags_of_ones_own():
    cp.AddConfigVar("mine.number", "how many", cp.IntParam(3, lambda i: i < 9))
    cp.AddConfigVar("mine.word", "which", cp.EnumStr("a", "b", "c"))
    cp.AddConfigVar("mine.lazy", "late", cp.StrParam(lambda: "computed"))
    try:
        assert config.mine.number == 3 and config.mine.word == "a" and config.mine.lazy == "computed"
        config.mine.number = "4"
        assert config.mine.number == 4
        with pytest.raises(ValueError, match=r'Invalid value \(9\) for configuration variable "mine.number".'):
            config.mine.number = 9
        with pytest.raises(ValueError, match=r'Invalid value \("z"\)'):
            config.mine.word = "z"
        with pytest.raises(AttributeError, match="This name is already taken"):
            cp.AddConfigVar("mine.number", "again", cp.IntParam(3))
        with pytest.raises(TypeError, match="Internal config nodes must be config class instances"):
            cp.AddConfigVar("floatX.foo", "inside a flag", cp.IntParam(3))
        with pytest.raises(ValueError, match="Valid values for an EnumStr parameter should be strings"):
            cp.EnumStr("a", "b", 3)
        assert cp._params["mine.number"].val == 4
    finally:
        for name in ("number", "word", "lazy"):
            cp._config_var_list.remove(cp._params.pop(f"mine.{name}"))
        del config.__dict__["mine"]


def test_parsing_flags():
    with pytest.warns(cp.SymtensorConfigWarning, match="Config key 'd' has no value, ignoring it"):
        assert cp.parse_config_string("a=1,b.c = 3 ,d") == {"a": "1", "b.c": "3"}
    assert cp.parse_config_string("a=1,,b=2=3") == {"a": "1", "b": "2=3"}
    assert cp.parse_config_string("a=1,a=2") == {"a": "2"} and cp.parse_config_string("") == {}
    assert cp.parse_config_string("a='x, y',b=\"z\"") == {"a": "x, y", "b": "z"}


def test_environment_and_files(tmp_path):
    rc = tmp_path / "rc"
    rc.write_text("[global]\nfloatX = float32\nfoo = 3\nexception_verbosity = high\n[traceback]\nlimit = 3\n"
                  "[gcc]\ncxxflags = -I%(HOME)s/x -D50%\n")
    show = "print(config.floatX, config.traceback.limit, config.gcc.cxxflags, config.device)"
    out, err = in_a_process(show, rc=rc)
    assert out.splitlines()[0].startswith("float32 3 -I") and out.splitlines()[0].endswith("cpu") and not err
    out, err = in_a_process(show, rc=rc, flags="floatX=float16, traceback.limit=5,device=cuda0")
    assert out.splitlines()[0].startswith("float16 5") and out.splitlines()[0].endswith("cuda0")
    out, err = in_a_process(show, flags="flotX=float32,blas.nothing=1")
    assert "does not recognise this flag: flotX (did you mean floatX?)" in err and "blas.nothing" in err
    assert out.splitlines()[0].startswith("float64")
    other = tmp_path / "other"
    other.write_text("[global]\nfloatX = float16\n")
    out, _ = in_a_process(show, rc=f"{rc}{os.pathsep}{other}")
    assert out.startswith("float16 3")


@pytest.mark.parametrize("flags, message", [
    ("floatX=float31", 'Invalid value ("float31") for configuration variable "floatX"'),
    ("device=opencl0:0", "to C and to CUDA, not to OpenCL"),
    ("device=cuda0:1", "Valid options are"), ("mode=FOO", "Expected one of those string"),
    ("dnn.conv.workmem=x", "The option `dnn.conv.workmem` has been removed"), ("contexts=a",
                                                                               "Malformed context map: a"),
    ("contexts=cpu->cuda0", "Cannot use cpu as context name"),
])
def test_wrong_flags_stop_the_import(flags, message):
    assert message in in_a_process("", flags=flags)[1]


def test_importing_does_nothing_else(tmp_path):
    out, err = in_a_process("import sys\nprint('subprocess' in sys.modules, 'numpy' in sys.modules)",
                            HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert out.strip() == "False False" and not err and list(tmp_path.iterdir()) == []


def test_loading_flags_of_another_name(tmp_path):
    rc = tmp_path / "rc"
    rc.write_text("[global]\nfloatX = float16\non_unused_input = warn\n[nonsense]\nx = 1\n")
    code = (f"from symtensor.config import load_flags, load_rc\nconfig.exception_verbosity = 'high'\n"
            f"print(load_flags('floatX=float32,nonsense=1,tensor.cmp_sloppy=1,exception_verbosity=low'))\n"
            f"load_rc({str(rc)!r})\n"
            "print(config.floatX, config.tensor.cmp_sloppy, config.exception_verbosity, config.on_unused_input)\n"
            "load_flags('floatX=float64', override=True)\nprint(config.floatX)")
    out, err = in_a_process(code)
    assert out.splitlines() == ["{'nonsense': '1'}", "float32 1 high warn", "float64"] and not err


def test_hash_of_what_changes_code():
    before = cp.get_config_hash()
    assert before.startswith("m") and before == cp.get_config_hash()
    with change_flags(floatX="float32"):
        assert cp.get_config_hash() != before
    with change_flags(exception_verbosity="high"):
        assert cp.get_config_hash() == before


def test_fetching_what_the_sources_say():
    with pytest.raises(KeyError):
        cp.fetch_val_for_key("no.such.flag")

"""The flags: one row each, with its default, what it does, or why it means nothing here.

Every flag of Theano 1.0.5 is here under its name, and `cuda.graphs`. A row without `no_effect` works; the others can be
read and set, and setting one warns once. `flag_table()` gives the rows as text for the documentation.
"""
from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import Any

from symtensor.configparser import (
    AddConfigVar,
    BoolParam,
    ConfigParam,
    EnumStr,
    FloatParam,
    IntParam,
    StrParam,
    config,
    warn_unrecognised,
)
from symtensor.utils.warn import warn_user

__all__ = [
    "ContextsParam", "DeviceParam", "FLAGS", "Flag", "choose_device", "filter_mode", "filter_vm_lazy", "flag_table",
    "same_device",
]

# ------------------------------------------------------------------------------------------------- kinds of parameters


class DeviceParam(ConfigParam):
    """A device: "cpu", "cuda", "cuda0", "cuda1" ...; Theano's older names "gpu", "gpu0" mean the same, with a warning.
    OpenCL is refused: nothing here is written in it."""

    def __init__(self, default: str, **kwargs: Any) -> None:
        self.all = (default, "cuda*")
        super().__init__(default, self._check, allow_override=kwargs.pop("allow_override", True))

    def _check(self, value: Any) -> str:
        if value == self.default or re.fullmatch(r"cuda\d*", value):
            return value
        start = f'Invalid value ("{value}") for configuration variable "{self.fullname}"'
        if re.fullmatch(r"gpu\d*", value):
            warn_user(f'config.{self.fullname}: the device "{value}" is called "{_of_today(value)}" now', UserWarning)
            return _of_today(value)
        if value.startswith("opencl"):
            raise ValueError(f"{start}: functions are compiled to C and to CUDA, not to OpenCL. Use cpu, or cuda on a "
                             "device of NVIDIA's.")
        raise ValueError(f'{start}. Valid options are "{self.default}", "cuda", "cuda0", "cuda1" and so on.')

    def describe_options(self) -> str:
        return f"{self.default}, cuda*"


def _of_today(device: str) -> str:
    """The present name of a device."""
    return re.sub(r"^gpu(?=\d*$)", "cuda", device)


def same_device(one: Any, other: Any) -> bool:
    """Whether two names mean the same device: "cuda", "cuda0" and "gpu0" do."""
    names = [_of_today(name) if isinstance(name, str) else name for name in (one, other)]
    return len({"cuda0" if name == "cuda" else name for name in names}) == 1


def choose_device(name: str) -> None:
    """Sets `config.device` for this process, whoever has read it; functions that are made from now on run there."""
    device = next(flag.param for flag in FLAGS if flag.name == "device")
    config.__dict__["device"] = device.checked(name)
    device.is_default = False


class ContextsParam(ConfigParam):
    """Names for devices: `"name->device;name->device"`."""

    def __init__(self) -> None:
        super().__init__("", self._check, allow_override=False)

    @staticmethod
    def _check(value: str) -> str:
        for pair in value.split(";") if value else ():
            name, arrow, device = pair.partition("->")
            if not arrow or not name.strip() or "->" in device:
                raise ValueError(f"Malformed context map: {pair}")
            if name.strip() == "cpu" or name.strip().startswith(("cuda", "opencl")):
                raise ValueError(f"Cannot use {name.strip()} as context name")
        return value


_MODES = ("Mode", "DebugMode", "FAST_RUN", "NanGuardMode", "FAST_COMPILE", "DEBUG_MODE")


def filter_mode(value: Any) -> Any:
    """A mode's name or a mode; ValueError for anything else."""
    if value in _MODES:
        return value
    if not isinstance(value, str) and hasattr(value, "optimizer") and hasattr(value, "linker"):
        return value
    raise ValueError(f"Expected one of those string {', '.join(map(repr, _MODES))} or an instance of Mode.")


def filter_vm_lazy(value: Any) -> bool | None:
    """True, False or None, also as text."""
    allowed = {"False": False, False: False, "True": True, True: True, "None": None, None: None}
    if value in allowed:
        return allowed[value]
    raise ValueError(f"Valid values for vm.lazy are None, False or True, got {value!r}")


def _good_seed(value: str) -> bool:
    return value == "random" or value.isdigit()


def _good_preallocations(value: str) -> bool:
    allowed = ("", "initial", "previous", "c_contiguous", "f_contiguous", "strided", "wrong_size", "ALL")
    return all(part in allowed for part in value.split(":"))


def _removed(name: str, instead: str) -> Any:
    def refuse(value: Any) -> Any:
        if value:
            raise RuntimeError(f"The option `{name}` has been removed and should not be used anymore. Please use the "
                               f"option `{instead}` instead.")
        return True

    return refuse


# --------------------------------------------------------------------------------------------------- computed defaults


def _default_compiler() -> str:
    """The path of a C compiler, or "" when there is none; nothing is run."""
    for name in (os.environ.get("CC", ""), "gcc", "cc", "clang"):
        found = shutil.which(name) if name else None
        if found:
            return found
    return ""


def default_base_compiledir() -> str:
    """The directory in the user's cache; it is not created here."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "symtensor")


def _path(value: str) -> str:
    return os.path.expanduser(str(value))


def _warn_default() -> Any:
    """Whether a warning for a bug that was fixed after version 0.9 is on: `warn.ignore_bug_before` decides."""
    ignored = config.warn.ignore_bug_before
    if ignored == "None":
        return True
    if ignored == "all":
        return False
    return tuple(map(int, ignored.split("."))) < (0, 10)


# ------------------------------------------------------------------------------------------------------------ the table


@dataclass(frozen=True)
class Flag:
    """A row: the flag's name and parameter, what it does, whether it can change compiled code, why it does nothing."""

    name: str
    param: ConfigParam
    doc: str
    in_c_key: bool = True
    no_effect: str = ""


_ONE_STREAM = "there is one stream, and whatever is computed in it is in order"
_NOT_AT_START = "a device is opened when the first function is made for it, or a value moved to it"
_NO_CUDNN = "cuDNN is not used; convolutions are compiled like everything else"
_NO_MAGMA = "MAGMA is not used"
_NO_OP_MODULES = "functions are compiled whole; there are no modules of single ops"
_NO_LOCK = "the cache needs no lock"
_NO_BUG = "the bug that it warned of never existed here"
_NO_GLOBAL_NUMPY = "NumPy's own settings are left alone"
_ON_OFF = ("ignore", "warn", "raise", "pdb")
_SETERR = ("ignore", "warn", "raise", "call", "print", "log")
_ALGO = ("guess_once", "guess_on_shape_change", "time_once", "time_on_shape_change")

FLAGS: tuple[Flag, ...] = (
    # Numbers
    Flag("floatX", EnumStr("float64", "float32", "float16"), "The dtype of floats whose dtype nobody says."),
    Flag("warn_float64", EnumStr("ignore", "warn", "raise", "pdb"), "What making a float64 variable does.", False),
    Flag("pickle_test_value", BoolParam(True), "Whether test values are pickled with their variables.", False),
    Flag("cast_policy", EnumStr("custom", "numpy+floatX"), "How Python numbers and mixed dtypes are promoted."),
    Flag("int_division", EnumStr("int", "raise", "floatX"), "What `/` on two integers does.", False),
    Flag("deterministic", EnumStr("default", "more"), "Equal results in every run: on a device, too, when floats "
         "are added at repeated indices, which costs time."),
    # Devices
    Flag("device", DeviceParam("cpu", allow_override=False), "Where functions run: cpu, or cuda, cuda0, cuda1 ...",
         False),
    Flag("init_gpu_device", DeviceParam("", allow_override=False),
         "A device to initialise without moving anything to it.", False, _NOT_AT_START),
    Flag("force_device", BoolParam(False, allow_override=False), "Fail when the device cannot be used.", False,
         "that always fails"),
    Flag("contexts", ContextsParam(),
         "Names for devices, as targets: dev0->cuda0;dev1->cuda1. One is in use at a time.", False),
    Flag("print_active_device", BoolParam(True, allow_override=False), "Print the device's name at start.", False,
         "nothing is printed at import"),
    Flag("assert_no_cpu_op", EnumStr("ignore", "warn", "raise", "pdb"), "What an op left on the CPU does.", False,
         "a program's host steps are part of its plan"),
    Flag("conv.assert_shape", BoolParam(False), "Check the shapes that were promised to convolutions at run time.",
         True,
         "shapes are always checked when a function runs"),
    Flag("gpuarray.sync", ConfigParam(False, lambda v: bool(v), allow_override=False), "Deprecated.", True,
         _ONE_STREAM),
    Flag("gpuarray.preallocate", FloatParam(0, allow_override=False), "Device memory to reserve.", False,
         "memory is taken when needed, and kept for reuse"),
    Flag("gpuarray.sched", EnumStr("default", "multi", "single"), "How the host waits.", True,
         "CUDA decides"),
    Flag("gpuarray.single_stream", BoolParam(True), "One stream for everything.", False, _ONE_STREAM),
    Flag("gpuarray.cache_path", ConfigParam(lambda: os.path.join(config.compiledir, "gpuarray_kernels"), _path, False),
         "Where device kernels are kept.", False,
         "they are kept with all compiled code, in compiledir"),
    Flag("gpuelemwise.sync", BoolParam(True), "Wait for each device kernel.", False, _ONE_STREAM),
    Flag("gpu.local_elemwise_fusion", BoolParam(True), "Fuse on devices.", True,
         "tensor.local_elemwise_fusion says it"),
    Flag("experimental.unpickle_gpu_on_cpu", BoolParam(False), "Read device arrays as NumPy arrays.", False,
         "shared variables are always pickled as NumPy arrays"),
    Flag("cuda.root", StrParam(lambda: os.environ.get("CUDA_ROOT", "")),
         "Where CUDA's toolkit is, to be looked at before the usual places.", False),
    Flag("cuda.graphs", BoolParam(True),
         "Functions on a device replay work that repeats as a graph; looked at when a function is made.", False),
    Flag("cuda.include_path", StrParam(lambda: os.path.join(config.cuda.root, "include") if config.cuda.root else ""),
         "Where CUDA's headers are.", False,
         "kernels include none"),
    Flag("dnn.conv.workmem", ConfigParam("", _removed("dnn.conv.workmem", "dnn.conv.algo_fwd"), False), "Removed.",
         True,
         _NO_CUDNN),
    Flag("dnn.conv.workmem_bwd",
         ConfigParam("", _removed("dnn.conv.workmem_bwd", "dnn.conv.algo_bwd_filter and dnn.conv.algo_bwd_data"),
                     False),
         "Removed.", True, _NO_CUDNN),
    Flag("dnn.conv.algo_bwd",
         ConfigParam("", _removed("dnn.conv.algo_bwd", "dnn.conv.algo_bwd_filter and dnn.conv.algo_bwd_data"), False),
         "Removed.", True, _NO_CUDNN),
    Flag("dnn.conv.algo_fwd",
         EnumStr("small", "none", "large", "fft", "fft_tiling", "winograd", "winograd_non_fused", *_ALGO),
         "Algorithm of convolutions.", True, _NO_CUDNN),
    Flag("dnn.conv.algo_bwd_data",
         EnumStr("none", "deterministic", "fft", "fft_tiling", "winograd", "winograd_non_fused", *_ALGO),
         "Algorithm of their gradients.", True, _NO_CUDNN),
    Flag("dnn.conv.algo_bwd_filter",
         EnumStr("none", "deterministic", "fft", "small", "winograd_non_fused", "fft_tiling", *_ALGO),
         "Algorithm of their gradients.", True, _NO_CUDNN),
    Flag("dnn.conv.precision", EnumStr("as_input_f32", "as_input", "float16", "float32", "float64"),
         "Precision of convolutions.", True, _NO_CUDNN),
    Flag("dnn.base_path", StrParam(""), "Where cuDNN is.", False, _NO_CUDNN),
    Flag("dnn.include_path", StrParam(""), "Where its headers are.", False, _NO_CUDNN),
    Flag("dnn.library_path", StrParam(""), "Where its library is.", False, _NO_CUDNN),
    Flag("dnn.bin_path", StrParam(""), "Where its library is.", False, _NO_CUDNN),
    Flag("dnn.enabled", EnumStr("auto", "True", "False", "no_check"), "Whether to use cuDNN.", False, _NO_CUDNN),
    Flag("magma.include_path", StrParam(""), "Where MAGMA's headers are.", False, _NO_MAGMA),
    Flag("magma.library_path", StrParam(""), "Where its library is.", False, _NO_MAGMA),
    Flag("magma.enabled", BoolParam(False), "Whether to use MAGMA.", False, _NO_MAGMA),
    Flag("ctc.root", StrParam("", allow_override=False), "Where warp-ctc is.", False, "warp-ctc is not used"),
    # Compiling
    Flag("mode", ConfigParam("Mode", filter_mode), "The mode of functions that name none.", False),
    Flag("cxx", StrParam(_default_compiler), "The C compiler; empty: compile nothing, interpret.", False),
    Flag("linker", EnumStr("cvm", "c|py", "py", "c", "c|py_nogc", "vm", "vm_nogc", "cvm_nogc"),
         "What runs programs when the mode is Mode: compiled code, or for py and vm the interpreter.", False),
    Flag("optimizer", EnumStr("o4", "o3", "o2", "o1", "unsafe", "fast_run", "fast_compile", "merge", "None"),
         "Which rewrites are used when the mode is Mode.", False),
    Flag("optimizer_verbose", BoolParam(False), "Print every rewrite.", False),
    Flag("optimizer_excluding", StrParam("", allow_override=False), "Tags of rewrites to leave out, joined by colons.",
         False),
    Flag("optimizer_including", StrParam("", allow_override=False), "Tags of rewrites to use too, joined by colons.",
         False),
    Flag("optimizer_requiring", StrParam("", allow_override=False), "Tags that rewrites must have, joined by colons.",
         False),
    Flag("on_opt_error", EnumStr("warn", "raise", "pdb", "ignore"), "What a rewrite that fails does.", False),
    Flag("check_stack_trace", EnumStr("off", "log", "warn", "raise"),
         "What a rewrite that loses the user's lines does.", False),
    Flag("on_shape_error", EnumStr("warn", "raise"), "What a wrong infer_shape does.", False,
         "a wrong infer_shape is always an error"),
    Flag("on_unused_input", EnumStr("raise", "warn", "ignore"), "What an input that nothing uses does.", False),
    Flag("cycle_detection", EnumStr("regular", "fast"), "How in-place rewrites look for cycles.", False,
         "graphs are never rewritten in place"),
    Flag("tensor.cmp_sloppy", IntParam(0, lambda i: i in (0, 1, 2), allow_override=False),
         "Tolerance of comparisons: 0, 1 a bit more, 2 more.", False),
    Flag("tensor.local_elemwise_fusion", BoolParam(True), "Fuse elementwise operations into one loop.", True,
         "elementwise operations are always fused, which also compiles fastest"),
    Flag("tensor.insert_inplace_optimizer_validate_nb", IntParam(-1), "How often in-place rewrites are checked.", False,
         "graphs are never rewritten in place"),
    Flag("experimental.local_alloc_elemwise", BoolParam(True), "Leave out broadcasts before elementwise operations.",
         False,
         "it is always done where shapes are proved"),
    Flag("experimental.local_alloc_elemwise_assert", BoolParam(True), "Check what that relies on.", False,
         "nothing is assumed that would have to be checked"),
    Flag("lib.amdlibm", BoolParam(False), "Use AMD's libm.", True, "the C library's vector functions are used"),
    Flag("optdb.position_cutoff", FloatParam("inf"), "Leave out rewrites of the user's at higher positions.", False),
    Flag("optdb.max_use_ratio", FloatParam(8), "How often, per node, one rewrite may fire.", False),
    Flag("cache_optimizations", BoolParam(False), "Keep optimised graphs on disk.", False,
         "optimised graphs are kept in memory, always"),
    Flag("metaopt.verbose", IntParam(0), "Print what the meta-optimiser does.", False, "there is no meta-optimiser"),
    Flag("metaopt.optimizer_excluding", StrParam(""), "What it leaves out.", False, "there is no meta-optimiser"),
    Flag("metaopt.optimizer_including", StrParam(""), "What it uses.", False, "there is no meta-optimiser"),
    # Generated code
    Flag("gcc.cxxflags", StrParam(""), "Further arguments for the compiler."),
    Flag("openmp", BoolParam(False), "Run large loops on several threads, OMP_NUM_THREADS or all there are.", False),
    Flag("openmp_elemwise_minsize", IntParam(200000), "The size from which a loop counts as large.", False),
    Flag("blas.ldflags", StrParam(""), "Libraries to look for BLAS in, before NumPy's own: -l, -L or paths.", False),
    Flag("blas.check_openmp", BoolParam(True), "Check that BLAS uses threads.", False, "BLAS is found at run time"),
    Flag("nocleanup", BoolParam(False), "Keep the sources of code that does not compile.", False),
    Flag("cmodule.age_thresh_use", IntParam(60 * 60 * 24 * 24, allow_override=False), "Age of modules to reuse.", False,
         "entries of the cache are found by content, not by age"),
    Flag("cmodule.warn_no_version", BoolParam(False), "Warn of ops without a version.", False, _NO_OP_MODULES),
    Flag("cmodule.remove_gxx_opt", BoolParam(False), "Compile without optimisation.", True),
    Flag("cmodule.compilation_warning", BoolParam(False), "Show the compiler's warnings.", False),
    Flag("cmodule.preload_cache", BoolParam(False, allow_override=False), "Load the cache at start.", False,
         "entries are loaded when needed"),
    Flag("cmodule.debug", BoolParam(False), "Check the cache.", False, "entries are always checked"),
    Flag("compile.wait", IntParam(5, lambda i: i > 0, allow_override=False), "Seconds between looks at the lock.",
         False,
         _NO_LOCK),
    Flag("compile.timeout", IntParam(lambda: config.compile.wait * 24, lambda i: i >= 0, allow_override=False),
         "Seconds after which a lock is taken over.", False, _NO_LOCK),
    Flag("base_compiledir", ConfigParam(default_base_compiledir, _path, False), "Where compiled code is kept.", False),
    Flag("compiledir_format",
         StrParam("compiledir_%(short_platform)s-%(processor)s-%(python_version)s-%(python_bitwidth)s",
                                       allow_override=False),
         "How directories for platforms are named.", False,
         "one directory serves all platforms: entries are named by content"),
    Flag("compiledir", ConfigParam(lambda: config.base_compiledir, _path, False), "The directory itself.", False),
    # Running
    Flag("allow_gc", BoolParam(True), "Give back intermediate memory that is not in use.", False),
    Flag("check_input", BoolParam(True), "Check the types of inputs at each call of generated code.", True,
         "inputs are checked once, at the boundary"),
    Flag("vm.lazy", ConfigParam("None", filter_vm_lazy), "Evaluate conditionals lazily.", False,
         "conditionals are always lazy"),
    Flag("scan.allow_gc", BoolParam(False), "Give back memory within a loop.", False,
         "a loop's memory is planned with the rest of the function"),
    Flag("scan.allow_output_prealloc", BoolParam(True), "Write results of a loop in place.", False,
         "it is always done where it is proved safe"),
    Flag("scan.debug", BoolParam(False), "Print what scan does.", False, "print the function's program instead"),
    Flag("numpy.seterr_all", EnumStr("ignore", *_SETERR[1:], "None", allow_override=False),
         "How NumPy treats floating point errors.", False, _NO_GLOBAL_NUMPY),
    *[Flag(f"numpy.seterr_{kind}", EnumStr("None", *_SETERR, allow_override=False), f"How it treats {what}.", False,
           _NO_GLOBAL_NUMPY)
      for kind, what in (("divide", "division by zero"), ("over", "overflow"), ("under", "underflow"),
                         ("invalid", "invalid operations"))],
    # Debugging
    Flag("exception_verbosity", EnumStr("low", "high"), "How much error messages show.", False),
    Flag("traceback.limit", IntParam(8), "How many of the user's frames a variable remembers; -1: all.", False),
    Flag("traceback.compile_limit", IntParam(0), "The same while functions are compiled.", False),
    Flag("compute_test_value", EnumStr("off", "ignore", "warn", "raise", "pdb"),
         "Compute test values while graphs are built; says what a missing one does.", False),
    Flag("compute_test_value_opt", EnumStr("off", "ignore", "warn", "raise", "pdb"), "The same while rewriting.",
         False),
    Flag("print_test_value", BoolParam(False), "Show test values in the text of variables.", False),
    Flag("unittests.rseed", StrParam(666, _good_seed), "The seed of tests; \"random\": another each time.", False,
         "the tests have a seed of their own, SYMTENSOR_TEST_SEED"),
    Flag("NanGuardMode.nan_is_error", BoolParam(True), "Whether NaN is an error in NanGuardMode.", False),
    Flag("NanGuardMode.inf_is_error", BoolParam(True), "Whether infinities are.", False),
    Flag("NanGuardMode.big_is_error", BoolParam(True), "Whether values beyond 1e10 are.", False),
    Flag("NanGuardMode.action", EnumStr("raise", "warn", "pdb"), "What an error does.", False),
    Flag("DebugMode.patience", IntParam(10, lambda i: i > 0), "How often DebugMode compiles to look for differences.",
         False),
    Flag("DebugMode.check_c", BoolParam(lambda: bool(config.cxx)), "Check compiled code.", False),
    Flag("DebugMode.check_py", BoolParam(True), "Check the interpreter.", False),
    Flag("DebugMode.check_finite", BoolParam(True), "Whether values must be finite.", False),
    Flag("DebugMode.check_strides", IntParam(0, lambda i: i in (0, 1, 2)), "Compare strides: 0 no, 1 warn, 2 raise.",
         False),
    Flag("DebugMode.warn_input_not_reused", BoolParam(True), "Warn where a view or in-place result is a copy.", False,
         "memory is planned for whole functions; ops do not decide what to reuse"),
    Flag("DebugMode.check_preallocated_output", StrParam("", _good_preallocations), "Kinds of output memory to try.",
         False),
    Flag("DebugMode.check_preallocated_output_ndim", IntParam(4, lambda i: i > 0), "Up to how many dimensions.", False,
         "outputs of any rank are tried"),
    # Profiling
    Flag("profile", BoolParam(False), "Profile all functions.", False),
    Flag("profile_optimizer", BoolParam(False), "Profile rewriting too; needs profile.", False,
         "the time of each stage is always kept, in `f.maker.fgraph.rewrites`"),
    Flag("profile_memory", BoolParam(False), "Profile memory too; needs profile.", False,
         "memory is planned when a function is compiled, not while it runs"),
    Flag("print_global_stats", BoolParam(False), "Print the time spent in functions at exit.", False),
    Flag("profiling.time_thunks", BoolParam(True), "Time single statements.", False),
    Flag("profiling.n_apply", IntParam(20, lambda i: i >= 0), "How many nodes are printed.", False),
    Flag("profiling.n_ops", IntParam(20, lambda i: i >= 0), "How many ops are printed.", False),
    Flag("profiling.output_line_width", IntParam(512, lambda i: i > 0), "The width of a line.", False),
    Flag("profiling.min_memory_size", IntParam(1024, lambda i: i >= 0), "Bytes from which an output is listed.", False,
         "memory is planned when a function is compiled, not while it runs"),
    Flag("profiling.min_peak_memory", BoolParam(False), "Print the smallest possible peak of memory.", False,
         "memory is planned when a function is compiled, not while it runs"),
    Flag("profiling.destination", StrParam("stderr"), "stderr, stdout or the name of a file.", False),
    Flag("profiling.debugprint", BoolParam(False), "Print the graph too.", False,
         "print the graph with debugprint"),
    Flag("profiling.ignore_first_call", BoolParam(False), "Do not count the first call.", False),
    # Pickling
    Flag("unpickle_function", BoolParam(True), "Whether functions are compiled when unpickled; else they become None.",
         False),
    Flag("reoptimize_unpickled_function", BoolParam(False), "Rewrite the graphs of unpickled functions again.", False,
         "functions are pickled as their graphs and rewritten again, always"),
    # Warnings of results that old versions of Theano got wrong
    Flag("warn.ignore_bug_before",
         EnumStr("0.9", "None", "all", "0.3", "0.4", "0.4.1", "0.5", "0.6", "0.7", "0.8", "0.8.1", "0.8.2", "0.10",
                 "1.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5", allow_override=False),
                 "The first version whose bugs are warned of.", False,
         _NO_BUG),
    *[Flag(f"warn.{name}", BoolParam(False), "A bug of an old version of Theano.", False, _NO_BUG)
      for name in ("argmax_pushdown_bug", "gpusum_01_011_0111_bug", "identify_1pexp_bug", "sum_sum_bug",
                   "sum_div_dimshuffle_bug", "subtensor_merge_bug", "gpu_set_subtensor1", "vm_gc_bug",
                   "signal_conv2d_interface", "reduce_join", "inc_set_subtensor1")],
    Flag("warn.round", BoolParam(False), "Warn where `round` rounds halves otherwise than before version 0.9.", False,
         "round has always rounded halves to even here"),
    Flag("warn.inc_subtensor1_opt", BoolParam(_warn_default), "A bug of an old version of Theano.", False, _NO_BUG),
)


def flag_table() -> list[tuple[str, str, str, str]]:
    """For each flag: its name, its default as text, what it does, and "works" or why it means nothing here."""
    rows = []
    for flag in FLAGS:
        default = flag.param.default
        shown = "computed" if callable(default) else str(default)
        rows.append((flag.name, shown, flag.doc,
                     f"means nothing here: {flag.no_effect}" if flag.no_effect else "works"))
    return rows


for _flag in FLAGS:
    AddConfigVar(_flag.name, _flag.doc, _flag.param, in_c_key=_flag.in_c_key, no_effect=_flag.no_effect)
warn_unrecognised()

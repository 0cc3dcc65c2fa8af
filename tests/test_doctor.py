"""The doctor: all is well here, and whatever is broken is found and named with what to do."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from symtensor import __main__ as command
from symtensor import doctor
from symtensor.runtime import cachedir, toolchain


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory):
    return tmp_path_factory.mktemp("doctor") / "cache"


@pytest.fixture(autouse=True)
def place(shared_place, monkeypatch):
    """A cache of the tests' own."""
    monkeypatch.setattr(cachedir, "wanted", lambda: shared_place)
    return shared_place


def found(name):
    (finding,) = [finding for finding in doctor.findings() if finding.name == name]
    return finding


def test_all_is_well(capsys):
    """On a machine with a compiler nothing is wrong, and every fact is there."""
    if toolchain.find() is None:
        pytest.skip("no C compiler")
    findings = {finding.name: finding for finding in doctor.findings()}
    of_cuda = ("pycuda", "kernels", "cuBLAS")  # told where anything of CUDA is here
    assert [name for name in findings if name not in of_cuda] == [name for name, _ in doctor.EXAMINATIONS]
    assert findings["compiler"].facts["path"] == toolchain.find().path
    assert findings["vectors"].facts["vector_bits"] in (128, 256, 512)
    assert findings["cache"].facts["limit"] > 0 and findings["cache"].facts["free"] > 0
    assert findings["trial"].state == doctor.OK
    assert all(finding.state == doctor.OK or finding.todo or finding.name == "CUDA" for finding in findings.values())
    wrong = sum(finding.state == doctor.WRONG for finding in findings.values())
    assert command.main(["doctor", "--json"]) == int(wrong > 0)
    told = json.loads(capsys.readouterr().out)
    assert told["wrong"] == wrong and [finding["name"] for finding in told["findings"]] == list(findings)
    assert doctor.main([]) == int(wrong > 0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= len(findings) and any(line.startswith("ok     compiler  ") for line in lines)


def test_no_compiler(monkeypatch):
    monkeypatch.setattr(doctor.config, "cxx", "")
    monkeypatch.setattr(doctor, "EXAMINATIONS", doctor.EXAMINATIONS[2:4])
    finding = found("compiler")
    assert (finding.state, finding.what) == (doctor.WRONG, "none: config.cxx is empty")
    assert "install gcc" in finding.todo
    assert found("vectors").state == doctor.NOTE


def test_another_compiler(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.config, "cxx", str(tmp_path / "cc"))
    if toolchain.find() is None:
        pytest.skip("no other compiler")
    finding = doctor._compiler()
    assert finding.state == doctor.WRONG and "does not work" in finding.what and "flag cxx" in finding.todo


def test_compiler_that_does_not_know_the_processor(monkeypatch):
    compiler = toolchain.Compiler("/cc", "1", ("-O2",), ("-lm",))
    monkeypatch.setattr(toolchain, "find", lambda: compiler)
    finding = doctor._processor()
    assert finding.state == doctor.WRONG and "newer gcc" in finding.todo


def test_extension_that_was_not_built(monkeypatch):
    monkeypatch.setattr(doctor.executor, "_executor", None)
    assert doctor._extension().state == doctor.WRONG


def test_blas(monkeypatch):
    monkeypatch.setattr(doctor.blas, "find", lambda: None)
    assert doctor._blas().state == doctor.WRONG and "blas.ldflags" in doctor._blas().todo
    monkeypatch.setattr(doctor.blas, "find", lambda: doctor.blas.Blas("here", 1, ()))
    monkeypatch.setattr(doctor.blas, "core_of", lambda blas: "Haswell")
    monkeypatch.setattr(doctor.blas, "better_core", lambda *facts: "SkylakeX")
    assert doctor._blas().todo.endswith("OPENBLAS_CORETYPE=SkylakeX") and doctor._blas().state == doctor.WRONG


def no_driver(path=None):
    raise doctor.driver.Unavailable("there is no libcuda")


class Driver:
    """A driver as far as it is asked."""

    origin = "libcuda.so.1"

    def cuDriverGetVersion(self, version):
        version[0] = 12040


def pycuda(devices, error=None):
    """What is asked of pycuda: the package and its module `driver`."""
    class Error(Exception):
        pass

    class Device:
        def __init__(self, number):
            self.number = number

        @staticmethod
        def count():
            return len(devices)

        def name(self):
            return devices[self.number]

        def compute_capability(self):
            return 9, 0

    def init():
        if error:
            raise Error(error)

    return {"pycuda": SimpleNamespace(VERSION_TEXT="2026.1"),
            "pycuda.driver": SimpleNamespace(Error=Error, Device=Device, init=init)}.get


def test_cuda_on_a_machine_without(monkeypatch):
    """No driver and no pycuda: one note, no fault; but a fault where the flag `device` asks for them."""
    monkeypatch.setattr(doctor.driver, "opened", no_driver)
    monkeypatch.setattr(doctor, "is_installed", lambda name: False)
    monkeypatch.setattr(doctor, "optional_import", lambda name: None)
    assert [(found.name, found.state, found.what) for found in doctor._cuda()] == [("CUDA", doctor.NOTE, "none")]
    monkeypatch.setitem(doctor.config.__dict__, "device", "cuda")
    found = {one.name: one for one in doctor._cuda()}
    assert list(found) == ["CUDA", "pycuda", "kernels", "cuBLAS"]
    assert found["CUDA"].state == found["pycuda"].state == doctor.WRONG
    assert found["CUDA"].what == "there is no libcuda" and "NVIDIA's driver" in found["CUDA"].todo
    assert "symtensor[cuda]" in found["pycuda"].todo


def test_cuda(monkeypatch):
    monkeypatch.setattr(doctor.driver, "opened", Driver)
    monkeypatch.setattr(doctor, "optional_import", pycuda(["A", "B"]))
    compiler = SimpleNamespace(name="NVRTC 12.4", identity="it", archs=(90,))
    monkeypatch.setattr(doctor.kernel_compiler, "find", lambda: compiler)
    monkeypatch.setattr(doctor.cublas, "library", lambda: (None, "/there/libcublas.so.12"))
    found = doctor._cuda()
    assert [(one.name, one.state, one.what) for one in found] == [
        ("CUDA", doctor.OK, "driver for CUDA 12.4 (libcuda.so.1)"),
        ("pycuda", doctor.OK, "2026.1; cuda0: A (9.0), cuda1: B (9.0)"),
        ("kernels", doctor.OK, "compiled by NVRTC 12.4"), ("cuBLAS", doctor.OK, "/there/libcublas.so.12")]
    json.dumps([one.facts for one in found])
    monkeypatch.setattr(doctor, "optional_import", pycuda([]))
    assert "CUDA_VISIBLE_DEVICES" in doctor._pycuda(doctor.WRONG).todo
    monkeypatch.setattr(doctor, "optional_import", pycuda([], "no driver"))
    assert doctor._pycuda(doctor.NOTE).what == "2026.1: CUDA says: no driver"

    def broken(name):
        raise ImportError("libcuda.so.1: cannot open")

    monkeypatch.setattr(doctor, "optional_import", broken)
    assert "libcuda.so.1: cannot open" in doctor._pycuda(doctor.NOTE).what
    monkeypatch.setattr(doctor.kernel_compiler, "find", lambda: None)
    monkeypatch.setattr(doctor.cublas, "library", no_driver)
    assert "nvidia-cuda-nvrtc" in doctor._kernels(doctor.WRONG).todo
    assert "run on the host" in doctor._cublas(doctor.NOTE).what and "nvidia-cublas" in doctor._cublas("note").todo


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX only")
def test_caches(monkeypatch, tmp_path):
    path = tmp_path / "cache"
    monkeypatch.setattr(cachedir, "wanted", lambda: path)
    assert doctor._cache().state == doctor.OK
    (path / ("0" * 64 + ".so")).write_bytes(b"planted")
    assert "1 damaged" in doctor._cache().what and "verify --delete" in doctor._cache().todo
    path.chmod(0o777)
    assert doctor._cache().state == doctor.WRONG and "written by others" in doctor._cache().what
    path.chmod(0o700)
    (path / ("0" * 64 + ".so")).unlink()
    monkeypatch.setattr(doctor, "LITTLE_ROOM", 1 << 80)
    assert "left on the disk" in doctor._cache().what
    monkeypatch.setattr(cachedir, "wanted", lambda: tmp_path / "cache" / "swept" / "no")
    assert doctor._cache().state == doctor.WRONG


def test_an_examination_that_fails(monkeypatch, capsys):
    """It is a finding itself; the others follow."""

    def broken():
        raise ZeroDivisionError("so much for that\nand more")

    monkeypatch.setattr(doctor, "EXAMINATIONS", (("first", broken), ("flags", doctor._flags)))
    findings = doctor.findings()
    assert [(finding.name, finding.state) for finding in findings][0] == ("first", doctor.WRONG)
    assert len(findings) == 2 and "ZeroDivisionError: so much" in findings[0].what
    assert doctor.main([]) == 1
    assert capsys.readouterr().out.splitlines()[1] == " " * 17 + "and more"


def test_wrong_results_are_found(monkeypatch):
    monkeypatch.setattr(doctor, "function", lambda inputs, output: lambda *values: 0.0)
    assert doctor._trial().state == doctor.WRONG


def test_as_a_process(place):
    done = subprocess.run([sys.executable, "-m", "symtensor.doctor", "--json"], capture_output=True, text=True,
                          env={**os.environ, "SYMTENSOR_FLAGS": f"base_compiledir={place}"}, timeout=300)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    assert json.loads(done.stdout)["findings"][0]["name"] == "versions"


def test_extension_of_other_headers(monkeypatch):
    """An extension that was built before csrc/ changed works, but units are compiled without its helpers."""
    if doctor.executor._executor is None or not doctor.built_in.variant():
        pytest.skip("no built-in helpers")
    assert doctor.built_in.variant() in found("calls").what
    monkeypatch.setattr(doctor.built_in, "_found", lambda: ("", None))
    monkeypatch.setattr(doctor, "EXAMINATIONS", [("calls", doctor._extension)])
    finding = found("calls")
    assert finding.state == doctor.WRONG and "another csrc/" in finding.what and "reinstall" in finding.todo
    monkeypatch.setattr(doctor.executor, "_executor", SimpleNamespace(__file__="built long ago"))
    assert found("calls").state == doctor.WRONG

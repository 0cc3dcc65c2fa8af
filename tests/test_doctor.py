"""The doctor: all is well here, and whatever is broken is found and named with what to do."""
from __future__ import annotations

import json
import os
import subprocess
import sys

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
    assert list(findings) == [name for name, _ in doctor.EXAMINATIONS]
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


@pytest.mark.skipif(os.name != "posix", reason="shell scripts")
def test_cuda(monkeypatch, tmp_path):
    """A toolkit is found by CUDA_HOME; without toolkit and driver there is none, and that is no fault."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "nvcc"
    script.write_text("#!/bin/sh\necho 'Cuda compilation tools, release 12.4, V12.4.1'\n")
    script.chmod(0o700)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    finding = doctor._cuda()
    assert finding.facts["nvcc"] == f"{script} (Cuda compilation tools, release 12.4, V12.4.1)"
    assert finding.state == doctor.NOTE and "release 12.4" in finding.what
    monkeypatch.setattr(doctor, "_nvcc", lambda: None)
    monkeypatch.setattr(doctor, "_driver", lambda: None)
    assert (doctor._cuda().state, doctor._cuda().what) == (doctor.NOTE, "none")


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

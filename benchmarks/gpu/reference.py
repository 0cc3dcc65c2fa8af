"""Inputs and expected results of the cases, made once for all libraries: files of one folder.

`write` computes in float64 with NumPy (`benchmarks.with_numpy`, and below what only GPUs are asked); of results a
sample is kept. `read` gives the inputs and [(shape, sample)].
"""
from __future__ import annotations

import os
import pathlib
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np

from benchmarks import with_numpy
from benchmarks.cases import inputs, no_state, widened
from benchmarks.gpu.cases import CASES, GpuCase, sample


def copy(d):
    return lambda: (), lambda: [d.x]


def pointwise(d):
    x, a, b = d.x, d.a, d.b

    def call():
        y = a * x + b
        y = np.maximum(y, b * y)
        return y * y - a * abs(x) + y
    return call, no_state


def grow(d):
    return lambda: (), lambda: [d.x / 2 + 1]


HERE = {"copy": copy, "pointwise": pointwise, "grow": grow}


def write(folder: pathlib.Path, names: list[str], tiny: bool) -> None:
    """Files for the cases named; cases of a group share the inputs. It is a minute of work, so several processes do it
    where there are processors (and gigabytes) for them."""
    groups: dict = {}
    for name in names:
        groups.setdefault(CASES[name].case.group, []).append(name)
    workers = 1 if tiny else min(4, (os.cpu_count() or 1) // 4)
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            list(pool.map(partial(write_group, folder, tiny), groups.values()))
    else:
        for members in groups.values():
            write_group(folder, tiny, members)


def write_group(folder: pathlib.Path, tiny: bool, names: list[str]) -> None:
    """The files of cases that share their inputs."""
    members = [CASES[name] for name in names]
    given = inputs(members[0].case, tiny)
    (folder / f"{members[0].case.group}.inputs").write_bytes(pickle.dumps(given, protocol=5))
    wide = widened(given)
    for one in members:
        expected = [(a.shape, sample(a)) for a in results(one, wide)]
        (folder / f"{one.case.name}.expected").write_bytes(pickle.dumps(expected, protocol=5))


def results(one: GpuCase, wide) -> list[np.ndarray]:
    name = one.case.function
    call, state = (HERE[name] if name in HERE else getattr(with_numpy, name))(wide)
    returned = call()
    return [np.asarray(a) for a in (*(returned if isinstance(returned, (tuple, list)) else [returned]), *state())]


def read(folder: pathlib.Path, name: str):
    given = pickle.loads((folder / f"{CASES[name].case.group}.inputs").read_bytes())
    return given, pickle.loads((folder / f"{name}.expected").read_bytes())

"""Draws over seeds, dtypes and shapes: which ones; `theano_draws.json` holds what Theano 1.0.5 drew."""
from __future__ import annotations

import numpy as np

SHAPES = [(), (0,), (1,), (3, 5), (2, 0, 3), (7, 1), (11,)]
SEEDS = [1, 77, 54321]

# method, arguments without size, dtypes
STREAMS = [
    ("uniform", {"low": -1.5, "high": 2.5}, ["float32", "float64"]),
    ("normal", {"avg": 2.0, "std": 3.0}, ["float32", "float64"]),
    ("binomial", {"n": 9, "p": 0.35}, ["int64", "int32", "float32"]),
    ("poisson", {"lam": 4.5}, ["int64", "int16", "float64"]),
    ("random_integers", {"low": -3, "high": 8}, ["int64", "int8"]),
    ("choice", {"a": 6}, ["int64", "int32"]),
    ("permutation", {"n": 5}, ["int64", "int32"]),
    ("multinomial", {"n": 6, "pvals": np.array([0.1, 0.6, 0.3])}, ["int64", "float32"]),
]
MRG = [
    ("uniform", {"low": -1.5, "high": 2.5}, ["float32", "float64"]),
    ("uniform", {"nstreams": 4}, ["float16", "float32", "float64"]),
    ("normal", {"avg": 2.0, "std": 3.0, "nstreams": 4}, ["float32", "float64"]),
    ("truncated_normal", {"avg": 2.0, "std": 3.0, "nstreams": 4}, ["float32", "float64"]),
    ("binomial", {"p": 0.35}, ["int64", "float32"]),
]


def cases():
    """(key, which streams, seed, method, arguments)."""
    for which, table in (("streams", STREAMS), ("mrg", MRG)):
        for k, (method, arguments, dtypes) in enumerate(table):
            for dtype in dtypes:
                for seed in SEEDS:
                    for shape in SHAPES:
                        if which == "mrg" and (0 in shape or (shape == () and "normal" in method)):
                            continue  # refused
                        key = f"{which} {k} {method} {dtype} {seed} {shape}"
                        yield key, which, seed, method, {"size": shape, "dtype": dtype, **arguments}

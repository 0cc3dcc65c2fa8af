"""Functions that run on a GPU: see docs/cuda.md."""

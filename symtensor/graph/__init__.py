"""Expression graphs: variables, apply nodes, ops and types, and the mutable graph that rewriting works on.

This layer knows no tensors, dtypes, C or compiled functions. What it needs from higher layers (evaluating a variable,
printing a graph) it asks for through `symtensor.graph.hooks`.
"""

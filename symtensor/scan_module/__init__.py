"""Loops: `scan` and what is built on it.

    scan              the user's function
    arguments, body   its arguments in one form; the inner graph of a step
    info, scan_op     the loop as an op, with named slots
    steps, shapes     what it computes; the shapes of what it collects
    pullback, traced, pushforward
                      its derivatives
    scan_utils        `until`, and what a step may return
    scan_views        map, reduce, foldl, foldr
    scan_checkpoints  loops that keep only some of their steps
    jacobian          jacobian, hessian
"""
from symtensor.scan_module.scan import scan
from symtensor.scan_module.scan_checkpoints import scan_checkpoints
from symtensor.scan_module.scan_utils import until
from symtensor.scan_module.scan_views import foldl, foldr, map, reduce

__all__ = ["foldl", "foldr", "map", "reduce", "scan", "scan_checkpoints", "until"]

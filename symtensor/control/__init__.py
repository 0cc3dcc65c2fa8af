"""Ops that steer evaluation or wrap things: lazy choice, checks, printing, Python functions, graphs as ops.

    ifelse      ifelse: compute one of two branches
    raise_op    Assert, Raise
    print_op    Print: show a value as it goes by
    function_op as_op: a Python function as an op
    builders    OpFromGraph: a graph as an op
    breakpoint  PdbBreakpoint: stop in the debugger on a condition
"""

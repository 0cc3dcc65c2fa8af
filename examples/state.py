"""Functions with memory: shared variables, updates, givens, and copies of functions.

    python examples/state.py
"""
import symtensor
import symtensor.tensor as T
from symtensor import function, shared

# A shared variable keeps its value between calls; updates say what it becomes after each call.
state = shared(0, name="state")
step = T.iscalar("step")
accumulate = function([step], state, updates=[(state, state + step)])
decrease = function([step], state, updates=[(state, state - step)])
print(state.get_value())
print(accumulate(1), state.get_value())  # the function returns the value before the update
print(accumulate(300), state.get_value())
state.set_value(-1)
print(accumulate(3), state.get_value())
print(decrease(2), state.get_value())

# givens puts something else in the place of a variable, here of the shared one.
other = T.scalar("other", dtype=state.dtype)
skip_shared = function([step, other], state * 2 + step, givens=[(state, other)])
print(skip_shared(1, 3), state.get_value())

# A function can be copied with other memory, or without its updates.
fresh = shared(0, name="fresh")
copied = accumulate.copy(swap={state: fresh})
print(copied(100), fresh.get_value(), state.get_value())
frozen = accumulate.copy(delete_updates=True, swap={state: fresh})
print(frozen(100), fresh.get_value())

# An update must keep the variable's type; the error names the types.
try:
    function([], state, updates=[(state, state + 0.5)])
except TypeError as error:
    print(type(error).__name__ + ":", str(error)[:80], "...")

# Two variables may swap: all new values are computed from the old ones.
left, right = shared(1.0), shared(2.0)
function([], updates=[(left, right), (right, left)])()
print(left.get_value(), right.get_value())
print(symtensor.config.floatX)

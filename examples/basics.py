"""Typed variables, expressions, and compiling them: the first steps.

    python examples/basics.py
"""
import numpy as np

import symtensor
import symtensor.tensor as T
from symtensor import In, function, pp

# A variable has a type: here a float64 number. An expression is a graph; pp shows it.
x, y = T.dscalars("x", "y")
z = x + y
print(x.type, pp(z))

# function() compiles the graph; results are NumPy arrays.
f = function([x, y], z)
print(f(1, 2), repr(f(16.3, 12.1)))
print(z.eval({x: 16.3, y: 12.1}))  # once, without compiling

# The same with matrices, and several results at once.
a, b = T.dmatrices("a", "b")
diff = a - b
g = function([a, b], [diff, abs(diff), diff ** 2])
for result in g([[1, 1], [1, 1]], [[0, 1], [2, 3]]):
    print(result)

# Inputs may have default values and names of their own.
w = T.dscalar("w")
h = function([x, In(y, value=1), In(w, value=2, name="weight")], (x + y) * w)
print(h(33), h(33, 2), h(33, 0, 1), h(33, weight=1, y=0))

# The logistic function written in two ways; the optimiser knows the first as `sigmoid`.
m = T.dmatrix("m")
logistic = function([m], 1 / (1 + T.exp(-m)))
by_tanh = function([m], (1 + T.tanh(m / 2)) / 2)
ticks = np.arange(-6, 6, 0.1).reshape(12, 10)
print(abs(logistic(ticks) - by_tanh(ticks)).max() < 1e-15)
symtensor.printing.debugprint(logistic)

# Gradients are graphs too.
cost = (x ** 2 * y).sum()
gx, gy = T.grad(cost, [x, y])
print(pp(gx))
print(function([x, y], [gx, gy])(3, 4))

"""Softmax regression from its parts: dot, softmax, log, indexing by labels, grad, updates and givens.

    python examples/softmax_regression.py
"""
import numpy as np

import symtensor
import symtensor.tensor as T

rng = np.random.RandomState(0)
centres = rng.randn(3, 5) * 2
labels = rng.randint(0, 3, 600)
points = centres[labels] + rng.randn(600, 5)

floatX = symtensor.config.floatX
data = symtensor.shared(points.astype(floatX), name="data")
targets = T.cast(symtensor.shared(labels.astype(floatX)), "int32")  # floats in the store, integers in use
theta = symtensor.shared(np.zeros((5, 3), floatX), name="theta")

x, y, index = T.matrix("x"), T.ivector("y"), T.lscalar("index")
p = T.nnet.softmax(T.dot(x, theta))
cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y]) + 0.005 * T.sum(theta ** 2)
batch = slice(index * 50, (index + 1) * 50)
train = symtensor.function([index], cost, updates=[(theta, theta - 0.5 * T.grad(cost, theta))],
                           givens={x: data[batch], y: targets[batch]})
predict = symtensor.function([], T.argmax(p, axis=1), givens={x: data})

for epoch in range(5):
    print(f"epoch {epoch}: cost {np.mean([train(k) for k in range(12)]):.4f}, "
          f"right {100 * (predict() == labels).mean():.1f} %")

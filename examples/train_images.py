"""Trains two classifiers on real images and says how often they are right on images they never saw.

First softmax regression, then a multilayer perceptron by minibatch SGD with momentum, each one compiled function a
step. By default on the handwritten digits that come with scikit-learn (1797 images of 8 x 8, UCI Optical Recognition of
Handwritten Digits); with --fashion on Fashion-MNIST (70000 images of 28 x 28) as Debian's package
dataset-fashion-mnist installs it. Writes the learning curves and the first layer's weights as PNG files. The last line
is the perceptron's accuracy.

    python examples/train_images.py [--fashion] [--epochs N] [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import gzip
import pathlib
import struct
import sys
import time

import numpy as np

import symtensor
import symtensor.tensor as T

FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
floatX = "float32"


def load_digits(seed):
    """The digits in a fixed random split: (train images, train labels), (validation ...), (test ...)."""
    from sklearn import datasets

    images, labels = datasets.load_digits(return_X_y=True)
    order = np.random.RandomState(seed).permutation(len(images))
    images = (images[order] / 16).astype(floatX)
    labels = labels[order].astype("int32")
    cuts = [0, 1257, 1437, 1797]  # 70 %, 10 %, 20 %
    return [(images[a:b], labels[a:b]) for a, b in zip(cuts, cuts[1:])]


def read_idx(path):
    """An array stored in the IDX format of MNIST."""
    with gzip.open(path) as file:
        _, _, code, rank = struct.unpack(">BBBB", file.read(4))
        if code != 8:
            raise ValueError(f"{path}: expected unsigned bytes (type 8), found type {code}")
        shape = struct.unpack(">" + "I" * rank, file.read(4 * rank))
        return np.frombuffer(file.read(), dtype="uint8").reshape(shape)


def load_fashion(seed):
    """Fashion-MNIST; the last 5000 training images of a fixed shuffle are for validation."""
    if not FASHION.is_dir():
        sys.exit(
            f"Fashion-MNIST is not installed: {FASHION} is missing.\n"
            "On Debian and Ubuntu: apt-get install dataset-fashion-mnist"
        )
    parts = []
    for part in ("train", "t10k"):
        images = read_idx(FASHION / f"{part}-images-idx3-ubyte.gz")
        labels = read_idx(FASHION / f"{part}-labels-idx1-ubyte.gz")
        parts.append(((images.reshape(len(images), -1) / 255).astype(floatX), labels.astype("int32")))
    (images, labels), test = parts
    order = np.random.RandomState(seed).permutation(len(images))
    images, labels = images[order], labels[order]
    return (images[:-5000], labels[:-5000]), (images[-5000:], labels[-5000:]), test


class Layer:
    """x.dot(W) + b, with the shared variables W and b."""

    def __init__(self, rng, n_in, n_out, scale):
        self.W = symtensor.shared(rng.uniform(-scale, scale, (n_in, n_out)).astype(floatX), name="W")
        self.b = symtensor.shared(np.zeros(n_out, floatX), name="b")
        self.params = [self.W, self.b]

    def __call__(self, x):
        return T.dot(x, self.W) + self.b


def softmax_regression(rng, n_in, n_classes):
    layer = Layer(rng, n_in, n_classes, 0.0)
    return layer, lambda x: T.nnet.softmax(layer(x)), layer.params


def perceptron(rng, n_in, n_classes, n_hidden):
    first = Layer(rng, n_in, n_hidden, np.sqrt(6.0 / (n_in + n_hidden)))
    second = Layer(rng, n_hidden, n_classes, np.sqrt(6.0 / (n_hidden + n_classes)))
    return first, lambda x: T.nnet.softmax(second(T.nnet.relu(first(x)))), first.params + second.params


def momentum_updates(cost, params, rate, momentum):
    """v <- momentum * v - rate * gradient; p <- p + v."""
    updates = []
    for p, g in zip(params, T.grad(cost, params)):
        velocity = symtensor.shared(np.zeros_like(p.get_value()))
        step = momentum * velocity - rate * g
        updates += [(velocity, step), (p, p + step)]
    return updates


def progress(name, done, total, note):
    bar = "#" * int(24 * done / total)
    end = "\n" if done == total else ""
    if sys.stderr.isatty() or end:
        print(f"\r{name:20} [{bar:24}] {done:3d}/{total} {note}", end=end, file=sys.stderr, flush=True)


def train(name, model, data, epochs, rate, batch, l2):
    """Minibatch SGD; returns the accuracy on the test images of the epoch best on the validation images, and curves."""
    (train_x, train_y), (valid_x, valid_y), (test_x, test_y) = data
    _, predict, params = model
    x, y, index, lr = T.matrix("x", dtype=floatX), T.ivector("y"), T.lscalar("index"), T.scalar("lr", dtype=floatX)
    images, labels = symtensor.shared(train_x, borrow=True), symtensor.shared(train_y, borrow=True)

    p = predict(x)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    penalised = cost + np.float32(l2) * sum(T.sum(w**2) for w in params if w.ndim == 2)
    rows = slice(index * batch, (index + 1) * batch)
    step = symtensor.function(
        [index, lr],
        cost,
        updates=momentum_updates(penalised, params, lr, np.float32(0.9)),
        givens={x: images[rows], y: labels[rows]},
    )
    correct = symtensor.function([x, y], T.mean(T.eq(T.argmax(p, axis=1), y)))

    curves, best, kept = [], -1.0, [w.get_value() for w in params]
    shuffle = np.random.RandomState(1)
    for epoch in range(epochs):
        order = shuffle.permutation(len(train_x))
        images.set_value(train_x[order], borrow=True)
        labels.set_value(train_y[order], borrow=True)
        rate_now = np.float32(rate * 0.5 * (1 + np.cos(np.pi * epoch / epochs)))
        costs = [float(step(k, rate_now)) for k in range(len(train_x) // batch)]
        valid = float(correct(valid_x, valid_y))
        if valid > best:
            best, kept = valid, [w.get_value() for w in params]
        curves.append((np.mean(costs), valid))
        progress(name, epoch + 1, epochs, f"cost {curves[-1][0]:.4f}  validation {100 * valid:.2f} %")
    for w, value in zip(params, kept):
        w.set_value(value)
    return float(correct(test_x, test_y)), np.array(curves)


def save_pictures(directory, results, side):
    """curves.png: cost and accuracy by epoch; weights_*.png: the strongest units' weights as images."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    directory.mkdir(parents=True, exist_ok=True)
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for name, (_, curves, _) in results.items():
        axes[0].plot(np.arange(1, len(curves) + 1), curves[:, 0], label=name)
        axes[1].plot(np.arange(1, len(curves) + 1), 100 * curves[:, 1], label=name)
    costs = np.concatenate([curves[:, 0] for _, curves, _ in results.values()])
    axes[0].set(xlabel="epoch", ylabel="training cost", yscale="log" if costs.max() > 20 * costs.min() else "linear")
    axes[1].set(xlabel="epoch", ylabel="validation accuracy (%)")
    axes[1].legend()
    figure.savefig(directory / "curves.png", dpi=110)
    for name, (_, _, weights) in results.items():
        classes = weights.shape[1] <= 10  # one unit a class: in their order
        units = np.arange(weights.shape[1]) if classes else np.argsort(-np.square(weights).sum(axis=0))[:30]
        rows = (len(units) + 9) // 10
        figure, axes = pyplot.subplots(rows, 10, figsize=(9, 0.4 + 0.95 * rows), squeeze=False, layout="constrained")
        what = "weights of each class" if classes else "first layer, largest weights"
        figure.suptitle(f"{name}: {what}", fontsize=10)
        for axis in axes.ravel():
            axis.axis("off")
        limit = abs(weights[:, units]).max() or 1.0
        for axis, unit in zip(axes.ravel(), units):
            axis.imshow(weights[:, unit].reshape(side, side), cmap="RdBu_r", vmin=-limit, vmax=limit)
            if classes:
                axis.set_title(str(unit), fontsize=8)
        figure.savefig(directory / f"weights_{name.replace(' ', '_')}.png", dpi=110)
    pyplot.close("all")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--fashion", action="store_true", help="train on Fashion-MNIST instead of digits")
    arguments.add_argument("--epochs", type=int, help="passes over the training images of each model")
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"), help="directory of the pictures")
    opt = arguments.parse_args()
    start = time.perf_counter()
    data = load_fashion(0) if opt.fashion else load_digits(0)
    n_in, n_classes = data[0][0].shape[1], 10
    side = int(np.sqrt(n_in))
    rng = np.random.RandomState(0)
    n_hidden, epochs, batch = (256, 10, 100) if opt.fashion else (200, 60, 20)
    epochs = opt.epochs or epochs
    results = {}
    for name, model, rate in (
        ("softmax regression", softmax_regression(rng, n_in, n_classes), 0.05),
        ("perceptron", perceptron(rng, n_in, n_classes, n_hidden), 0.05),
    ):
        accuracy, curves = train(name, model, data, epochs, rate, batch, 1e-5)
        results[name] = accuracy, curves, model[0].W.get_value()
        print(f"{name}: {100 * accuracy:.2f} % of {len(data[2][0])} test images")
    save_pictures(opt.out, results, side)
    print(f"pictures in {opt.out}, {time.perf_counter() - start:.1f} s")
    print(f"test accuracy: {100 * results['perceptron'][0]:.2f} %")


if __name__ == "__main__":
    main()

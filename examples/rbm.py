"""A restricted Boltzmann machine that learns to draw handwritten digits.

The data are scikit-learn's digits (1797 images of 8 x 8), each pixel black or white. Training is contrastive
divergence: `scan` takes Gibbs steps from the data (--cd), or from chains that go on where they stopped (persistent, the
default), and the gradient of the free energies' difference treats the ends of the chains as constants. The random
streams' updates come back from `scan`. Writes rbm_weights.png and rbm_samples.png.

    python examples/rbm.py [--cd] [--steps K] [--epochs N] [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import pathlib
import time

import numpy as np

import symtensor
import symtensor.tensor as T
from symtensor.tensor.shared_randomstreams import RandomStreams

SIDE = 8
floatX = symtensor.config.floatX


def load_digits(seed):
    """Binary images, a row each, shuffled."""
    from sklearn import datasets

    images, _ = datasets.load_digits(return_X_y=True)
    return (np.random.RandomState(seed).permutation(images) > 7).astype(floatX)


class RBM:
    """p(v, h) proportional to exp(v W h + a v + b h), v and h binary."""

    def __init__(self, rng, images, n_hidden):
        n_visible = images.shape[1]
        on = np.clip(images.mean(axis=0), 0.01, 0.99)
        self.W = symtensor.shared((0.05 * rng.randn(n_visible, n_hidden)).astype(floatX), name="W")
        self.a = symtensor.shared(np.log(on / (1 - on)).astype(floatX), name="a")
        self.b = symtensor.shared(np.zeros(n_hidden, floatX), name="b")
        self.params = [self.W, self.a, self.b]
        self.streams = RandomStreams(rng.randint(2**30))

    def free_energy(self, v):
        """-log of the sum of exp(v W h + a v + b h) over all h, for each row of v."""
        return -T.dot(v, self.a) - T.sum(T.nnet.softplus(T.dot(v, self.W) + self.b), axis=1)

    def draw(self, p):
        return self.streams.binomial(size=p.shape, n=1, p=p, dtype=floatX)

    def gibbs_step(self, v):
        """New visible units given old ones, and the probabilities they were drawn with."""
        h = self.draw(T.nnet.sigmoid(T.dot(v, self.W) + self.b))
        p = T.nnet.sigmoid(T.dot(h, self.W.T) + self.a)
        return self.draw(p), p

    def gibbs(self, v, steps):
        """The ends of chains that begin at v, their probabilities, and the random streams' updates."""
        (chain, p), updates = symtensor.scan(self.gibbs_step, outputs_info=[v, None], n_steps=steps)
        return chain[-1], p[-1], updates


def make_train(rbm, images, chains, batch, steps):
    """(index of a minibatch, rate) -> gap of mean free energies; chains=None: start at the data."""
    index, rate = T.lscalar("index"), T.scalar("rate")
    v = symtensor.shared(images, name="images")[index * batch : (index + 1) * batch]
    end, _, updates = rbm.gibbs(v if chains is None else chains, steps)
    gap = T.mean(rbm.free_energy(v)) - T.mean(rbm.free_energy(end))
    for p, g in zip(rbm.params, T.grad(gap, rbm.params, consider_constant=[end])):
        updates[p] = p - T.cast(rate, floatX) * g
    if chains is not None:
        updates[chains] = end
    return symtensor.function([index, rate], gap, updates=updates)


def make_score(rbm):
    """images -> log pseudo-likelihood of a pixel in nats: how well each pixel is told from all the others."""
    v = T.matrix("v")
    energy = rbm.free_energy(v)

    def pixel(i, v, energy):
        flipped = T.set_subtensor(v[:, i], 1 - v[:, i])
        return T.mean(T.log(T.nnet.sigmoid(rbm.free_energy(flipped) - energy)))

    scores, _ = symtensor.scan(pixel, sequences=T.arange(v.shape[1]), non_sequences=[v, energy])
    return symtensor.function([v], T.mean(scores))


def tile(rows, columns, low, high):
    """Images, one a row, side by side in one picture with gaps; `low` is black and `high` is white."""
    count = -(-len(rows) // columns)
    picture = np.ones((count * (SIDE + 1) + 1, columns * (SIDE + 1) + 1)) * 0.5
    for k, row in enumerate(rows):
        top, left = (1 + (SIDE + 1) * place for place in divmod(k, columns))
        picture[top : top + SIDE, left : left + SIDE] = (row.reshape(SIDE, SIDE) - low) / (high - low)
    return picture


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--cd", action="store_true", help="start chains at the data instead of where they stopped")
    arguments.add_argument("--steps", type=int, default=5, help="Gibbs steps a minibatch (%(default)s)")
    arguments.add_argument("--epochs", type=int, default=40, help="passes over the images (%(default)s)")
    arguments.add_argument("--hidden", type=int, default=100, help="hidden units (%(default)s)")
    arguments.add_argument("--rate", type=float, default=0.05, help="step size, falling to 0 (%(default)s)")
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"), help="directory of the pictures")
    opt = arguments.parse_args()

    start, batch = time.perf_counter(), 20
    images = load_digits(0)
    train_images, test_images = images[:1500], images[1500:]
    rbm = RBM(np.random.RandomState(1), train_images, opt.hidden)
    chains = None if opt.cd else symtensor.shared(train_images[:50], name="chains")
    train, score = make_train(rbm, train_images, chains, batch, opt.steps), make_score(rbm)
    print(f"before: log pseudo-likelihood {score(test_images):.4f} nats a pixel of unseen images")
    for epoch in range(opt.epochs):
        rate = opt.rate * (1 - epoch / opt.epochs)
        gap = np.mean([train(k, rate) for k in range(len(train_images) // batch)])
        if (epoch + 1) % max(1, opt.epochs // 10) == 0:
            print(f"epoch {epoch + 1:3d}: free energy gap {gap:7.3f}, log pseudo-likelihood {score(test_images):.4f}")

    # Ten chains from unseen images, a column each; a row every 200 Gibbs steps.
    v = T.matrix("v")
    end, p, updates = rbm.gibbs(v, 200)
    walk = symtensor.function([v], [end, p], updates=updates)
    chain = test_images[:10]
    rows = [chain]
    for _ in range(8):
        chain, p = walk(chain)
        rows.append(p)

    from matplotlib import image

    opt.out.mkdir(parents=True, exist_ok=True)
    weights = rbm.W.get_value().T
    limit = np.percentile(abs(weights), 99)
    for name, picture in (
        ("rbm_weights.png", tile(np.clip(weights, -limit, limit), 10, -limit, limit)),
        ("rbm_samples.png", tile(np.concatenate(rows), 10, 0, 1)),
    ):
        image.imsave(opt.out / name, picture.repeat(6, axis=0).repeat(6, axis=1), cmap="gray", vmin=0, vmax=1)
    print(f"pictures in {opt.out}, {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()

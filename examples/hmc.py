"""Hamiltonian Monte Carlo on a Bayesian logistic regression: which of two irises is it, and how sure can one be?

The model has three unknowns (a constant, and the weights of petal length and petal width) under a Gaussian prior, and
100 flowers. Many chains move in parallel: a step draws momenta, follows the leapfrog integrator - a `scan` whose body
holds a gradient - and accepts or rejects. Three unknowns are few enough to sum the posterior over a grid, the reference
that the means and deviations are compared with. Writes hmc.png.

    python examples/hmc.py [--samples N] [--chains N] [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import pathlib
import time

import numpy as np

import symtensor
import symtensor.tensor as T
from symtensor.sandbox.rng_mrg import MRG_RandomStreams

NAMES = ["constant", "petal length", "petal width"]
PRIOR = 3.0  # standard deviation of each unknown before the flowers are seen


def load_irises():
    """Versicolor (-1) and virginica (+1): rows (1, length, width), standardised, and labels."""
    from sklearn import datasets

    x, label = datasets.load_iris(return_X_y=True)
    x = x[label > 0][:, 2:]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return np.column_stack([np.ones(len(x)), x]), np.where(label[label > 0] == 2, 1.0, -1.0)


def make_log_posterior(x, y):
    """A function from positions, a row each, to the logarithm of their posterior densities, but for a constant."""
    signed = symtensor.shared(x * y[:, None], name="signed")
    return lambda q: -T.sum(T.nnet.softplus(-T.dot(q, signed.T)), axis=1) - T.sum(q**2, axis=1) / (2 * PRIOR**2)


def leapfrog(log_posterior, q, p, size, steps):
    """Positions and momenta after `steps` steps of Hamilton's equations, reversible and preserving volume."""

    def force(q):
        return T.grad(T.sum(log_posterior(q)), q)

    def step(q, p, size):  # `size` is drawn at random: not handed over, it would be drawn anew in each step
        q = q + size * p
        return q, p + size * force(q)

    (qs, ps), _ = symtensor.scan(step, [], [q, p + size / 2 * force(q)], non_sequences=[size], n_steps=steps)
    return qs[-1], ps[-1] - size / 2 * force(qs[-1])  # of the last step of p, half was too much


def make_transition(log_posterior, positions, size, steps, seed):
    """adapt -> (positions, which chains moved). With adapt, the step size follows the rate of acceptance."""
    streams = MRG_RandomStreams(seed)
    adapt = T.bscalar("adapt")
    p = streams.normal(size=positions.shape)
    # Sizes that differ from step to step: no chain goes round a whole period and comes back to where it began.
    sizes = size * streams.uniform(size=(positions.shape[0], 1), low=0.5, high=1.0)
    q_new, p_new = leapfrog(log_posterior, positions, p, sizes, steps)

    gain = log_posterior(q_new) - log_posterior(positions) + T.sum(p**2 - p_new**2, axis=1) / 2
    accept = T.log(streams.uniform(size=gain.shape)) < gain
    moved = T.switch(accept.dimshuffle(0, "x"), q_new, positions)
    factor = T.switch(adapt, T.switch(T.mean(accept) > 0.8, 1.02, 0.98), 1.0)
    return symtensor.function([adapt], [moved, accept], updates=[(positions, moved), (size, size * factor)])


def reference(log_posterior, points):
    """The posterior summed over a grid: axes, and the probability at each point of the grid."""
    q = T.dmatrix("q")
    density = symtensor.function([q], log_posterior(q))
    axes = [np.linspace(-5, 3, points), np.linspace(-4, 10, points), np.linspace(-3, 11, points)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    logs = np.stack([density(plane.reshape(-1, 3)).reshape(points, points) for plane in grid])
    probability = np.exp(logs - logs.max())
    return axes, probability / probability.sum()


def marginal(probability, k):
    return probability.sum(axis=tuple(i for i in range(3) if i != k))


def save_picture(path, draws, axes, probability):
    """Marginals of draws and of the grid; the first chain's way; the two weights against each other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 3, figsize=(10, 5.6))
    for k, (panel, name) in enumerate(zip(panels[0], NAMES)):
        panel.hist(draws[:, :, k].ravel(), bins=60, density=True, color="lightsteelblue", label="draws")
        width = axes[k][1] - axes[k][0]
        panel.plot(axes[k], marginal(probability, k) / width, color="black", linewidth=1, label="grid")
        panel.set(xlabel=name, yticks=[])
    panels[0, 0].legend()
    panels[1, 0].plot(draws[:200, 0], linewidth=0.8, label=NAMES)
    panels[1, 0].set(xlabel="step of the first chain")
    panels[1, 0].legend(fontsize="x-small")
    panels[1, 1].scatter(draws[::10, :, 1], draws[::10, :, 2], s=2, color="lightsteelblue")
    panels[1, 1].contour(axes[1], axes[2], probability.sum(axis=0).T, colors="black", linewidths=0.7)
    panels[1, 1].set(xlabel=NAMES[1], ylabel=NAMES[2])
    z = (draws - draws.mean(axis=(0, 1))) / draws.std(axis=(0, 1))
    panels[1, 2].plot([np.mean(z[: len(z) - lag] * z[lag:], axis=(0, 1)) for lag in range(min(30, len(z)))])
    panels[1, 2].set(xlabel="lag", ylabel="autocorrelation")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--samples", type=int, default=1000, help="steps kept of each chain (%(default)s)")
    arguments.add_argument("--chains", type=int, default=20, help="chains in parallel (%(default)s)")
    arguments.add_argument("--leapfrog", type=int, default=6, help="leapfrog steps a step (%(default)s)")
    arguments.add_argument("--grid", type=int, default=71, help="points an axis of the reference (%(default)s)")
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"), help="directory of the picture")
    opt = arguments.parse_args()

    start = time.perf_counter()
    log_posterior = make_log_posterior(*load_irises())
    positions = symtensor.shared(np.random.RandomState(0).randn(opt.chains, 3), name="positions")
    size = symtensor.shared(0.1, name="size")
    transition = make_transition(log_posterior, positions, size, opt.leapfrog, seed=7)
    for _ in range(300):  # to where the posterior is, and to a good step size
        transition(1)
    draws, accepted = (np.array(column) for column in zip(*[transition(0) for _ in range(opt.samples)]))
    print(f"{draws.shape[0]} steps of {draws.shape[1]} chains, step size {float(size.get_value()):.3f}")
    print(f"acceptance rate {100 * accepted.mean():.1f} %")

    axes, probability = reference(log_posterior, opt.grid)
    print(f"{'':14} {'mean':>8} {'grid':>8} {'deviation':>10} {'grid':>8}")
    for k, name in enumerate(NAMES):
        weights = marginal(probability, k)
        mean = weights @ axes[k]
        spread = np.sqrt(weights @ (axes[k] - mean) ** 2)
        print(f"{name:14} {draws[..., k].mean():8.3f} {mean:8.3f} {draws[..., k].std():10.3f} {spread:8.3f}")
    save_picture(opt.out / "hmc.png", draws, axes, probability)
    print(f"picture in {opt.out}, {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()

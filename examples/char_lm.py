"""Learns to write, letter by letter, like the beginning of "Alice's Adventures in Wonderland" (Lewis Carroll, 1865).

A recurrent network reads minibatches of passages, `scan` going along the letters, and is trained to foretell the next
letter: Adam on gradients whose norm is clipped. A second `scan` then writes: at each step it draws a letter from the
network's own forecast and reads it back.

    python examples/char_lm.py [--cell rnn|lstm] [--epochs N] [--text FILE] [--temperature X]
"""

from __future__ import annotations

import argparse
import pathlib
import time

import numpy as np

import symtensor
import symtensor.tensor as T
from symtensor.sandbox.rng_mrg import MRG_RandomStreams

TEXT = pathlib.Path(__file__).resolve().parent / "text" / "alice.txt"
floatX = symtensor.config.floatX


class Network:
    """Letter -> table row -> recurrent cell -> scores of the next letter. The cell's state is a list of matrices."""

    def __init__(self, rng, cell, n_letters, n_hidden):
        self.n_hidden = n_hidden
        self.n_states, gates = {"rnn": (1, 1), "lstm": (2, 4)}[cell]
        self.step = {"rnn": self.rnn_step, "lstm": self.lstm_step}[cell]
        bias = np.zeros(gates * n_hidden)
        if cell == "lstm":
            bias[n_hidden : 2 * n_hidden] = 1  # remember, until learnt otherwise

        def weights(name, *shape):
            return symtensor.shared((rng.randn(*shape) / np.sqrt(n_hidden)).astype(floatX), name=name)

        self.table = weights("table", n_letters, gates * n_hidden)
        self.recurrent = weights("recurrent", n_hidden, gates * n_hidden)
        self.bias = symtensor.shared(bias.astype(floatX), name="bias")
        self.out = weights("out", n_hidden, n_letters)
        self.out_bias = symtensor.shared(np.zeros(n_letters, floatX), name="out_bias")
        self.params = [self.table, self.recurrent, self.bias, self.out, self.out_bias]

    def rnn_step(self, x, h):
        return [T.tanh(x + T.dot(h, self.recurrent))]

    def lstm_step(self, x, h, c):
        gates = x + T.dot(h, self.recurrent)
        write, keep, show, content = (gates[:, k * self.n_hidden : (k + 1) * self.n_hidden] for k in range(4))
        c = T.nnet.sigmoid(keep) * c + T.nnet.sigmoid(write) * T.tanh(content)
        return [T.nnet.sigmoid(show) * T.tanh(c), c]

    def inputs(self, letters):
        return self.table[letters] + self.bias

    def scores(self, h):
        return T.dot(h, self.out) + self.out_bias

    def start(self, rows):
        return [T.zeros((rows, self.n_hidden), dtype=floatX) for _ in range(self.n_states)]

    def read(self, letters):
        """The states after each of the letters (time, batch): a list of arrays (time, batch, hidden)."""
        states, _ = symtensor.scan(
            self.step, sequences=self.inputs(letters), outputs_info=self.start(letters.shape[1])
        )
        return states if self.n_states > 1 else [states]


def adam(params, gradients, rate, b1=0.9, b2=0.999):
    """Kingma and Ba's Adam as updates of shared variables."""
    t = symtensor.shared(np.asarray(0, floatX), name="t")
    rate_now = rate * T.sqrt(1 - b2 ** (t + 1)) / (1 - b1 ** (t + 1))
    updates = [(t, t + 1)]
    for p, g in zip(params, gradients):
        m, v = (symtensor.shared(np.zeros_like(p.get_value())) for _ in range(2))
        new_m, new_v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        updates += [(m, new_m), (v, new_v), (p, p - rate_now * new_m / (T.sqrt(new_v) + 1e-8))]
    return [(old, T.cast(new, floatX)) for old, new in updates]


def make_train(net, rate, clip):
    """(passages, one a column) -> mean cost per letter in nats; improves the network."""
    passages = T.lmatrix("passages")
    h = net.read(passages[:-1])[0]
    p = T.nnet.softmax(net.scores(h.reshape((-1, net.n_hidden))))
    target = passages[1:].flatten()
    cost = -T.mean(T.log(p)[T.arange(target.shape[0]), target])
    gradients = T.grad(cost, net.params)
    norm = T.sqrt(sum(T.sum(g**2) for g in gradients))
    gradients = [g * T.minimum(1, clip / norm) for g in gradients]
    return symtensor.function([passages], cost, updates=adam(net.params, gradients, rate))


def make_write(net, seed):
    """(beginning, length, temperature) -> the letters that follow, drawn one by one."""
    streams = MRG_RandomStreams(seed)
    beginning, length, temperature = T.lvector("beginning"), T.lscalar("length"), T.scalar("temperature")
    states = [s[-1] for s in net.read(beginning.dimshuffle(0, "x"))]

    def write_letter(*state):
        p = T.nnet.softmax(net.scores(state[0]) / temperature)
        letter = T.argmax(streams.multinomial(pvals=p), axis=1)
        return [letter, *net.step(net.inputs(letter), *state)]

    written, updates = symtensor.scan(write_letter, outputs_info=[None, *states], n_steps=length)
    return symtensor.function([beginning, length, temperature], written[0][:, 0], updates=updates)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--cell", choices=["rnn", "lstm"], default="lstm", help="recurrent cell (%(default)s)")
    arguments.add_argument("--epochs", type=int, default=12, help="lines of progress (%(default)s)")
    arguments.add_argument("--batches", type=int, default=30, help="minibatches an epoch (%(default)s)")
    arguments.add_argument("--hidden", type=int, default=100, help="units of the cell (%(default)s)")
    arguments.add_argument("--rate", type=float, default=0.01, help="Adam's step size (%(default)s)")
    arguments.add_argument("--clip", type=float, default=1.0, help="largest norm of a gradient (%(default)s)")
    arguments.add_argument("--temperature", type=float, default=0.7, help="below 1: bolder guesses (%(default)s)")
    arguments.add_argument("--length", type=int, default=400, help="letters to write (%(default)s)")
    arguments.add_argument("--text", type=pathlib.Path, default=TEXT, help="file to learn from (Alice, chapter I)")
    opt = arguments.parse_args()

    text = " ".join(opt.text.read_text(encoding="utf-8").split())
    alphabet = sorted(set(text))
    letters = np.array([alphabet.index(c) for c in text])
    rng = np.random.RandomState(0)
    net = Network(rng, opt.cell, len(alphabet), opt.hidden)
    train, write = make_train(net, opt.rate, opt.clip), make_write(net, seed=1)
    print(f"{len(text)} letters, {len(alphabet)} different; {opt.cell} of {opt.hidden} units")

    start, passage, batch = time.perf_counter(), 50, 32
    for epoch in range(opt.epochs):
        starts = rng.randint(0, len(letters) - passage, (opt.batches, 1, batch))
        costs = [float(train(letters[s + np.arange(passage + 1)[:, None]])) for s in starts]
        print(f"epoch {epoch + 1:3d}: cost {np.mean(costs):.3f} nats a letter, {time.perf_counter() - start:.1f} s")

    beginning = "Alice "
    written = write([alphabet.index(c) for c in beginning], opt.length, opt.temperature)
    print("\n" + beginning + "".join(alphabet[k] for k in written))


if __name__ == "__main__":
    main()

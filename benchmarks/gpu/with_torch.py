"""The cases in PyTorch, eager or, where the environment sets BENCH_TORCH_COMPILE, under torch.compile. Recurrent layers
are the library's own (cuDNN's); they are not compiled: unrolled, they take minutes. Products are in float32."""
from __future__ import annotations

import numpy as np
import torch

from benchmarks.cases import DEVICE
from benchmarks.with_torch import (COMPILE, VERSION, elementwise, embed_sgd, gemm, mlp, plain, red_logsumexp,
                                   red_mean0, red_mean1, red_softmax, red_sum, tensors, trainer)

__all__ = ["VERSION", "copy", "elementwise", "embed_sgd", "gemm", "grow", "mlp", "pointwise", "red_logsumexp",
           "red_mean0", "red_mean1", "red_softmax", "red_sum"]
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False


def start() -> str:
    if DEVICE != "cuda":
        return "the host"
    x = torch.ones((2, 2), device=DEVICE)
    torch.mm(x, x)
    torch.cuda.synchronize()
    return torch.cuda.get_device_name()


def wait(returned, state) -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def host(value) -> np.ndarray:
    return value.detach().cpu().numpy()


def reset_peak() -> None:
    if DEVICE == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak() -> dict:
    if DEVICE != "cuda":
        return {}
    return dict(values=torch.cuda.max_memory_allocated(), taken=torch.cuda.max_memory_reserved())


def copy(d):
    x, = tensors(d.x)
    y = torch.empty_like(x)

    def step():
        y.copy_(x)
        return ()
    return step, lambda: [y]


def pointwise(d):
    def f(x, a, b):
        y = a * x + b
        y = torch.maximum(y, b * y)
        return y * y - a * torch.abs(x) + y
    return plain(f, *tensors(d.x, d.a, d.b))


def grow(d):
    s, = tensors(d.x)

    def step():
        s.div_(2).add_(1)
        return ()
    return plain(step)[0], lambda: [s]


def layer(kind, matrices, bias):
    """A recurrent layer with these parameters; those of its second bias are 0 and stay."""
    made = kind(matrices[0].shape[0], matrices[1].shape[0]).to(DEVICE or "cpu")
    with torch.no_grad():
        for param, value in zip(made.parameters(), (*(m.T for m in matrices), bias, np.zeros_like(bias))):
            param.copy_(torch.from_numpy(value.copy()))
    return made


if not COMPILE:
    def rnn_grad(d):
        made = layer(torch.nn.RNN, (d.W, d.U), d.b)
        x, h0 = tensors(d.x, d.h0)
        W, U, *others = made.parameters()
        for bias in others:
            bias.requires_grad_(False)

        def call():
            cost = (made(x, h0[None])[0] ** 2).mean()
            return cost.detach(), *(g.T for g in torch.autograd.grad(cost, [W, U]))
        return call, lambda: []

    def lstm(d):
        made = layer(torch.nn.LSTM, (d.Wx, d.Wh), d.b)
        x, y, h0, c0 = tensors(d.x, d.y, d.h0, d.c0)
        Wx, Wh, b, zero = made.parameters()
        zero.requires_grad_(False)
        call, _ = trainer(lambda: (((made(x, (h0[None], c0[None]))[0][-1] - y) ** 2).mean(),), [Wx, Wh, b], d.rate)
        return call, lambda: [Wx.T, Wh.T, b]

"""Units written by hand: what the executor promises is tested apart from what the printer makes of programs."""
from __future__ import annotations

import pathlib

from symtensor.codegen.target import CUnit
from symtensor.runtime import executor

ABI = (pathlib.Path(__file__).resolve().parents[2] / "csrc" / "abi.h").read_text()

SCALAR_ADD = """
int st_main(st_frame *f) {
    char *z = f->output(f, 0, 0, 0, 8);
    if (!z) return 1;
    *(double *)z = *(double *)f->inputs[0].data + *(double *)f->inputs[1].data;
    return 0;
}
"""

VECTOR_ADD = """
int st_main(st_frame *f) {
    st_array *x = f->inputs, *y = f->inputs + 1;
    st_i64 n = x->dims[0];
    if (y->dims[0] != n) {
        f->error_site = 0; f->error_values[0] = n; f->error_values[1] = y->dims[0];
        return 1;
    }
    double *z = (double *)f->output(f, 0, 1, x->dims, 8);
    if (!z) return 1;
    for (st_i64 i = 0; i < n; i++)
        z[i] = *(double *)(x->data + i * x->strides[0]) + *(double *)(y->data + i * y->strides[0]);
    return 0;
}
"""

# inputs x, y; output sum(x); update x = x + y in memory of its own, y = 2 y in place
UPDATES = """
int st_main(st_frame *f) {
    st_array *x = f->inputs, *y = f->inputs + 1;
    st_i64 n = x->dims[0];
    double s = 0, *z, *xs = (double *)x->data, *ys = (double *)y->data;
    for (st_i64 i = 0; i < n; i++) s += xs[i];
    if (!(z = (double *)f->output(f, 0, 0, 0, 8))) return 1;
    *z = s;
    if (!(z = (double *)f->output(f, 1, 1, x->dims, 8))) return 1;
    for (st_i64 i = 0; i < n; i++) z[i] = xs[i] + ys[i];
    for (st_i64 i = 0; i < n; i++) ys[i] = 2 * ys[i];
    return 0;
}
"""

# the program `cases.objects_and_constants`
OBJECTS = """
int st_main(st_frame *f) {
    st_i64 sizes[2];
    st_array draw = {0, sizes, sizes + 1}, state = {0, 0, 0};
    st_array *in[2] = {f->inputs, f->inputs + 1}, *out[2] = {&f->results[1], &f->results[2]};
    (void)draw; (void)state;
    if (f->pycall(f, 0, 2, in, 2, out)) return 1;
    st_i64 n = f->results[1].dims[0];
    double *z = (double *)f->output(f, 0, 1, &n, 8);
    if (!z) return 1;
    for (st_i64 i = 0; i < n; i++)
        z[i] = *(double *)(f->results[1].data + i * f->results[1].strides[0])
             + *(double *)(f->inputs[1].data + i * f->inputs[1].strides[0]);
    return 0;
}
"""

# a workspace is filled from x, shown to a Python operation with a view, and its result doubled
ISLAND = """
int st_main(st_frame *f) {
    st_i64 n = f->inputs[0].dims[0], step = 8, sizes[2];
    double *w = (double *)f->slot(f, 0, 8 * n);
    if (!w) return 1;
    for (st_i64 i = 0; i < n; i++) w[i] = *(double *)(f->inputs[0].data + i * f->inputs[0].strides[0]) + 1;
    st_array view = {(char *)w, &n, &step}, got = {0, sizes, sizes + 1};
    st_array *in[1] = {&view}, *out[1] = {&got};
    if (f->pycall(f, 0, 1, in, 1, out)) return 1;
    double *z = (double *)f->output(f, 0, 1, got.dims, 8);
    if (!z) return 1;
    for (st_i64 i = 0; i < got.dims[0]; i++) z[i] = 2 * *(double *)(got.data + i * got.strides[0]);
    return 0;
}
"""

# loops until interrupted (or, without an interrupt, `limit` times)
ENDLESS = """
int st_main(st_frame *f) {
    volatile double x = 0;
    for (st_i64 i = 0; i < *(st_i64 *)f->inputs[0].data; i++) {
        for (int k = 0; k < 1000; k++) x += k;
        if (f->interrupted(f)) { f->error_site = -3; return 1; }
    }
    double *z = (double *)f->output(f, 0, 0, 0, 8);
    if (!z) return 1;
    *z = x;
    return 0;
}
"""


def link(monkeypatch, program, text, *args, slots=0, **kwargs):
    """`executor.link` with this text for the program."""
    unit = CUnit(text=ABI + text, slots=slots)
    monkeypatch.setattr(executor, "print_program", lambda program, target: unit)
    return executor.link(program, *args, **kwargs)

"""The graphs whose printed forms are recorded: functions from a package (symtensor, or Theano) to what to print.

The functions know only names that Theano 1.0.5 has too, so that the same file could produce the recorded forms.
"""
from __future__ import annotations

import numpy as np

GRAPHS = {}  # name -> function of the package; the first word of a name is its family


def graph(function):
    GRAPHS[function.__name__] = function
    return function


def family(prefix, table):
    """One graph per row of the table (name -> function of the package's tensor module)."""
    for name, build in table.items():
        GRAPHS[prefix + "_" + name] = lambda th, build=build: build(th.tensor)


def _scalars(T):
    return T.dscalar("x"), T.dscalar("y")


# -- scalars of every arithmetic kind ----------------------------------------------------------------------------------

UNARY = (
    "neg abs_ sgn ceil floor iround inv log log2 log10 log1p exp exp2 expm1 sqr sqrt deg2rad rad2deg cos arccos sin "
    "arcsin tan arctan cosh arccosh sinh arcsinh tanh arctanh erf erfc erfcx erfinv erfcinv gamma gammaln psi "
    "j0 j1 i0 i1 isnan isinf trunc round_half_to_even round_half_away_from_zero"
).split()
for _name in UNARY:
    GRAPHS["unary_" + _name] = lambda th, name=_name: getattr(th.tensor, name)(th.tensor.dvector("v"))

BINARY = (
    "add sub mul true_div int_div mod pow lt gt le ge eq neq maximum minimum arctan2 second"
).split()
for _name in BINARY:
    GRAPHS["binary_" + _name] = lambda th, name=_name: getattr(th.tensor, name)(*_scalars(th.tensor))

family("bits", {
    "and": lambda T: T.and_(T.lvector("a"), T.lvector("b")),
    "or": lambda T: T.or_(T.lvector("a"), T.lvector("b")),
    "xor": lambda T: T.xor(T.lvector("a"), T.lvector("b")),
    "invert": lambda T: T.invert(T.lvector("a")),
    "bool_and": lambda T: T.gt(T.dscalar("x"), 0) & T.lt(T.dscalar("y"), 1),
    "bool_invert": lambda T: ~T.gt(T.dscalar("x"), 0),
})

family("complex", {
    "real": lambda T: T.real(T.zvector("z")),
    "imag": lambda T: T.imag(T.zvector("z")),
    "angle": lambda T: T.angle(T.zvector("z")),
    "conj": lambda T: T.conj(T.zvector("z")),
    "make": lambda T: T.complex(T.dvector("a"), T.dvector("b")),
    "from_polar": lambda T: T.complex_from_polar(T.dvector("a"), T.dvector("b")),
    "abs": lambda T: abs(T.zvector("z")),
    "attributes": lambda T: T.zvector("z").real + T.zvector("w").imag,
})

family("ternary", {
    "switch": lambda T: T.switch(T.gt(T.dvector("x"), 0), T.dvector("x"), 0),
    "where": lambda T: T.where(T.bvector("c"), T.dvector("x"), T.fvector("y")),
    "clip": lambda T: T.clip(T.dvector("x"), -1, 1.5),
    "clip_method": lambda T: T.dvector("x").clip(0, 1),
})


# -- operators: precedence and parentheses -----------------------------------------------------------------------------


def _xyz(T):
    return T.dscalar("x"), T.dscalar("y"), T.dscalar("z")


def operators(name, build):
    GRAPHS["operators_" + name] = lambda th: build(*_xyz(th.tensor))


operators("sum_of_products", lambda x, y, z: x * y + y * z)
operators("product_of_sums", lambda x, y, z: (x + y) * (y - z))
operators("left_minus", lambda x, y, z: x - y - z)
operators("right_minus", lambda x, y, z: x - (y - z))
operators("left_div", lambda x, y, z: x / y / z)
operators("right_div", lambda x, y, z: x / (y / z))
operators("int_div", lambda x, y, z: x // y // z)
operators("mod", lambda x, y, z: x % y % z)
operators("left_pow", lambda x, y, z: (x ** y) ** z)
operators("right_pow", lambda x, y, z: x ** y ** z)
operators("neg_pow", lambda x, y, z: -(x ** y))
operators("pow_of_neg", lambda x, y, z: (-x) ** y)
operators("neg_sum", lambda x, y, z: -(x + y))
operators("double_neg", lambda x, y, z: -(-x))
operators("sum_of_neg", lambda x, y, z: x + -y)
operators("comparison_in_sum", lambda x, y, z: (x < y) + (y >= z))
operators("comparison_of_sums", lambda x, y, z: (x + y) <= (y * z))
operators("reflected", lambda x, y, z: 1 + x + (2 - y) + 3 / z)
operators("function_of_sum", lambda x, y, z: abs(x + y) * z)


# -- constants, names, dtypes, broadcasting ----------------------------------------------------------------------------

family("constant", {
    "int": lambda T: T.constant(3) + T.dscalar("x"),
    "int16": lambda T: T.constant(300) + T.dscalar("x"),
    "negative": lambda T: T.dscalar("x") + -1,
    "float": lambda T: T.dscalar("x") + 0.1,
    "float_exact": lambda T: T.dscalar("x") + 2.5,
    "tiny": lambda T: T.dscalar("x") + 1e-30,
    "huge": lambda T: T.dscalar("x") * 1e100,
    "infinity": lambda T: T.dscalar("x") + np.inf,
    "nan": lambda T: T.dscalar("x") + np.nan,
    "bool": lambda T: T.constant(np.array(True)) & T.gt(T.dscalar("x"), 0),
    "complex": lambda T: T.constant(1 + 2j) * T.dscalar("x"),
    "float32": lambda T: T.constant(np.float32(0.1)) + T.fscalar("x"),
    "vector": lambda T: T.constant([1.0, 2.0, 3.0]) + T.dvector("v"),
    "long_vector": lambda T: T.constant(np.arange(20.0)) + T.dvector("v"),
    "uniform_vector": lambda T: T.constant(np.ones(20)) + T.dvector("v"),
    "uniform_matrix": lambda T: T.constant(np.zeros((3, 4))) + T.dmatrix("m"),
    "matrix": lambda T: T.constant(np.arange(6.0).reshape(2, 3)) + T.dmatrix("m"),
    "big_matrix": lambda T: T.constant(np.arange(2000.0).reshape(40, 50)) + T.dmatrix("m"),
    "int_matrix": lambda T: T.constant(np.arange(6).reshape(2, 3)) + T.lmatrix("m"),
    "empty": lambda T: T.constant(np.zeros(0)) + T.dvector("v"),
    "row": lambda T: T.constant([[1.0, 2.0]]) + T.dmatrix("m"),
    "one_element": lambda T: T.constant([7.0]) + T.dvector("v"),
    "named": lambda T: T.constant(2.0, name="two") * T.dscalar("x"),
    "int8_array": lambda T: T.constant(np.array([1, 2, 3], "int8")) + T.bvector("b"),
    "bool_array": lambda T: T.constant(np.array([True, False])) & T.gt(T.dvector("v"), 0),
    "alone": lambda T: T.constant(1.5),
})

family("broadcast", {
    "scalar_vector": lambda T: T.dscalar("x") + T.dvector("v"),
    "vector_matrix": lambda T: T.dvector("v") * T.dmatrix("m"),
    "row_col": lambda T: T.drow("r") + T.dcol("c"),
    "scalar_matrix_constant": lambda T: T.dmatrix("m") * 2 + 1,
    "vector_tensor3": lambda T: T.dvector("v") - T.dtensor3("t"),
    "unnamed": lambda T: T.dvector() + T.dmatrix(),
    "unnamed_scalar": lambda T: T.fscalar() * T.iscalar(),
    "same_type_unnamed_twice": lambda T: T.dvector() * T.dvector(),
    "addbroadcast": lambda T: T.addbroadcast(T.dmatrix("m"), 0) + T.dmatrix("n"),
    "patternbroadcast": lambda T: T.patternbroadcast(T.dmatrix("m"), (True, False)),
    "unbroadcast": lambda T: T.unbroadcast(T.drow("r"), 0),
})

family("cast", {
    "to_float32": lambda T: T.cast(T.dscalar("x"), "float32"),
    "to_int8": lambda T: T.cast(T.dvector("v"), "int8"),
    "to_bool": lambda T: T.cast(T.dvector("v"), "bool"),
    "to_complex": lambda T: T.cast(T.fvector("v"), "complex64"),
    "astype": lambda T: T.ivector("v").astype("float64"),
    "same": lambda T: T.cast(T.dvector("v"), "float64"),
    "mixed": lambda T: T.ivector("i") + T.fvector("f"),
    "int_true_div": lambda T: T.ivector("i") / T.ivector("j"),
})


@graph
def named_inner(th):
    T = th.tensor
    x, y = _scalars(T)
    z = x * y
    z.name = "z"
    return z + T.exp(z)


@graph
def named_output(th):
    T = th.tensor
    x, y = _scalars(T)
    z = T.exp(x + y)
    z.name = "total"
    return z


@graph
def shared_subgraph(th):
    T = th.tensor
    a = T.exp(T.dvector("v"))
    b = a + 1
    return (a * b + b) / a


@graph
def two_outputs(th):
    T = th.tensor
    x, y = _scalars(T)
    a = T.sin(x)
    return [a * y, T.cos(a)]


@graph
def many_ids(th):
    T = th.tensor
    x = T.dscalar("x")
    z = x
    for k in range(30):
        z = z * x + k
    return z


@graph
def greek_and_special_names(th):
    T = th.tensor
    return T.dscalar("alpha") * T.dscalar("\\sigma") + T.dscalar("a b")


@graph
def shared_variables(th):
    w = th.shared(np.ones((2, 3)), name="w")
    b = th.shared(np.zeros(3), name="b")
    return th.tensor.dot(th.tensor.dmatrix("x"), w.T) + b.sum()


@graph
def shared_unnamed(th):
    return th.shared(np.ones(3)) + th.shared(1.5)


@graph
def shared_scalar(th):
    return th.shared(2, name="n") * th.tensor.lscalar("k")


# -- reductions --------------------------------------------------------------------------------------------------------

family("reduce", {
    "sum": lambda T: T.sum(T.dmatrix("m")),
    "sum_axis0": lambda T: T.sum(T.dmatrix("m"), axis=0),
    "sum_axis_negative": lambda T: T.sum(T.dmatrix("m"), axis=-1),
    "sum_axes": lambda T: T.sum(T.dtensor3("t"), axis=(0, 2)),
    "sum_keepdims": lambda T: T.sum(T.dmatrix("m"), axis=1, keepdims=True),
    "sum_all_keepdims": lambda T: T.sum(T.dmatrix("m"), keepdims=True),
    "sum_float32": lambda T: T.sum(T.fmatrix("m"), axis=0),
    "sum_int8": lambda T: T.sum(T.bmatrix("m")),
    "sum_bool": lambda T: T.sum(T.gt(T.dvector("v"), 0)),
    "sum_dtype": lambda T: T.sum(T.fmatrix("m"), dtype="float64"),
    "sum_acc_dtype": lambda T: T.sum(T.fmatrix("m"), acc_dtype="float32"),
    "sum_method": lambda T: T.dmatrix("m").sum(axis=1),
    "prod": lambda T: T.prod(T.dmatrix("m")),
    "prod_axis": lambda T: T.prod(T.dmatrix("m"), axis=1),
    "prod_no_zeros": lambda T: T.prod(T.dmatrix("m"), axis=1, no_zeros_in_input=True),
    "prod_method": lambda T: T.dvector("v").prod(),
    "mean": lambda T: T.mean(T.dmatrix("m")),
    "mean_axis": lambda T: T.mean(T.dmatrix("m"), axis=0),
    "mean_keepdims": lambda T: T.mean(T.dmatrix("m"), axis=0, keepdims=True),
    "mean_int": lambda T: T.mean(T.imatrix("m"), axis=1),
    "var": lambda T: T.var(T.dmatrix("m")),
    "var_axis": lambda T: T.var(T.dmatrix("m"), axis=1),
    "std": lambda T: T.std(T.dvector("v")),
    "max": lambda T: T.max(T.dmatrix("m")),
    "max_axis": lambda T: T.max(T.dmatrix("m"), axis=1),
    "max_keepdims": lambda T: T.max(T.dmatrix("m"), axis=1, keepdims=True),
    "min": lambda T: T.min(T.dmatrix("m"), axis=0),
    "max_int": lambda T: T.max(T.ivector("v")),
    "argmax": lambda T: T.argmax(T.dmatrix("m"), axis=1),
    "argmax_all": lambda T: T.argmax(T.dmatrix("m")),
    "argmin": lambda T: T.argmin(T.dmatrix("m"), axis=0),
    "max_and_argmax": lambda T: T.max_and_argmax(T.dmatrix("m"), axis=1),
    "ptp": lambda T: T.ptp(T.dvector("v")),
    "all": lambda T: T.all(T.gt(T.dmatrix("m"), 0)),
    "any": lambda T: T.any(T.gt(T.dmatrix("m"), 0), axis=1),
    "norm": lambda T: T.dvector("v").norm(2),
})


# -- shapes ------------------------------------------------------------------------------------------------------------

family("shape", {
    "shape": lambda T: T.dmatrix("m").shape,
    "shape_0": lambda T: T.dmatrix("m").shape[0],
    "shape_sum": lambda T: T.exp(T.dmatrix("m")).shape[1] + 1,
    "transpose": lambda T: T.dmatrix("m").T,
    "transpose_unnamed": lambda T: T.dmatrix().T,
    "transpose_expression": lambda T: (T.dmatrix("m") + 1).T,
    "transpose_axes": lambda T: T.transpose(T.dtensor3("t"), (1, 0, 2)),
    "transpose_vector": lambda T: T.dvector("v").T,
    "dimshuffle": lambda T: T.dvector("v").dimshuffle("x", 0),
    "dimshuffle_many": lambda T: T.dmatrix("m").dimshuffle(1, "x", 0),
    "dimshuffle_drop": lambda T: T.drow("r").dimshuffle(1),
    "swapaxes": lambda T: T.swapaxes(T.dtensor3("t"), 0, 2),
    "reshape": lambda T: T.reshape(T.dvector("v"), (2, 3)),
    "reshape_symbolic": lambda T: T.dmatrix("m").reshape((T.dmatrix("m").shape[1], -1)),
    "reshape_vector": lambda T: T.dmatrix("m").reshape(T.lvector("s"), ndim=3),
    "flatten": lambda T: T.flatten(T.dtensor3("t")),
    "flatten_2": lambda T: T.flatten(T.dtensor3("t"), 2),
    "ravel": lambda T: T.dmatrix("m").ravel(),
    "shape_padleft": lambda T: T.shape_padleft(T.dvector("v"), 2),
    "shape_padright": lambda T: T.shape_padright(T.dvector("v")),
    "squeeze": lambda T: T.squeeze(T.drow("r")),
    "specify_shape": lambda T: T.specify_shape(T.dmatrix("m"), (2, 3)),
    "ndim_size": lambda T: T.dmatrix("m").size,
    "diagonal": lambda T: T.diagonal(T.dmatrix("m")),
    "diag": lambda T: T.diag(T.dvector("v")),
    "extract_diag": lambda T: T.diag(T.dmatrix("m")),
    "tile": lambda T: T.tile(T.dvector("v"), (2,)),
    "repeat": lambda T: T.repeat(T.dvector("v"), 3),
})

family("join", {
    "vectors": lambda T: T.join(0, T.dvector("a"), T.dvector("b")),
    "axis1": lambda T: T.join(1, T.dmatrix("a"), T.dmatrix("b"), T.dmatrix("c")),
    "concatenate": lambda T: T.concatenate([T.dvector("a"), T.ivector("b")]),
    "stack": lambda T: T.stack([T.dvector("a"), T.dvector("b")]),
    "stack_axis": lambda T: T.stack([T.dvector("a"), T.dvector("b")], axis=1),
    "stack_scalars": lambda T: T.stack([T.dscalar("a"), T.dscalar("b")]),
    "stacklists": lambda T: T.stacklists([T.dscalar("a"), T.dscalar("b")]),
    "split": lambda T: T.split(T.dvector("v"), [2, 3], 2, axis=0),
    "horizontal_stack": lambda T: T.horizontal_stack(T.dmatrix("a"), T.dmatrix("b")),
})

family("make", {
    "alloc": lambda T: T.alloc(T.dscalar("x"), 2, 3),
    "zeros": lambda T: T.zeros((2, 3)),
    "zeros_symbolic": lambda T: T.zeros((T.lscalar("n"),), dtype="float32"),
    "ones": lambda T: T.ones((2,)),
    "zeros_like": lambda T: T.zeros_like(T.dmatrix("m")),
    "ones_like": lambda T: T.ones_like(T.ivector("i")),
    "fill": lambda T: T.fill(T.dmatrix("m"), 3),
    "arange": lambda T: T.arange(5),
    "arange_symbolic": lambda T: T.arange(T.lscalar("n")),
    "arange_three": lambda T: T.arange(T.dscalar("a"), T.dscalar("b"), 0.5),
    "eye": lambda T: T.eye(3),
    "eye_symbolic": lambda T: T.eye(T.lscalar("n"), T.lscalar("m"), 1),
    "identity_like": lambda T: T.identity_like(T.dmatrix("m")),
    "tri": lambda T: T.tri(3),
    "tril": lambda T: T.tril(T.dmatrix("m")),
    "vector_of_scalars": lambda T: T.as_tensor_variable([T.dscalar("a"), T.dscalar("b")]),
    "empty": lambda T: T.basic.AllocEmpty("float64")(2, 3),
    "nonzero": lambda T: T.nonzero(T.dmatrix("m"))[0],
    "tensor_copy": lambda T: T.tensor_copy(T.dmatrix("m")),
})


# -- indexing ----------------------------------------------------------------------------------------------------------

family("index", {
    "int": lambda T: T.dvector("v")[2],
    "negative": lambda T: T.dvector("v")[-1],
    "slice": lambda T: T.dvector("v")[1:5],
    "slice_step": lambda T: T.dvector("v")[1:10:2],
    "slice_open": lambda T: T.dvector("v")[3:],
    "slice_to": lambda T: T.dvector("v")[:4],
    "slice_all": lambda T: T.dvector("v")[:],
    "reverse": lambda T: T.dvector("v")[::-1],
    "matrix_row": lambda T: T.dmatrix("m")[0],
    "matrix_element": lambda T: T.dmatrix("m")[1, 2],
    "matrix_column": lambda T: T.dmatrix("m")[:, 3],
    "matrix_block": lambda T: T.dmatrix("m")[1:3, ::2],
    "ellipsis": lambda T: T.dtensor3("t")[..., 0],
    "newaxis": lambda T: T.dvector("v")[None, :],
    "newaxis_mixed": lambda T: T.dmatrix("m")[:, None, 1],
    "symbolic": lambda T: T.dvector("v")[T.lscalar("i")],
    "symbolic_slice": lambda T: T.dvector("v")[T.lscalar("i"):T.lscalar("j")],
    "symbolic_expression": lambda T: T.dvector("v")[T.lscalar("i") + 1],
    "symbolic_int32": lambda T: T.dvector("v")[T.iscalar("i"):],
    "twice": lambda T: T.dmatrix("m")[1:][2],
    "vector_index": lambda T: T.dvector("v")[T.lvector("i")],
    "rows": lambda T: T.dmatrix("m")[T.lvector("i")],
    "list": lambda T: T.dvector("v")[[0, 2]],
    "pairs": lambda T: T.dmatrix("m")[T.lvector("i"), T.lvector("j")],
    "matrix_index": lambda T: T.dvector("v")[T.lmatrix("i")],
    "mixed_advanced": lambda T: T.dtensor3("t")[T.lvector("i"), 1:, T.lvector("j")],
    "mask": lambda T: T.dvector("v")[T.gt(T.dvector("v"), 0)],
    "take": lambda T: T.take(T.dmatrix("m"), T.lvector("i"), axis=1),
    "diagonal_expression": lambda T: (T.dmatrix("m") + 1)[0],
})

family("set", {
    "int": lambda T: T.set_subtensor(T.dvector("v")[2], 1.0),
    "slice": lambda T: T.set_subtensor(T.dvector("v")[1:3], T.dvector("w")),
    "matrix": lambda T: T.set_subtensor(T.dmatrix("m")[:, 0], T.dvector("w")),
    "vector_index": lambda T: T.set_subtensor(T.dvector("v")[T.lvector("i")], 0),
    "pairs": lambda T: T.set_subtensor(T.dmatrix("m")[T.lvector("i"), T.lvector("j")], 0),
    "mask": lambda T: T.set_subtensor(T.dvector("v")[T.gt(T.dvector("v"), 0)], 0),
    "inplace": lambda T: T.set_subtensor(T.dvector("v")[2:], 1.0, inplace=True),
    "inc_int": lambda T: T.inc_subtensor(T.dvector("v")[2], 1.0),
    "inc_slice": lambda T: T.inc_subtensor(T.dvector("v")[::2], T.dscalar("x")),
    "inc_matrix": lambda T: T.inc_subtensor(T.dmatrix("m")[1:, 2:4], T.dmatrix("n")),
    "inc_vector_index": lambda T: T.inc_subtensor(T.dvector("v")[T.lvector("i")], 1),
    "inc_pairs": lambda T: T.inc_subtensor(T.dmatrix("m")[T.lvector("i"), T.lvector("j")], 1),
    "inc_symbolic": lambda T: T.inc_subtensor(T.dvector("v")[T.lscalar("i"):T.lscalar("j")], 1),
})


# -- products, sorting, others -----------------------------------------------------------------------------------------

family("dot", {
    "vectors": lambda T: T.dot(T.dvector("a"), T.dvector("b")),
    "matrix_vector": lambda T: T.dot(T.dmatrix("m"), T.dvector("v")),
    "matrices": lambda T: T.dot(T.dmatrix("a"), T.dmatrix("b")),
    "chain": lambda T: T.dot(T.dot(T.dmatrix("a"), T.dmatrix("b")), T.dvector("v")),
    "right_chain": lambda T: T.dot(T.dmatrix("a"), T.dot(T.dmatrix("b"), T.dvector("v"))),
    "method": lambda T: T.dmatrix("a").dot(T.dmatrix("b")),
    "of_sum": lambda T: T.dot(T.dmatrix("a") + 1, T.dmatrix("b").T),
    "plus": lambda T: T.dot(T.dmatrix("a"), T.dvector("v")) + T.dvector("b"),
    "times": lambda T: T.dot(T.dvector("a"), T.dvector("b")) * T.dscalar("x"),
    "scalar": lambda T: T.dot(T.dscalar("x"), T.dmatrix("b")),
    "mixed_dtypes": lambda T: T.dot(T.fmatrix("a"), T.dvector("v")),
    "tensordot": lambda T: T.tensordot(T.dtensor3("a"), T.dmatrix("b"), axes=1),
    "batched": lambda T: T.batched_dot(T.dtensor3("a"), T.dtensor3("b")),
    "outer": lambda T: T.outer(T.dvector("a"), T.dvector("b")),
})

family("sort", {
    "sort": lambda T: T.sort(T.dmatrix("m")),
    "argsort": lambda T: T.argsort(T.dmatrix("m"), axis=0),
    "cumsum": lambda T: T.cumsum(T.dmatrix("m"), axis=1),
    "cumprod": lambda T: T.cumprod(T.dvector("v")),
    "diff": lambda T: T.extra_ops.diff(T.dvector("v")),
    "bincount": lambda T: T.bincount(T.lvector("i")),
    "searchsorted": lambda T: T.extra_ops.searchsorted(T.dvector("v"), T.dvector("x")),
})

family("nnet", {
    "sigmoid": lambda T: T.nnet.sigmoid(T.dmatrix("m")),
    "hard_sigmoid": lambda T: T.nnet.hard_sigmoid(T.dmatrix("m")),
    "ultra_fast_sigmoid": lambda T: T.nnet.ultra_fast_sigmoid(T.dmatrix("m")),
    "softplus": lambda T: T.nnet.softplus(T.dmatrix("m")),
    "softmax": lambda T: T.nnet.softmax(T.dmatrix("m")),
    "softmax_vector": lambda T: T.nnet.softmax(T.dvector("v")),
    "logsoftmax": lambda T: T.nnet.logsoftmax(T.dmatrix("m")),
    "relu": lambda T: T.nnet.relu(T.dmatrix("m")),
    "relu_alpha": lambda T: T.nnet.relu(T.dmatrix("m"), 0.1),
    "elu": lambda T: T.nnet.elu(T.dmatrix("m")),
    "crossentropy_indices": lambda T: T.nnet.categorical_crossentropy(T.nnet.softmax(T.dmatrix("m")), T.lvector("y")),
    "crossentropy_one_hot": lambda T: T.nnet.categorical_crossentropy(T.dmatrix("p"), T.dmatrix("q")),
    "binary_crossentropy": lambda T: T.nnet.binary_crossentropy(T.nnet.sigmoid(T.dvector("v")), T.dvector("t")),
})


# -- gradients ---------------------------------------------------------------------------------------------------------


def gradient(name, build):
    """A gradient graph: `build` gives the cost and what to differentiate with respect to."""

    def of(th):
        cost, wrt = build(th.tensor)
        return th.tensor.grad(cost, wrt)

    GRAPHS["grad_" + name] = of


def _of_scalar(f):
    def build(T):
        x = T.dscalar("x")
        return f(T, x), x

    return build


def _of_vector(f):
    def build(T):
        v = T.dvector("v")
        return f(T, v), v

    return build


def _of_matrix(f):
    def build(T):
        m = T.dmatrix("m")
        return f(T, m), m

    return build


for _name in UNARY:
    if _name not in ("iround", "isnan", "isinf", "round_half_to_even", "trunc", "i0", "i1", "gamma", "erfcx"):
        gradient(_name, _of_scalar(lambda T, x, name=_name: getattr(T, name)(x)))

gradient("square", _of_scalar(lambda T, x: x ** 2))
gradient("power", lambda T: (lambda x, y: (x ** y, [x, y]))(*_scalars(T)))
gradient("product", lambda T: (lambda x, y: (x * y, [x, y]))(*_scalars(T)))
gradient("quotient", lambda T: (lambda x, y: (x / y, [x, y]))(*_scalars(T)))
gradient("modulo", lambda T: (lambda x, y: (x % y, [x, y]))(*_scalars(T)))
gradient("maximum", lambda T: (lambda x, y: (T.maximum(x, y), [x, y]))(*_scalars(T)))
gradient("minimum", lambda T: (lambda x, y: (T.minimum(x, y), [x, y]))(*_scalars(T)))
gradient("arctan2", lambda T: (lambda x, y: (T.arctan2(x, y), [x, y]))(*_scalars(T)))
gradient("switch", lambda T: (lambda x, y: (T.switch(x > 0, x, y), [x, y]))(*_scalars(T)))
gradient("clip", _of_vector(lambda T, v: T.clip(v, -1, 1).sum()))
gradient("three_terms", _of_scalar(lambda T, x: T.sin(x) + T.cos(x) * x))
gradient("sum", _of_vector(lambda T, v: T.sum(v)))
gradient("sum_axis", _of_matrix(lambda T, m: T.sum(T.sum(m, axis=0) ** 2)))
gradient("mean", _of_matrix(lambda T, m: T.mean(T.sqr(m))))
gradient("prod", _of_vector(lambda T, v: T.prod(v)))
gradient("max", _of_vector(lambda T, v: T.max(v)))
gradient("max_axis", _of_matrix(lambda T, m: T.max(m, axis=1).sum()))
gradient("broadcast", lambda T: (lambda v, m: ((v * m).sum(), [v, m]))(T.dvector("v"), T.dmatrix("m")))
gradient("dot_vectors", lambda T: (lambda a, b: (T.dot(a, b), [a, b]))(T.dvector("a"), T.dvector("b")))
gradient("dot_matrix_vector", lambda T: (lambda a, b: (T.dot(a, b).sum(), [a, b]))(T.dmatrix("a"), T.dvector("b")))
gradient("dot_matrices", lambda T: (lambda a, b: (T.dot(a, b).sum(), [a, b]))(T.dmatrix("a"), T.dmatrix("b")))
gradient("dimshuffle", _of_vector(lambda T, v: T.exp(v.dimshuffle("x", 0)).sum()))
gradient("transpose", _of_matrix(lambda T, m: T.dot(m, m.T).sum()))
gradient("reshape", _of_vector(lambda T, v: T.exp(v.reshape((2, 3))).sum()))
gradient("flatten", _of_matrix(lambda T, m: T.exp(m.flatten()).sum()))
gradient("index", _of_vector(lambda T, v: v[0] * v[-1]))
gradient("slice", _of_vector(lambda T, v: T.sum(v[1:] * v[:-1])))
gradient("rows", _of_matrix(lambda T, m: m[T.lvector("i")].sum()))
gradient("pairs", _of_matrix(lambda T, m: m[T.lvector("i"), T.lvector("j")].sum()))
gradient("set_subtensor", lambda T: (lambda v, w: (T.set_subtensor(v[1:3], w).sum(), [v, w]))(
    T.dvector("v"), T.dvector("w")))
gradient("inc_subtensor", lambda T: (lambda v, w: (T.inc_subtensor(v[1:3], w).sum(), [v, w]))(
    T.dvector("v"), T.dvector("w")))
gradient("join", lambda T: (lambda a, b: (T.exp(T.join(0, a, b)).sum(), [a, b]))(T.dvector("a"), T.dvector("b")))
gradient("alloc", _of_scalar(lambda T, x: T.alloc(x, 2, 3).sum()))
gradient("cast", _of_scalar(lambda T, x: T.cast(x, "float32") * 3))
gradient("integer", lambda T: (lambda i, x: (i * x, [i, x]))(T.iscalar("i"), T.dscalar("x")))
gradient("cumsum", _of_vector(lambda T, v: T.cumsum(v).sum()))
gradient("sort", _of_vector(lambda T, v: T.sort(v)[0]))
gradient("diag", _of_vector(lambda T, v: T.diag(v).sum()))
gradient("sigmoid", _of_vector(lambda T, v: T.nnet.sigmoid(v).sum()))
gradient("softplus", _of_vector(lambda T, v: T.nnet.softplus(v).sum()))
gradient("softmax", _of_matrix(lambda T, m: T.nnet.softmax(m)[0, 0]))
gradient("relu", _of_vector(lambda T, v: T.nnet.relu(v).sum()))


@graph
def grad_names(th):
    T = th.tensor
    x, y = _scalars(T)
    z = x * y
    z.name = "z"
    cost = z + T.exp(z) * z
    cost.name = "cost"
    return T.grad(cost, [x, z])


@graph
def grad_disconnected(th):
    T = th.tensor
    x = T.dscalar("x")
    return T.grad(x ** 2, [x, T.dvector("v"), T.imatrix("i")], disconnected_inputs="ignore")


@graph
def grad_twice(th):
    T = th.tensor
    x = T.dscalar("x")
    return T.grad(T.grad(T.sin(x) * x, x), x)


@graph
def grad_logistic(th):
    T = th.tensor
    w = th.shared(np.zeros(3), name="w")
    b = th.shared(0.0, name="b")
    x, y = T.dmatrix("x"), T.dvector("y")
    p = 1 / (1 + T.exp(-T.dot(x, w) - b))
    cost = (-y * T.log(p) - (1 - y) * T.log(1 - p)).mean() + 0.01 * (w ** 2).sum()
    return T.grad(cost, [w, b])


@graph
def barriers(th):
    x = th.tensor.dscalar("x")
    g = th.gradient
    return g.zero_grad(x) + g.disconnected_grad(x) + g.undefined_grad(x) + g.grad_clip(x, -1, 2) + g.grad_scale(x, 3.0)


@graph
def grad_barriers(th):
    x = th.tensor.dscalar("x")
    g = th.gradient
    cost = g.zero_grad(x) * x + g.disconnected_grad(x) * x + g.grad_clip(x, -1, 2) * x + g.grad_scale(x, 3.0) * x
    return th.tensor.grad(cost, x)


@graph
def rop_tanh_dot(th):
    T = th.tensor
    m, v, u = T.dmatrix("m"), T.dvector("v"), T.dvector("u")
    return T.Rop(T.tanh(T.dot(m, v)), v, u)


@graph
def rop_power(th):
    T = th.tensor
    x, y = _scalars(T)
    return T.Rop(x ** 2, x, y)


@graph
def lop_dot(th):
    T = th.tensor
    m, v, u = T.dmatrix("m"), T.dvector("v"), T.dvector("u")
    return T.Lop(T.dot(m, v), [v, m], u)


# -- control -----------------------------------------------------------------------------------------------------------


@graph
def control_assert(th):
    x = th.tensor.dscalar("x")
    return th.tensor.opt.Assert("must be positive")(x, x > 0) * 2


@graph
def control_assert_default(th):
    x = th.tensor.dvector("x")
    return th.tensor.opt.assert_(x, th.tensor.eq(x.shape[0], 3))


@graph
def control_print(th):
    x = th.tensor.dscalar("x")
    return th.printing.Print("value of x")(x) + 1


@graph
def control_print_attributes(th):
    x = th.tensor.dvector("x")
    return th.printing.Print("x", attrs=["shape", "min"])(x).sum()


@graph
def control_ifelse(th):
    T = th.tensor
    x, y = _scalars(T)
    return th.ifelse.ifelse(T.lt(x, y), x * 2, y + 1)


@graph
def control_ifelse_named(th):
    T = th.tensor
    x, y = _scalars(T)
    return th.ifelse.ifelse(T.lt(x, y), x, y, name="pick")


@graph
def control_ifelse_several(th):
    T = th.tensor
    x, y = _scalars(T)
    return th.ifelse.ifelse(T.lt(x, y), [x, y], [y, x])


@graph
def control_grad_ifelse(th):
    T = th.tensor
    x, y = _scalars(T)
    return T.grad(th.ifelse.ifelse(T.lt(x, y), x * 2, y * x), [x, y])


@graph
def control_as_op(th):
    T = th.tensor

    @th.compile.ops.as_op(itypes=[T.dvector, T.dscalar], otypes=[T.dvector])
    def times(v, x):
        return v * x

    return times(T.dvector("v"), T.dscalar("x")) + 1


@graph
def control_op_from_graph(th):
    T = th.tensor
    x, y = _scalars(T)
    op = th.compile.builders.OpFromGraph([x, y], [x * y + x])
    return op(T.dscalar("a"), T.dscalar("b")) * 2


@graph
def control_op_from_graph_named(th):
    T = th.tensor
    x, y = _scalars(T)
    op = th.compile.builders.OpFromGraph([x, y], [x * y, x + y], inline=True, name="both")
    return op(T.dscalar("a"), T.dscalar("b"))

"""Expressions that FAST_RUN simplifies to exactly what Theano 1.0.5 prints for them (without fusion and in-place ops).

Each row: the expression, and `theano.pp` of the optimised outputs joined by " ;; " (copies are not printed).
"""
from __future__ import annotations

import warnings

import numpy as np
import pytest

import symtensor.tensor as T
from symtensor.config import change_flags
from symtensor.graph.fg import FunctionGraph
from symtensor.printing import pp
from symtensor.rewrite.optdb import Query
from symtensor.rewrite.pipeline import optimize

RECORDED = [
    ("v-v", "alloc(TensorConstant{(1,) of 0.0}, Shape_i{0}(v))"),
    ("v/v", "alloc(TensorConstant{(1,) of 1.0}, Shape_i{0}(v))"),
    ("v+0", "v"),
    ("v*0", "alloc(TensorConstant{(1,) of 0.0}, Shape_i{0}(v))"),
    ("i*0", "alloc(TensorConstant{(1,) of 0}, Shape_i{0}(i))"),
    ("1*v", "v"),
    ("v*np.int8(1)", "v"),
    ("i+0.0", "float64(i)"),
    ("v+w+v+w", "(((v + w) + v) + w)"),
    ("1+v+2+3", "(TensorConstant{(1,) of 6.0} + v)"),
    ("2*v*3*w*0.5", "(TensorConstant{(1,) of 3.0} * v * w)"),
    ("v*v", "sqr(v)"),
    ("v*v*v", "(sqr(v) * v)"),
    ("v*v*w", "(sqr(v) * w)"),
    ("v*w/w", "v"),
    ("(v*w)/(w*v*v)", "inv(v)"),
    ("v/w/v", "inv(w)"),
    ("v/(w/v)", "(v / (w / v))"),
    ("1/v", "inv(v)"),
    ("T.inv(T.inv(v))", "v"),
    ("v/2", "(TensorConstant{(1,) of 0.5} * v)"),
    ("i/2", "(TensorConstant{(1,) of 0.5} * i)"),
    ("i//1", "i"),
    ("v**1", "v"),
    ("v**2", "sqr(v)"),
    ("v**-1", "inv(v)"),
    ("v**-2", "inv(sqr(v))"),
    ("v**0.5", "sqrt(v)"),
    ("v**-0.5", "inv(sqrt(v))"),
    ("v**2.5", "(v ** TensorConstant{(1,) of 2.5})"),
    ("i**2", "sqr(i)"),
    ("(v**w)**w", "((v ** w) ** w)"),
    ("-(-v)", "v"),
    ("-1*v", "(-v)"),
    ("(-v)/(-w)", "(v / w)"),
    ("v-w-v", "(-w)"),
    ("v-w+w", "v"),
    ("-(v/2)", "(TensorConstant{(1,) of -0.5} * v)"),
    ("T.exp(T.log(v))", "exp(log(v))"),
    ("T.sqr(T.sqrt(v))", "sqr(sqrt(v))"),
    ("T.expm1(T.log1p(v))", "expm1(log1p(v))"),
    ("T.sin(T.arcsin(v))", "sin(arcsin(v))"),
    ("T.rad2deg(T.deg2rad(v))", "v"),
    ("T.cosh(T.arccosh(v))", "v"),
    ("abs(-v)", "|v|"),
    ("abs(v)*abs(w)", "|(v * w)|"),
    ("abs(v)/abs(w)", "|(v / w)|"),
    ("abs(v*w)", "|(v * w)|"),
    ("abs(v**2)", "|sqr(v)|"),
    ("T.sqrt(v)*T.sqrt(v)", "sqr(sqrt(v))"),
    ("T.exp(v)*T.exp(w)", "(exp(v) * exp(w))"),
    ("T.log(v**2)", "log(sqr(v))"),
    ("T.log(T.prod(v))", "log(Prod{axis=None, dtype='float64', acc_dtype='float64'}(v))"),
    ("T.log(v*w)", "log((v * w))"),
    ("T.log(v/w)", "log((v / w))"),
    ("T.log(1+v)", "log1p(v)"),
    ("T.log(v+1)", "log1p(v)"),
    ("T.log(1-v)", "log1p((-v))"),
    ("T.log(1+v+w)", "log1p((v + w))"),
    ("T.log(1+T.exp(v))", "softplus(v)"),
    ("T.exp(v)-1", "expm1(v)"),
    ("T.log(T.nnet.sigmoid(v))", "(-softplus((-v)))"),
    ("T.log(1-T.nnet.sigmoid(v))", "(-softplus(v))"),
    ("1/(1+T.exp(v))", "sigmoid((-v))"),
    ("1/(1+T.exp(-v))", "sigmoid(v)"),
    ("T.exp(v)/(1+T.exp(v))", "sigmoid(v)"),
    ("T.nnet.sigmoid(-v)*T.exp(v)", "sigmoid(v)"),
    ("T.log(T.nnet.softmax(m))", "LogSoftmax(m)"),
    ("T.nnet.categorical_crossentropy(T.nnet.softmax(m+v),i).mean()",
     "(Sum{acc_dtype=float64}(CrossentropySoftmaxArgmax1HotWithBias(m, v, i)) / float64(Shape_i{0}(m)))"),
    ("T.grad(T.nnet.categorical_crossentropy(T.nnet.softmax(m+v),i).mean(),m)",
     "CrossentropySoftmax1HotWithBiasDx(inv(float64(Shape_i{0}(m))), SoftmaxWithBias(m, v), i)"),
    ("T.grad(-T.mean(T.log(T.nnet.softmax(m))[T.arange(i.shape[0]),i]),m)",
     "CrossentropySoftmax1HotWithBiasDx(inv(float64(Shape_i{0}(i))), Softmax(m), i)"),
    ("1-T.erf(v)", "erfc(v)"),
    ("1-T.erfc(v)", "erf(v)"),
    ("T.erf(v)-1", "(-erfc(v))"),
    ("1+T.erf(v)", "erfc((-v))"),
    ("T.switch(1,v,w)", "v"),
    ("T.switch(0,v,w)", "w"),
    ("T.switch(v>w,v,v)", "v"),
    ("T.switch(v>w,v,w)+T.switch(v>w,w,v)", "switch(gt(v, w), (v + w), (w + v))"),
    ("T.fill(v,2.0)*w", "(TensorConstant{(1,) of 2.0} * w)"),
    ("T.fill(v,v)", "v"),
    ("T.zeros_like(v)+v", "v"),
    ("T.ones_like(v)*w", "w"),
    ("T.cast(T.cast(f,'float64'),'float32')", "f"),
    ("T.cast(T.cast(v,'float32'),'float64')", "float64(float32(v))"),
    ("T.cast(v,'float64')", "v"),
    ("T.cast(T.cast(i,'float64'),'int64')", "int64(float64(i))"),
    ("T.tensor_copy(v)", "v"),
    ("T.add(v)", "v"),
    ("T.mul(v)", "v"),
    ("T.lt(v,v)", "alloc(TensorConstant{(1,) of False}, Shape_i{0}(v))"),
    ("T.maximum(v,v)", "v"),
    ("T.and_(i,0)", "alloc(TensorConstant{(1,) of 0}, Shape_i{0}(i))"),
    ("T.or_(i,0)", "i"),
    ("T.xor(i,i)", "alloc(TensorConstant{(1,) of 0}, Shape_i{0}(i))"),
    ("T.and_(bl,np.bool_(True))", "bl"),
    ("T.lt(v.shape[0],0)", "TensorConstant{False}"),
    ("T.ge(v.shape[0],0)", "TensorConstant{True}"),
    ("T.maximum(v.shape[0],0)", "Shape_i{0}(v)"),
    ("T.minimum(v.shape[0],0)", "TensorConstant{0}"),
    ("m.dimshuffle(1,0).dimshuffle(1,0)", "m"),
    ("m.T.T", "m"),
    ("T.exp(m).T", "exp(m.T)"),
    ("(m+n).T", "(m.T + n.T)"),
    ("T.exp(m.T).T", "exp(m)"),
    ("(m+v).T", "(m.T + DimShuffle{0, x}(v))"),
    ("m.reshape((2,-1)).reshape((3,-1))", "Reshape{2}(m, TensorConstant{[ 3 -1]})"),
    ("v.reshape((-1,))", "v"),
    ("m.reshape(m.shape)", "m"),
    ("T.exp(v.reshape((2,3)))", "exp(Reshape{2}(v, TensorConstant{[2 3]}))"),
    ("v.dimshuffle('x',0).reshape((2,3))", "Reshape{2}(v, TensorConstant{[2 3]})"),
    ("T.exp(m.flatten())", "exp(Reshape{1}(m, TensorConstant{(1,) of -1}))"),
    ("m.sum(axis=1).sum(axis=0)", "Sum{acc_dtype=float64}(m)"),
    ("m.sum(axis=[0,1])", "Sum{acc_dtype=float64}(m)"),
    ("(m*s).sum()", "(s * Sum{acc_dtype=float64}(m))"),
    ("(v*2).sum()", "(TensorConstant{2.0} * Sum{acc_dtype=float64}(v))"),
    ("(-v).sum()", "(-Sum{acc_dtype=float64}(v))"),
    ("(m/s).sum()", "(Sum{acc_dtype=float64}(m) / s)"),
    ("(m/v.dimshuffle('x',0)).sum(axis=0)", "(Sum{axis=[0], acc_dtype=float64}(m) / v)"),
    ("(m/v.dimshuffle(0,'x')).sum(axis=1)", "(Sum{axis=[1], acc_dtype=float64}(m) / v)"),
    ("v.dimshuffle('x',0).sum(axis=0)", "v"),
    ("T.ones_like(v).sum()", "float64(Shape_i{0}(v))"),
    ("T.sum(T.sqr(v))", "Sum{acc_dtype=float64}(sqr(v))"),
    ("T.join(0,v,w).sum()", "Sum{acc_dtype=float64}(join(TensorConstant{0}, v, w))"),
    ("T.max_and_argmax(m,axis=1)[0]", "Reduce{maximum}{1}(m)"),
    ("(v+w).shape[0]", "Shape_i{0}(v)"),
    ("T.dot(m,n).shape", "[Shape_i{0}(m), Shape_i{1}(n)]"),
    ("m.T.shape[0]", "Shape_i{1}(m)"),
    ("T.exp(v)[0]", "exp(v[Constant{0}])"),
    ("(v+w)[0]", "(v[Constant{0}] + w[Constant{0}])"),
    ("(v+w)[1:3]", "(v[int64:int64] + w[int64:int64])"),
    ("(m+v)[0]", "(m + v)[Constant{0}]"),
    ("v[:]", "v"),
    ("m[:,:]", "m"),
    ("T.alloc(s,5)[2]", "s"),
    ("T.alloc(v,3,v.shape[0])[1]", "v"),
    ("T.inc_subtensor(v[1],s)[1]", "IncSubtensor{Inc;int64}(v, s, Constant{1})[Constant{1}]"),
    ("T.set_subtensor(v[1:3],w)[1:3]", "w"),
    ("v.dimshuffle('x',0)[0]", "v"),
    ("T.inc_subtensor(v[1:3],0)", "v"),
    ("T.join(0,v)", "v"),
    ("T.join(0,v,np.zeros(0))", "v"),
    ("T.join(0,T.stack([s,t]),T.stack([s]))", "[s, t, s]"),
    ("T.tile(v,(1,))", "v"),
    ("T.alloc(v,v.shape[0])", "v"),
    ("T.alloc(T.alloc(s,il),3,il)", "alloc(s, TensorConstant{3}, il)"),
    ("T.alloc(s,v.shape[0])+v", "(s + v)"),
    ("T.exp(T.alloc(s,il))", "alloc(exp(s), il)"),
    ("T.dot(m,n).T", "Dot22(n.T, m.T)"),
    ("T.dot(m,n)", "Dot22(m, n)"),
    ("T.dot(m,n)*2", "Dot22Scalar(m, n, TensorConstant{2.0})"),
    ("-T.dot(m,n)", "Dot22Scalar(m, n, TensorConstant{-1.0})"),
    ("T.dot(fm,fm)", "Dot22(fm, fm)"),
    ("T.var(m,axis=0)",
     "(Sum{axis=[0], acc_dtype=float64}(sqr((m - (Sum{axis=[0], acc_dtype=float64}(m) / "
     "float64(Shape_i{0}(m)))))) / float64(Shape_i{0}(m)))"),
    ("T.mean(m,axis=1)", "(Sum{axis=[1], acc_dtype=float64}(m) / float64(Shape_i{1}(m)))"),
    ("T.grad((v**2).sum(),v)", "(TensorConstant{(1,) of 2.0} * v)"),
    ("T.grad(T.nnet.sigmoid(v).sum(),v)", "(sigmoid(v) * (TensorConstant{(1,) of 1.0} - sigmoid(v)))"),
    ("T.grad(T.nnet.softplus(v).sum(),v)", "sigmoid(v)"),
    ("T.grad(T.log(v).sum(),v)", "inv(v)"),
    ("T.grad(v.prod(),v)",
     "switch(eq(Sum{acc_dtype=int64}(eq(v, TensorConstant{(1,) of 0.0})), TensorConstant{(1,) of 0}), "
     "(Prod{axis=None, dtype='float64', acc_dtype='float64'}(v) / v), "
     "switch((eq(Sum{acc_dtype=int64}(eq(v, TensorConstant{(1,) of 0.0})), TensorConstant{(1,) of 1}) * "
     "eq(v, TensorConstant{(1,) of 0.0})), ProdWithoutZeros{axis=None, dtype='float64', "
     "acc_dtype='float64'}((eq(Sum{acc_dtype=int64}(eq(v, TensorConstant{(1,) of 0.0})), "
     "TensorConstant{(1,) of 1}) * v)), TensorConstant{(1,) of 0.0}))"),
    ("T.grad((v**3).sum(),v)", "(TensorConstant{(1,) of 3.0} * sqr(v))"),
    ("T.grad(T.sqrt((v**2).sum()),v)", "(v / sqrt(Sum{acc_dtype=float64}(sqr(v))))"),
    ("(v*w)/(w+w)", "((v * w) / (w + w))"),
    ("i-i", "alloc(TensorConstant{(1,) of 0}, Shape_i{0}(i))"),
    ("i+b", "(i + b)"),
    ("T.exp(-v)", "exp((-v))"),
    ("T.sgn(v)*abs(v)", "(sgn(v) * |v|)"),
    ("(T.exp(v)-T.exp(-v))/(T.exp(v)+T.exp(-v))", "((exp(v) - exp((-v))) / (exp(v) + exp((-v))))"),
    ("T.constant(np.arange(3.))*2+v", "(TensorConstant{[0. 2. 4.]} + v)"),
    ("T.zeros((3,)).shape[0]", "TensorConstant{3}"),
    ("T.eq(v.shape[0],v.shape[0])", "TensorConstant{True}"),
    ("m[i]", "AdvancedSubtensor1(m, i)"),
    ("T.inc_subtensor(m[i],n)[i]", "AdvancedSubtensor1(AdvancedIncSubtensor1{no_inplace,inc}(m, n, i), i)"),
    ("T.argmax(T.nnet.softmax(m),axis=1)", "Argmax{axis=(1,)}(m)"),
    ("T.argmax(m*1)", "Argmax{axis=(0, 1)}(m)"),
    ("T.any(bl)", "Any(bl)"),
    ("abs(v).sum()", "Sum{acc_dtype=float64}(|v|)"),
    ("T.opt.Assert('x')(v,T.constant(True)) if hasattr(T,'opt') else v", "v"),
    ("T.tensor_from_scalar(T.scalar_from_tensor(s))+v", "(s + v)"),
    ("T.round(v)", "round_half_to_even(v)"),
    ("v%2", "mod(v, TensorConstant{(1,) of 2.0})"),
    ("T.unbroadcast(T.addbroadcast(m,0),0)", "m"),
    ("T.minimum(T.maximum(v,0),v)", "minimum(maximum(v, TensorConstant{(1,) of 0.0}), v)"),
    ("T.mean(T.ones((3,4)))", "TensorConstant{1.0}"),
    ("m.sum(axis=[])", "m"),
    ("-(v.sum())", "(-Sum{acc_dtype=float64}(v))"),
    ("-T.mean(T.log(v))", "(-(Sum{acc_dtype=float64}(log(v)) / float64(Shape_i{0}(v))))"),
]


def variables():
    made = dict(zip("vw", T.dvectors("v", "w")))
    made.update(zip("mn", T.dmatrices("m", "n")))
    made.update(zip("st", T.dscalars("s", "t")))
    made.update(zip("fg", T.fvectors("f", "g")))
    made.update(zip("ij", T.lvectors("i", "j")))
    made.update(fm=T.fmatrix("fm"), b=T.bvector("b"), il=T.lscalar("il"), bl=T.vector("bl", dtype="bool"))
    return made


@pytest.mark.parametrize("expression, printed", RECORDED)
def test_simplifies_as_theano(expression, printed):
    names = variables()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = eval(expression, {"T": T, "np": np, **names})  # noqa: S307
        outputs = built if isinstance(built, list) else [built]
        fgraph = FunctionGraph(list(names.values()), outputs, clone=True)
        with change_flags(on_opt_error="raise"):
            optimize(fgraph, Query(include=["fast_run"]))
    assert " ;; ".join(pp(output) for output in fgraph.outputs) == printed
    assert not fgraph.rewrites.cycles and not fgraph.rewrites.failed

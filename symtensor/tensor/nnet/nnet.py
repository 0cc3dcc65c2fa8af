"""The functions of neural networks under the module name that programs know.

Activation functions, softmax and cross-entropies are written in the modules beside this one and handed on from here.
"""
from __future__ import annotations

from symtensor.tensor.nnet.activations import ScalarSoftsign, elu, relu, scalar_softsign, selu, softsign
from symtensor.tensor.nnet.crossentropy import (
    CrossentropyCategorical1Hot,
    CrossentropyCategorical1HotGrad,
    CrossentropySoftmax1HotWithBiasDx,
    CrossentropySoftmaxArgmax1HotWithBias,
    binary_crossentropy,
    categorical_crossentropy,
    crossentropy_categorical_1hot,
    crossentropy_categorical_1hot_grad,
    crossentropy_softmax_1hot,
    crossentropy_softmax_1hot_with_bias,
    crossentropy_softmax_1hot_with_bias_dx,
    crossentropy_softmax_argmax_1hot_with_bias,
    crossentropy_softmax_max_and_argmax_1hot,
    crossentropy_softmax_max_and_argmax_1hot_with_bias,
    sigmoid_binary_crossentropy,
)
from symtensor.tensor.nnet.rows import (
    Prepend_scalar_constant_to_each_row,
    Prepend_scalar_to_each_row,
    confusion_matrix,
    h_softmax,
    prepend_0_to_each_row,
    prepend_1_to_each_row,
    prepend_scalar_to_each_row,
)
from symtensor.tensor.nnet.sigm import sigmoid, softplus
from symtensor.tensor.nnet.softmax import (
    LogSoftmax,
    Softmax,
    SoftmaxGrad,
    SoftmaxWithBias,
    logsoftmax,
    logsoftmax_op,
    softmax,
    softmax_grad,
    softmax_graph,
    softmax_op,
    softmax_with_bias,
)

__all__ = [
    "CrossentropyCategorical1Hot", "CrossentropyCategorical1HotGrad", "CrossentropySoftmax1HotWithBiasDx",
    "CrossentropySoftmaxArgmax1HotWithBias", "LogSoftmax", "Prepend_scalar_constant_to_each_row",
    "Prepend_scalar_to_each_row", "ScalarSoftsign", "Softmax", "SoftmaxGrad", "SoftmaxWithBias", "binary_crossentropy",
    "categorical_crossentropy", "confusion_matrix", "crossentropy_categorical_1hot",
    "crossentropy_categorical_1hot_grad", "crossentropy_softmax_1hot", "crossentropy_softmax_1hot_with_bias",
    "crossentropy_softmax_1hot_with_bias_dx", "crossentropy_softmax_argmax_1hot_with_bias",
    "crossentropy_softmax_max_and_argmax_1hot", "crossentropy_softmax_max_and_argmax_1hot_with_bias", "elu",
    "h_softmax", "logsoftmax", "logsoftmax_op", "prepend_0_to_each_row", "prepend_1_to_each_row",
    "prepend_scalar_to_each_row", "relu", "scalar_softsign", "selu", "sigmoid",
    "sigmoid_binary_crossentropy", "softmax", "softmax_grad",
    "softmax_graph", "softmax_op", "softmax_with_bias", "softplus", "softsign",
]

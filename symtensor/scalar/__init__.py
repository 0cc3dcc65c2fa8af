"""Scalars: dtypes and their promotion, the table of scalar operations, scalar variables and ops on them."""
from symtensor.scalar import activations, basic, basic_scipy  # activations: fills the rows' ops of neural networks
from symtensor.scalar.basic import *  # noqa: F403
from symtensor.scalar.basic_scipy import *  # noqa: F403

__all__ = ["activations", "basic", "basic_scipy", *basic.__all__, *basic_scipy.__all__]

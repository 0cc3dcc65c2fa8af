"""The errors for asking for gradients that do not exist."""
from __future__ import annotations

__all__ = ["DisconnectedInputError", "NullTypeGradError"]


class DisconnectedInputError(ValueError):
    """A gradient was asked with respect to a variable that the cost does not depend on, as far as gradients see."""


class NullTypeGradError(TypeError):
    """A gradient was asked that some op on the way declares undefined or does not implement."""

"""A pickler that leaves out what a graph remembers about its making (traces), so that its pickles are small and say
nothing about the user's files."""
from __future__ import annotations

import pickle
from typing import IO, Any

from symtensor.graph.utils import scratchpad

__all__ = ["StripPickler"]


class StripPickler(pickle.Pickler):
    """Pickles graphs without the traces in their tags.

    Args:
        file: an open binary file.
        protocol: the pickle protocol; -1 is the highest.
        extra_tag_to_remove: the name of one more attribute of tags to leave out.
    """

    def __init__(self, file: IO[bytes], protocol: int = 0, extra_tag_to_remove: str | None = None) -> None:
        super().__init__(file, protocol=protocol)
        self.left_out = {"trace"} if extra_tag_to_remove is None else {"trace", extra_tag_to_remove}

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, scratchpad):
            kept = {key: value for key, value in obj.__dict__.items() if key not in self.left_out}
            return type(obj), (), kept
        return NotImplemented

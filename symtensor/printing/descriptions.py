"""Texts that are the same in every run: `min_informative_str`, `var_descriptor`, `hex_digest`.

Comes in: variables, arrays, plain objects. Goes out: text without memory addresses. An object whose text shows its
address is refused (NotImplementedError). Explicit stacks: graphs of any depth work.
"""
from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from symtensor.graph.basic import Variable
from symtensor.printing.ids import char_from_number

__all__ = ["hex_digest", "min_informative_str", "position_independent_str", "var_descriptor"]


class _Tags:
    """A, B, ... in the order asked for."""

    def __init__(self) -> None:
        self.count = 0

    def get_tag(self) -> str:
        tag = char_from_number(self.count)
        self.count += 1
        return tag


def min_informative_str(
    obj: Any, indent_level: int = 0, _prev_obs: dict[Any, str] | None = None, _tag_generator: Any = None
) -> str:
    """The graph of a variable as lines like `A. Elemwise{add,no_inplace}`, indented by one blank a level.

    A variable printed before is only referred to (`<A>`); a variable with a name is not looked into.
    """
    seen = {} if _prev_obs is None else _prev_obs
    tags = _tag_generator or _Tags()
    lines = []
    stack = [(obj, indent_level)]
    while stack:
        thing, level = stack.pop()
        indent = " " * level
        known = seen.get(thing) if isinstance(thing, Variable) else None
        if known is not None:
            lines.append(f"{indent}<{known}>")
            continue
        tag = tags.get_tag()
        if isinstance(thing, Variable):
            seen[thing] = tag
        inputs: list[Any] = []
        if isinstance(thing, np.ndarray):
            text = "<ndarray>"
        elif isinstance(thing, Variable) and thing.name is not None:
            text = thing.name
        elif isinstance(thing, Variable) and thing.owner is not None:
            text, inputs = str(thing.owner.op), thing.owner.inputs
        else:
            text = str(thing)
        lines.append(f"{indent}{tag}. {text}")
        stack.extend((x, level + 1) for x in reversed(inputs))
    return "\n".join(lines)


def var_descriptor(obj: Any, _prev_obs: dict[Any, str] | None = None, _tag_generator: Any = None) -> str:
    """The graph of a variable, or a value, as one line like `A=Elemwise{add,no_inplace}(B=x,<B>)`.

    Arrays are described by their strides and a digest of their bytes.
    """
    seen = {} if _prev_obs is None else _prev_obs
    tags = _tag_generator or _Tags()
    texts = []
    stack = [obj]
    while stack:
        thing = stack.pop()
        if isinstance(thing, _Text):
            texts.append(thing.text)
            continue
        known = seen.get(thing) if isinstance(thing, Variable) else None
        if known is not None:
            texts.append(f"<{known}>")
            continue
        tag = tags.get_tag()
        if isinstance(thing, Variable):
            seen[thing] = tag
        texts.append(f"{tag}=")
        if isinstance(thing, Variable) and thing.owner is not None:
            texts.append(f"{thing.owner.op}(")
            stack.append(_Text(")"))
            for i, x in reversed(list(enumerate(thing.owner.inputs))):
                stack.append(x)
                if i:
                    stack.append(_Text(","))
        elif isinstance(thing, np.ndarray):
            digest = hashlib.sha256(np.ascontiguousarray(thing).tobytes()).hexdigest()
            texts.append(f"<ndarray:strides=[{_numbers(thing.strides)}],digest={digest}>")
        else:
            text = str(thing)
            texts.append(position_independent_str(thing) if " at 0x" in text else text)
    return "".join(texts)


class _Text:
    """A finished text among things still to be described."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def position_independent_str(obj: Any) -> str:
    """A text without the address in memory. NotImplementedError for anything but variables."""
    if isinstance(obj, Variable):
        return f"symtensor_var{{type={obj.type}}}"
    raise NotImplementedError(f"{type(obj)} has no text that is independent of where it lies in memory")


def hex_digest(x: np.ndarray) -> str:
    """The SHA-256 of an array's bytes, with its strides and shape. TypeError for anything but arrays."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"hex_digest takes an array, got {type(x)}")
    digest = hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()
    return f"{digest}|strides=[{_numbers(x.strides)}]|shape=[{_numbers(x.shape)}]"


def _numbers(values: tuple[int, ...]) -> str:
    return ",".join(map(str, values))

"""Large units in two parts, so that two processes can compile them at the same time.

In come the printed functions of a unit, out comes their text with `#if ST_PART` around each half. Without ST_PART it is
one ordinary file with static functions; with -DST_PART=1 and -DST_PART=2 it gives two objects, whose link is the unit:
the nests are hidden functions then. The main function, and nests that become part of it, are in the first.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from symtensor.codegen.c.helpers import Helpers

__all__ = ["LEAST_NESTS", "halves"]

# Units with fewer nests are quicker to compile in one go.
LEAST_NESTS = 4

_HEAD = """\
#ifdef ST_PART
#define ST_SHARED __attribute__((noinline, visibility("hidden")))
#else
#define ST_SHARED ST_NEST
#endif
"""


def halves(functions: Mapping[str, str], called: Mapping[str, Sequence[str]], main: str, helpers: Helpers) -> str:
    """The text of functions (text with @ for the name: name) and of the main function. `called`: the functions of
    csrc/ that each text needs; `helpers` knows how long these are."""
    nests = [text for text in functions if text.startswith("ST_NEST ")]
    second = set(_second(nests, called, main, helpers))
    inline = [text.replace("@", name, 1) for text, name in functions.items() if not text.startswith("ST_NEST ")]
    shared = {text: text.replace("@", name, 1).replace("ST_NEST", "ST_SHARED", 1)
              for text, name in functions.items() if text.startswith("ST_NEST ")}
    heads = [text.partition(" {\n")[0] + ";" for text in shared.values()]
    parts = [_HEAD + "\n".join(heads), "#if ST_PART != 2", *inline,
             *(shared[text] for text in nests if text not in second), main + "#endif", "#if ST_PART != 1",
             *(shared[text] for text in nests if text in second), "#endif", ""]
    return "\n".join(parts)


def _second(nests: Sequence[str], called: Mapping[str, Sequence[str]], main: str, helpers: Helpers) -> list[str]:
    """The nests of the second part, such that both take about the same time to compile: the heaviest first, each to
    where it ends sooner. A function of csrc/ costs each part that calls it."""
    load, present = [_cost(main), 0.0], [Helpers(helpers.target), Helpers(helpers.target)]
    second = []
    for text in sorted(nests, key=_cost, reverse=True):
        ends = []
        for part in (0, 1):
            with_it = Helpers(helpers.target)
            with_it.texts = dict(present[part].texts)
            with_it.need_all(called[text])
            added = sum(_cost(t) for name, t in with_it.texts.items() if name not in present[part].texts)
            ends.append((load[part] + _cost(text) + added, part, with_it))
        end, part, with_it = min(ends, key=lambda item: item[:2])
        load[part], present[part] = end, with_it
        if part:
            second.append(text)
    return second


def _cost(text: str) -> float:
    """About how long a text takes to compile, in characters: loops that become vectors take longer."""
    cost = len(text) + 600 * text.count("omp simd") + 300 * text.count("for (")
    return cost / 10 if text.startswith('__attribute__((optimize("O0")))') else cost

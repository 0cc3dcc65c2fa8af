"""The command `symtensor` (also `python -m symtensor`): what the cache of compiled code holds, and the doctor.

    symtensor cache info            where it is, how much it holds, its limit
    symtensor cache verify          reads every entry and names those that are damaged (--delete: removes them)
    symtensor cache purge           removes every entry; what is needed is compiled again
    symtensor cache limit [SIZE]    the size beyond which the least recently used entries go; sets and applies it
    symtensor doctor                looks at the compiler, BLAS, the processor, CUDA, the cache and versions

All take `--json`. Out: an exit status of 0, 1 where something is wrong, 2 where the command cannot be carried out.
Refused: touching a directory that the cache itself refuses (see SECURITY.md).
"""
from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from symtensor import doctor
from symtensor._version import __version__
from symtensor.runtime import cachedir, processor, upkeep

OK, WRONG, IMPOSSIBLE = 0, 1, 2


class Impossible(Exception):
    """Why a command cannot be carried out."""


def _place() -> Optional[Path]:
    """The cache directory that the flags ask for; None if there is none yet. Never the temporary one that programs use
    instead of a refused one."""
    path = cachedir.wanted()
    try:
        cachedir.inspect(path)
    except FileNotFoundError:
        return None
    except (OSError, cachedir.RefusedDirectory) as error:
        raise Impossible(f"{error}. Set base_compiledir to a directory of your own.") from None
    return path


def _say(text: str, facts: dict[str, Any], as_json: bool) -> None:
    print(json.dumps(facts, indent=2) if as_json else text)


def info(options: argparse.Namespace) -> int:
    place = _place()
    found = upkeep.summary(place or cachedir.wanted(), processor.identity())
    others = f", {found.elsewhere} of them for other processors" if found.elsewhere else ""
    text = (f"directory   {found.directory}{'' if place else ' (does not exist yet)'}\n"
            f"compiled    {found.entries}{others}\n"
            f"notes       {found.notes}\n"
            f"size        {upkeep.size_text(found.size)} of {upkeep.size_text(found.limit)}\n"
            f"leftovers   {found.leftovers} (builds that run or were killed; they go after a day)")
    _say(text, {**dataclasses.asdict(found), "exists": place is not None}, options.json)
    return OK


def verify(options: argparse.Namespace) -> int:
    place = _place()
    wrong = [] if place is None else upkeep.verify(place)
    gone = [path for path, _ in wrong if options.delete and upkeep.remove(path)]
    lines = [f"{path}: {reason}{' (removed)' * (path in gone)}" for path, reason in wrong]
    lines.append(f"{len(wrong)} damaged. They are not used: programs remove them and compile again." if wrong
                 else "every entry is sound")
    facts = {"directory": str(place or cachedir.wanted()), "removed": len(gone),
             "damaged": [{"path": str(path), "reason": reason} for path, reason in wrong]}
    _say("\n".join(lines), facts, options.json)
    return WRONG if len(wrong) > len(gone) else OK


def purge(options: argparse.Namespace) -> int:
    place = _place()
    before = 0 if place is None else upkeep.summary(place).size
    gone = 0 if place is None else upkeep.purge(place)
    freed = before - (0 if place is None else upkeep.summary(place).size)
    _say(f"removed {gone} file(s), {upkeep.size_text(freed)}", {"removed": gone, "freed": freed}, options.json)
    return OK


def limit(options: argparse.Namespace) -> int:
    gone = 0
    if options.size is None:
        place = _place()
    else:
        try:
            size = upkeep.parsed_size(options.size)
            place = cachedir.prepared(cachedir.wanted())
            upkeep.set_limit(place, size)
        except (OSError, ValueError, cachedir.RefusedDirectory) as error:
            raise Impossible(str(error)) from None
        gone = upkeep.sweep(place, force=True)
    most = upkeep.DEFAULT_LIMIT if place is None else upkeep.limit(place)
    text = f"limit {upkeep.size_text(most)}" + f"; removed {gone} file(s)" * (options.size is not None)
    _say(text, {"limit": most, "removed": gone}, options.json)
    return OK


def examine(options: argparse.Namespace) -> int:
    return doctor.report(options.json)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="symtensor", description="The cache of compiled code, and the doctor.")
    result.add_argument("--version", action="version", version=f"symtensor {__version__}")
    commands = result.add_subparsers(required=True, metavar="command")
    cache = commands.add_parser("cache", help="what the cache holds").add_subparsers(required=True, metavar="command")
    for name, action, text in (
        ("info", info, "where it is, how much it holds"),
        ("verify", verify, "reads every entry and names those that are damaged"),
        ("purge", purge, "removes every entry"),
        ("limit", limit, "shows or sets the size beyond which the least recently used entries go"),
    ):
        command = cache.add_parser(name, help=text, description=text)
        command.set_defaults(action=action)
        command.add_argument("--json", action="store_true", help="for programs")
        if name == "verify":
            command.add_argument("--delete", action="store_true", help="remove damaged entries")
        if name == "limit":
            command.add_argument("size", nargs="?", help="500M, 2G ... or a number of bytes")
    command = commands.add_parser("doctor", help="looks at what compiled functions need")
    command.set_defaults(action=examine)
    command.add_argument("--json", action="store_true", help="for programs")
    return result


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Runs a command; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return options.action(options)
    except Impossible as error:
        print(f"symtensor: {error}", file=sys.stderr)
        return IMPOSSIBLE


if __name__ == "__main__":
    sys.exit(main())

"""Results as markdown: rates beside the copy's and their goals, every library's times, memory and builds."""
from __future__ import annotations

import datetime
import pathlib

from benchmarks.gpu.cases import CASES, YARDSTICK
from benchmarks.table import duration, markdown, ratio_text

MARK_BEGIN, MARK_END = "<!-- measured: begin -->", "<!-- measured: end -->"


def right(found: dict, library: str, case: str) -> dict | None:
    """The row of a right result."""
    row = found["rows"].get(library, {}).get(case, {"failed": "not run"})
    return None if "failed" in row else row


def peers(found: dict, case: str) -> list[tuple[float, str]]:
    """(seconds, library) of right results of others, the fastest first."""
    rows = [(row["best_s"], name) for name in found["rows"] if name not in ("symtensor", "driver")
            if (row := right(found, name, case))]
    return sorted(rows)


def copied(found: dict) -> tuple[float, str] | None:
    """Bytes a second of the copy, and whose it is: the driver's, else the fastest."""
    rows = [(name != "driver", row["best_s"] / row["amount"], name) for name in found["rows"]
            if (row := right(found, name, YARDSTICK))]
    if not rows:
        return None
    _, each, name = min(rows)
    return 1 / each, name


def rate(row: dict, counts: str) -> str:
    each = row["amount"] / row["best_s"]
    return f"{each / 1e12:.3g} T" if each >= 1e12 else f"{each / 1e9:.3g} G"


def main_table(found: dict) -> str:
    """symtensor beside the best peer; its rate, and the goal where there is one."""
    copy, lines = copied(found), []
    for name, one in CASES.items():
        row = right(found, "symtensor", name)
        if name == YARDSTICK or name not in found["rows"].get("symtensor", {}):
            continue
        seconds, peer = next(iter(peers(found, name)), (None, "-"))
        speed = share = goal = "-"
        if row and one.counts:
            speed = rate(row, one.counts) + ("B/s" if one.counts == "bytes" else "FLOP/s")
        if row and copy and one.counts == "bytes":
            share = f"{row['amount'] / row['best_s'] / copy[0]:.0%}"
        if one.share:
            met = row and copy and row["amount"] / row["best_s"] >= one.share * copy[0]
            goal = f"{one.share:.0%}: {'met' if met else 'not met'}"
        if one.longest:
            goal = f"{duration(one.longest)}: {'met' if row and row['best_s'] <= one.longest else 'not met'}"
        lines.append([name, one.what, duration(row and row["best_s"]), speed, share, goal, duration(seconds), peer,
                      ratio_text(row["best_s"] / seconds) if row and seconds else "-"])
    return markdown(["case", "what", "symtensor", "rate", "of the copy", "goal", "best peer", "which", "ratio"], lines)


def every_library(found: dict, cell) -> str:
    """A column for each library; `cell(row)` is a text."""
    names = list(found["rows"])
    return markdown(["case", *names], [
        [case, *(cell(row) if (row := right(found, name, case)) else "-" for name in names)]
        for case in CASES if any(case in rows for rows in found["rows"].values())])


def memory(found: dict) -> str:
    """Peaks of the steps of training, in MB: of values, and of what is taken from the driver for them."""
    def cell(row, key):
        size = row and row.get("memory", {}).get(key)
        return f"{size / 1e6:.4g}" if size else "-"
    names = [name for name in found["rows"] if any((row or {}).get("memory") for row in found["rows"][name].values())]
    lines = [[f"{case}, {what}", *(cell(right(found, name, case), key) for name in names)]
             for case in ("mlp_large", "mlp", "rnn", "lstm") for key, what in (("values", "values"), ("taken", "taken"))
             if any(right(found, name, case) for name in names)]
    return markdown(["MB", *names], lines) if lines else ""


def failures(found: dict) -> str:
    """What is not counted, and why, together where the reason is the same."""
    reasons: dict = {}
    for name, rows in found["rows"].items():
        for case, row in rows.items():
            if "failed" in row and not (case == YARDSTICK and row["failed"].startswith("not written")):
                reasons.setdefault((name, row["failed"].strip().splitlines()[-1][:160]), []).append(case)
    lines = [f"- {name}: {', '.join(cases)}: {why}" for (name, why), cases in reasons.items()]
    return "Not counted:\n\n" + "\n".join(lines) if lines else ""


def facts(found: dict) -> str:
    """The machine and the versions."""
    first = {name: next((row for row in rows.values() if "version" in row), {}) for name, rows in found["rows"].items()}
    devices = [row["device"] for row in first.values() if row.get("device")]
    versions = ", ".join(f"{name} {row['version']}" for name, row in first.items() if row.get("version"))
    pythons = ", ".join(sorted({row["python"] for row in first.values() if "python" in row}))
    copy = copied(found)
    lines = [f"{devices[0] if devices else 'no device'}. Python {pythons or '-'}; {versions or 'no library ran'}. "
             f"{datetime.date.today().isoformat()}."]
    if copy:
        lines[0] += f" A copy within the device by {copy[1]} moves {copy[0] / 1e9:.4g} GB/s, read and written."
    if found["tiny"] or found["device"] != "cuda":
        lines.insert(0, "**A trial of the programs, not a measurement**: "
                     f"{'tiny sizes' if found['tiny'] else 'full sizes'} on {found['device']}.")
    return "\n\n".join([*lines, *(f"- {note}" for note in found.get("notes", []))])


def text(found: dict) -> str:
    """All that is written."""
    held = memory(found)
    parts = [facts(found), main_table(found), "Every library, the fastest call:",
             every_library(found, lambda row: duration(row["best_s"])),
             "Build and first call, from empty caches, with the device already open:",
             every_library(found, lambda row: duration(row["ready_s"])),
             "Memory of the device at its peak, from the build to the third call (JAX: from the process's start): of "
             "values, and taken from the driver by the library's pool:" if held else "", held, failures(found)]
    return "\n\n".join(part for part in parts if part)


def write(found: dict, path: pathlib.Path) -> None:
    """Replace what stands between the two markers of a document."""
    before, _, rest = path.read_text().partition(MARK_BEGIN)
    _, marker, after = rest.partition(MARK_END)
    if not marker:
        raise ValueError(f"{path} lacks the lines {MARK_BEGIN} and {MARK_END}")
    path.write_text(before + MARK_BEGIN + "\n" + text(found) + "\n" + MARK_END + after)

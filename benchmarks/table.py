"""Results as markdown: symtensor beside the best peer, every library, and the time that builds take."""
from __future__ import annotations

import math
import pathlib

from benchmarks import cases

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def duration(seconds: float | None) -> str:
    """Three digits and a unit."""
    if seconds is None:
        return "-"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if seconds >= scale or unit == "ns":
            return f"{seconds / scale:#.3g}".rstrip(".") + " " + unit
    raise AssertionError(seconds)


def ratio_text(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def best(found: dict, library: str, case: str) -> float | None:
    """The seconds of a right result."""
    row = found["rows"].get(library, {}).get(case, {})
    return None if "failed" in row else row.get("best_s")


def comparison(found: dict) -> list[tuple[str, float | None, float | None, str]]:
    """(case, our seconds, the best peer's, its name) of each case that symtensor ran."""
    rows = []
    for case in cases.CASES:
        if case not in found["rows"].get("symtensor", {}):
            continue
        peers = [(seconds, name) for name in found["rows"] if name != "symtensor"
                 if (seconds := best(found, name, case)) is not None]
        seconds, name = min(peers, default=(None, "-"))
        rows.append((case, best(found, "symtensor", case), seconds, name))
    return rows


def ratios(found: dict) -> dict[str, float]:
    """Ours divided by the best peer's, of the cases that both have."""
    return {case: ours / theirs for case, ours, theirs, _ in comparison(found) if ours and theirs}


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["--"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main_table(found: dict) -> str:
    ratio = ratios(found)
    return markdown(["case", "symtensor", "best peer", "which", "ratio"],
                    [[case, duration(ours), duration(theirs), name, ratio_text(ratio[case]) if case in ratio else "-"]
                     for case, ours, theirs, name in comparison(found)])


def every_library(found: dict, key: str) -> str:
    """One column for each library: `best_s`, or `ready_s` of those that build something."""
    names = [name for name in found["rows"] if key == "best_s" or name not in ("numpy", "torch")]

    def cell(name, case):
        row = found["rows"][name].get(case, {})
        return "-" if "failed" in row else duration(row.get(key))
    return markdown(["case", *names], [[case, *(cell(name, case) for name in names)] for case in cases.CASES
                                       if any(case in found["rows"][name] for name in names)])


def failures(found: dict) -> str:
    """What is not counted, and why."""
    rows = [(name, case, row["failed"].splitlines()[0][:100]) for name, rows in found["rows"].items()
            for case, row in rows.items() if "failed" in row]
    return "Not counted: " + "; ".join(f"{case} with {name} ({why})" for name, case, why in rows) + "." if rows else ""


def summary(found: dict) -> str:
    values = list(ratios(found).values())
    if not values:
        return ""
    mean = math.exp(sum(map(math.log, values)) / len(values))
    return (f"Faster than the best peer in {sum(v < 1 for v in values)} of {len(values)} cases, within 10 % of it or "
            f"faster in {sum(v < 1.1 for v in values)}; the geometric mean of the ratios is {mean:.2f}.")


def facts(found: dict) -> str:
    """The machine, the versions and the command."""
    def first_row(name):
        return next((row for row in found["rows"][name].values() if "version" in row), {})
    machine = found["machine"]
    versions = ", ".join(f"{name} {first_row(name).get('version', '?')}" for name in found["rows"])
    pythons = ", ".join(sorted({row["python"] for name in found["rows"] if (row := first_row(name))}))
    libraries = ",".join(found["rows"])
    return (f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; Python {pythons}; {versions}. "
            f"Threads: {machine['threads']}.\n\n```sh\npython -m benchmarks.run --libraries {libraries} "
            f"--threads {machine['threads']} --table\n```")


def write(found: dict, path: pathlib.Path) -> None:
    """Replace what stands between the two markers of a document."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        raise ValueError(f"{path} lacks the lines {BEGIN} and {END}")
    parts = [facts(found), summary(found), main_table(found), "Every library, fastest call:",
             every_library(found, "best_s"), failures(found),
             "Build and first call, from an empty cache (what a first run waits for):",
             every_library(found, "ready_s")]
    path.write_text(before + BEGIN + "\n" + "\n\n".join(part for part in parts if part) + "\n" + END + after)

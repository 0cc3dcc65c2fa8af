"""A bar for each case: symtensor's time divided by the best peer's, as docs/performance.svg. Needs matplotlib."""
from __future__ import annotations

import argparse
import json
import pathlib

import matplotlib
from matplotlib import pyplot

from benchmarks import table

ROOT = pathlib.Path(__file__).resolve().parent.parent
FASTER, SLOWER = "#2a7f62", "#c0703a"
SHORTEST = 1 / 12  # bars of smaller ratios end here; their number tells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", default="out/benchmarks.json")
    parser.add_argument("--out", default=ROOT / "docs" / "performance.svg")
    args = parser.parse_args()
    draw(json.loads(pathlib.Path(args.results).read_text()), args.out)


def draw(found: dict, path) -> None:
    rows = [(case, ours / theirs, name) for case, ours, theirs, name in table.comparison(found) if ours and theirs]
    rows.sort(key=lambda row: row[1], reverse=True)
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "symtensor"  # the same results give the same file
    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["font.size"] = 8
    figure, axes = pyplot.subplots(figsize=(7.5, 0.5 + 0.19 * len(rows)), layout="constrained")
    values = [max(ratio, SHORTEST) for _, ratio, _ in rows]
    axes.barh(range(len(rows)), [value - 1 for value in values], left=1,
              color=[FASTER if value < 1 else SLOWER for value in values])
    for place, ((_, ratio, name), value) in enumerate(zip(rows, values)):
        axes.annotate(f"{table.ratio_text(ratio)}  {name}", (value, place), xytext=(-3 if ratio < 1 else 3, 0),
                      textcoords="offset points", ha="right" if ratio < 1 else "left", va="center", fontsize=6.5)
    axes.set_yticks(range(len(rows)), [case for case, _, _ in rows])
    axes.set_xscale("log", base=2)
    axes.set_xlim(min(values) / 1.6, max(max(values) * 1.5, 2))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.margins(y=0.01)
    axes.set_xlabel("time of symtensor / time of the best peer (left of 1: symtensor is faster)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()

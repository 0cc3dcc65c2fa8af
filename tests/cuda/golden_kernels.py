"""The kernels of the programs whose C is kept (tests/codegen/golden.py): run it to write them anew."""
from __future__ import annotations

from golden import FOLDER, PROGRAMS
from nests import Checked, Collection

KEPT = ("chain", "sums", "extremes", "in_place", "softmax", "softmax_of_columns", "scatter", "variance", "counting")


def kept_kernels(name: str) -> str:
    """The text of the kernels, without the functions that they call, and how each is launched."""
    collection = Collection()
    Checked(PROGRAMS[name](), collection)
    parts = [f"// points {' * '.join(k.points) or 1}, width {' * '.join(k.width) or 0}\n{k.text}\n"
             for k in collection.kernels.values()]
    return "\n".join(parts)


def main() -> None:
    for name in KEPT:
        (FOLDER / f"{name}.cu").write_text(kept_kernels(name))


if __name__ == "__main__":
    main()

"""`Function.fn`: runs a function on what its containers hold, without arguments."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symtensor.runtime.function import execute

__all__ = ["Runner"]


class Runner:
    """Calling it runs the function once on the values in the input cells and stores outputs and new values.

    Attributes:
        executable: what runs; `run(values)` returns outputs and new values and stores nothing.
        nodes: the nodes of the rewritten graph in the order of the request.
        storage_map: the cell of each input and output of the rewritten graph.
    """

    def __init__(self, executable: Any, inputs: Sequence[list[Any]], outputs: Sequence[list[Any]], maker: Any) -> None:
        self.executable = executable
        self._inputs = list(inputs)
        self._outputs = list(outputs)
        self._maker = maker

    def __call__(self, n_calls: int = 1, output_subset: Sequence[int] | None = None) -> list[Any] | None:
        """Runs `n_calls` times; returns the outputs at the positions `output_subset`, if that is given."""
        outputs: list[Any] = []
        for _ in range(n_calls):
            outputs = execute(self.executable, self._inputs, "list", ())
            for cell, value in zip(self._outputs, outputs):
                cell[0] = value
        return None if output_subset is None else [outputs[i] for i in output_subset]

    @property
    def nodes(self) -> list[Any]:
        """The nodes of the rewritten graph."""
        return self._maker.linker.schedule(self._maker.fgraph)

    @property
    def storage_map(self) -> dict[Any, list[Any]]:
        """The cell of each input, constant and output of the rewritten graph."""
        fgraph = self._maker.fgraph
        cells = {v: [v.data] for v in fgraph.variables if v.owner is None and hasattr(v, "data")}
        cells.update(zip(fgraph.inputs, self._inputs))
        cells.update(zip(fgraph.outputs, self._outputs))
        return cells

    def free(self) -> None:
        """Gives back workspace kept between calls, and forgets the outputs of the last run."""
        self.executable.free()
        for cell in self._outputs:
            cell[0] = None

    def synchronise(self) -> None:
        """Waits for work that still runs; on the CPU a call has finished when it returns."""

"""Pending: what waits for its label. A label arrives without its sample, so whoever wants to learn
from it has kept that.

Samples whose label never comes would fill any store: the oldest leave when it is full, and a label
that comes after that is lost to the learner.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.methods._base.adapter import State

ACTION = 1
"""The column of a row that holds the action."""

Row = tuple[Tensor, ...]


class Pending:
    """At most `size` samples by id, each a row of several columns (inputs, the action that was
    taken, its propensity, ...).
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.lost = 0
        self._rows: dict[int, Row] = {}  # in the order of arrival

    def __len__(self) -> int:
        return len(self._rows)

    def insert(self, ids: Tensor, columns: Sequence[Tensor]) -> None:
        """Samples arrive; `columns` are tensors of as many rows."""
        for row, sample in enumerate(ids.tolist()):
            # Cloned: a view would hold the whole batch.
            self._rows[sample] = tuple(column[row].clone() for column in columns)
            if len(self._rows) > self.size:
                del self._rows[next(iter(self._rows))]

    def chosen(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Those of some samples that are still here, and the actions taken on them: what a reward
        is asked for.
        """
        here = [sample for sample in ids.tolist() if sample in self._rows]
        self.lost += len(ids) - len(here)
        actions = [int(self._rows[sample][ACTION]) for sample in here]
        return np.array(here, dtype=np.int64), np.array(actions, dtype=np.int64)

    def take(self, ids: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The samples that are still here, once: their indices into `ids` [m] and their columns;
        the others are lost.
        """
        here = [index for index, sample in enumerate(ids.tolist()) if sample in self._rows]
        self.lost += len(ids) - len(here)
        rows = [self._rows.pop(int(ids[index])) for index in here]
        columns = [torch.stack(column) for column in zip(*rows, strict=True)]
        return torch.tensor(here, dtype=torch.long), columns

    def state(self) -> State:
        columns = [torch.stack(column) for column in zip(*self._rows.values(), strict=True)]
        named = {f"column{number}": column for number, column in enumerate(columns)}
        return {"ids": torch.tensor(list(self._rows), dtype=torch.long), "lost": self.lost, **named}

    def load(self, state: State) -> None:
        names = sorted(name for name in state if name.startswith("column"))
        columns = [state[name] for name in names]
        self._rows = {}
        for row, sample in enumerate(state["ids"].tolist()):
            self._rows[sample] = tuple(column[row].clone() for column in columns)
        self.lost = int(state["lost"])

    def kept_bytes(self) -> int:
        """Of the rows and their ids."""
        if not self._rows:
            return 0
        row = next(iter(self._rows.values()))
        id_bytes = 8
        row_bytes = sum(column.numel() * column.element_size() for column in row)
        return len(self._rows) * (id_bytes + row_bytes)

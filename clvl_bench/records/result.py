"""Result: a finished run as it was read back and verified."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays

from clvl_bench.records.rows import Record
from clvl_bench.records.segment import StoredPredictions, read_predictions

QUESTIONS, PICTURES = "questions.json", "pictures.safetensors"
"""What a report must know of the test questions of a run that answered some, and small pictures of
a few."""


@dataclass(frozen=True)
class Result:
    """Where a run's numbers come from, what it cost, and its rows in the order of measuring.

    `evaluations` are the experiences learned before each evaluation, and the file with its
    predictions; read them with `predictions`.
    """

    folder: Path
    provenance: dict[str, Any]
    timing: dict[str, Any]
    records: list[Record]
    evaluations: tuple[tuple[int, Path], ...] = ()

    def predictions(self, number: int, *, stream: str = "test") -> StoredPredictions | None:
        """What was predicted in the evaluation of that number, from 0 (or from the last, -1).

        None where the run has no predictions.
        """
        if not self.evaluations:
            return None
        trained, file = self.evaluations[number]
        return read_predictions(file.read_bytes(), trained=trained, stream=stream)

    def questions(self) -> dict[str, Any] | None:
        """The test questions, the candidates by name, and which are shown; None where images are
        classified.
        """
        file = self.folder / QUESTIONS
        if not file.is_file():
            return None
        content: dict[str, Any] = json.loads(file.read_bytes())
        return content

    def pictures(self) -> NDArray[np.uint8] | None:
        """The pictures of the questions that are shown [shown, side, side, 3]; None where none are
        kept, as of a user's data.
        """
        file = self.folder / PICTURES
        return load_arrays(file.read_bytes())["pictures"] if file.is_file() else None

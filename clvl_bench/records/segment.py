"""Segment: what was measured between two kept states of a run, written once and never again.

Segment 0 is the untouched backbone; after it comes one for each experience, and in an online stream
one for each kept state that has anything new. A segment is known by its hashes, which are over
canonical rows: a checkpoint and a result name the segments they stand on by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays

SEGMENTS, PREDICTIONS = "segments", "predictions"
"""The folders of a run in which rows and predictions lie."""

COLUMNS: dict[str, type[np.number]] = {
    "ids": np.int32,
    "predicted": np.int32,
    "true": np.int32,
    "confidence": np.float32,
}
"""Of each evaluated experience, as `<stream>/<experience>/<column>`, and how each is kept: classes
and sample ids fit into 32 bits. Older runs have no confidence."""


@dataclass(frozen=True)
class Segment:
    """One part of a run's rows and predictions.

    Args:
        number: its place in the run, from 0.
        trained: how many experiences were learned when its predictions were made.
        records_sha256: of its rows as canonical CSV.
        predictions_sha256: of its predictions; None where nothing was evaluated.
    """

    number: int
    trained: int
    records_sha256: str
    predictions_sha256: str | None = None

    @property
    def records_file(self) -> str:
        return f"{SEGMENTS}/{self.number:04d}.csv"

    @property
    def predictions_file(self) -> str:
        return f"{PREDICTIONS}/{self.number:04d}.safetensors"

    @property
    def files(self) -> dict[str, str]:
        """The name of each of its files in the run folder, and the hash that it must have."""
        found = {self.records_file: self.records_sha256}
        if self.predictions_sha256 is not None:
            found[self.predictions_file] = self.predictions_sha256
        return found

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """From plain values, as `vars` gives them.

        Raises:
            TypeError: they are of something else.
        """
        return cls(**content)


def _no_ids() -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class StoredPredictions:
    """What was predicted for the samples of one stream after `trained` experiences.

    `ids`, `predicted` and `true` [n] are sample ids and classes (places in the table; a prediction
    is -1 where there was none), experience by experience. `confidence` [n] is the probability of
    the predicted class among the candidates (NaN without a prediction), None in older runs, which
    did not keep it.
    """

    trained: int
    ids: NDArray[np.int64] = field(default_factory=_no_ids)
    predicted: NDArray[np.int64] = field(default_factory=_no_ids)
    true: NDArray[np.int64] = field(default_factory=_no_ids)
    confidence: NDArray[np.float32] | None = None


def read_predictions(data: bytes, *, trained: int, stream: str) -> StoredPredictions:
    """The predictions of a file for one stream; empty where the stream was not evaluated."""
    columns = load_arrays(data)
    experiences = {int(name.split("/")[1]) for name in columns if name.startswith(f"{stream}/")}
    if not experiences:
        return StoredPredictions(trained)
    joined = {}
    for what in COLUMNS:
        names = [f"{stream}/{number}/{what}" for number in sorted(experiences)]
        # Runs of older versions have no confidence: it is left out, and not made up.
        if what == "confidence" and not all(name in columns for name in names):
            continue
        joined[what] = np.concatenate([columns[name] for name in names])
    return StoredPredictions(trained, **joined)

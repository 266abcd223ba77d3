"""Exports: what a run keeps, handed to trackers as well.

Rows are handed over behind the state that stands on them, so that no tracker shows what a run that
is killed would take back. How many were handed over is kept in the run folder: who goes on, hands
over the rest and no row twice. (Killed within the moment between the two, the rows of that one
state come twice, with equal steps and values.)
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from clvl_bench.core.errors import warn
from clvl_bench.core.files import parse_json, to_json
from clvl_bench.exporters.base import End, Exporter, Facts, Setting
from clvl_bench.exporters.curves import point_of
from clvl_bench.exporters.listing import make_exporter
from clvl_bench.records.rows import Record
from clvl_bench.records.run_folder import RunFolder

FOLDER = "trackers"
"""In a run folder: what each tracker has of the run."""


@dataclass(frozen=True)
class _Handed:
    """What a tracker has: the name that it gave the run (None before it gave one), how many rows,
    and whether it knows that the run is finished.
    """

    run: str | None = None
    rows: int = 0
    finished: bool = False


class Exports:
    """The trackers of one run. An exporter that fails says so in one line and is asked no more.

    Args:
        names: of exporters.
        folder: of the run; written to only as the run itself may.
    """

    def __init__(self, names: Sequence[str], facts: Facts, folder: RunFolder) -> None:
        self._names = list(dict.fromkeys(names))
        self._facts = facts
        self._folder = folder
        self._open: dict[str, Exporter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._close("finished")
        else:
            self._close("failed" if isinstance(error, Exception) else "interrupted")

    def begin_anew(self) -> None:
        """The run starts from nothing: so do its curves, beside those of an earlier start."""
        for name in self._names:
            with self._never_stopping_the_run(name):
                self._folder.changes.remove(self._ledger(name))

    def hand_over(self, records: Sequence[Record]) -> None:
        """All rows of the run so far, which are kept; each exporter gets those it has not got."""
        for name in list(self._names):
            with self._never_stopping_the_run(name):
                self._hand_to(name, records)

    def _hand_to(self, name: str, records: Sequence[Record]) -> None:
        handed = self._handed(name)
        new = records[handed.rows :]
        if not new:
            return
        run = self._begin(name, handed)
        self._open[name].rows([point_of(record) for record in new])
        self._note(name, _Handed(run, len(records)))

    def _begin(self, name: str, handed: _Handed) -> str | None:
        """What the tracker calls the run."""
        if name in self._open:
            return handed.run
        exporter = make_exporter(name)
        run = exporter.begin(self._facts, handed.run)
        self._open[name] = exporter
        return run

    def _close(self, end: End) -> None:
        for name in list(self._names):
            with self._never_stopping_the_run(name):
                self._end(name, end)

    def _end(self, name: str, end: End) -> None:
        handed = self._handed(name)
        # A run that was killed behind its last state has only its end to tell.
        untold = end == "finished" and handed.run is not None and not handed.finished
        if untold:
            self._begin(name, handed)
        if name in self._open:
            self._open[name].end(end)
        if untold:
            self._note(name, replace(handed, finished=True))

    @contextmanager
    def _never_stopping_the_run(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if name in self._names:
                self._names.remove(name)
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            warn(f"--log-to {name}: {said}; the run goes on without it, its records are whole")

    def _handed(self, name: str) -> _Handed:
        path = self._ledger(name)
        return _Handed(**parse_json(path.read_bytes())) if path.is_file() else _Handed()

    def _note(self, name: str, handed: _Handed) -> None:
        self._folder.write(self._file(name), to_json(vars(handed)))

    def _ledger(self, name: str) -> Path:
        return self._folder.path / self._file(name)

    def _file(self, name: str) -> str:
        return f"{FOLDER}/{name}.json"


def flat(settings: Mapping[str, Any], *, below: str = "") -> dict[str, Setting]:
    """Nested settings under dotted names; lists, and what is not set, as JSON.

    Example:
        >>> flat({"seed": 0, "train": {"lr": 0.1, "betas": [0.9, 0.99], "clip": None}})
        {'seed': 0, 'train.lr': 0.1, 'train.betas': '[0.9, 0.99]', 'train.clip': 'null'}
    """
    found: dict[str, Setting] = {}
    for key, value in settings.items():
        name = f"{below}{key}"
        if isinstance(value, Mapping):
            found |= flat(value, below=f"{name}.")
        else:
            found[name] = value if isinstance(value, Setting) else json.dumps(value)
    return found

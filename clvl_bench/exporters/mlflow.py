"""MLflow: a local database, results/mlflow.db, unless MLFLOW_TRACKING_URI says where.
`mlflow ui --backend-store-uri sqlite:///results/mlflow.db` shows all runs.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from clvl_bench.core.files import discard, remove_strays, temporary_name
from clvl_bench.exporters.base import PROJECT, End, Exporter, Facts, Point

T = TypeVar("T")

STATES: dict[End, str] = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
AT_ONCE = 1000
"""Metrics of one request; the most that a server takes."""
PARAMETERS_AT_ONCE = 100
LONGEST = 6000
"""Characters of a parameter; the most that a server takes."""


class MLflow(Exporter):
    """One experiment for all runs; the benchmark is a tag."""

    def begin(self, facts: Facts, run: str | None) -> str:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of each table it makes

        where = os.environ.get("MLFLOW_TRACKING_URI") or _local(facts.results / "mlflow.db")
        self._client: Any = MlflowClient(tracking_uri=where)
        self._run = run or self._new_run(facts)
        if run is not None:
            self._client.update_run(run, status="RUNNING")
        return self._run

    def rows(self, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        for some in _parts(points, AT_ONCE):
            metrics = [Metric(_name(each.name), each.value, now, each.step) for each in some]
            self._client.log_batch(self._run, metrics=metrics)

    def end(self, end: End) -> None:
        self._client.set_terminated(self._run, STATES[end])

    def _new_run(self, facts: Facts) -> str:
        from mlflow.entities import Param

        tags = {"benchmark": facts.group}
        made = self._client.create_run(self._experiment(facts), run_name=facts.run, tags=tags)
        run: str = made.info.run_id
        for some in _parts(list(facts.settings.items()), PARAMETERS_AT_ONCE):
            parameters = [Param(_name(key), str(value)[:LONGEST]) for key, value in some]
            self._client.log_batch(run, params=parameters)
        return run

    def _experiment(self, facts: Facts) -> str:
        """Made by whichever worker comes first."""
        from mlflow.exceptions import MlflowException

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        if self._client.get_experiment_by_name(name) is None:
            with suppress(MlflowException):  # another worker was faster
                self._client.create_experiment(name)
        return str(self._client.get_experiment_by_name(name).experiment_id)


def _local(database: Path) -> str:
    """The address of a database, which is there, whole.

    A database that is being made by a process that is killed is of no use to anybody after it, so
    it is made beside its place. Of two that are made at once the first one stays.
    """
    from mlflow.tracking import MlflowClient

    if not database.exists():
        remove_strays(database.parent)
        workshop = database.with_name(temporary_name())
        workshop.mkdir()
        try:
            made = workshop / database.name
            MlflowClient(tracking_uri=f"sqlite:///{made.resolve()}").search_experiments()
            with suppress(FileExistsError):
                database.hardlink_to(made)
        finally:
            discard(workshop)
    return f"sqlite:///{database.resolve()}"


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _name(name: str) -> str:
    """In the characters that MLflow takes; two names stay two.

    Example:
        >>> _name("train/class_pseudo_precision/HER2+ (a)")
        'train/class_pseudo_precision/HER2:2B (a)'
    """
    return quote(name, safe="/ ").replace("~", ":7E").replace("%", ":")

"""Predictions: what every run said of every sample, as one tidy frame."""

from collections.abc import Iterator, Sequence

import pandas as pd

from clvl_bench.core.errors import Mistake
from clvl_bench.metrics.continual import NAN
from clvl_bench.report.configuration import recorded
from clvl_bench.report.names import names_of
from clvl_bench.report.runs import Run

CLASSES = ("predicted", "true")


def predictions_frame(
    runs: Sequence[Run], *, stream: str = "test", all_evaluations: bool = False
) -> pd.DataFrame:
    """One row a run, evaluation and sample; see `Results.predictions`.

    Raises:
        Mistake: none of the runs has predictions of this stream.
    """
    parts = [
        part
        for run in runs
        for part in _parts(run, stream=stream, all_evaluations=all_evaluations)
        if len(part)
    ]
    if not parts:
        raise Mistake(
            f"predictions: none of these runs has any of the stream '{stream}'; they stand in run "
            f"folders (results/runs), not in committed records"
        )
    frame = pd.concat(parts, ignore_index=True)
    # Names of runs and classes repeat in every row: as categories each is kept once.
    for column in ("run", "strategy", "predicted_class", "true_class"):
        frame[column] = frame[column].astype("category")
    return frame


def _parts(run: Run, *, stream: str, all_evaluations: bool) -> Iterator[pd.DataFrame]:
    """The rows of each evaluation of a run."""
    result = run.result
    if result is None or not result.evaluations:
        return
    names = names_of(recorded(result), [run.origin.class_order], [result]).classes
    numbers = range(len(result.evaluations)) if all_evaluations else [-1]
    for number in numbers:
        stored = result.predictions(number, stream=stream)
        assert stored is not None
        frame = pd.DataFrame(
            {
                "run": run.origin.run,
                "strategy": run.origin.strategy,
                "seed": run.origin.seed,
                "class_order": run.origin.class_order,
                "trained": stored.trained,
                "sample": stored.ids,
                "predicted": stored.predicted,
                "true": stored.true,
                "confidence": NAN if stored.confidence is None else stored.confidence,
            }
        )
        known = dict(enumerate(names))
        for column in CLASSES:
            frame[f"{column}_class"] = frame[column].map(known).fillna("")
        yield frame

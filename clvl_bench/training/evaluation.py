"""Evaluation: Avalanche PluginMetrics, and the logger that turns their values into records.

The metrics go through any `EvaluationPlugin`, with or without our runner. No metric name is ever
parsed: a value carries its stream, experience and dataset with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from avalanche.evaluation import PluginMetric
from avalanche.evaluation.metric_results import MetricValue
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.core.files import write_atomically
from clvl_bench.methods._base.adapter import predict
from clvl_bench.methods._base.strategy_protocol import n_experiences
from clvl_bench.metrics import continual as metrics
from clvl_bench.metrics.continual import NAN, Accuracies
from clvl_bench.metrics.samples import ALWAYS, SAMPLE_METRICS, Samples
from clvl_bench.records.rows import Record, to_csv
from clvl_bench.training.loggers import EveryProcessLogger


@dataclass(frozen=True)
class Measured:
    """Coordinates of a value; `experience` is -1 for what belongs to a whole stream or to none."""

    metric: str
    trained: int
    stream: str
    experience: int
    dataset: str
    n: int


def _value(origin: PluginMetric[Any], measured: Measured, value: float) -> MetricValue:
    name = f"{measured.metric}/{measured.stream}/{measured.experience}"
    made = MetricValue(origin, name, value, measured.trained)
    made.measured = measured
    return made


@dataclass(frozen=True)
class Predictions:
    """Of one evaluated experience: sample ids, predicted classes (-1 for none), true classes, and
    the probability of the predicted class among the candidates, all [n].
    """

    measured: Measured
    ids: NDArray[np.int64]
    predicted: NDArray[np.int64]
    true: NDArray[np.int64]
    confidence: NDArray[np.float32]


def confidences(scores: Tensor, predicted: Tensor) -> Tensor:
    """The softmax probability of each predicted class, in 32 bits [batch]; NaN where none was
    predicted.

    Scores are taken at their own scale, as a loss takes them; a class that is no candidate scores
    minus infinity, and has no share.
    """
    shares = scores.float().softmax(dim=1)
    # A row without a prediction has NaN in every column, so that any of them will do.
    return shares.gather(1, predicted.clamp(min=0)[:, None]).squeeze(1)


def _keep_nothing(predictions: Predictions) -> None:
    """For who does not want them."""


class SampleMetrics(PluginMetric[dict[str, float]]):
    """The metrics of samples (`metrics.samples`) on each evaluated experience; hands the
    predictions to whoever wants them.

    NaN where a score is NaN, as it is when a class has no text: an undefined accuracy is not a low
    one.

    Args:
        keep: takes the predictions of each experience.
        further: metrics beside the accuracy, by their names in `SAMPLE_METRICS`.
        positive: the classes that those of two classes are about. Held-out data have other classes,
            so that these metrics are left out there.
    """

    def __init__(
        self,
        keep: Callable[[Predictions], None] = _keep_nothing,
        *,
        further: Sequence[str] = (),
        positive: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self._keep = keep
        self._names = (ALWAYS, *further)
        self._positive = tuple(positive)
        self.reset()

    def reset(self) -> None:
        self._batches: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        self._undefined = False

    def result(self) -> dict[str, float]:
        """Each metric over the samples since the last reset."""
        if self._undefined or not self._batches:
            return dict.fromkeys(self._names, NAN)
        _, predicted, true, confidence = self._columns()
        samples = Samples(predicted, true, confidence, self._positive)
        return {name: SAMPLE_METRICS[name].of(samples) for name in self._names}

    def before_eval_exp(self, strategy: Any) -> None:
        self.reset()

    def after_eval_iteration(self, strategy: Any) -> None:
        scores, labels = strategy.mb_output, strategy.mb_y
        self._undefined |= bool(torch.isnan(scores).any())
        ids = strategy.mbatch[2] if len(strategy.mbatch) > 3 else torch.full_like(labels, -1)
        predicted = predict(scores)
        certain = confidences(scores, predicted)
        self._batches.append((ids.cpu(), predicted.cpu(), labels.cpu(), certain.cpu()))

    def after_eval_exp(self, strategy: Any) -> list[MetricValue]:
        ids, predicted, true, confidence = self._columns()
        here = _here(strategy, ALWAYS, n=len(true))
        self._keep(Predictions(here, ids, predicted, true, confidence))
        values = []
        for name, number in self.result().items():
            if here.stream == "zeroshot" and SAMPLE_METRICS[name].two_classes:
                continue
            values.append(_value(self, _here(strategy, name, n=len(true)), number))
        # Labels must not outlive their evaluation: a strategy reaches its evaluator in training.
        self.reset()
        return values

    def _columns(self) -> list[NDArray[Any]]:
        """Ids, predicted and true classes and confidences of all batches, each [n]."""
        return [torch.cat(column).numpy() for column in zip(*self._batches, strict=True)]


class SelectorAccuracy(PluginMetric[float]):
    """Share of an experience's samples that the adapter sends to that experience, once it is
    learned.

    Nothing where an adapter chooses none, for held-out data, and where one training covered several
    experiences.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    def reset(self) -> None:
        self._right = self._samples = 0

    def result(self) -> float:
        return self._right / self._samples if self._samples else NAN

    def before_eval_exp(self, strategy: Any) -> None:
        self.reset()

    def after_eval_iteration(self, strategy: Any) -> None:
        experience, done = strategy.experience, n_experiences(strategy)
        own = experience.origin_stream.name != "zeroshot" and experience.current_experience < done
        if own and done == strategy.clock.train_exp_counter:
            choices = strategy.model.choices(strategy.mb_x)
            if choices is not None:
                self._right += int((choices == experience.current_experience).sum())
                self._samples += len(choices)

    def after_eval_exp(self, strategy: Any) -> MetricValue | None:
        if not self._samples:
            return None
        return _value(self, _here(strategy, "selector_accuracy", n=self._samples), self.result())


def plugin_metrics(
    keep: Callable[[Predictions], None],
    *,
    further: Sequence[str] = (),
    positive: Sequence[int] = (),
) -> list[PluginMetric[Any]]:
    """What a run measures at each evaluated experience, in the order of its rows; add yours here.

    Args:
        keep: takes the predictions of each experience.
        further, positive: which metrics of samples a benchmark asks for, and of which classes (see
            `SampleMetrics`).
    """
    return [SampleMetrics(keep=keep, further=further, positive=positive), SelectorAccuracy()]


class _Matrix(PluginMetric[float]):
    """Accuracies of one stream, gathered over a run: row t after t experiences, NaN where nothing
    was measured.
    """

    name: str
    stream: str

    def __init__(self, accuracy: SampleMetrics | None = None) -> None:
        super().__init__()
        self._accuracy = accuracy or SampleMetrics()
        self.reset()

    def reset(self) -> None:
        self._cells: dict[tuple[int, int], float] = {}
        self._trained = 0

    def before_eval_exp(self, strategy: Any) -> None:
        self._accuracy.before_eval_exp(strategy)

    def after_eval_iteration(self, strategy: Any) -> None:
        self._accuracy.after_eval_iteration(strategy)

    def after_eval_exp(self, strategy: Any) -> None:
        for value in self._accuracy.after_eval_exp(strategy):
            measured = value.measured
            if (measured.metric, measured.stream) == ("accuracy", self.stream):
                self._trained = measured.trained
                self._cells[measured.trained, measured.experience] = value.value

    def after_eval(self, strategy: Any) -> MetricValue | None:
        if not self._cells or any(column < 0 for _, column in self._cells):
            return None
        measured = Measured(self.name, self._trained, self.stream, -1, "", len(self._cells))
        return _value(self, measured, self.result())

    def matrix(self) -> NDArray[np.float64]:
        """[n_experiences + 1, columns] as `metrics` expects it."""
        rows = 1 + max(row for row, _ in self._cells)
        columns = 1 + max(column for _, column in self._cells)
        matrix = np.full((rows, columns), np.nan)
        for cell, value in self._cells.items():
            matrix[cell] = value
        return matrix


class Forgetting(_Matrix):
    """Chaudhry's forgetting over the test experiences learned so far (metrics.forgetting); NaN
    before the second.
    """

    name, stream = "forgetting", "test"

    def result(self) -> float:
        matrix = self.matrix()
        trained = len(matrix) - 1
        return metrics.forgetting(Accuracies(matrix[:, :trained])) if trained else NAN


class ZeroShotAccuracy(_Matrix):
    """Mean accuracy over the held-out datasets, as of now."""

    name, stream = "heldout", "zeroshot"

    def result(self) -> float:
        return metrics.heldout_accuracy(Accuracies(np.empty((1, 0)), heldout=self.matrix()))


class RecordLogger(EveryProcessLogger):
    """Turns metric values into records; where a path is given, writes them there as CSV after each
    evaluation.

    Args:
        coordinates: the record's fields that a run is known by (benchmark, strategy, seed, ...).
    """

    def __init__(self, coordinates: dict[str, Any], *, path: Path | None = None) -> None:
        super().__init__()
        self.records: list[Record] = []
        self._coordinates, self._path = coordinates, path

    def log_metrics(self, metric_values: Sequence[MetricValue]) -> None:
        for value in metric_values:
            measured = getattr(value, "measured", None)
            if measured is not None:
                self.add(measured, float(value.value))

    def add(self, measured: Measured, value: float) -> None:
        """One more record."""
        self.records.append(Record(**self._coordinates, **vars(measured), value=value))

    def after_eval(
        self, strategy: Any, metric_values: Sequence[MetricValue], **kwargs: Any
    ) -> None:
        if self._path is not None:
            write_atomically(self._path, to_csv(self.records))


def _here(strategy: Any, metric: str, *, n: int) -> Measured:
    experience = strategy.experience
    step = getattr(experience, "spec", None)
    return Measured(
        metric=metric,
        trained=n_experiences(strategy),
        stream=experience.origin_stream.name,
        experience=experience.current_experience,
        dataset="" if step is None else step.dataset,
        n=n,
    )

"""Comparison: all published numbers of a target beside ours, and the verdict.

The verdict has three values, and `reproduced` is what is left when nothing else holds: every number
has a counterpart, every input is the published one as far as that is known, and as many numbers as
the target asks for lie within its tolerance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from clvl_bench.report.origin import Origin, Run
from clvl_bench.report.summary import per_run
from clvl_bench.reproduce.target import Figure, Inputs, Target, Tolerance
from clvl_bench.runs.config import RunConfig

FLOAT_SLACK = 1e-9
"""Of a difference in points: far below a digit that anybody prints."""


class Verdict(StrEnum):
    """What can be said of a target."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class Pair:
    """A published number and ours, in percent; NaN where a run of ours is missing or has no such
    number.
    """

    figure: Figure
    ours: float

    @property
    def is_missing(self) -> bool:
        return not math.isfinite(self.ours)

    @property
    def difference(self) -> float:
        """Ours less the published one, in points."""
        return self.ours - self.figure.value

    def is_within(self, points: float) -> bool:
        """Whether ours is so near; a missing one never is."""
        return abs(self.difference) <= points + FLOAT_SLACK


@dataclass(frozen=True)
class Comparison:
    """All pairs of a target, and the inputs that are not the published ones, a line each."""

    pairs: tuple[Pair, ...]
    tolerance: Tolerance
    other_inputs: tuple[str, ...]
    origins: tuple[Origin, ...]

    @property
    def missing(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair.is_missing)

    @property
    def within(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair.is_within(self.tolerance.points))

    @property
    def furthest(self) -> Pair:
        """The pair with the largest difference, of those that have one."""
        known = [pair for pair in self.pairs if not pair.is_missing]
        return max(known or self.pairs, key=_distance)

    @property
    def verdict(self) -> Verdict:
        if self.missing or not self.pairs:
            return Verdict.INCOMPLETE
        near = len(self.within) >= self.tolerance.at_least
        bounded = all(pair.is_within(self.tolerance.furthest) for pair in self.pairs)
        if near and bounded and not self.other_inputs:
            return Verdict.REPRODUCED
        return Verdict.NOT_REPRODUCED


def _distance(pair: Pair) -> float:
    return abs(pair.difference)


def compare(
    target: Target,
    figures: Sequence[Figure],
    wanted: Sequence[RunConfig],
    runs: Sequence[Run],
) -> Comparison:
    """Lay ours beside all published numbers of a target.

    Args:
        figures: all of the target.
        wanted: the configurations whose runs give them.
        runs: what was found of these; others do not count.
    """
    names = {config.id for config in wanted}
    ours = [run for run in runs if run.origin.run in names and _is_whole(run.origin)]
    values = _values(ours)
    pairs = tuple(Pair(figure, _mean(figure, wanted, values)) for figure in figures)
    origins = tuple(run.origin for run in ours)
    return Comparison(pairs, target.tolerance, other_inputs(target.inputs, origins), origins)


def _is_whole(origin: Origin) -> bool:
    return origin.state == "done" and not origin.limit


Values = Mapping[str, Mapping[str, float]]
"""Run -> metric -> value, in percent."""


def _values(runs: Sequence[Run]) -> Values:
    rows = per_run(runs).to_dict("records") if runs else []
    named = zip(runs, rows, strict=True)
    return {run.origin.run: {str(name): row[name] for name in row} for run, row in named}


def _mean(figure: Figure, wanted: Sequence[RunConfig], values: Values) -> float:
    """Over all runs that the number is of, in percent; NaN where one of them is missing."""
    names = [config.id for config in wanted if key_of(config) == figure.key]
    found = [values.get(name, {}).get(figure.metric, math.nan) for name in names]
    return 100 * sum(found) / len(found) if found else math.nan


def key_of(config: RunConfig) -> tuple[str, str, str]:
    """What a published number must be called to be of this run."""
    return config.benchmark, config.strategy, config.backbone_name


def other_inputs(inputs: Inputs, origins: Sequence[Origin]) -> tuple[str, ...]:
    """Where runs stand on other data, prompts or weights than the published numbers do."""
    said: dict[str, None] = {}
    for origin in origins:
        published = {
            "data": (inputs.data, origin.data_sha256),
            "prompts": (inputs.prompts, origin.prompts_sha256),
            f"weights of {origin.backbone}": (
                inputs.weights.get(origin.backbone),
                origin.weights_sha256,
            ),
        }
        for what, (wanted, got) in published.items():
            if wanted is not None and got != wanted:
                said[f"{what}: got {got}, the published ones are {wanted}"] = None
    return tuple(said)

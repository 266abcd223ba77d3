"""Target: a published figure as data: its numbers and their source, how near ours must come and
why, the runs that give them, and what must lie under these.

Targets are the files of experiments/reproduce.
"""

from pathlib import Path
from typing import Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.core.schema import Schema, parse
from clvl_bench.metrics.continual import METRICS
from clvl_bench.report.published import read_published
from clvl_bench.runs.published_tables import table_file
from clvl_bench.runs.toml_files import TARGETS, is_path, read_toml, shipped, shown, target_names


class Figure(Schema):
    """One published number, in percent; benchmark, strategy and backbone are called as our runs
    are, overrides included.
    """

    benchmark: str
    strategy: str
    backbone: str
    metric: str
    value: float

    @property
    def key(self) -> tuple[str, str, str]:
        """What a run must be called to count for it."""
        return self.benchmark, self.strategy, self.backbone

    @model_validator(mode="after")
    def _metric_is_known(self) -> Self:
        if self.metric not in METRICS:
            raise ValueError(f"metric: {unknown('metric', self.metric, METRICS)}")
        return self


class Tolerance(Schema):
    """How near ours must come: `at_least` so many figures within `points` of a percent, and none
    further away than `furthest`.
    """

    points: float = Field(ge=0)
    at_least: int = Field(ge=1)
    furthest: float = Field(ge=0)
    why: str = Field(min_length=1)

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        if self.furthest < self.points:
            raise ValueError(f"furthest: got {self.furthest}; is at least points, {self.points}")
        return self


class Inputs(Schema):
    """The hashes that runs record of data, prompts and, by backbone, weights; what is left out is
    not known of the published figure, and is only recorded.
    """

    data: str | None = None
    prompts: str | None = None
    weights: dict[str, str] = {}


class Cost(Schema):
    """What it takes, on which machine, and whether somebody measured that."""

    time: str
    memory: str
    machine: str


class Target(Schema):
    """A published figure, and what it takes to lay ours beside it.

    Args:
        figure: what was published, in a few words.
        source: where the numbers were read.
        experiments: the shipped experiments whose runs give them.
        count: how many numbers there are; a table that is shorter or longer is refused.
        table: the file of results/published that holds them, or else
        figures: the numbers themselves.
        data: what is needed beyond what each dataset says, in a sentence.
    """

    version: Literal[1]
    paper: str = Field(min_length=1)
    figure: str = Field(min_length=1)
    source: str = Field(min_length=1)
    experiments: tuple[str, ...] = Field(min_length=1)
    count: int = Field(ge=1)
    table: str | None = None
    figures: tuple[Figure, ...] = ()
    tolerance: Tolerance
    inputs: Inputs = Inputs()
    cost: Cost
    data: str = ""

    @model_validator(mode="after")
    def _one_place_of_figures(self) -> Self:
        if (self.table is None) == (not self.figures):
            raise ValueError("figures: stand in the file or in a table; give one of the two")
        if self.tolerance.at_least > self.count:
            raise ValueError(f"tolerance.at_least: got more than the {self.count} figures")
        return self


def load(name: str) -> Target:
    """A target by name, or by the path of a file.

    Raises:
        Mistake: there is none, or it says something that is not allowed.
    """
    path = Path(name) if is_path(name) else shipped() / TARGETS / f"{name}.toml"
    if not path.is_file():
        raise Mistake(unknown("target", name, target_names()))
    return parse(Target, read_toml(path), file=shown(path))


def figures_of(target: Target) -> tuple[Figure, ...]:
    """All published numbers of a target.

    Raises:
        Mistake: they are not as many as the target says, or one stands twice.
    """
    found = target.figures
    if target.table is not None:
        found = _of_table(table_file(target.table))
    if len(found) != target.count:
        raise Mistake(f"{target.figure}: has {len(found)} figures, count says {target.count}")
    once = {(each.key, each.metric) for each in found}
    if len(once) != len(found):
        raise Mistake(f"{target.figure}: has a figure twice; keep one of them")
    return found


def _of_table(path: Path) -> tuple[Figure, ...]:
    frame = read_published(path)
    if "backbone" not in frame:
        raise Mistake(f"{shown(path)}: has no column 'backbone'; a figure is of one backbone")
    metrics = [str(column) for column in frame.columns if column in METRICS]
    return tuple(_figure(row, metric, path) for _, row in frame.iterrows() for metric in metrics)


def _figure(row: "pd.Series[str]", metric: str, path: Path) -> Figure:
    where = {name: row[name] for name in ("benchmark", "strategy", "backbone")}
    content = {**where, "metric": metric, "value": float(row[metric])}
    return parse(Figure, content, file=shown(path))

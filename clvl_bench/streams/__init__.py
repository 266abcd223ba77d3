"""Streams: turns datasets into Avalanche experiences. The only place that decides which class is learned when."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clvl_bench.backbones import Backbone
from clvl_bench.config import BenchmarkConfig, Reads
from clvl_bench.config.files import load
from clvl_bench.config.reads import ASKED
from clvl_bench.features import Inputs
from clvl_bench.questions import QuestionInputs
from clvl_bench.readers import Split
from clvl_bench.streams.answers import plan_of
from clvl_bench.streams.duplicates import shared_images
from clvl_bench.streams.given import given_answers
from clvl_bench.streams.part import Part
from clvl_bench.streams.plan import Plan, arrivals_of, steps_of
from clvl_bench.streams.samples import captions_of, read_parts
from clvl_bench.streams.truth import Truth
from clvl_bench.streams.view import AnyInputs, View


@dataclass(frozen=True)
class Benchmark:
    """An Avalanche benchmark, what its strategies may see, and the truth, which they must not."""

    scenario: Any
    view: View
    truth: Truth


def build_benchmark(
    config: BenchmarkConfig,
    parts: tuple[Part, ...],
    inputs: AnyInputs,
    *,
    train: str = "experience",
) -> Benchmark:
    """The benchmark of a file, with every label hidden.

    Args:
        train: what one training sees: an `experience`, all up to it (`cumulative`), or the whole train stream (`joint`).
    """
    from clvl_bench.streams.scenario import make_scenario

    plan, labels = plan_of(config, parts)
    truth = Truth(labels, arrivals_of(config, plan, labels), rewarding=config.supervision.kind == "reward")
    plans = {"experience": lambda: plan, "cumulative": plan.cumulative, "joint": plan.joint}
    reference = next((part.dataset for part in parts if part.dataset.name == config.reference), None)
    view = View(plans[train](), inputs, truth.revealed, () if reference is None else captions_of(reference))
    return Benchmark(make_scenario(view), view, truth)


def avalanche_benchmark(
    name: str, backbone: Backbone, *, reads: Reads = "image_features", limit: int | None = None
) -> Benchmark:
    """A benchmark by name or path for use without our runner, under Avalanche's own strategies: all labels are there, but
    those that its supervision withholds for good (-1).

    Raises:
        Mistake, Missing, Damage: the file or its data are not as they should be.
    """
    config = load("benchmark", name)
    assert isinstance(config, BenchmarkConfig)
    parts = read_parts(config, limit=limit)
    benchmark = build_benchmark(config, parts, inputs_of(reads, parts, backbone))
    benchmark.truth.reveal_all()
    return benchmark


def inputs_of(reads: Reads, parts: Sequence[Part], backbone: Backbone, *, device: str = "cpu") -> Inputs | QuestionInputs:
    """What a strategy sees of the samples of some parts, by their ids."""
    if reads in ASKED:
        return QuestionInputs(reads, [part.data for part in parts], backbone, device=device)
    return Inputs(reads, [part.data for part in parts if isinstance(part.data, Split)], backbone, device=device)


__all__ = [
    "AnyInputs", "Benchmark", "Part", "Plan", "Truth", "View", "avalanche_benchmark", "build_benchmark", "given_answers",
    "inputs_of", "plan_of", "read_parts", "shared_images", "steps_of",
]  # fmt: skip

"""Streams: turns datasets into Avalanche experiences. The only place that decides which class is learned when."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.features import Inputs
from clvl_bench.inputs.kinds import ASKED, Reads
from clvl_bench.inputs.questions import QuestionInputs
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.label_store import Truth
from clvl_bench.streams.learner_view import AnyInputs, View
from clvl_bench.streams.plan import arrivals_of
from clvl_bench.streams.reading import captions_of
from clvl_bench.streams.split_slice import Part
from clvl_bench.streams.vqa.plan import plan_of


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


def inputs_of(reads: Reads, parts: Sequence[Part], backbone: Backbone, *, device: str = "cpu") -> Inputs | QuestionInputs:
    """What a strategy sees of the samples of some parts, by their ids."""
    if reads in ASKED:
        return QuestionInputs(reads, [part.data for part in parts], backbone, device=device)
    return Inputs(reads, [part.data for part in parts if isinstance(part.data, Split)], backbone, device=device)

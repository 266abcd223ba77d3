"""Streams: turns datasets into Avalanche experiences. The only place that decides which class is
learned when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clvl_bench.backbones.base import Backbone
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.features import Inputs
from clvl_bench.inputs.kinds import QUESTION_INPUTS, InputKind
from clvl_bench.inputs.questions import QuestionInputs
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.label_store import LabelStore
from clvl_bench.streams.learner_view import AnyInputs, LearnerView
from clvl_bench.streams.plan import arrivals_of
from clvl_bench.streams.reading import captions_of
from clvl_bench.streams.split_slice import SplitSlice
from clvl_bench.streams.vqa.plan import plan_of


@dataclass(frozen=True)
class Benchmark:
    """An Avalanche benchmark, what its strategies may see, and the truth, which they must not."""

    scenario: Any
    view: LearnerView
    label_store: LabelStore


def build_benchmark(
    config: BenchmarkConfig,
    parts: tuple[SplitSlice, ...],
    inputs: AnyInputs,
    *,
    train: str = "experience",
) -> Benchmark:
    """The benchmark of a file, with every label hidden.

    Args:
        train: what one training sees: an `experience`, all up to it (`cumulative`), or the whole
            train stream (`joint`).
    """
    from clvl_bench.streams.scenario import make_scenario

    plan, labels = plan_of(config, parts)
    truth = LabelStore(
        labels, arrivals_of(config, plan, labels), rewarding=config.supervision.kind == "reward"
    )
    plans = {"experience": lambda: plan, "cumulative": plan.cumulative, "joint": plan.joint}
    reference = next(
        (part.dataset for part in parts if part.dataset.name == config.reference), None
    )
    view = LearnerView(
        plans[train](),
        inputs,
        truth.visible_labels,
        () if reference is None else captions_of(reference),
    )
    return Benchmark(make_scenario(view), view, truth)


def inputs_of(
    input_kind: InputKind, parts: Sequence[SplitSlice], backbone: Backbone, *, device: str = "cpu"
) -> Inputs | QuestionInputs:
    """What a strategy sees of the samples of some parts, by their ids."""
    if input_kind in QUESTION_INPUTS:
        return QuestionInputs(input_kind, [part.data for part in parts], backbone, device=device)
    return Inputs(
        input_kind,
        [part.data for part in parts if isinstance(part.data, Split)],
        backbone,
        device=device,
    )

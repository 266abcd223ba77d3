"""Benchmark: the splits of a benchmark file as Avalanche streams, with every label hidden."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from clvl_bench.backbones.base import Backbone, with_towers
from clvl_bench.core.errors import Mistake
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.augmentation_config import AugmentationConfig
from clvl_bench.inputs.features import Inputs
from clvl_bench.inputs.kinds import QUESTION_INPUTS, InputKind
from clvl_bench.inputs.questions import QuestionInputs
from clvl_bench.inputs.views import FeatureViews, PixelViews, Views
from clvl_bench.streams.class_plan import make_class_plan
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.label_delay import label_arrivals
from clvl_bench.streams.label_store import LabelStore
from clvl_bench.streams.learner_view import AnyInputs, LearnerView
from clvl_bench.streams.plan import Plan
from clvl_bench.streams.reading import captions_of, find_slice
from clvl_bench.streams.split_slice import Labels, SplitSlice
from clvl_bench.streams.vqa.plan import make_question_plan

TrainData = Literal["experience", "cumulative", "joint"]


@dataclass(frozen=True)
class Benchmark:
    """An Avalanche benchmark, what its strategies may see, and all labels, which they must not."""

    scenario: Any
    view: LearnerView
    label_store: LabelStore


def build_benchmark(
    config: BenchmarkConfig,
    slices: tuple[SplitSlice, ...],
    inputs: AnyInputs,
    *,
    train: TrainData = "experience",
    views: Views | None = None,
) -> Benchmark:
    """The benchmark of a file, with every label hidden.

    Args:
        train: what one training sees: an `experience`, all up to it (`cumulative`), or the whole
            train stream (`joint`).
        views: what training reads in the place of `inputs`, where it is augmented.
    """
    # Avalanche takes seconds to import, and only a run needs it.
    from clvl_bench.streams.scenario import make_scenario

    plan, labels = make_plan(config, slices)
    # When labels arrive is drawn on the plan of the file: training on more experiences at once
    # changes no label.
    arrivals = label_arrivals(config, plan, labels)
    label_store = LabelStore(labels, arrivals, rewarding=config.supervision.kind == "reward")
    learner_view = LearnerView(
        _plan_for_training(plan, train),
        inputs,
        label_store.visible_labels,
        _captions(config, slices),
        views,
    )
    return Benchmark(make_scenario(learner_view), learner_view, label_store)


def make_plan(config: BenchmarkConfig, slices: Sequence[SplitSlice]) -> tuple[Plan, Labels]:
    """The plan of a benchmark of either kind, and the label of every sample [samples].

    Raises:
        Mistake: an experience has nothing to learn from or to be tested on.
    """
    if config.questions is not None:
        return make_question_plan(config, config.questions, slices)
    plan, labels = make_class_plan(config, slices)
    _refuse_untested(plan)
    return plan, labels


def _refuse_untested(plan: Plan) -> None:
    for experience in plan.streams["test"]:
        if not len(experience.ids):
            names = ", ".join(plan.classes[each].name for each in experience.classes[:3])
            raise Mistake(
                f"{experience.dataset}: experience {experience.index + 1} ({names}) has no test "
                f"image; give it some, or put its classes together with others"
            )


def inputs_of(
    input_kind: InputKind, slices: Sequence[SplitSlice], backbone: Backbone, *, device: str = "cpu"
) -> Inputs | QuestionInputs:
    """What a strategy sees of the samples of some splits, by their ids."""
    if input_kind in QUESTION_INPUTS:
        splits = [each.data for each in slices]
        return QuestionInputs(input_kind, splits, backbone, device=device)
    images = [each.data for each in slices if isinstance(each.data, Split)]
    return Inputs(input_kind, images, backbone, device=device)


def views_of(
    augmentation: AugmentationConfig,
    config: BenchmarkConfig,
    slices: Sequence[SplitSlice],
    inputs: AnyInputs,
    backbone: Backbone,
) -> Views:
    """What training reads in the place of `inputs`, where it is augmented: views of the images of
    the train splits.

    Raises:
        Mistake: the data are precomputed features, which have no pixels.
    """
    towers = with_towers(backbone, wanted_by="train.augmentation")
    assert isinstance(inputs, Inputs)
    if inputs.input_kind == "pixels":
        return PixelViews(augmentation, inputs.image, inputs.preprocessing, device=inputs.device)
    splits = [each.data for each in slices if isinstance(each.data, Split)]
    # A reference set is read, never trained on with labels: it has no views.
    trained = [each.split == "train" and each.dataset.name in config.datasets for each in slices]
    return FeatureViews(augmentation, splits, trained, towers, device=inputs.device)


def _plan_for_training(plan: Plan, train: TrainData) -> Plan:
    if train == "cumulative":
        return plan.cumulative()
    if train == "joint":
        return plan.joint()
    return plan


def _captions(config: BenchmarkConfig, slices: Sequence[SplitSlice]) -> tuple[str, ...]:
    """The sentences that the reference declares, none without a reference."""
    if config.reference is None:
        return ()
    return captions_of(find_slice(slices, config.reference, "train").dataset)

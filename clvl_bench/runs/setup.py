"""Prepare: what a run stands on: weights loaded, data read and encoded, the stream planned, the
provenance written down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.backbones.answerers.loading import load_answerer
from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.catalog import Precision
from clvl_bench.backbones.precision import keep_fp32_whole
from clvl_bench.backbones.teacher import Teacher
from clvl_bench.core import world
from clvl_bench.core.errors import Mistake, warn
from clvl_bench.inputs.backbone import backbone_for, teacher_for
from clvl_bench.inputs.features import Inputs
from clvl_bench.inputs.questions import QuestionInputs
from clvl_bench.inputs.views import Views
from clvl_bench.methods.registry import adapters
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.provenance import provenance
from clvl_bench.streams.benchmark import Benchmark, build_benchmark, inputs_of, views_of
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.learner_view import AnyInputs
from clvl_bench.streams.reading import read_slices
from clvl_bench.streams.split_slice import SplitSlice
from clvl_bench.streams.vqa.answerer import answerer_scores, likelihood_scores
from clvl_bench.training.config import StrategyConfig


@dataclass(frozen=True)
class Prepared:
    """What a run stands on: backbone, data, and where its numbers come from."""

    config: RunConfig
    device: str
    backbone: Backbone
    parts: tuple[SplitSlice, ...]
    features: Inputs | QuestionInputs
    benchmark: Benchmark
    text_known: bool
    teacher: Teacher | None
    provenance: dict[str, Any]


class Sources:
    """Where a run gets its data and models from; a subclass may keep them from run to run."""

    def parts(self, config: BenchmarkConfig, *, limit: int | None) -> tuple[SplitSlice, ...]:
        """The samples that a benchmark needs."""
        return read_slices(config, limit=limit)

    def backbone(
        self, name: str, parts: Sequence[SplitSlice], *, device: str, precision: Precision
    ) -> Backbone:
        """The backbone of a run; for features of precomputed data, one that fits these."""
        data = [(part.dataset, part.data) for part in parts]
        return backbone_for(name, data, device=device, precision=precision)

    def teacher(
        self, name: str, parts: Sequence[SplitSlice], *, device: str, precision: Precision
    ) -> Backbone:
        """Another backbone that a strategy learns from."""
        data = [(part.dataset, part.data) for part in parts]
        return teacher_for(name, data, device=device, precision=precision)

    def answerer(self, name: str, *, device: str) -> Answerer:
        """A model that answers questions by itself."""
        return load_answerer(name, device=device)


def prepare(config: RunConfig, *, device: str = "cpu", sources: Sources | None = None) -> Prepared:
    """Load weights and data, and encode what is not encoded yet.

    Raises:
        Mistake, Missing, Damage: something of it is not as it should be.
    """
    _refuse_to_share(config.strategy_config)
    sources = sources or Sources()
    torch.set_num_threads(config.threads)
    keep_fp32_whole()
    encoded = _encoded(config, sources, device=device)
    parts, backbone = encoded.parts, encoded.backbone
    benchmark = build_benchmark(
        config.benchmark_config,
        parts,
        encoded.inputs,
        train=config.strategy_config.train.data,
        views=encoded.views,
    )
    classes = benchmark.view.plan.classes
    text_known = bool(torch.isfinite(backbone.class_features(classes)).all())
    teacher = _teacher(config, sources, parts, device=device)
    taught_by = None if teacher is None else teacher.backbone
    if not config.strategy_config.adapter.shares_images:
        _leave_to_first(config)
    models = {"backbone": backbone, "teacher": taught_by, "answerer": encoded.answerer}
    origin = provenance(config, models=models, parts=parts, classes=classes, device=device)
    world.agree("code, data, weights or device", origin)
    _warn_of_duplicates(parts, origin["images_in_train_and_test"])
    return Prepared(
        config, device, backbone, parts, encoded.features, benchmark, text_known, teacher, origin
    )


def encode(config: RunConfig, *, device: str = "cpu", sources: Sources | None = None) -> None:
    """Read and encode what a run reads and what is not kept yet, and plan nothing: the runs that
    come after it find it in the cache.

    Raises:
        Mistake, Missing, Damage: something of it is not as it should be.
    """
    sources = sources or Sources()
    torch.set_num_threads(config.threads)
    keep_fp32_whole()
    encoded = _encoded(config, sources, device=device)
    _teacher(config, sources, encoded.parts, device=device)


@dataclass(frozen=True)
class _Encoded:
    """What was read and encoded: `features` are what the untouched backbone reads, `inputs` what
    the strategy does, and `views` what its training reads in their place.
    """

    parts: tuple[SplitSlice, ...]
    backbone: Backbone
    answerer: Answerer | None
    features: Inputs | QuestionInputs
    inputs: AnyInputs
    views: Views | None


def _encoded(config: RunConfig, sources: Sources, *, device: str) -> _Encoded:
    with world.first_ahead():  # what is kept of the samples is kept once
        parts = sources.parts(config.benchmark_config, limit=config.limit)
    backbone = sources.backbone(config.backbone, parts, device=device, precision=config.precision)
    answerer = _answerer(config, sources, device=device)
    features = inputs_of(config.untouched.input_kind, parts, backbone, device=device)
    inputs = _inputs(config, parts, backbone, features, answerer)
    views = _views(config, parts, inputs, backbone)
    return _Encoded(parts, backbone, answerer, features, inputs, views)


def _refuse_to_share(config: StrategyConfig) -> None:
    """Pixels go through a tower at every step: processes that had no part in it would stand idle.

    Raises:
        Mistake: there are several processes, and the method has no part for them.
    """
    adapter = config.adapter
    if world.size() > 1 and config.input_kind == "pixels" and not adapter.shares_images:
        sharing = [kind for kind, known in adapters().items() if known.shares_images]
        raise Mistake(
            f"torchrun: {adapter.title} trains inside of a tower that several processes cannot "
            f"share; start it without torchrun, or use one of {', '.join(sharing)}"
        )


def _leave_to_first(config: RunConfig) -> None:
    if world.size() > 1:
        warn(
            f"{config.strategy} learns from features, which are there now: one process is as fast "
            f"as {world.size()}, and the first goes on alone"
        )
        world.leave_to_first()


def _warn_of_duplicates(parts: Sequence[SplitSlice], found: Mapping[str, int]) -> None:
    for name, count in found.items():
        left_out = any(part.left_out for part in parts if part.dataset.name == name)
        done = " and were left out" if left_out else ""
        if count:
            warn(
                f"{name}: {count} of its test images are among its training images as well{done}; "
                f"the record says so"
            )


def _answerer(config: RunConfig, sources: Sources, *, device: str) -> Answerer | None:
    """The model that the strategy names to answer by itself. Loaded before anything is encoded: it
    may not be here.
    """
    name = config.strategy_config.answerer
    return None if name is None else sources.answerer(name, device=device)


def _inputs(
    config: RunConfig,
    parts: Sequence[SplitSlice],
    backbone: Backbone,
    features: Inputs | QuestionInputs,
    answerer: Answerer | None,
) -> AnyInputs:
    """What the strategy reads; `features` is what the untouched backbone does."""
    if answerer is not None:
        score = (
            likelihood_scores if config.strategy_config.answers_by_likelihood else answerer_scores
        )
        return score(config.benchmark_config, parts, answerer, device=features.device)
    input_kind = config.strategy_config.input_kind
    return (
        features
        if input_kind == features.input_kind
        else inputs_of(input_kind, parts, backbone, device=features.device)
    )


def _views(
    config: RunConfig, parts: Sequence[SplitSlice], inputs: AnyInputs, backbone: Backbone
) -> Views | None:
    """What training reads in the place of `inputs`, where the strategy augments."""
    augmentation = config.strategy_config.train.augmentation
    if augmentation is None:
        return None
    return views_of(augmentation, config.benchmark_config, parts, inputs, backbone)


def _teacher(
    config: RunConfig, sources: Sources, parts: Sequence[SplitSlice], *, device: str
) -> Teacher | None:
    """The other backbone that the strategy names to learn from; what it says is cached like any
    backbone's features.
    """
    name = config.strategy_config.teacher
    if name is None:
        return None
    backbone = sources.teacher(name, parts, device=device, precision=config.precision)
    return Teacher(
        backbone,
        inputs_of(config.untouched.input_kind, parts, backbone, device=device).image_features,
    )

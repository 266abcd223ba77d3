"""Trained towers and what holds them: ZSCL, LwF, LwF-VR and WiSE-FT, beside the code that their
authors released.
"""

import pytest
import torch
from authors.released import assert_equal, candidates, read
from authors.towers import all_names, assert_same_model, begin, losses, places_of, student, tokens

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import PrecomputedBackbone
from clvl_bench.backbones.teacher import Teacher
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.plugin import PluginContext, Reference
from clvl_bench.methods._base.weights import put, snapshot, squared_distance
from clvl_bench.methods.distillation.config import DistillationConfig
from clvl_bench.methods.distillation.plugin import distillation_loss
from clvl_bench.methods.full.config import FullConfig
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.lwf.config import LwfConfig
from clvl_bench.methods.registry import build_adapter, build_plugin
from clvl_bench.methods.weight_average.config import WeightAverageConfig
from clvl_bench.methods.weight_l2.config import WeightL2Config
from clvl_bench.methods.wise_ft.config import WiseFtConfig
from clvl_bench.training.config import TrainConfig
from clvl_bench.training.schedules import Position, learning_rate

TOLERANCE = 2e-4
"""Adam divides by the size of a gradient, so that rounding grows from step to step."""


# --- ZSCL ---


def zscl(small_clip):
    """A student that knows the classes of the stream and of the reference set, and the reference
    set.
    """
    released = read("zscl")
    names = [*all_names(released), *released.settings["reference"]]
    adapter = build_adapter(FullConfig(), small_clip, candidates(names), seed=0).train()
    pixels = released["reference.pixels"]
    features = small_clip.image_features(pixels)
    teacher = Teacher(small_clip, lambda ids: features[ids])
    classes = tuple(range(len(all_names(released)), len(names)))
    return adapter, Reference(
        torch.arange(len(pixels)), lambda ids: pixels[ids], features, classes, teacher, features
    )


def zscl_plugins(adapter, reference, directions="both"):
    """What is drawn of the reference set is the released code's choice, so that its loss is asked
    for rows.
    """
    settings = read("zscl").settings
    context = PluginContext(adapter, reference, 0)
    config = DistillationConfig(
        weight=settings["weight"],
        temperature=settings["temperature"],
        texts=settings["texts"],
        directions=directions,
    )
    distillation = build_plugin(config, context)
    constraint = build_plugin(WeightL2Config(weight=settings["l2"]), context)
    average = build_plugin(WeightAverageConfig(every=settings["average_every"]), context)
    return distillation, constraint, average


def distilled(distillation, reference_rows):
    def extra(strategy, step):
        strategy.loss = strategy.loss + distillation.config.weight * distillation.loss(
            reference_rows[step]
        )

    return extra


def test_the_teacher_of_zscl_says_what_the_released_one_says(small_clip):
    released = read("zscl")
    _, reference = zscl(small_clip)
    texts = small_clip.class_features(candidates(released.settings["reference"]))
    assert_equal(
        l2_normalize(reference.features),
        l2_normalize(released["reference.image_features"]),
        1e-5,
        "images",
    )
    assert_equal(texts, l2_normalize(released["reference.text_features"]), 1e-5, "texts")


def test_zscl_learns_two_experiences_as_released_and_goes_on_from_the_mean_of_the_weights(
    small_clip,
):
    released = read("zscl")
    adapter, reference = zscl(small_clip)
    distillation, constraint, average = zscl_plugins(adapter, reference)
    images_alone, *_ = zscl_plugins(adapter, reference, "images")
    plugins = [constraint, average]
    for number in range(2):
        experience = released.below(f"experience{number}")
        strategy = begin(adapter, released, number, plugins)
        reference_rows = experience.integers("reference_rows")
        extra = distilled(distillation, reference_rows)
        for step, loss in losses(strategy, released, number, plugins, extra):
            assert_equal(loss, experience["loss"][step], TOLERANCE, f"loss of step {step}")
            away = squared_distance(adapter, constraint._previous)
            assert_equal(away, experience["loss_l2"][step], TOLERANCE, f"constraint of step {step}")
            images = images_alone.loss(reference_rows[step]).detach()
            assert_equal(
                images,
                experience["loss_images_over_texts"][step],
                TOLERANCE,
                f"images over texts, step {step}",
            )
        assert_same_model(
            adapter, released, experience.below("last"), TOLERANCE, "behind the last step"
        )
        for plugin in plugins:
            plugin.after_training_exp(strategy)
        assert_same_model(adapter, released, experience.below("ensemble"), TOLERANCE, "the mean")


@pytest.mark.parametrize(
    ("directions", "name"),
    [("images", "images_over_texts_alone"), ("texts", "texts_over_images_alone")],
)
def test_each_direction_of_zscl_alone_learns_as_released(small_clip, directions, name):
    released = read("zscl")
    expected = released.below(name)
    adapter, reference = zscl(small_clip)
    distillation, *_ = zscl_plugins(adapter, reference, directions)
    strategy = begin(adapter, released, 0, [])
    rows = released.below("experience0").integers("reference_rows")
    for step, loss in losses(strategy, released, 0, [], distilled(distillation, rows)):
        assert_equal(loss, expected["loss"][step], TOLERANCE, f"loss of step {step}")
    assert_same_model(adapter, released, expected, TOLERANCE, "behind the last step")


def test_softened_rows_and_columns_cost_and_pull_as_released():
    released = read("zscl").below("distillation")
    temperature = released.settings["temperature"]
    teacher, student_logits = released["teacher"], released["student"].requires_grad_()
    for name, turned in (("rows", False), ("columns", True)):
        student_logits.grad = None
        pair = (teacher.T, student_logits.T) if turned else (teacher, student_logits)
        loss = distillation_loss(*pair, temperature)
        loss.backward()
        assert_equal(loss, released[name], 1e-6, name)
        assert_equal(student_logits.grad, released[f"{name}.grad"], 1e-6, f"gradient of {name}")


class Weights(Adapter):
    """An adapter, as far as plugins of weights ask for one: some numbers that train."""

    def __init__(self, values):
        backbone = PrecomputedBackbone(name="none", logit_scale=1.0, width=1, text={})
        super().__init__(LinearConfig(), backbone, ())
        self.values = torch.nn.Parameter(values.clone())

    def forget_classifiers(self):
        """Nothing is made of them."""


def test_the_constraint_of_zscl_is_the_released_squared_distance():
    released = read("zscl").below("l2")
    model = Weights(released["a"])
    assert_equal(squared_distance(model, {"values": released["b"]}), released["value"], 1e-6)


def test_the_mean_of_zscl_is_the_released_one_of_all_its_points():
    released = read("zscl").below("merge")
    first, *points = released["points"]
    model = Weights(first)
    plugin = build_plugin(WeightAverageConfig(every=1), PluginContext(model, None, 0))
    plugin.before_training_exp(None)
    for point in points:
        put(model, {"values": point})
        plugin.after_training_iteration(None)
    plugin.after_training_exp(None)
    assert_equal(model.values, released["mean"], 1e-6)


def test_the_rate_of_zscl_is_the_released_one_whose_run_has_one_step_more_at_no_rate():
    """They take iterations + 1 steps over a cosine of iterations: the last one moves nothing but by
    Adam's past.
    """
    released = read("zscl")
    rates = released["experience0.lr"]
    steps = released.settings["cosine_over_steps"]
    config = TrainConfig(
        lr=released.settings["lr"], warmup_steps=released.settings["warmup_steps"], iterations=steps
    )
    positions = [Position(step, steps, 0, 1) for step in range(steps)]
    ours = torch.tensor([learning_rate(config, config.lr, at) for at in positions])
    assert_equal(ours, rates[:steps], 1e-7)
    assert len(rates) == steps + 1
    assert rates[steps] == 0


# --- LwF and LwF-VR ---


def lwf(adapter, released, random_tokens=None):
    """The plugin; LwF-VR's sentences are those that the released code drew."""
    sentences = "classes" if random_tokens is None else "random"
    settings = released.settings
    config = LwfConfig(
        weight=settings["weight"],
        temperature=settings["temperature"],
        texts=settings["texts"],
        sentences=sentences,
    )
    plugin = build_plugin(config, PluginContext(adapter, None, 0))
    if random_tokens is not None:
        plugin._texts = lambda experience: adapter.encode_sentences(tokens(random_tokens))
    return plugin


def with_rows(plugin, strategy, released, reference_rows):
    """The plugin's own step draws of an experience's images; here it has no more than the released
    draw of a step.
    """
    said, pixels = plugin._noted.clone(), released["pixels"]

    def extra(strategy, step):
        rows = reference_rows[step]
        plugin._noted = said[rows]
        strategy.experience.dataset = [(image, 0) for image in pixels[rows]]

    return extra


@pytest.mark.parametrize("method", ["lwf", "lwf_vr"])
def test_lwf_learns_two_experiences_as_released_with_a_teacher_of_its_own(small_clip, method):
    released = read(method)
    adapter = student(small_clip, all_names(released))
    for number in range(2):
        experience = released.below(f"experience{number}")
        drawn = experience.integers("random_token_ids") if method == "lwf_vr" else None
        plugin = lwf(adapter, released, drawn)
        strategy = begin(adapter, released, number, [plugin])
        extra = with_rows(plugin, strategy, released, experience.integers("reference_rows"))
        for step, loss in losses(strategy, released, number, [plugin], extra):
            assert_equal(loss, experience["loss"][step], TOLERANCE, f"loss of step {step}")
        plugin.after_training_exp(strategy)
        assert_same_model(adapter, released, experience, TOLERANCE, "behind the last step")


@pytest.mark.parametrize("method", ["lwf", "lwf_vr"])
def test_lwf_literally_as_released_is_plain_fine_tuning_because_its_teacher_follows_the_student(
    small_clip, method
):
    """The class-incremental release builds the teacher on the student's own storage: found in their
    code, and not ours.

    What it reports beside the cross-entropy is the entropy of the student, without a gradient.
    """
    released = read(method)
    adapter = student(small_clip, all_names(released))
    for number in range(2):
        expected = released.below(f"released_shared_storage.experience{number}")
        strategy = begin(adapter, released, number, [])
        for _step, _loss in losses(strategy, released, number, []):
            pass
        assert_same_model(adapter, released, expected, TOLERANCE, "behind the last step")


# --- WiSE-FT ---


def test_wise_ft_merges_with_either_anchor_as_released(small_clip):
    released = read("wise_ft")
    adapter = student(small_clip, all_names(released))
    context = PluginContext(adapter, None, 0)
    alpha = released.settings["alpha"]
    zeroshot = build_plugin(WiseFtConfig(anchor="zeroshot", alpha=alpha), context)
    previous = build_plugin(WiseFtConfig(anchor="previous", alpha=alpha), context)
    for number in range(2):
        experience = released.below(f"experience{number}")
        strategy = begin(adapter, released, number, [zeroshot, previous])
        for step, loss in losses(strategy, released, number, []):
            assert_equal(loss, experience["loss"][step], 2 * TOLERANCE, f"loss of step {step}")
        assert_same_model(
            adapter, released, experience.below("finetuned"), 2 * TOLERANCE, "fine-tuned"
        )
    learned = snapshot(adapter)
    for plugin, name in ((zeroshot, "merged_with_zeroshot"), (previous, "merged_with_previous")):
        put(adapter, learned)
        plugin.after_training_exp(strategy)
        assert_same_model(adapter, released, experience.below(name), 2 * TOLERANCE, name)


def test_the_classes_of_an_experience_are_compared_among_themselves():
    released = read("zscl")
    assert [places_of(released, number) for number in range(2)] == [(0, 1, 2, 3), (4, 5, 6)]

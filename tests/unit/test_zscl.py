"""Limit cases of ZSCL (Zheng et al. 2023) and LwF (Li & Hoiem 2016): captions, both forms, both
directions, steps.
"""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from helpers.learning import ANSWERS

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.teacher import Teacher
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.plugin import PluginContext, Reference
from clvl_bench.methods.answer_concat.config import ConcatConfig
from clvl_bench.methods.answer_prompt.config import AnswerPromptConfig
from clvl_bench.methods.distillation.config import DistillationConfig
from clvl_bench.methods.distillation.plugin import Distillation, both_directions, distillation_loss
from clvl_bench.methods.full.config import FullConfig
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.lora.config import LoraConfig
from clvl_bench.methods.lwf.config import LwfConfig
from clvl_bench.methods.lwf.plugin import Lwf, gibberish
from clvl_bench.methods.registry import build_adapter, build_plugin

TABLE = tuple(
    Candidate(name, "d", ("a photo of a {}.",)) for name in ("forest", "lake", "boat", "car")
)
CAPTIONS = (
    "a lake seen from the side.",
    "a forest.",
    "a red car.",
    "a boat.",
    "a lake seen from the side.",
)


@pytest.fixture(scope="module")
def pixels():
    return torch.randint(
        0, 256, (8, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


@pytest.fixture(scope="module")
def reference(backbone, pixels):
    features = backbone.image_features(pixels)
    teacher = Teacher(backbone, lambda ids: features[ids])
    return Reference(
        torch.arange(8), lambda ids: pixels[ids], features, (2, 3), teacher, features, CAPTIONS
    )


def student(backbone, *, moved=0.0):
    adapter = build_adapter(FullConfig(), backbone, TABLE, seed=0).train()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for projection in (adapter.towers.visual_projection, adapter.towers.text_projection):
            projection.weight.add_(
                moved * torch.randn(projection.weight.shape, generator=generator)
            )
    return adapter


def steepest(adapter):
    return max(
        weight.grad.abs().max().item() for weight in adapter.parameters() if weight.grad is not None
    )


@pytest.mark.parametrize("texts", ["student", "teacher"])
def test_with_captions_the_gradient_at_the_teacher_is_zero_and_away_from_it_is_not(
    backbone, reference, texts
):
    for moved in (0.0, 0.5):
        adapter = student(backbone, moved=moved)
        Distillation(
            DistillationConfig(texts=texts, sentences="captions"), PluginContext(adapter, reference)
        ).loss(torch.arange(8)).backward()
        assert (steepest(adapter) < 1e-5) == (moved == 0.0)
        text_grads = [weight.grad for weight in adapter.towers.text_model.parameters()]
        assert all(grad is None for grad in text_grads) == (texts == "teacher")


def test_the_two_directions_are_the_loss_on_a_matrix_and_on_its_transpose():
    teacher, learned = torch.randn(5, 7), torch.randn(5, 7)
    images, texts = (
        distillation_loss(teacher, learned, 2.0),
        distillation_loss(teacher.T, learned.T, 2.0),
    )
    assert both_directions(teacher, learned, 2.0, directions="images") == images
    assert both_directions(teacher, learned, 2.0, directions="texts") == texts
    assert both_directions(teacher, learned, 2.0) == images + texts


def test_a_draw_of_all_captions_is_all_of_them(backbone, reference):
    plugin = Distillation(
        DistillationConfig(texts="student", sentences="captions"),
        PluginContext(student(backbone, moved=0.3), reference),
    )
    whole = plugin.loss(torch.arange(8))
    assert torch.allclose(
        plugin.loss(torch.arange(8), torch.tensor([3, 1, 0, 4, 2])), whole, rtol=1e-4
    )
    assert not torch.allclose(plugin.loss(torch.arange(8), torch.tensor([3, 1])), whole, rtol=1e-2)


def test_every_step_draws_images_and_captions_of_its_own(backbone, reference):
    plugin = Distillation(
        DistillationConfig(sentences="captions", captions_a_step=2, batch_size=3),
        PluginContext(student(backbone), reference),
    )
    drawn = []
    plugin.loss = lambda rows, captions: (
        drawn.append((rows.tolist(), captions.tolist())) or torch.zeros((), requires_grad=True)
    )
    for step in [*range(20), 0]:
        clock = SimpleNamespace(
            train_exp_counter=0, train_exp_epochs=0, train_epoch_iterations=step
        )
        plugin.before_backward(SimpleNamespace(clock=clock, loss=torch.zeros(())))
    assert drawn[0] == drawn[-1]
    assert all(len(set(rows)) == 3 and len(set(captions)) == 2 for rows, captions in drawn)
    assert set(range(8)) == {row for rows, _ in drawn for row in rows}
    assert set(range(5)) == {caption for _, captions in drawn for caption in captions}


def test_a_larger_weight_leaves_a_smaller_drift_on_the_reference(backbone, reference):
    """Adam, some steps towards anywhere: what the reference images say moves the less, the larger
    the weight.
    """
    drifts = []
    for weight in (0.0, 1.0, 100.0, 1e4):
        adapter = student(backbone)
        plugin = Distillation(
            DistillationConfig(texts="teacher", sentences="captions"),
            PluginContext(adapter, reference),
        )
        optimizer = torch.optim.Adam(adapter.towers.visual_projection.parameters(), lr=1e-3)
        for _ in range(20):
            optimizer.zero_grad()
            features = l2_normalize(adapter.image(reference.inputs(reference.ids)))
            (features[:, 0].sum() + weight * plugin.loss(torch.arange(8))).backward()
            optimizer.step()
        drifts.append(
            (
                l2_normalize(adapter.image(reference.inputs(reference.ids)))
                - l2_normalize(reference.features)
            )
            .norm()
            .item()
        )
    assert drifts == sorted(drifts, reverse=True)


def test_captions_are_kept_and_counted_and_must_be_there(backbone, reference):
    without = replace(reference, captions=())
    assert reference.kept_bytes() - without.kept_bytes() == sum(map(len, CAPTIONS))
    context = PluginContext(student(backbone), without)
    with pytest.raises(Mistake, match="captions"):
        build_plugin(DistillationConfig(sentences="captions"), context)


def test_without_a_reference_set_it_says_where_one_is_declared(backbone):
    with pytest.raises(Mistake, match=r"needs a reference set; add reference = .* the benchmark"):
        build_plugin(DistillationConfig(), PluginContext(student(backbone)))


def test_part_of_a_reference_set_is_drawn_by_the_seed(reference):
    some = reference.some(3, 0)
    assert len(some.ids) == 3
    assert torch.equal(some.features, reference.features[some.ids])
    assert reference.some(None, 0) is reference.some(8, 0) is reference


def begun(plugin, pixels, classes=(0, 1)):
    """An experience of these pixels has begun; returns a step of it without a loss of its own."""
    dataset = [(image, 0) for image in pixels]
    experience = SimpleNamespace(dataset=dataset, classes_in_this_experience=classes)
    clock = SimpleNamespace(train_exp_counter=0, train_exp_epochs=0, train_epoch_iterations=0)
    strategy = SimpleNamespace(
        experience=experience, clock=clock, device="cpu", train_mb_size=8, loss=torch.tensor(0.0)
    )
    plugin.before_training_exp(strategy)
    return strategy


@pytest.mark.parametrize(
    "settings", [{}, {"sentences": "random", "random_sentences": 20}, {"texts": "student"}]
)
def test_lwf_has_no_gradient_where_the_experience_began_and_one_where_it_has_come_to(
    backbone, pixels, settings
):
    adapter = student(backbone, moved=0.3)
    plugin = Lwf(LwfConfig(**settings), PluginContext(adapter))
    strategy = begun(plugin, pixels)
    plugin.before_backward(strategy)
    strategy.loss.backward()
    assert steepest(adapter) < 1e-4
    with torch.no_grad():
        adapter.towers.visual_projection.weight.add_(
            torch.randn_like(adapter.towers.visual_projection.weight)
        )
    strategy.loss = torch.tensor(0.0)
    plugin.before_backward(strategy)
    strategy.loss.backward()
    assert steepest(adapter) > 1e-3
    plugin.after_training_exp(strategy)
    assert plugin.kept_bytes() == 0


def test_lwf_notes_the_model_as_it_trains_whatever_it_was_used_for_before(backbone, pixels):
    """A step scores a class by its first template, testing by all of them; and what is noted has no
    chance in it.
    """
    table = tuple(
        Candidate(each.name, "d", (*each.templates, "a bad drawing of a {}.")) for each in TABLE
    )
    full = build_adapter(FullConfig(), backbone, table, seed=0).eval()
    plugin = Lwf(LwfConfig(texts="student"), PluginContext(full))
    strategy = begun(plugin, pixels)
    full.train()
    plugin.before_backward(strategy)
    strategy.loss.backward()
    assert steepest(full) < 1e-4
    lora = build_adapter(LoraConfig(dropout=0.9), backbone, table, seed=0).train()
    with torch.no_grad():
        for name, weight in lora.named_parameters():
            if "lora_B" in name:
                weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)))
    plugins = [Lwf(LwfConfig(texts="student"), PluginContext(lora)) for _ in range(2)]
    for each in plugins:
        begun(each, pixels)
    assert torch.equal(plugins[0]._noted, plugins[1]._noted)


def test_lwf_equals_its_formula(backbone, pixels):
    adapter = student(backbone, moved=0.3)
    plugin = Lwf(LwfConfig(weight=5.0), PluginContext(adapter))
    strategy = begun(plugin, pixels)
    with torch.no_grad():
        teacher_images, texts = l2_normalize(adapter.image(pixels)), adapter.classifier((0, 1))
        adapter.towers.visual_projection.weight.mul_(
            1 + torch.rand(adapter.towers.visual_projection.weight.shape)
        )
    plugin.before_backward(strategy)
    scale = backbone.logit_scale
    expected = 5 * both_directions(
        scale * teacher_images @ texts.T, scale * l2_normalize(adapter.image(pixels)) @ texts.T, 2.0
    )
    assert strategy.loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_lwf_without_weight_is_fine_tuning(backbone, pixels):
    plugin = Lwf(LwfConfig(weight=0.0), PluginContext(student(backbone)))
    strategy = begun(plugin, pixels)
    plugin.before_backward(strategy)
    assert strategy.loss.item() == 0.0


def test_lwf_on_a_head_wants_the_students_texts(backbone):
    head = build_adapter(LinearConfig(), backbone, TABLE, seed=0)
    with pytest.raises(Mistake, match="texts"):
        build_plugin(LwfConfig(), PluginContext(head))


@pytest.mark.parametrize("config", [ConcatConfig(), AnswerPromptConfig()])
def test_lwf_on_answers_without_texts_of_classes_wants_the_students_texts(backbone, config):
    with pytest.raises(Mistake, match=r"does not learn image features; set plugins\.lwf\.texts"):
        build_plugin(LwfConfig(), PluginContext(build_adapter(config, backbone, ANSWERS, seed=0)))


def test_random_sentences_are_ten_tokens_between_start_and_end(backbone):
    tokens, edge = gibberish(backbone, 50, 0), backbone.tokenize([""]).ids[0]
    assert tokens.ids.shape == (50, 12)
    assert set(tokens.ids[:, 0].tolist()) == {int(edge[0])}
    assert set(tokens.ids[:, 11].tolist()) == {int(edge[-1])}
    assert tokens.ends.tolist() == [11] * 50
    assert torch.equal(gibberish(backbone, 50, 0).ids, tokens.ids)
    assert not torch.equal(gibberish(backbone, 50, 1).ids, tokens.ids)

"""Pseudo-labels: which pass, what they teach, and through what no gradient flows."""

import types

import pytest
import torch
from torch import nn

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.rng import keyed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.augment import strong
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.pseudo_labels import Average
from clvl_bench.methods.anchored_pl.config import AnchoredPlConfig
from clvl_bench.methods.anchored_pl.plugin import AnchoredPl
from clvl_bench.methods.fixmatch.config import FixMatchConfig
from clvl_bench.methods.fixmatch.plugin import FixMatch
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.mean_teacher.config import MeanTeacherConfig
from clvl_bench.methods.mean_teacher.plugin import MeanTeacher
from clvl_bench.methods.registry import build_adapter

TABLE = tuple(
    Candidate(name, "d", ("a photo of a {}.",)) for name in ("river", "forest", "village")
)


def step_of(model, inputs, labels, *, experience=1):
    """What a plugin sees of a strategy behind its forward pass."""
    output = model(inputs)
    return types.SimpleNamespace(
        model=model,
        mb_x=inputs,
        mb_y=labels,
        mb_output=output,
        loss=output.new_zeros(()),
        learned=experience,
        clock=types.SimpleNamespace(train_exp_counter=experience),
        mbatch=[inputs, labels, torch.arange(len(inputs)), torch.zeros(len(inputs))],
    )


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return nn.Linear(4, 3)


@pytest.fixture
def inputs():
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(1))


LABELS = torch.tensor([0, -1, -1, 2, -1, -1])


def test_a_threshold_that_nothing_reaches_leaves_the_labelled_alone(linear, inputs):
    plugin = FixMatch(FixMatchConfig(tau=1.01), PluginContext())
    step = step_of(linear, inputs, LABELS)
    plugin.before_backward(step)
    assert step.loss.item() == 0.0
    step.loss.backward()
    assert not linear.weight.grad.any()
    assert not plugin.pseudo_labels[0].kept.any()


def test_without_a_threshold_it_is_self_training_on_what_is_most_probable(linear, inputs):
    step = step_of(linear, inputs, LABELS)
    FixMatch(FixMatchConfig(tau=0.0), PluginContext()).before_backward(step)
    rows = step.mb_output[LABELS < 0]
    assert step.loss.item() == pytest.approx(
        -rows.softmax(dim=1).max(dim=1).values.log().mean().item(), abs=1e-6
    )


def test_what_does_not_pass_counts_as_zero_in_the_mean(linear, inputs):
    step = step_of(linear, inputs, LABELS)
    rows = step.mb_output[LABELS < 0].detach()
    confidence = rows.softmax(dim=1).max(dim=1).values
    tau = float(confidence.median())
    FixMatch(FixMatchConfig(tau=tau), PluginContext()).before_backward(step)
    assert step.loss.item() == pytest.approx(
        -confidence[confidence >= tau].log().sum().item() / len(rows), abs=1e-6
    )


def test_flexmatch_lets_all_pass_at_first_and_equals_fixmatch_where_all_classes_are_alike():
    plugin = FixMatch(FixMatchConfig(tau=0.9, flexible=True), PluginContext())
    assert plugin.thresholds(3).tolist() == [0.0, 0.0, 0.0]
    plugin.counts = torch.tensor([2.0, 2.0, 2.0, 1.0])
    assert plugin.thresholds(3).tolist() == pytest.approx([0.9] * 3)
    plugin.counts = torch.tensor([2.0, 1.0, 0.0, 1.0])
    assert plugin.thresholds(3).tolist() == pytest.approx([0.9, 0.9 / 3, 0.0])


def test_flexmatch_counts_what_is_sure_by_class_and_what_is_not_in_a_place_of_its_own():
    plugin = FixMatch(FixMatchConfig(tau=0.9, flexible=True, count_momentum=0.75), PluginContext())
    plugin.thresholds(3)
    plugin._count(torch.tensor([0.95, 0.5, 0.9]), torch.tensor([2, 0, 1]))
    first = [0.0, 0.0, 0.25, 0.75]
    second = [0.75 * count for count in first[:3]] + [0.75 * 0.75 + 0.25]
    assert plugin.counts.tolist() == pytest.approx([0.0, 0.25, 0.75 * second[2], 0.75 * second[3]])


@pytest.mark.parametrize(("steps", "share"), [(0, 0.25), (1, 0.5), (3, 1.0), (50, 1.0)])
def test_what_a_mean_teacher_says_counts_more_from_step_to_step(linear, inputs, steps, share):
    plugin = MeanTeacher(MeanTeacherConfig(momentum=1.0, ramp_steps=4), PluginContext())
    plugin.before_training_exp(step_of(linear, inputs, LABELS))
    before = linear(inputs)[LABELS < 0].softmax(dim=1)
    with torch.no_grad():
        linear.weight += torch.eye(3, 4)
    plugin.teacher.steps = steps
    step = step_of(linear, inputs, LABELS)
    expected = nn.functional.mse_loss(step.mb_output[LABELS < 0].softmax(dim=1), before)
    assert plugin.loss(step, torch.nonzero(LABELS < 0).flatten()).item() == pytest.approx(
        share * expected.item(), rel=1e-5
    )


@pytest.mark.parametrize("momentum", [0.0, 1.0])
def test_a_mean_teacher_follows_at_once_or_never(linear, inputs, momentum):
    plugin = MeanTeacher(MeanTeacherConfig(momentum=momentum), PluginContext())
    plugin.before_training_exp(step_of(linear, inputs, LABELS))
    before = linear.weight.detach().clone()
    with torch.no_grad():
        linear.weight += 1.0
    plugin.after_update(step_of(linear, inputs, LABELS))
    assert torch.equal(plugin.teacher.weights["weight"], linear.weight if momentum == 0 else before)


def test_a_teacher_that_says_the_same_teaches_nothing_and_another_one_only_the_student(
    linear, inputs
):
    plugin = MeanTeacher(MeanTeacherConfig(momentum=1.0, ramp_steps=1), PluginContext())
    plugin.before_training_exp(step_of(linear, inputs, LABELS))
    same = step_of(linear, inputs, LABELS)
    plugin.before_backward(same)
    assert same.loss.item() == 0.0
    with torch.no_grad():
        linear.weight += torch.eye(3, 4)
    other = step_of(linear, inputs, LABELS)
    plugin.before_backward(other)
    other.loss.backward()
    assert linear.weight.grad.abs().sum() > 0
    assert all(
        weight.grad is None and not weight.requires_grad
        for weight in plugin.teacher.weights.values()
    )


def test_a_teacher_teaches_as_much_whatever_classes_are_no_candidates(monkeypatch):
    from types import SimpleNamespace

    student, taught = torch.randn(5, 3), torch.randn(5, 3)
    losses = []
    for others in (0, 40):
        wide, said = (
            torch.cat([each, each.new_full((5, others), -torch.inf)], dim=1)
            for each in (student, taught)
        )
        plugin = MeanTeacher(MeanTeacherConfig(ramp_steps=1), PluginContext())
        monkeypatch.setattr(plugin.teacher, "scores", lambda model, inputs, said=said: said)
        batch = SimpleNamespace(mb_output=wide, mb_x=torch.zeros(5, 2), mbatch=(), model=None)
        losses.append(plugin.loss(batch, torch.arange(5)).item())
    expected = torch.nn.functional.mse_loss(student.softmax(dim=1), taught.softmax(dim=1)).item()
    assert losses == pytest.approx([expected, expected])


def test_an_average_is_the_weighted_mean_and_grown_rows_join_it(linear):
    average = Average(0.75, ramped=False)
    average.align(linear)
    start = linear.bias.detach().clone()
    with torch.no_grad():
        linear.bias += 4.0
    average.update(linear)
    assert torch.allclose(average.weights["bias"], start + 1.0)
    linear.bias = nn.Parameter(torch.cat([linear.bias.detach(), torch.tensor([9.0])]))
    average.align(linear)
    assert torch.allclose(average.weights["bias"], torch.cat([start + 1.0, torch.tensor([9.0])]))


def test_a_ramped_average_is_at_first_the_plain_mean_of_where_the_weights_were(linear):
    average, points = Average(0.9, ramped=True), [linear.bias.detach().clone()]
    average.align(linear)
    for step in range(5):
        with torch.no_grad():
            linear.bias += 1.0 + step
        points.append(linear.bias.detach().clone())
        average.update(linear)
    assert torch.allclose(average.weights["bias"], torch.stack(points).mean(dim=0), atol=1e-5)


@pytest.fixture
def adapter(tiny):
    adapter = build_adapter(LinearConfig(), tiny, TABLE, seed=0)
    adapter.begin((0, 1, 2))
    adapter.scored = (0, 1, 2)
    return adapter.train()


@pytest.fixture
def features(tiny):
    texts = tiny.class_features(TABLE)
    return texts[[0, 1, 2, 0, 1, 2]] + 0.2 * torch.randn(
        6, tiny.width, generator=torch.Generator().manual_seed(2)
    )


def anchored(adapter, **settings):
    plugin = AnchoredPl(AnchoredPlConfig(**settings), PluginContext(adapter))
    plugin.before_training_exp(types.SimpleNamespace(model=adapter))
    return plugin


def test_alone_the_anchor_is_zero_shot_whatever_was_trained(adapter, features, tiny):
    plugin, scored = anchored(adapter), torch.ones(6, 3, dtype=torch.bool)
    expected = (tiny.logit_scale * l2_normalize(features) @ tiny.class_features(TABLE).T).softmax(
        dim=1
    )
    with torch.no_grad():
        adapter.weight[0] += 10.0
    plugin.after_update(types.SimpleNamespace(model=adapter))
    assert torch.allclose(plugin.targets(features, scored, share=0.0), expected, atol=1e-5)
    assert not torch.allclose(plugin.targets(features, scored, share=0.5), expected, atol=1e-3)


def test_logits_of_the_anchor_and_of_the_average_are_mixed_by_their_share(adapter, features, tiny):
    plugin, scored = anchored(adapter, momentum=0.75), torch.ones(6, 3, dtype=torch.bool)
    scored[:, 1] = False
    start = adapter.weight.detach().clone()
    with torch.no_grad():
        adapter.weight[0] += 1.0
    plugin.after_update(types.SimpleNamespace(model=adapter))
    images = tiny.logit_scale * l2_normalize(features)
    averaged = images @ (0.75 * start + 0.25 * adapter.weight.detach()).T
    mixed = 0.7 * images @ tiny.class_features(TABLE).T + 0.3 * averaged
    found = plugin.targets(features, scored, share=0.3)
    assert torch.allclose(found[:, [0, 2]], mixed[:, [0, 2]].softmax(dim=1), atol=1e-5)
    assert not found[:, 1].any()


@pytest.mark.parametrize(("experience", "share"), [(0, 0.0), (1, 0.4), (3, 0.4)])
def test_the_average_has_no_say_in_the_first_experience(
    adapter, features, monkeypatch, experience, share
):
    plugin, asked = anchored(adapter, share=0.4), []
    targets = plugin.targets
    monkeypatch.setattr(
        plugin, "targets", lambda *given, share: asked.append(share) or targets(*given, share=share)
    )
    plugin.before_backward(step_of(adapter, features, torch.full((6,), -1), experience=experience))
    assert asked == [share]


def test_what_is_hardly_above_chance_does_not_pass(adapter, features):
    confidence = (
        anchored(adapter)
        .targets(features, torch.ones(6, 3, dtype=torch.bool), share=0.0)
        .max(dim=1)
        .values
    )
    for margin in (0.0, float(confidence.median()) * 3, 3.1):
        plugin = anchored(adapter, keep=1.0, margin=margin)
        plugin.before_backward(step_of(adapter, features, torch.full((6,), -1), experience=0))
        assert plugin.pseudo_labels[0].kept.tolist() == (confidence >= margin / 3).tolist()


def test_a_window_forgets_what_came_before_it(adapter):
    plugin = anchored(adapter, keep=0.5, window=4)
    plugin.passes(torch.full((4,), 0.9), torch.zeros(4, dtype=torch.long))
    passed = plugin.passes(torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.zeros(4, dtype=torch.long))
    assert passed.tolist() == [False, False, True, True]
    assert plugin.confidences.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_no_gradient_flows_through_pseudo_labels(adapter, features):
    plugin = anchored(adapter, keep=1.0, margin=0.0)
    scored = torch.ones(6, 3, dtype=torch.bool)
    assert not plugin.targets(features, scored, share=0.5).requires_grad
    step = step_of(adapter, features, torch.full((6,), -1))
    plugin.before_backward(step)
    labels = torch.from_numpy(plugin.pseudo_labels[0].labels)
    expected = nn.functional.cross_entropy(adapter(features), labels)
    assert torch.allclose(
        torch.autograd.grad(step.loss, adapter.weight)[0],
        torch.autograd.grad(expected, adapter.weight)[0],
    )


def test_a_share_of_each_class_passes_on_a_stream_that_stays_as_it_is(adapter):
    plugin, dice = anchored(adapter, keep=0.3), torch.Generator().manual_seed(0)
    passed = torch.zeros(3)
    for _ in range(100):
        labels = torch.randint(3, (20,), generator=dice)
        kept = plugin.passes(torch.rand(20, generator=dice) * (1 + labels), labels)
        passed += torch.bincount(labels[kept], minlength=3)
    assert (passed / passed.sum()).tolist() == pytest.approx([1 / 3] * 3, abs=0.05)
    assert passed.sum().item() / 2000 == pytest.approx(0.3, abs=0.04)


def test_a_weight_of_zero_leaves_training_as_it_is(adapter, features):
    step = step_of(adapter, features, torch.full((6,), -1))
    anchored(adapter, weight=0.0).before_backward(step)
    assert step.loss.item() == 0.0
    assert not step.loss.requires_grad


def test_a_strong_view_is_another_picture_and_the_same_one_for_the_same_key():
    pixels = torch.randint(
        0, 256, (3, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    with keyed("a"):
        one = strong(pixels)
    with keyed("a"):
        again = strong(pixels)
    assert one.shape == pixels.shape
    assert one.dtype == torch.uint8
    assert torch.equal(one, again)
    assert all(not torch.equal(new, old) for new, old in zip(one, pixels, strict=True))

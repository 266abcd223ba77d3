"""CoDyRA: limit cases of its updates, its loss and its gates."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.learning import ALL, FIRST, SECOND, TABLE, learn, logits, zeroshot
from torch import nn
from torch.nn.functional import cross_entropy

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.errors import Mistake
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.codyra.adapter import text_loss
from clvl_bench.methods.codyra.config import CodyraConfig
from clvl_bench.methods.codyra.gated import GatedLinear
from clvl_bench.methods.full.config import FullConfig
from clvl_bench.methods.gate_threshold.config import GateThresholdConfig
from clvl_bench.methods.gate_threshold.plugin import shrunk, threshold_at
from clvl_bench.methods.registry import build_adapter, build_plugin


def build(backbone, config=None):
    return build_adapter(config or CodyraConfig(rank=2), backbone, TABLE, seed=0).eval()


def test_a_gated_layer_is_the_layer_with_the_weight_that_merging_gives():
    base, inputs = nn.Linear(5, 4), torch.randn(3, 5)
    gated = GatedLinear(base, 2)
    with torch.no_grad():
        assert torch.equal(gated(inputs), base(inputs))
        nn.init.normal_(gated.up)
        expected = base.weight + gated.up @ torch.diag(gated.gate) @ gated.down
        before = gated(inputs)
        assert not torch.allclose(before, base(inputs), atol=1e-2)
        gated.merge()
        assert torch.allclose(gated.weight, expected, atol=1e-6)
        gated.reset()
        assert torch.allclose(gated(inputs), before, atol=1e-5)


def test_a_closed_gate_brings_nothing():
    gated = GatedLinear(nn.Linear(5, 4), 2)
    with torch.no_grad():
        nn.init.normal_(gated.up)
        gated.gate.zero_()
        before = gated.weight.clone()
        gated.merge()
    assert torch.equal(gated.weight, before)


def test_six_layers_of_each_transformer_layer_have_updates_and_nothing_else_trains(backbone):
    adapter = build(backbone)
    layers = backbone.towers.image_layers + backbone.towers.text_layers
    assert len(adapter.updates) == 6 * layers
    trains = {name for name, each in adapter.named_parameters() if each.requires_grad}
    assert {name.rpartition(".")[2] for name in trains} == {"down", "up", "gate"}
    assert len(trains) == 3 * 6 * layers


def test_it_starts_at_zero_shot_and_the_backbone_stays(backbone, pixels):
    adapter = build(backbone)
    start = zeroshot(backbone, "pixels", pixels, templates=None)
    assert torch.allclose(logits(adapter, pixels), start, atol=1e-4)
    learn(adapter, pixels, FIRST)
    assert not torch.allclose(logits(adapter, pixels), start, atol=1e-2)
    again = zeroshot(backbone, "pixels", pixels, templates=None)
    assert torch.equal(again, start)


def test_what_it_keeps_does_not_grow_with_experiences(backbone, pixels):
    adapter = build(backbone)
    before = adapter.kept_bytes()
    learn(adapter, pixels, FIRST)
    learn(adapter, pixels, SECOND, key="second")
    assert adapter.kept_bytes() == before
    assert adapter.seen == ALL


def test_the_text_loss_is_torchs_with_targets_of_zero_and_one():
    generator = torch.Generator().manual_seed(0)
    images = l2_normalize(torch.randn(5, 8, generator=generator))
    texts = l2_normalize(torch.randn(4, 8, generator=generator))
    labels = torch.tensor([2, 0, 2, 2, 0])
    targets = torch.eye(4)[labels].T  # two classes are absent from the batch: their rows are zero
    expected = cross_entropy(10 * texts @ images.T, targets)
    assert torch.allclose(text_loss(10 * images @ texts.T, labels, 4), expected, atol=1e-5)


def test_the_text_loss_leaves_out_unknown_labels_and_what_is_no_candidate():
    scores = torch.randn(4, 3, requires_grad=True)
    labels = torch.tensor([1, -1, 1, 0])
    known = torch.tensor([0, 2, 3])
    expected = text_loss(scores[known], labels[known], 3)
    assert torch.equal(text_loss(scores, labels, 3), expected)
    mask = torch.zeros(4, 3)
    mask[:, 2] = -torch.inf
    text_loss(scores + mask, labels, 3).backward()
    assert scores.grad is not None
    assert bool(torch.isfinite(scores.grad).all())
    assert text_loss(scores, torch.full((4,), -1), 3).item() == 0


def test_gates_shrink_by_the_threshold_and_close_below_twice_of_it():
    gates = torch.tensor([1.0, -1.0, 0.25, -0.25, 0.15, -0.15, 0.05, 0.0])
    expected = torch.tensor([0.9, -0.9, 0.15, -0.15, 0.0, 0.0, 0.0, 0.0])
    assert torch.allclose(shrunk(gates, 0.1), expected)


def test_the_threshold_rises_in_fifty_stairs_over_the_second_half_of_five_hundred_steps():
    """Counted as the released loop counts: a stair every fifth step, the last one twice."""
    config, levels = GateThresholdConfig(), np.linspace(0, 5e-3, 50)
    number, expected = 0, []
    for step in range(500):
        if step >= 250 and step % 5 == 0:
            number += 1
        expected.append(float(levels[min(49, number)]) if step > 250 else 0.0)
    assert [threshold_at(step, 500, config) for step in range(500)] == pytest.approx(expected)
    assert threshold_at(9, 10, config) == pytest.approx(levels[41])


def test_gates_are_closed_behind_a_step_and_only_in_the_second_half(backbone):
    adapter = build(backbone)
    plugin = build_plugin(GateThresholdConfig(largest=100.0), PluginContext(adapter))
    before = [update.gate.detach().clone() for update in adapter.updates]
    clock = SimpleNamespace(train_exp_iterations=0)
    strategy = SimpleNamespace(clock=clock, train_epochs=2, dataloader=range(5))
    plugin.after_update(strategy)
    assert all(
        torch.equal(update.gate, gate) for update, gate in zip(adapter.updates, before, strict=True)
    )
    clock.train_exp_iterations = 9
    plugin.after_update(strategy)
    assert not any(bool(update.gate.any()) for update in adapter.updates)


def test_an_adapter_without_gates_is_refused(backbone):
    with pytest.raises(Mistake, match="the adapter 'full' has none"):
        build_plugin(GateThresholdConfig(), PluginContext(build(backbone, FullConfig())))

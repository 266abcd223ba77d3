"""Limit cases of what is made of LoRA and of experts: merged updates, orthogonal ones, one an
experience, MoE-Adapters.
"""

import pytest
import torch
from helpers.learning import ALL, FIRST, SECOND, TABLE, learn, logits
from torch import nn

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.rng import keyed
from clvl_bench.methods.lora.config import LoraConfig
from clvl_bench.methods.lora_merged.config import LoraMergedConfig
from clvl_bench.methods.lora_per_experience.config import LoraPerExperienceConfig
from clvl_bench.methods.moe_adapters.config import MoeAdaptersConfig
from clvl_bench.methods.moe_adapters.experts import Expert, Experts, Router
from clvl_bench.methods.olora.config import OLoraConfig
from clvl_bench.methods.registry import build_adapter

SMALL = MoeAdaptersConfig(experts=4, bottleneck=4, radius=None)


def build(config, backbone):
    return build_adapter(config, backbone, TABLE, seed=0).eval()


def trained(adapter, pixels, classes=FIRST, key="experience"):
    """As `learn`, but the experience has not ended."""
    adapter.end, end = lambda: None, adapter.end
    learn(adapter, pixels, classes, key=key)
    adapter.end = end
    return adapter


def test_merging_changes_nothing_and_leaves_a_fresh_update(backbone, pixels):
    lora = trained(build(LoraMergedConfig(rank=2), backbone), pixels)
    before = logits(lora, pixels)
    lora.end()
    assert torch.allclose(logits(lora, pixels), before, atol=1e-4)
    assert all(not projection.lora_B["default"].weight.any() for projection in lora.projections)
    assert not torch.allclose(
        before, logits(build(LoraMergedConfig(rank=2), backbone), pixels), atol=1e-2
    )


def test_a_share_of_half_is_half_way_between_the_weights_before_and_after(backbone, pixels):
    lora = trained(build(LoraMergedConfig(rank=2, share=0.5), backbone), pixels)
    first = lora.projections[0]
    before = first.get_base_layer().weight.clone()
    after = before + first.get_delta_weight("default").detach()
    lora.end()
    assert torch.allclose(first.get_base_layer().weight, (before + after) / 2, atol=1e-7)


def test_one_experience_of_merged_updates_is_one_of_lora(backbone, pixels):
    merged, lora = build(LoraMergedConfig(rank=2), backbone), build(LoraConfig(rank=2), backbone)
    start = {name: tensor for name, tensor in merged.state().items() if "lora_" in name}
    lora.load(start)
    for adapter in (merged, lora):
        learn(adapter, pixels, FIRST)
    assert torch.allclose(logits(merged, pixels), logits(lora, pixels), atol=1e-4)


def test_olora_in_its_first_experience_is_lora(backbone, pixels):
    olora, lora = build(OLoraConfig(rank=2), backbone), build(LoraConfig(rank=2), backbone)
    lora.load({name: tensor for name, tensor in olora.state().items() if "lora_" in name})
    assert olora.penalty(pixels) is None
    for adapter in (olora, lora):
        learn(adapter, pixels, FIRST)
    assert torch.allclose(logits(olora, pixels), logits(lora, pixels), atol=1e-5)


def test_orthogonal_directions_cost_nothing_and_the_same_ones_what_they_overlap(backbone, pixels):
    olora = build(OLoraConfig(rank=2, orthogonality=0.5), backbone)
    olora.begin(FIRST)
    olora.begin(SECOND)
    with torch.no_grad():
        for projection in olora.projections:
            rows = torch.eye(4, projection.in_features)
            projection.lora_A["default"].weight.copy_(3 * rows[:2])
            projection.lora_A["1"].weight.copy_(rows[2:])
    assert olora.penalty(pixels).item() == 0.0
    with torch.no_grad():
        for projection in olora.projections:
            projection.lora_A["1"].weight.copy_(-projection.lora_A["default"].weight)
    assert olora.penalty(pixels).item() == pytest.approx(0.5 * len(olora.projections) * 2 * 9)


def test_updates_add_up_and_earlier_ones_get_no_gradient(backbone, pixels):
    olora = build(OLoraConfig(rank=2), backbone)
    learn(olora, pixels, FIRST)
    before = logits(olora, pixels)
    olora.begin(SECOND)
    assert torch.allclose(logits(olora, pixels), before, atol=1e-5)
    olora.zero_grad()
    olora.train().logits(pixels, ALL)[:, 0].sum().backward()
    projection = olora.projections[0]
    assert projection.lora_B["default"].weight.grad is None
    assert projection.lora_B["1"].weight.grad.abs().sum() > 0
    with torch.no_grad():
        for each in olora.projections:
            each.lora_B["default"].weight.zero_()
    assert not torch.allclose(logits(olora, pixels), before, atol=1e-2)


def test_an_update_an_experience_leaves_the_earlier_ones_to_the_bit(backbone, pixels):
    lora = build(LoraPerExperienceConfig(rank=2), backbone)
    learn(lora, pixels, FIRST)
    with torch.no_grad():
        before = lora.members[0].logits(pixels, ALL)
    learn(lora, pixels, SECOND, key="second")
    with torch.no_grad():
        assert torch.equal(lora.members[0].logits(pixels, ALL), before)
        assert not torch.equal(lora.members[1].logits(pixels, ALL), before)


def test_updates_share_the_frozen_weights_below_them(backbone):
    lora = build(LoraPerExperienceConfig(rank=2), backbone)
    lora.begin(FIRST)
    lora.begin(SECOND)
    embeddings = [each.towers.text_model.embeddings.token_embedding.weight for each in lora.members]
    assert all(
        weight is backbone.towers.text_model.embeddings.token_embedding.weight
        for weight in embeddings
    )
    updates = sum(
        parameter.numel() for name, parameter in lora.named_parameters() if "lora_" in name
    )
    assert lora.kept_bytes() == 4 * updates


def test_untrained_experts_are_zero_shot_whatever_the_route(backbone, pixels):
    moe = build(SMALL, backbone)
    expected = (
        backbone.logit_scale
        * l2_normalize(backbone.image_features(pixels))
        @ backbone.class_features(TABLE).T
    )
    route = moe.members[0]
    with torch.no_grad():
        for router in route.routers:
            router.weight.normal_()
        assert torch.allclose(route.eval().logits(pixels, ALL), expected, atol=1e-4)


def test_gates_are_a_share_of_exactly_as_many_experts_as_are_selected():
    experts = Experts(1, 8, MoeAdaptersConfig(experts=5, selected=2, bottleneck=2))
    router = Router(experts, 5, 2, torch.device("cpu"))
    nn.init.normal_(router.weight)
    for mode in (True, False):
        gates = router.train(mode).gates(0, torch.randn(6, 3, 8))
        assert torch.allclose(gates.sum(dim=1), torch.ones(6))
        assert ((gates > 0).sum(dim=1) == 2).all()
    hidden = torch.randn(6, 3, 8)
    scores = hidden[:, 0] @ router.weight[0]
    best = scores.argsort(dim=1, descending=True)[:, :2]
    assert torch.allclose(
        router.gates(0, hidden).gather(1, best), scores.gather(1, best).softmax(dim=1)
    )


def test_gates_are_noisy_while_training_by_as_much_as_the_noise_says():
    """Of equal scores with the noise e (softplus(0) + 0.01), the first of two gates is a sigmoid of
    the noise's difference.
    """
    experts = Experts(1, 8, MoeAdaptersConfig(experts=2, selected=2, bottleneck=2))
    router = Router(experts, 2, 2, torch.device("cpu"))
    with keyed("noise"):
        gates = router.train().gates(0, torch.randn(20_000, 1, 8))
    differences = (gates[:, 0] / gates[:, 1]).log()
    assert differences.std().item() == pytest.approx(
        2**0.5 * (torch.log(torch.tensor(2.0)).item() + 0.01), rel=0.02
    )
    assert (router.eval().gates(0, torch.randn(9, 1, 8)) == 0.5).all()


def test_as_many_experts_as_are_selected_are_marked_by_what_the_experience_used_alone():
    experts = Experts(1, 8, MoeAdaptersConfig(experts=4, selected=2, bottleneck=2)).train()

    def use(*numbers):
        gates = torch.zeros(len(numbers), 4)
        gates[range(len(numbers)), numbers] = 1.0
        experts.mixed(0, torch.randn(len(numbers), 1, 8), gates)

    use(0, 0, 0, 1, 1, 2)
    experts.mark_most_used()
    assert experts.frozen.tolist() == [[True, True, False, False]]
    use(3, 3, 2, 2, 1)
    experts.mark_most_used()
    assert experts.frozen.tolist() == [[True, True, True, True]]
    experts.eval()
    use(0, 1)
    assert not experts._used.any(), "a test uses nothing"


def test_the_mixture_is_the_weighted_sum_of_its_experts():
    experts = Experts(1, 8, MoeAdaptersConfig(experts=3, bottleneck=2)).eval()
    for weight in experts.parameters():
        nn.init.normal_(weight)
    hidden, gates = (
        torch.randn(4, 3, 8),
        torch.tensor([[0.3, 0.7, 0], [0, 0.5, 0.5], [1, 0, 0], [0, 0, 1]]),
    )
    said = torch.stack([expert(hidden) for expert in experts.by_layer[0]], dim=1)
    assert torch.allclose(
        experts.mixed(0, hidden, gates), (gates[:, :, None, None] * said).sum(dim=1), atol=1e-5
    )


def test_an_expert_says_a_tenth_of_a_bottleneck():
    expert = Expert(2, 1, 0.0)
    with torch.no_grad():
        expert.down.weight.copy_(torch.tensor([[1.0, 0.0]]))
        expert.up.weight.copy_(torch.tensor([[2.0], [5.0]]))
    assert torch.allclose(
        expert(torch.tensor([[3.0, 9.0], [-3.0, 9.0]])), torch.tensor([[0.6, 1.5], [0.0, 0.0]])
    )


def test_the_most_used_experts_stay_as_they_are_from_the_next_experience_on(backbone, pixels):
    moe = build(SMALL, backbone)
    learn(moe, pixels, FIRST)
    frozen = [tower.frozen.clone() for tower in moe.experts]
    assert all((tower.sum(dim=1) <= 2).all() and (tower.sum(dim=1) >= 1).all() for tower in frozen)
    before = {name: weight.detach().clone() for name, weight in moe.experts.named_parameters()}
    learn(moe, pixels, SECOND, key="second")
    held = [
        f"{tower}.by_layer.{layer}.{number}."
        for tower, marks in enumerate(frozen)
        for layer, number in torch.nonzero(marks).tolist()
    ]
    after = dict(moe.experts.named_parameters())
    assert all(
        torch.equal(after[name], before[name]) for name in before if name.startswith(tuple(held))
    )
    assert any(not torch.equal(after[name], before[name]) for name in before)


def test_another_router_leaves_a_route_alone(backbone, pixels):
    moe = build(SMALL, backbone)
    learn(moe, pixels, FIRST)
    with torch.no_grad():
        before = moe.members[0].logits(pixels, ALL)
    moe.begin(SECOND)
    with torch.no_grad():
        for router in moe.members[1].routers:
            router.weight.normal_()
        assert torch.equal(moe.members[0].logits(pixels, ALL), before)

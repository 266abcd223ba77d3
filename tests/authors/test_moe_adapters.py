"""MoE-Adapters beside the code that its authors released: a training pass with given draws, and a
testing one.
"""

import pytest
import torch
from authors.released import assert_equal, candidates, read

from clvl_bench.methods._base.losses import masked_cross_entropy
from clvl_bench.methods.moe_adapters.config import MoeAdaptersConfig
from clvl_bench.methods.registry import build_adapter

TOWERS = ("image", "text")
TOLERANCE = 1e-5


@pytest.fixture
def moe(small_clip):
    """Experts and routers with the released values; no training has been."""
    released = read("moe_adapters")
    settings = released.settings
    config = MoeAdaptersConfig(
        experts=settings["experts"],
        selected=settings["selected"],
        bottleneck=settings["bottleneck"],
        dropout=settings["dropout"],
    )
    adapter = build_adapter(config, small_clip, candidates(settings["names"]), seed=0)
    adapter.begin(places(settings))
    with torch.no_grad():
        for tower, experts, router in parts(adapter):
            router.weight.copy_(released[f"{tower}.router"])
            router.noise.copy_(released[f"{tower}.noise_weight"])
            for name, rows in weights_of(experts).items():
                fill(rows, released[f"{tower}.experts.{name}"])
    return adapter


def places(settings):
    return tuple(range(len(settings["names"])))


def parts(adapter):
    """The towers' names, their experts, and the routers of the experience in hand."""
    return zip(TOWERS, adapter.experts, adapter.current.routers, strict=True)


def weights_of(experts):
    """The parameters of all experts by the released names: [layers][experts]."""
    found = {}
    for name in ("down.weight", "down.bias", "up.weight", "up.bias"):
        found[name] = [[expert.get_parameter(name) for expert in row] for row in experts.by_layer]
    return found


def fill(rows, values):
    for row, layer in zip(rows, values, strict=True):
        for parameter, value in zip(row, layer, strict=True):
            parameter.copy_(value)


def gradients(rows):
    """[layers, experts, ...]; 0 for experts that no sample was sent to."""
    layers = []
    for row in rows:
        found = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in row]
        layers.append(torch.stack(found))
    return torch.stack(layers)


def given(draws, monkeypatch):
    """In the place of the normal draws of a training pass, in the order of layers: images first,
    then texts.
    """
    waiting = [draw for tower in TOWERS for draw in draws[tower]]
    monkeypatch.setattr(torch, "randn_like", lambda scores: waiting.pop(0).reshape(scores.shape))
    return waiting


@pytest.mark.parametrize("drawn", [True, False], ids=["drawn", "zero"])
def test_a_training_pass_routes_costs_and_teaches_as_released(moe, monkeypatch, drawn):
    released = read("moe_adapters")
    expected = released.below("train_drawn" if drawn else "train_zero")
    draws = {tower: released[f"{tower}.draws"] * float(drawn) for tower in TOWERS}
    waiting = given(draws, monkeypatch)
    logits = moe.train().logits(released["pixels"], places(released.settings))
    assert not waiting
    assert_equal(logits, expected["logits"], TOLERANCE, "logits")
    smoothing = released.settings["label_smoothing"]
    loss = masked_cross_entropy(logits, released.integers("labels"), smoothing=smoothing)
    assert_equal(loss, expected["loss"], TOLERANCE, "loss")
    loss.backward()
    for tower, experts, router in parts(moe):
        assert_equal(
            experts._used,
            expected[f"{tower}.used"],
            0.0,
            f"how often experts of the {tower} tower were used",
        )
        assert_equal(
            router.weight.grad,
            expected[f"{tower}.router.grad"],
            TOLERANCE,
            f"gradient of the {tower} router",
        )
        assert_equal(
            router.noise.grad,
            expected[f"{tower}.noise_weight.grad"],
            TOLERANCE,
            f"gradient of the {tower} noise",
        )
        for name, rows in weights_of(experts).items():
            if drawn:
                theirs = expected[f"{tower}.experts.{name}.grad"]
                assert_equal(
                    gradients(rows), theirs, TOLERANCE, f"gradient of {name} of the {tower} experts"
                )


@torch.no_grad()
def test_a_testing_pass_is_routed_by_clean_scores_as_released(moe):
    released = read("moe_adapters")
    logits = moe.current.eval().logits(released["pixels"], places(released.settings))
    assert_equal(logits, released["eval.logits"], TOLERANCE)

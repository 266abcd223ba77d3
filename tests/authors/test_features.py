"""What supplements frozen features: Tip-Adapter, Tip-Adapter-F, CLIP-Adapter, beside the code that
their authors released.
"""

from types import SimpleNamespace

import torch
from authors.released import (
    assert_equal,
    assert_learns,
    candidates,
    difference,
    read,
    set_to,
)
from torch.nn.functional import cross_entropy, one_hot

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.methods.clip_adapter.config import ClipAdapterConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.tip_adapter.config import TipAdapterConfig
from clvl_bench.methods.tip_adapter_f.config import TipAdapterFConfig
from clvl_bench.runs.files import load
from clvl_bench.training.config import TrainConfig
from clvl_bench.training.schedules import Position, learning_rate
from clvl_bench.training.strategy import AdaptationStrategy

SCALE = 100.0
"""The logit scale that the released codes write out, or that the small CLIP has."""


def backbone(released):
    """A backbone that says of texts what the released code was given."""
    names, texts = released.settings["names"], released["texts"]
    return PrecomputedBackbone(
        name="stored",
        logit_scale=SCALE,
        width=texts.shape[1],
        text={"d": ClassTexts(names, l2_normalize(texts)[None])},
    )


def filled(config, released):
    """An adapter that has seen the cache's samples once, and all places."""
    names = released.settings["names"]
    adapter = build_adapter(config, backbone(released), candidates(names), seed=0)
    places = tuple(range(len(names)))
    adapter.begin(places)
    adapter.observe(released["cache.features"], released.integers("cache.labels"))
    return adapter, places


def settings_of(released):
    return {name: released.settings[name] for name in ("alpha", "beta", "shots")}


# --- Tip-Adapter ---


def test_tip_adapter_keeps_the_released_keys_and_votes_as_released():
    released = read("tip_adapter")
    adapter, places = filled(TipAdapterConfig(**settings_of(released)), released)
    values = one_hot(adapter.key_classes, len(places)).float()
    order = by_key(adapter.keys, released["keys"].T)
    assert_equal(adapter.keys[order], released["keys"].T, 2e-6, "keys")
    assert_equal(values[order], released["values"], 0.0, "values")
    assert_equal(
        adapter.logits(released["query.features"], places), released["logits"], 2e-6, "logits"
    )


def by_key(ours, theirs):
    """The place of each of their keys among ours: theirs stand in another order."""
    order = (theirs @ ours.T).argmax(dim=1)
    assert sorted(order.tolist()) == list(range(len(ours)))
    return order


def trained(released, **train):
    """Tip-Adapter-F behind all epochs, with the optimiser and the rates that a strategy of these
    settings has.
    """
    settings = released.settings
    adapter, places = filled(TipAdapterFConfig(**settings_of(released)), released)
    assert_equal(adapter.keys, released["keys.start"], 2e-6, "keys at the start")
    config = TrainConfig(
        lr=settings["lr"],
        epochs=settings["epochs"],
        batch_size=settings["batch"],
        weight_decay=0.01,
        **train,
    )
    inputs, labels = released["cache.features"], released.integers("cache.labels")
    steps = config.epochs * len(range(0, len(labels), config.batch_size))
    strategy = SimpleNamespace(train_config=config, adapter=adapter, device=inputs.device)
    AdaptationStrategy.make_optimizer(strategy)
    losses = []
    for epoch, order in enumerate(released.integers("orders")):
        for rows in order.split(config.batch_size):
            at = Position(len(losses), steps, epoch, config.epochs)
            strategy.optimizer.param_groups[0]["lr"] = learning_rate(config, config.lr, at)
            strategy.optimizer.zero_grad()
            loss = cross_entropy(adapter.logits(inputs[rows], places), labels[rows])
            loss.backward()
            strategy.optimizer.step()
            losses.append(loss.detach())
    return adapter, places, torch.stack(losses)


def test_tip_adapter_f_moves_its_keys_as_released_with_the_eps_of_its_strategy_file():
    released = read("tip_adapter_f")
    eps = load("strategy", "tip_adapter_f").train.eps
    adapter, places, losses = trained(released, eps=eps)
    assert eps == 1e-4
    assert_equal(losses, released["loss"], 3e-6, "losses")
    assert_equal(adapter.keys, released["keys.after"], 3e-6, "keys behind the steps")
    assert_equal(
        adapter.logits(released["query.features"], places),
        released["logits_after"],
        3e-6,
        "logits behind the steps",
    )


def test_at_torchs_own_eps_the_keys_of_tip_adapter_f_end_elsewhere():
    """What the strategy file says is needed: the comparison above tells it from the default."""
    released = read("tip_adapter_f")
    adapter, *_ = trained(released)
    assert difference(adapter.keys, released["keys.after"]) > 1e-4


# --- CLIP-Adapter ---


def test_clip_adapter_learns_as_released(small_clip):
    released = read("clip_adapter")
    settings = released.settings
    config = ClipAdapterConfig(ratio=settings["ratio"], reduction=settings["reduction"])
    adapter = build_adapter(config, small_clip, candidates(settings["names"]), seed=0).train()
    places = tuple(range(len(settings["names"])))
    parameters = {"down": adapter.bottleneck[0].weight, "up": adapter.bottleneck[2].weight}
    set_to(parameters, released)
    features = small_clip.image_features(released["pixels"])
    assert_equal(
        l2_normalize(features), l2_normalize(released["image_features"]), 5e-6, "image features"
    )
    assert_learns(
        parameters,
        lambda: adapter.logits(features, places),
        released,
        settings,
        5e-6,
        weight_decay=5e-4,
    )
    assert_equal(
        adapter.logits(features, places), released["logits_after"], 5e-6, "logits behind the steps"
    )

"""CoDyRA beside the code that its authors released: losses, gates, updates and logits of two
experiences. Updates begin as the first rows of the layer's weight, gates as stored draws.
"""

from types import SimpleNamespace

import torch
from authors.released import assert_equal, candidates, read, step

from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.codyra.config import CodyraConfig
from clvl_bench.methods.gate_threshold.config import GateThresholdConfig
from clvl_bench.methods.registry import build_adapter, build_plugin

TOLERANCE = 1e-5
PARTS = (*(f"self_attn.{part}_proj" for part in ("q", "k", "v", "out")), "mlp.fc1", "mlp.fc2")
LAYERS = {"vision_model": 6, "text_model": 3}


def images(name):
    """Stored as 8 by 8 blocks of equal pixels."""
    released = read("codyra")
    size = released.settings["block"]
    return released[name].repeat_interleave(size, dim=2).repeat_interleave(size, dim=3)


def updates_of(adapter):
    """In the order in which theirs are stored."""
    found = {name: each for name, each in adapter.towers.named_modules() if each in adapter.updates}
    names = []
    for tower, count in LAYERS.items():
        for layer in range(count):
            names += [f"{tower}.encoder.layers.{layer}.{part}" for part in PARTS]
    assert len(found) == len(names)
    return [next(found[name] for name in found if name.endswith(last)) for last in names]


@torch.no_grad()
def start(updates, weights, gates):
    for update, weight, gate in zip(updates, weights, gates, strict=True):
        assert not update.up.any()
        update.down.copy_(weight[: len(gate)])
        update.gate.copy_(gate)


def learn(adapter, plugin, updates, number, theirs):
    """The steps of an experience, at the released rates: each loss and the gates behind it."""
    settings = read("codyra").settings
    pixels, count = images(f"blocks.{number}"), settings["classes"]
    batches = torch.arange(24).split(settings["batch"])
    optimizer = torch.optim.AdamW(adapter.parameters(), betas=(0.9, 0.9999), weight_decay=0.0)
    strategy = SimpleNamespace(
        clock=SimpleNamespace(train_exp_iterations=0),
        train_epochs=1,
        dataloader=range(settings["iterations"]),
    )
    for place, rate in enumerate(theirs["lr"].tolist()):
        optimizer.param_groups[0]["lr"] = rate
        rows = batches[place % len(batches)]
        loss = step(adapter, optimizer, pixels[rows], rows // 2 % count + number * count)
        assert_equal(loss, theirs["losses"][place], TOLERANCE, "loss")
        strategy.clock.train_exp_iterations = place
        plugin.after_update(strategy)
        gates = torch.stack([update.gate for update in updates])
        assert torch.equal(gates == 0, theirs["gates"][place] == 0), "other gates are closed"
        assert_equal(gates, theirs["gates"][place], TOLERANCE, "gates")


def test_codyra_learns_closes_gates_and_merges_as_released(small_clip):
    settings = read("codyra").settings
    table, count = candidates(settings["names"]), settings["classes"]
    adapter = build_adapter(CodyraConfig(rank=settings["rank"]), small_clip, table, seed=0)
    shrink = {name: settings[name] for name in ("largest", "levels", "dense")}
    plugin = build_plugin(GateThresholdConfig(**shrink), PluginContext(adapter))
    updates = updates_of(adapter)
    weights = [update.weight.clone() for update in updates]
    for number in range(settings["sessions"]):
        theirs = read("codyra").below(f"experience{number}")
        classes = tuple(range(number * count, (number + 1) * count))
        adapter.begin(classes)
        adapter.scored = classes
        adapter.train()
        start(updates, weights, theirs["gates.start"])
        learn(adapter, plugin, updates, number, theirs)
        ups = torch.cat([update.up.flatten() for update in updates])
        assert_equal(ups, theirs["up"], TOLERANCE, "updates")
        assert bool((theirs["gates"][-1] == 0).any())
        adapter.end()
        adapter.eval()
        with torch.no_grad():
            logits = adapter.logits(images("blocks.tests"), tuple(range(len(table))))
        assert_equal(logits, theirs["logits"], TOLERANCE, "logits")

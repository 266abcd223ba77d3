"""InfLoRA beside the code that its authors released: directions, updates, losses and logits of
three experiences. It ran in the place of each layer's attention of the small CLIP's image tower.
"""

import math

import pytest
import torch
from authors.released import assert_equal, candidates, cases, read, step

from clvl_bench.methods.inflora.config import InfloraConfig
from clvl_bench.methods.registry import build_adapter

CASES = cases("inflora")
TOLERANCE = 2e-4


def images(name):
    """Stored as 8 by 8 blocks of equal pixels."""
    released = read("inflora")
    size = released.settings["block"]
    return released[name].repeat_interleave(size, dim=2).repeat_interleave(size, dim=3)


def build(case, small_clip):
    settings = read("inflora").settings
    config = InfloraConfig(
        rank=settings["rank"],
        first_threshold=case["first"],
        last_threshold=case["last"],
        experiences=settings["sessions"],
    )
    return build_adapter(config, small_clip, candidates(settings["names"]), seed=0)


def train(adapter, pixels, labels, settings):
    """The loss of each step, at the released rates."""
    adapter.train()
    parameters = [each for each in adapter.parameters() if each.requires_grad]
    optimizer = torch.optim.Adam(parameters)
    losses = []
    for epoch in range(settings["epochs"]):
        # The released schedule begins its count twice: its second epoch has the rate of the first.
        fall = max(0, epoch - 1) / (settings["epochs"] - 1)
        wave = math.cos(0.99 * math.pi / 2 * fall)
        optimizer.param_groups[0]["lr"] = settings["lr"] * wave
        batches = torch.arange(len(pixels)).split(settings["batch"])
        losses += [step(adapter, optimizer, pixels[rows], labels[rows]) for rows in batches]
    return torch.stack(losses)


def look(adapter, pixels, labels, batch):
    for rows in torch.arange(len(pixels)).split(batch):
        adapter.observe(pixels[rows], labels[rows])
    adapter.observed()


def projection(basis):
    """What does not depend on signs, nor on which vectors span the same directions."""
    return basis.double() @ basis.double().T


@pytest.mark.parametrize("case", CASES, ids=[case["key"] for case in CASES])
def test_inflora_chooses_learns_and_remembers_as_released(case, small_clip):
    settings = read("inflora").settings
    adapter = build(case, small_clip)
    for number in range(settings["sessions"]):
        theirs = read("inflora").below(f"{case['key']}.experience{number}")
        first = number * settings["classes"]
        classes = tuple(range(first, first + settings["classes"]))
        pixels = images(f"blocks.{number}")
        labels = torch.arange(len(pixels)) % settings["classes"] + first
        adapter.begin(classes)
        adapter.scored = classes
        look(adapter, pixels, labels, settings["batch"])
        for layer, branches in enumerate(adapter.layers):
            for branch, part in zip(branches, "kv", strict=True):
                rows = theirs[f"{part}.down"][layer].T
                assert_equal(projection(branch.down.T), projection(rows), TOLERANCE, "directions")
        losses = train(adapter, pixels, labels, settings)
        assert_equal(losses, theirs["losses"], TOLERANCE, "losses")
        for layer, branches in enumerate(adapter.layers):
            for branch, part in zip(branches, "kv", strict=True):
                update = theirs[f"{part}.up"][layer] @ theirs[f"{part}.down"][layer]
                assert_equal(branch.up @ branch.down, update, TOLERANCE, f"update of {layer}")
        look(adapter, pixels, labels, settings["batch"])
        assert [used.free for used in adapter._used] == theirs["free"].bool().tolist()
        for layer, used in enumerate(adapter._used):
            basis = theirs[f"basis.{layer}"]
            assert used.basis.shape == basis.shape
            assert_equal(projection(used.basis), projection(basis), TOLERANCE, f"used in {layer}")
        adapter.end()
        adapter.eval()
        with torch.no_grad():
            logits = adapter.logits(images("blocks.tests"), tuple(range(6)))
        assert_equal(logits, theirs["logits"], TOLERANCE, "logits")

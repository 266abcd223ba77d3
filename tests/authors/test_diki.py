"""DIKI beside the code that its authors released: what two experiences learn, and whom a test
batch is sent to, image by image or by a majority.
"""

import math

import pytest
import torch
from authors.released import assert_equal, candidates, read, set_to, step

from clvl_bench.methods.diki.config import DikiConfig
from clvl_bench.methods.registry import build_adapter

TOLERANCE = 5e-5


def build(small_clip, routing="sample"):
    settings = read("diki").settings
    config = DikiConfig(length=settings["length"], depth=settings["depth"], routing=routing)
    return build_adapter(config, small_clip, candidates(settings["names"]), seed=0)


def images(name):
    """Stored as 8 by 8 blocks of equal pixels."""
    released = read("diki")
    size = released.settings["block"]
    return released[name].repeat_interleave(size, dim=2).repeat_interleave(size, dim=3)


def pairs(member):
    """Keys and values [depth, 2, length, width], as they are stored."""
    return {
        "image": member.image_pairs.detach().transpose(0, 1),
        "text": member.text_pairs.detach().transpose(0, 1),
    }


def learn(adapter, number):
    """The losses of the released steps."""
    settings = read("diki").settings
    theirs = read("diki").below(f"experience{number}")
    first = number * settings["classes"]
    classes = tuple(range(first, first + settings["classes"]))
    pixels = images(f"blocks.{number}")
    labels = torch.arange(len(pixels)) % settings["classes"] + first
    adapter.begin(classes)
    adapter.scored = classes
    set_to(pairs(adapter.current), theirs)
    adapter.observe(pixels, labels)
    adapter.train()
    parameters = [each for each in adapter.parameters() if each.requires_grad]
    optimizer = torch.optim.SGD(parameters)
    batches = list(torch.arange(len(pixels)).split(settings["batch"])) * settings["epochs"]
    losses = []
    for number_of_step, rows in enumerate(batches):
        wave = (1 + math.cos(math.pi * number_of_step / len(batches))) / 2
        optimizer.param_groups[0]["lr"] = settings["lr"] * (0.001 + 0.999 * wave)
        losses.append(step(adapter, optimizer, pixels[rows], labels[rows]))
    adapter.end()
    adapter.eval()
    return torch.stack(losses)


@pytest.fixture(scope="module")
def learned(small_clip):
    adapter = build(small_clip)
    for number in range(2):
        theirs = read("diki").below(f"experience{number}")
        assert_equal(learn(adapter, number), theirs["losses"], TOLERANCE, "losses")
        for tower, pair in pairs(adapter.current).items():
            assert_equal(pair, theirs[f"{tower}.after"], TOLERANCE, f"{tower} pairs")
    return adapter


@pytest.mark.parametrize("form", ["single", "batch"])
def test_diki_learns_and_scores_as_released_alone_or_by_a_majority(learned, small_clip, form):
    """`single`: the released code was given one image at a time."""
    adapter = learned
    if form == "batch":
        adapter = build(small_clip, routing="batch").eval()
        adapter.load(learned.state())
    theirs = read("diki").below(form)
    pixels = images("blocks.tests")
    with torch.no_grad():
        chosen = adapter.choices(pixels)
        text_shares = adapter.selector.shares(small_clip.image_features(pixels))[1]
        logits = adapter.logits(pixels, tuple(range(6)))
    assert torch.equal(chosen, theirs.integers("chosen").expand(len(pixels)))
    assert_equal(text_shares, theirs["share"].expand(len(pixels)), TOLERANCE, "shares of the texts")
    assert_equal(logits, theirs["logits"], TOLERANCE, "logits")

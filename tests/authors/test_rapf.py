"""RAPF beside the code that its authors released: three experiences with the released draws."""

import pytest
import torch
from authors.released import assert_equal, candidates, cases, read

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.methods._base.losses import TrainingBatch
from clvl_bench.methods.rapf.adapter import RIDGE
from clvl_bench.methods.rapf.config import RapfConfig
from clvl_bench.methods.registry import build_adapter

CASES = cases("rapf")
TOLERANCE = 5e-6


def build(settings, released):
    names, texts = released.settings["names"], released["texts"]
    backbone = PrecomputedBackbone(
        name="stored",
        logit_scale=100.0,
        width=texts.shape[1],
        text={"d": ClassTexts(names, l2_normalize(texts)[None])},
    )
    config = RapfConfig(
        draws=settings["draws"],
        threshold=released.settings["threshold"],
        shrink=settings["shrink"],
        fusion=settings["fusion"],
    )
    assert settings["draws_of_pairs"] == 2 * settings["draws"]
    return build_adapter(config, backbone, candidates(names), seed=0)


class ReleasedDraws:
    """Gives the noise of a step, row after row, in the place of torch's."""

    def __init__(self, noise):
        self.noise = noise
        self.used = 0

    def __call__(self, count, width):
        rows = self.noise[self.used : self.used + count]
        self.used += count
        assert rows.shape == (count, width)
        return rows


def steps(adapter, experience, settings, monkeypatch):
    """The loss of each step of an experience, before it is taken."""
    features, labels = experience["features"], experience.integers("labels")
    optimizer = torch.optim.Adam(adapter.parameters(), lr=settings["lr"])
    for number in range(settings["steps"]):
        first = number * settings["stride"]
        rows = slice(first, first + settings["batch"])
        if f"step{number}.noise" in experience.arrays:
            draws = ReleasedDraws(experience[f"step{number}.noise"])
            monkeypatch.setattr(torch, "randn", draws)
            # The released code took the first two old classes.
            monkeypatch.setattr(torch, "randperm", torch.arange)
        optimizer.zero_grad()
        inputs = features[rows]
        loss = adapter.loss(TrainingBatch(inputs, adapter(inputs), labels[rows]))
        loss.backward()
        yield number, loss
        optimizer.step()
        if f"step{number}.noise" in experience.arrays:
            assert draws.used == len(draws.noise)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_rapf_draws_pairs_learns_and_fuses_as_released(case, monkeypatch):
    released = read("rapf")
    ours = build(case, released)
    theirs = released.below(case["name"])
    with torch.no_grad():
        ours.map.weight.copy_(theirs["start"])
    ours.train()
    for number in range(3):
        experience = theirs.below(f"experience{number}")
        new = (2 * number, 2 * number + 1)
        ours.begin(new)
        ours.scored = tuple(range(2 * number + 2))
        ours.observe(experience["features"], experience.integers("labels"))
        if number:
            pairs = [(ours.seen_classes[row], other) for row, other in ours._hard_pairs]
            assert pairs == [tuple(pair) for pair in experience["pairs"].tolist()]
        for step, loss in steps(ours, experience, released.settings, monkeypatch):
            assert_equal(loss, experience[f"step{step}.loss"], TOLERANCE, f"loss {number} {step}")
        assert_equal(ours.map.weight, experience["trained"], TOLERANCE, f"trained {number}")
        ours.end()
        assert_equal(ours.map.weight, experience["fused"], TOLERANCE, f"fused {number}")
        for class_id in new:
            row = ours.seen_classes.index(class_id)
            covariance = ours.scatters[row] / (ours.counts[row] - 1)
            covariance = covariance + RIDGE * torch.eye(len(covariance))
            assert_equal(ours.means[row], experience[f"mean{class_id}"], 1e-6, "mean")
            assert_equal(covariance, experience[f"covariance{class_id}"], 1e-6, "covariance")
    logits = ours.eval().logits(theirs["experience2.features"], tuple(range(6)))
    assert_equal(logits, theirs["logits"], TOLERANCE, "logits")

"""PROOF beside the code that its authors released: three experiences, in batches and sample by
sample.
"""

import math

import pytest
import torch
from authors.released import assert_equal, candidates, cases, read, step

from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.methods.proof.config import ProofConfig
from clvl_bench.methods.registry import build_adapter

CASES = cases("proof")
TOLERANCE = 2e-5


def build(case):
    """As released; alone in its batch a sample is its own mean, so that routing may be either."""
    released = read("proof")
    settings, texts = released.settings, released["texts"]
    backbone = PrecomputedBackbone(
        name="stored",
        logit_scale=settings["logit_scale"],
        width=texts.shape[1],
        text={"d": ClassTexts(settings["names"], texts[None])},
    )
    config = ProofConfig(
        dropout=settings["dropout"],
        routing="sample" if case["key"] == "alone" else "batch",
        test_features="raw",
        frozen_maps="image",
        unseen="never",
    )
    return build_adapter(config, backbone, candidates(settings["names"]), seed=0)


def maps(adapter, number):
    """What an experience added, by the released names."""
    image, text = adapter.image_maps[number], adapter.text_maps[number]
    return {
        "image.weight": image.weight,
        "image.bias": image.bias,
        "text.weight": text.weight,
        "text.bias": text.bias,
        "context": adapter.contexts[number],
    }


def train(adapter, experience, case, settings):
    """The loss of each step."""
    parameters = [each for each in adapter.parameters() if each.requires_grad]
    optimizer = torch.optim.SGD(
        parameters, momentum=settings["momentum"], weight_decay=settings["weight_decay"]
    )
    features, labels = experience["features"], experience.integers("labels")
    losses = []
    for epoch in range(settings["epochs"]):
        for group in optimizer.param_groups:
            group["lr"] = settings["lr"] * (1 + math.cos(math.pi * epoch / settings["epochs"])) / 2
        batches = torch.arange(len(labels)).split(case["batch"])
        losses += [step(adapter, optimizer, features[rows], labels[rows]) for rows in batches]
    return torch.stack(losses)


@pytest.mark.parametrize("case", CASES, ids=[case["key"] for case in CASES])
def test_proof_learns_and_scores_as_released_batch_by_batch_or_sample_by_sample(case):
    released = read("proof")
    theirs, settings = released.below(case["key"]), released.settings
    adapter = build(case)
    attention = dict(adapter.attention.named_parameters())
    with torch.no_grad():
        for name, parameter in attention.items():
            parameter.copy_(theirs[f"start.attention.{name}"])
    for number in range(3):
        data = released.below(f"experience{number}")
        expected = theirs.below(f"experience{number}")
        seen = tuple(range(settings["classes"] * (number + 1)))
        new = seen[-settings["classes"] :]
        adapter.begin(new)
        with torch.no_grad():
            for name, parameter in maps(adapter, number).items():
                parameter.copy_(expected[f"start.{name}"])
        adapter.train()
        adapter.scored = seen
        is_new = data.integers("labels") >= new[0]
        adapter.observe(data["features"][is_new], data.integers("labels")[is_new])
        prototypes = adapter._prototypes(seen)
        assert_equal(prototypes, expected["prototypes"], TOLERANCE, "prototypes")
        losses = train(adapter, data, case, settings)
        assert_equal(losses, expected["losses"], TOLERANCE, "losses")
        adapter.end()
        adapter.eval()
        for name, parameter in attention.items():
            assert_equal(parameter, expected[f"attention.{name}"], TOLERANCE, name)
        for earlier in range(number + 1):
            set_of = expected.below(f"after{earlier}")
            for name, parameter in maps(adapter, earlier).items():
                assert_equal(parameter, set_of[name], TOLERANCE, f"{name} of {earlier}")
        with torch.no_grad():
            batches = data["tests"].split(case["test_batch"])
            scores = torch.cat([adapter.logits(batch, seen) for batch in batches])
        assert_equal(scores, expected["scores"], TOLERANCE, "scores")

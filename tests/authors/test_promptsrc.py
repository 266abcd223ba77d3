"""PromptSRC beside the code that its authors released: losses, gradients and the mean over epochs
that is served.
"""

from types import SimpleNamespace

import pytest
import torch
from authors.released import assert_equal, candidates, cases, read, set_to

from clvl_bench.methods._base.losses import TrainingBatch
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.gaussian_average.config import GaussianAverageConfig
from clvl_bench.methods.gaussian_average.plugin import epoch_shares
from clvl_bench.methods.promptsrc.adapter import held_near
from clvl_bench.methods.promptsrc.config import PromptSrcConfig
from clvl_bench.methods.registry import build_adapter, build_plugin

CASES = cases("promptsrc")
NAMES = ("context", "deep", "image_prompts")
TOLERANCE = 5e-5


def adapter_of(case, small_clip):
    """With the released start."""
    released = read("promptsrc")
    settings = released.settings
    config = PromptSrcConfig(
        depth=case["depth"],
        context_length=case["context_length"],
        image_length=case["image_length"],
        text_weight=settings["text_weight"],
        image_weight=settings["image_weight"],
    )
    adapter = build_adapter(config, small_clip, candidates(settings["names"]), seed=0).train()
    adapter.scored = tuple(range(len(settings["names"])))
    set_to(prompts(adapter), released.below(case["key"]))
    return adapter


def prompts(adapter):
    return {name: getattr(adapter, name) for name in NAMES}


@pytest.mark.parametrize("case", CASES, ids=[case["key"] for case in CASES])
def test_what_promptsrc_compares_is_what_the_released_code_compares(case, small_clip):
    theirs = read("promptsrc").below(case["key"])
    adapter = adapter_of(case, small_clip)
    pixels = read("promptsrc")["pixels"]
    with torch.no_grad():
        assert_equal(adapter(pixels), theirs["logits"], TOLERANCE, "logits")
        assert_equal(adapter._learned, theirs["texts"], TOLERANCE, "learned texts")
        assert_equal(adapter.encoded, theirs["images"], TOLERANCE, "learned image features")
        texts = adapter.class_texts(adapter.scored)
        assert_equal(texts, theirs["texts_before"], TOLERANCE, "untouched texts")
        images = adapter._frozen(pixels)
        assert_equal(
            images / images.norm(dim=1, keepdim=True),
            theirs["images_before"],
            TOLERANCE,
            "untouched image features",
        )
        # Of the same features the loss is the released one with nothing of a tower between.
        parts = held_near(
            theirs["images"],
            theirs["texts"],
            theirs["images_before"],
            theirs["texts_before"],
            small_clip.logit_scale,
        )
        ours = [float(part) for part in parts]
        penalty = float(adapter.penalty(pixels))
    assert penalty == pytest.approx(25 * ours[0] + 10 * ours[1] + ours[2], rel=1e-4)


@pytest.mark.parametrize("case", CASES, ids=[case["key"] for case in CASES])
def test_promptsrc_learns_and_serves_the_mean_of_epochs_as_released(case, small_clip):
    released = read("promptsrc")
    theirs, settings = released.below(case["key"]), released.settings
    adapter = adapter_of(case, small_clip)
    labels = released.integers("labels") % len(settings["names"])
    average = build_plugin(
        GaussianAverageConfig(mean=case["mean"], deviation=case["deviation"]),
        PluginContext(adapter),
    )
    strategy = SimpleNamespace(train_epochs=settings["epochs"])
    average.before_training_exp(strategy)
    optimizer = torch.optim.SGD(
        adapter.parameters(), lr=settings["lr"], momentum=0.9, weight_decay=5e-4
    )
    losses = []
    for epoch in range(settings["epochs"]):
        for batch in range(settings["batches"]):
            first = batch * settings["batch"]
            rows = torch.arange(first, first + settings["batch"])
            inputs = released["pixels"][rows]
            optimizer.zero_grad()
            loss = adapter.loss(TrainingBatch(inputs, adapter(inputs), labels[rows]))
            loss = loss + adapter.penalty(inputs)
            loss.backward()
            losses.append(loss.detach())
            if not epoch and not batch:
                for name, parameter in prompts(adapter).items():
                    assert_equal(parameter.grad, theirs[f"{name}.grad"], TOLERANCE, name)
            optimizer.step()
        average.after_training_epoch(strategy)
        if epoch + 1 < settings["epochs"]:
            for name, parameter in prompts(adapter).items():
                assert_equal(parameter, theirs[f"{name}.epoch{epoch}"], TOLERANCE, name)
    assert_equal(torch.stack(losses), theirs["losses"], TOLERANCE, "losses")
    average.after_training_exp(strategy)
    for name, parameter in prompts(adapter).items():
        assert_equal(parameter, theirs[f"{name}.after"], TOLERANCE, f"served {name}")
    with torch.no_grad():
        logits = adapter.eval()(released["pixels"])
    assert_equal(logits, theirs["logits_after"], TOLERANCE, "served logits")


def test_the_gaussian_of_released_settings_is_ours():
    """20 epochs, mean 15, deviation 1: densities by their sum, as the paper's equation 8 says."""
    densities = torch.exp(-0.5 * (torch.arange(1, 21).double() - 15) ** 2)
    assert epoch_shares(20, 15, 1) == pytest.approx((densities / densities.sum()).tolist())

"""What CONTRIBUTING.md tells people to write works as it stands there."""

import re
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from contract.tables import ROOT
from pydantic import Field

from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig, PluginConfig
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.metrics import continual as metrics

BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL
)
FOREST = Candidate(dataset="d", name="forest", templates=("a photo of a {}.",))
SEA = Candidate(dataset="d", name="sea", templates=("a photo of a {}.",))


def written(what, **known):
    """What a block of the page defines, with these names at hand."""
    (block,) = (block for block in BLOCKS if what in block)
    exec(block, known)
    return known


def configured(name):
    known = {
        "AdapterConfig": AdapterConfig,
        "PluginConfig": PluginConfig,
        "ClassVar": ClassVar,
        "InputKind": InputKind,
        "Field": Field,
    }
    return written(f"class {name}(", **known)[name]()


def test_the_adapter_of_the_page_starts_as_zero_shot_and_trains_its_factor(tiny):
    settings = configured("ScaleConfig")
    adapter = written("class Scale(Adapter)", ScaleConfig=type(settings))["build"](
        settings, tiny, [FOREST, SEA]
    )
    images = torch.nn.functional.normalize(
        torch.randn(3, tiny.width, generator=torch.Generator().manual_seed(0)), dim=1
    )
    texts = torch.nn.functional.normalize(tiny.class_features([FOREST, SEA]), dim=1)
    adapter.begin((0, 1))
    assert torch.allclose(
        adapter.logits(images, (0, 1)), tiny.logit_scale * images @ texts.T, atol=1e-3
    )
    assert [name for name, _ in adapter.named_parameters()] == ["factor"]


def test_the_plugin_of_the_page_leaves_no_gradient_longer_than_its_norm():
    settings = configured("ClipGradientConfig")
    module = torch.nn.Linear(2, 1, bias=False)
    module.weight.grad = torch.tensor([[30.0, 40.0]])
    clip = written("class ClipGradient(Plugin)", ClipGradientConfig=type(settings))["ClipGradient"]
    clip(settings, PluginContext()).before_update(SimpleNamespace(model=module))
    assert module.weight.grad.tolist() == [pytest.approx([0.6, 0.8], rel=1e-4)]


def test_the_metric_of_the_page_is_the_lowest_final_accuracy():
    (block,) = (block for block in BLOCKS if "def worst" in block)
    function, _, line = block.partition('\n"worst"')
    known = {"Accuracies": metrics.Accuracies, "np": np, "Metric": metrics.Metric}
    exec(f'{function}\nmetric = {{"worst"{line}}}["worst"]', known)
    run = metrics.Accuracies(np.array([[0.1, 0.2], [0.9, 0.4], [0.8, 0.7]]))
    assert known["metric"].of(run) == 0.7

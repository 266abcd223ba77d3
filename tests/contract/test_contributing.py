"""What CONTRIBUTING.md tells people to write works as it stands there."""

import math
import re
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from contract.tables import ROOT
from pydantic import Field

from clvl_bench import methods
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig
from clvl_bench.methods._base.losses import TrainingBatch
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
        "PluginConfig": PluginConfig,
        "ClassVar": ClassVar,
        "InputKind": InputKind,
        "Field": Field,
    }
    return written(f"class {name}(", **known)[name]()


@pytest.fixture
def scale(tiny, tmp_path, monkeypatch):
    """The adapter of the page, from a folder `scale` beside the suite's methods."""
    (config,) = (block for block in BLOCKS if "class ScaleConfig(" in block)
    (adapter,) = (block for block in BLOCKS if "class Scale(Adapter)" in block)
    imports = (
        "from typing import ClassVar",
        "from clvl_bench.inputs.kinds import InputKind",
        "from clvl_bench.methods._base.config import AdapterConfig",
    )
    folder = tmp_path / "scale"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "config.py").write_text("\n".join([*imports, config]), encoding="utf-8")
    (folder / "adapter.py").write_text(adapter, encoding="utf-8")
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    yield import_module("clvl_bench.methods.scale.config").ScaleConfig().build(tiny, [FOREST, SEA])
    for name in [name for name in sys.modules if name.startswith("clvl_bench.methods.scale")]:
        del sys.modules[name]


def test_the_adapter_of_the_page_starts_as_zero_shot_and_trains_its_factor(tiny, scale):
    images = torch.nn.functional.normalize(
        torch.randn(3, tiny.width, generator=torch.Generator().manual_seed(0)), dim=1
    )
    texts = torch.nn.functional.normalize(tiny.class_features([FOREST, SEA]), dim=1)
    scale.begin((0, 1))
    assert torch.allclose(
        scale.logits(images, (0, 1)), tiny.logit_scale * images @ texts.T, atol=1e-3
    )
    assert [name for name, _ in scale.named_parameters()] == ["factor"]


def test_the_loss_of_the_page_asks_of_each_scored_class_whether_it_is_the_one(scale):
    loss = written(
        "def loss(",
        TrainingBatch=TrainingBatch,
        Tensor=torch.Tensor,
        one_hot=torch.nn.functional.one_hot,
        binary_cross_entropy_with_logits=torch.nn.functional.binary_cross_entropy_with_logits,
    )["loss"]
    scale.scored = (1,)
    logits = torch.tensor([[-torch.inf, 2.0], [-torch.inf, -1.0], [-torch.inf, 7.0]])
    labels = torch.tensor([1, 0, -1])
    found = loss(scale, TrainingBatch(torch.zeros(3, 1), logits, labels))
    right, wrong = math.log1p(math.exp(-2.0)), math.log1p(math.exp(-1.0))
    assert found.item() == pytest.approx((right + wrong) / 2)


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

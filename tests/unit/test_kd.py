"""Distillation of what a frozen teacher says of the stream's own images."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import kl_div, log_softmax, softmax

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.backbones.teacher import Teacher
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.kd.config import KdConfig
from clvl_bench.methods.kd.plugin import Kd, distilled
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.registry import build_adapter

NAMES = ("forest", "lake", "boat", "car")
TABLE = tuple(Candidate(name, "d", ("a photo of a {}.",)) for name in NAMES)
ALL = (0, 1, 2, 3)


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


def known(width: int, *, seed: int, scale: float = 10.0) -> PrecomputedBackbone:
    texts = ClassTexts(NAMES, l2_normalize(random(4, width, seed=seed))[None])
    return PrecomputedBackbone(name="x", logit_scale=scale, width=width, text={"d": texts})


@pytest.fixture
def taught():
    """A student of width 6, and a teacher of width 9 and another scale who knows ten images."""
    images = random(10, 9, seed=3)
    teacher = Teacher(known(9, seed=2, scale=5.0), images.__getitem__)
    adapter = build_adapter(LinearConfig(), known(6, seed=1), TABLE, seed=0).train()
    adapter.begin(ALL)
    adapter.scored = ALL
    return adapter, teacher, images


def batch(adapter, ids, *, experience=range(10)):
    """A strategy in the middle of a step, before its backward pass."""
    inputs = random(10, 6, seed=4)[ids]
    return SimpleNamespace(
        mbatch=[inputs, torch.full((len(ids),), -1), ids, torch.zeros(len(ids))],
        mb_output=adapter(inputs),
        loss=torch.zeros(()),
        device="cpu",
        experience=SimpleNamespace(spec=SimpleNamespace(ids=np.array(list(experience)))),
    )


def test_the_loss_is_the_divergence_from_what_the_teacher_says_and_its_entropy(taught):
    adapter, teacher, images = taught
    ids = torch.tensor([7, 2, 5])
    strategy = batch(adapter, ids)
    plugin = Kd(KdConfig(weight=3.0, temperature=2.0), PluginContext(adapter, distils_from=teacher))
    plugin.before_backward(strategy)
    said = softmax(5.0 * l2_normalize(images[ids]) @ teacher.texts(TABLE).T / 2, dim=1)
    student = log_softmax(strategy.mb_output / 2, dim=1)
    apart = kl_div(student, said, reduction="batchmean")
    entropy = -(said * said.log()).sum(dim=1).mean()
    assert strategy.loss.item() == pytest.approx(3 * 4 * (apart + entropy).item(), rel=1e-5)


def test_where_they_agree_there_is_no_gradient():
    scores = random(5, 4, seed=0).requires_grad_()
    distilled(scores.detach(), scores, 2.0).backward()
    assert scores.grad.abs().max() < 1e-6


def test_a_class_that_is_no_candidate_is_nobodys():
    teacher, student = random(5, 4, seed=0), random(5, 4, seed=1)
    closed = student.clone()
    closed[:, 2] = -torch.inf
    three = [0, 1, 3]
    expected = distilled(teacher[:, three], student[:, three], 1.0)
    assert float(distilled(teacher, closed, 1.0)) == pytest.approx(float(expected))


def test_images_without_a_label_are_learned_from_and_those_of_a_memory_are_not(taught):
    adapter, teacher, _ = taught
    plugin = Kd(KdConfig(), PluginContext(adapter, distils_from=teacher))
    alone = batch(adapter, torch.tensor([1, 2]), experience=[1, 2])
    beside = batch(adapter, torch.tensor([1, 2, 8]), experience=[1, 2])
    for strategy in (alone, beside):
        plugin.before_backward(strategy)
    assert alone.loss.item() == pytest.approx(beside.loss.item())
    assert alone.loss.requires_grad
    memory = batch(adapter, torch.tensor([8, 9]), experience=[1, 2])
    plugin.before_backward(memory)
    assert memory.loss.item() == 0.0


def test_without_a_teacher_it_is_refused(taught):
    with pytest.raises(Mistake, match="needs a teacher's features"):
        Kd(KdConfig(), PluginContext(taught[0]))

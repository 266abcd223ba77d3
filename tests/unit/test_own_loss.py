"""An adapter with a loss of its own: one class, and the suite's strategy trains with it."""

import pytest
import torch
from avalanche.training.plugins import EvaluationPlugin
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.losses import TrainingBatch, masked_cross_entropy
from clvl_bench.methods.linear.adapter import Linear
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.runs.files import run_config
from clvl_bench.runs.setup import prepare
from clvl_bench.training.strategy import build_strategy

RATE = 1e-3
ONE_STEP = (
    "train.optimizer=sgd",
    "train.epochs=1",
    f"train.lr={RATE}",
    "train.momentum=0",
    "train.weight_decay=0",
    "train.warmup_steps=0",
    "train.schedule=constant",
    "train.batch_size=1000",
    "train.label_smoothing=0.25",
)


class OneAgainstAll(Linear):
    """Each class is a yes-or-no question of its own, as in SigLIP (Zhai et al. 2023)."""

    def __init__(self, config, backbone, classes):
        super().__init__(config, backbone, classes)
        self.batches = []

    def loss(self, batch):
        self.batches.append(batch)
        known = batch.labels >= 0
        scored = list(self.scored)
        targets = one_hot(batch.labels[known], len(self.classes))[:, scored].float()
        return binary_cross_entropy_with_logits(batch.logits[known][:, scored], targets)


class OneAgainstAllConfig(LinearConfig):
    kind: str = "one_against_all"

    def build(self, backbone, classes):
        return OneAgainstAll(self, backbone, classes)


@pytest.fixture
def trained(tiny):
    """A strategy that has made one step of the first experience, and the experience."""
    config = run_config("toy_landcover", "linear", limit=40, overrides=ONE_STEP)
    prepared = prepare(config)
    settings = config.strategy_config.model_copy(update={"adapter": OneAgainstAllConfig()})
    strategy = build_strategy(
        settings,
        prepared.backbone,
        prepared.benchmark.view,
        evaluator=EvaluationPlugin(collect_all=False),
        seed=0,
    )
    experience = prepared.benchmark.scenario.streams["train"][0]
    store = prepared.benchmark.label_store
    with store.temporarily_visible(experience.spec.ids):
        strategy.train(experience, eval_streams=[])
    return strategy, experience, store.of(experience.spec.ids)


def test_a_step_follows_the_gradient_of_the_adapters_own_loss(trained):
    """Of a sum of logistic losses it is known: the probability less the target, times the input."""
    strategy, experience, labels = trained
    adapter = strategy.adapter
    scored = experience.spec.classes
    images = l2_normalize(strategy._view.inputs(torch.from_numpy(experience.spec.ids)))
    start = adapter.class_texts(scored)
    scale = adapter.backbone.logit_scale
    targets = torch.tensor([[label == class_id for class_id in scored] for label in labels])
    error = torch.sigmoid(scale * images @ start.T) - targets.float()
    expected = start - RATE * scale * error.T @ images / error.numel()
    moved = (expected - start).norm()
    assert moved > 1e-4
    assert (adapter.weight.detach() - expected).norm() < 1e-3 * moved


def test_a_loss_sees_what_was_read_what_was_answered_and_the_labels(trained):
    strategy, experience, labels = trained
    (batch,) = strategy.adapter.batches
    assert sorted(batch.labels.tolist()) == sorted(labels.tolist())
    assert batch.inputs.shape == (len(labels), strategy.adapter.backbone.width)
    assert batch.logits.shape == (len(labels), len(strategy.adapter.classes))
    candidates = torch.isfinite(batch.logits).all(dim=0).nonzero().flatten()
    assert candidates.tolist() == sorted(experience.spec.classes)
    assert batch.label_smoothing == 0.25


def test_without_one_of_its_own_an_adapters_loss_is_the_masked_cross_entropy(tiny):
    logits = torch.tensor([[1.0, -torch.inf, 0.5], [0.0, -torch.inf, 3.0]])
    labels = torch.tensor([2, -1])
    adapter = Adapter(LinearConfig(), tiny, ())
    loss = adapter.loss(TrainingBatch(torch.zeros(2, 1), logits, labels))
    assert loss.item() == pytest.approx(
        torch.tensor([1.0, 0.5]).softmax(dim=0)[1].log().neg().item()
    )
    smoothed = adapter.loss(TrainingBatch(torch.zeros(2, 1), logits, labels, label_smoothing=0.2))
    assert smoothed.item() == masked_cross_entropy(logits, labels, smoothing=0.2).item()

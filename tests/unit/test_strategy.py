"""The template's own arithmetic."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from clvl_bench.methods._base.losses import masked_cross_entropy
from clvl_bench.streams.label_store import HIDDEN, LabelStore, Targets

INF = float("inf")


def test_cross_entropy_over_candidates_equals_torchs_on_them():
    scores = torch.tensor([[1.0, -INF, 0.5, 2.0], [0.0, -INF, 3.0, 1.0]], requires_grad=True)
    labels = torch.tensor([3, 0])
    compact, places = scores[:, [0, 2, 3]], torch.tensor([2, 0])
    for smoothing in (0.0, 0.2):
        expected = cross_entropy(compact, places, label_smoothing=smoothing)
        assert masked_cross_entropy(scores, labels, smoothing=smoothing).item() == pytest.approx(
            expected.item(), abs=1e-6
        )
    masked_cross_entropy(scores, labels, smoothing=0.2).backward()
    assert torch.isfinite(scores.grad).all()


def test_labels_that_have_not_arrived_do_not_count():
    scores = torch.randn(4, 3, requires_grad=True)
    some = masked_cross_entropy(scores, torch.tensor([0, -1, 2, -1]))
    assert some.item() == pytest.approx(cross_entropy(scores[[0, 2]], torch.tensor([0, 2])).item())
    none = masked_cross_entropy(scores, torch.full((4,), -1))
    assert none.item() == 0.0
    none.backward()
    assert scores.grad.abs().sum() == 0


def test_truth_shows_nothing_before_it_is_told_to():
    truth = LabelStore(np.array([3, 1, 2, 0]))
    targets = Targets(truth.visible_labels, np.array([1, 2]))
    assert list(targets) == [HIDDEN, HIDDEN]
    with truth.temporarily_visible(np.array([1])):
        assert list(targets) == [1, HIDDEN]
    assert list(targets) == [HIDDEN, HIDDEN]
    truth.reveal(np.array([2]))
    assert list(targets) == [HIDDEN, 2]
    assert targets[0:2] == [HIDDEN, 2]
    with truth.temporarily_visible(np.array([1, 2])):
        pass
    assert list(targets) == [HIDDEN, 2], "what was revealed for good stays"


def test_labels_are_hidden_again_when_an_evaluation_fails():
    truth = LabelStore(np.array([3, 1]))
    with pytest.raises(RuntimeError, match="boom"), truth.temporarily_visible(np.array([0, 1])):
        raise RuntimeError("boom")
    assert truth.visible_labels.tolist() == [HIDDEN, HIDDEN]


@pytest.fixture
def strategy(tiny):
    from avalanche.training.plugins import EvaluationPlugin

    from clvl_bench.runs.files import run_config
    from clvl_bench.runs.setup import prepare
    from clvl_bench.training.strategy import build_strategy

    def build(*overrides, limit=20):
        config = run_config("toy_landcover", "prompt", limit=limit, overrides=overrides)
        prepared = prepare(config)
        evaluator = EvaluationPlugin(collect_all=False)
        return prepared, build_strategy(
            config.strategy_config,
            prepared.backbone,
            prepared.benchmark.view,
            evaluator=evaluator,
            seed=0,
        )

    return build


def rates(strategy, prepared, number=0):
    experience = prepared.benchmark.scenario.train_stream[number]
    prepared.benchmark.label_store.reveal(experience.spec.ids)
    seen = []
    step = strategy.optimizer_step

    def spy():
        step()
        seen.append(strategy.optimizer.param_groups[0]["lr"])

    strategy.optimizer_step = spy
    strategy.train(experience, eval_streams=[])
    return seen


def test_the_learning_rate_rises_and_follows_half_a_cosine(strategy):
    prepared, built = strategy(
        "train.lr=0.1", "train.warmup_steps=2", "train.batch_size=1", "train.epochs=2"
    )
    seen = rates(built, prepared)
    steps = len(seen)
    expected = [0.05, 0.1] + [
        0.05 * (1 + math.cos(math.pi * (k - 2) / (steps - 2))) for k in range(2, steps)
    ]
    assert seen == pytest.approx(expected)


def test_a_constant_schedule_is_constant(strategy):
    prepared, built = strategy(
        "train.lr=0.1", "train.schedule=constant", "train.batch_size=1", "train.epochs=1"
    )
    assert set(rates(built, prepared)) == {0.1}


def test_the_cosine_ends_with_every_experience_of_cumulative_data_too(strategy):
    """An epoch draws as many samples as the experience has of its own, whatever there is to draw
    from.
    """
    settings = (
        "train.data=cumulative",
        "train.classes=seen",
        "train.lr=0.1",
        "train.batch_size=1",
        "train.epochs=2",
    )
    prepared, built = strategy(*settings, limit=40)
    for number in range(3):
        seen = rates(built, prepared, number)
        assert seen == pytest.approx(
            [0.05 * (1 + math.cos(math.pi * k / len(seen))) for k in range(len(seen))]
        )


def test_iterations_are_the_steps_of_an_experience_whatever_the_size_of_a_pass(strategy):
    """The cosine ends with the last of them."""
    for iterations in (3, 11):
        prepared, built = strategy(
            "train.lr=0.1", f"train.iterations={iterations}", "train.batch_size=1", "train.epochs=7"
        )
        expected = [0.05 * (1 + math.cos(math.pi * k / iterations)) for k in range(iterations)]
        assert rates(built, prepared) == pytest.approx(expected)


def test_a_dataset_may_have_a_rate_of_its_own(strategy):
    settings = ("train.lr=0.1", "train.schedule=constant", "train.iterations=1")
    for name, rate in (("toy_landcover", 0.3), ("mnist", 0.1)):
        prepared, built = strategy(*settings, f"train.lr_of.{name}=0.3")
        assert set(rates(built, prepared)) == {rate}


def test_the_optimiser_holds_the_adapter_and_nothing_else(strategy):
    prepared, built = strategy("train.epochs=1")
    rates(built, prepared)
    held = {
        id(parameter) for group in built.optimizer.param_groups for parameter in group["params"]
    }
    assert held == {id(parameter) for parameter in built.adapter.parameters()}


def test_a_loss_that_is_not_finite_stops_the_run_where_it_happens(strategy, monkeypatch):
    from clvl_bench.core.errors import RunFailed

    prepared, built = strategy("train.epochs=2", "train.batch_size=2")
    monkeypatch.setattr(
        built,
        "_criterion",
        lambda scores, labels: (
            scores[:, :0].sum() * (math.nan if built.clock.train_exp_iterations == 1 else 1)
        ),
    )
    with pytest.raises(RunFailed, match=r"nan: the loss is nan in experience 1, epoch 1, step 2"):
        rates(built, prepared)

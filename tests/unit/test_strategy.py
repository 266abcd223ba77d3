"""The template's own arithmetic."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from clvl_bench.methods._base.losses import masked_cross_entropy
from clvl_bench.runs.runner import evaluate
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


def rates_of_epochs(strategy, *settings, epochs=5):
    """The rate of each epoch; within an epoch it stays."""
    prepared, built = strategy(
        "train.lr=0.1", "train.batch_size=1", f"train.epochs={epochs}", *settings
    )
    seen = rates(built, prepared)
    steps = len(seen) // epochs
    for start in range(0, len(seen), steps):
        assert len(set(seen[start : start + steps])) == 1
    return seen[::steps]


def test_half_a_cosine_by_epoch_is_torchs_behind_a_constant_warm_up(strategy):
    """Dassl steps CosineAnnealingLR over all epochs once an epoch, from the end of the warm-up
    on.
    """
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    expected = []
    for _ in range(5):
        expected += cosine.get_last_lr()
        optimizer.step()
        cosine.step()
    by_epoch = "train.schedule=cosine_by_epoch"
    assert rates_of_epochs(strategy, by_epoch) == pytest.approx(expected)
    warm = ("train.warmup_epochs=1", "train.warmup_lr=1e-5")
    assert rates_of_epochs(strategy, by_epoch, *warm) == pytest.approx([1e-5, *expected[:4]])


def test_a_quarter_of_a_cosine_by_epoch_is_coda_prompts(strategy):
    """cos(99 pi e / (200 (E - 1))) in epoch e of E."""
    seen = rates_of_epochs(strategy, "train.schedule=quarter_cosine_by_epoch")
    assert seen == pytest.approx(
        [0.1 * math.cos(99 * math.pi * epoch / (200 * 4)) for epoch in range(5)]
    )
    alone = rates_of_epochs(strategy, "train.schedule=quarter_cosine_by_epoch", epochs=1)
    assert alone == [0.1]


def test_two_kinds_of_warm_up_are_refused():
    from clvl_bench.core.errors import Mistake
    from clvl_bench.runs.files import run_config

    settings = ["train.warmup_steps=2", "train.warmup_epochs=1"]
    with pytest.raises(Mistake, match="warmup_epochs: got 1 beside warmup_steps = 2"):
        run_config("toy_landcover", "prompt", overrides=settings)


def test_an_evaluation_leaves_each_layer_in_the_mode_that_it_had(strategy):
    prepared, built = strategy("train.epochs=1")
    built.adapter.asleep = torch.nn.Dropout()
    built.adapter.train()
    built.adapter.asleep.eval()
    evaluate(built, prepared.benchmark)
    modes = {name: layer.training for name, layer in built.adapter.named_modules()}
    assert (modes.pop("asleep"), set(modes.values())) == (False, {True})

"""Classes that a batch brings: what training compares with `train.classes = "batch"`."""

import pytest
import torch
from avalanche.training.plugins import EvaluationPlugin

from clvl_bench.core.errors import Mistake
from clvl_bench.runs.files import load, run_config
from clvl_bench.runs.setup import prepare
from clvl_bench.training.strategy import build_strategy


@pytest.fixture(scope="module")
def stream(shared_home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLVL_HOME", str(shared_home))
        prepared = prepare(run_config("toy_scans_vqa", "answers_product_replay", limit=60))
    prepared.benchmark.label_store.reveal_all()
    return prepared


def learned(stream, *overrides, experiences, strategy="answers_product_replay"):
    """A strategy behind some experiences, and of each step the classes scored and those it had."""
    config = load("strategy", strategy, overrides=["train.epochs=2", *overrides])
    built = build_strategy(
        config,
        stream.backbone,
        stream.benchmark.view,
        evaluator=EvaluationPlugin(collect_all=False),
        seed=0,
    )
    steps, scores = [], built.adapter.logits

    def watched(inputs, candidates):
        steps.append((tuple(candidates), tuple(sorted(set(built.mb_y.tolist())))))
        return scores(inputs, candidates)

    built.adapter.logits = watched
    for experience in stream.benchmark.scenario.train_stream[:experiences]:
        built.train(experience, eval_streams=[])
    return built, steps


def test_only_classes_of_the_batch_are_compared_rehearsed_ones_too(stream):
    _, steps = learned(stream, "train.classes=batch", "train.batch_size=4", experiences=2)
    assert all(scored == had for scored, had in steps)
    assert len(set(steps)) > 2
    first = set(stream.benchmark.scenario.train_stream[0].classes_in_this_experience)
    later = set(stream.benchmark.scenario.train_stream[1].classes_in_this_experience)
    # A step of the second experience holds what was rehearsed: an answer of the first one alone.
    assert any(set(scored) & (first - later) for scored, _ in steps[len(steps) // 2 :])


def test_a_batch_of_the_whole_experience_compares_what_the_experience_does(stream):
    whole = ["train.batch_size=4096"]
    batch, _ = learned(stream, "train.classes=batch", *whole, experiences=1)
    seen, _ = learned(stream, "train.classes=seen", *whole, experiences=1)
    for name, weight in batch.adapter.state_dict().items():
        assert torch.equal(weight, seen.adapter.state_dict()[name]), name


@pytest.mark.parametrize(
    ("strategy", "part"),
    [("linear", "linear"), ("prompt_replay", "prompt"), ("answers_product_derpp", "derpp")],
)
def test_methods_whose_loss_may_need_other_scores_are_refused(strategy, part):
    with pytest.raises(Mistake, match=f"train.classes: got 'batch' beside '{part}'"):
        load("strategy", strategy, overrides=["train.classes=batch"])

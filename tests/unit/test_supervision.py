"""Which samples get a label, when, and what a file may say about it."""

import numpy as np
import pytest
import torch

from clvl_bench.core.errors import Mistake
from clvl_bench.methods._base.losses import masked_cross_entropy
from clvl_bench.runs.files import run_config
from clvl_bench.streams.label_delay import NEVER, arrivals, delays, labelled
from clvl_bench.streams.supervision import Supervision

IDS = np.arange(100, 400)
GROUPS = np.repeat([7, 8, 9], [200, 90, 10])


def told(**fields):
    return Supervision(**{"kind": "delay", **fields})


@pytest.mark.parametrize(
    ("share", "expected"), [(0.05, [10, 4, 1]), (0.001, [1, 1, 1]), (1.0, [200, 90, 10])]
)
def test_a_fraction_is_of_each_class_and_at_least_one(share, expected):
    found = labelled(IDS, GROUPS, told(label_fraction=share))
    assert [int(np.isin(IDS[group == GROUPS], found).sum()) for group in (7, 8, 9)] == expected


def test_more_labels_are_the_same_ones_and_others():
    few, more = (set(labelled(IDS, GROUPS, told(labels_per_class=count))) for count in (2, 4))
    assert few < more
    assert (len(few), len(more)) == (6, 12)


def test_a_longer_delay_moves_labels_and_chooses_no_others():
    steps = np.arange(len(IDS)) // 10
    at_once, late = (
        arrivals(IDS, GROUPS, steps, told(label_fraction=0.1, delay=d), samples=500) for d in (0, 7)
    )
    assert np.array_equal(late == NEVER, at_once == NEVER)
    assert np.array_equal(late[late != NEVER], at_once[at_once != NEVER] + 7)


@pytest.mark.parametrize("arrival", ["fixed", "uniform", "geometric"])
def test_delays_are_on_average_what_was_asked_for(arrival):
    drawn = delays(np.arange(100_000), told(delay=10, arrival=arrival))
    assert drawn.min() >= 0
    assert drawn.mean() == pytest.approx(10, abs=0.2)
    variance = {"fixed": 0.0, "uniform": (21**2 - 1) / 12, "geometric": 10 * 11}[arrival]
    assert drawn.var() == pytest.approx(variance, rel=0.05)


def test_a_share_never_arrives_and_nothing_does_after_the_first_phase():
    steps = np.arange(len(IDS)) // 10
    found = arrivals(IDS, GROUPS, steps, told(delay=3, never=0.25, labelled_steps=4), samples=500)
    assert (labelled(IDS, GROUPS, told(never=0.25)).size, found.max()) == (225, 3 + 3)
    assert (found[IDS[steps >= 4]] == NEVER).all()


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["kind=fraction"], "label_fraction: is missing"),
        (["kind=fraction", "label_fraction=0.1", "labels_per_class=2"], "keep one of them"),
        (["label_fraction=0.1"], 'set kind = "fraction"'),
        (["kind=delay", "delay=3"], r"add a table \[online\]"),
        (["kind=fraction", "label_fraction=0"], "greater than 0"),
        (["kind=late"], "allowed: full, fraction, delay, reward"),
    ],
)
def test_a_mistake_says_how_to_mend_it(overrides, says):
    with pytest.raises(Mistake, match=says):
        run_config(
            "toy_landcover",
            "zeroshot",
            overrides=[f"benchmark.supervision.{each}" for each in overrides],
        )


def test_a_benchmark_without_supervision_keeps_its_runs():
    plain = run_config("toy_landcover", "prompt_replay")
    full = run_config(
        "toy_landcover", "prompt_replay", overrides=["benchmark.supervision.kind=full"]
    )
    assert full.hashed()["benchmark_config"] == plain.hashed()["benchmark_config"]


def test_a_batch_without_a_label_has_no_loss_also_where_classes_are_not_scored():
    scores = torch.tensor([[0.5, -torch.inf, 1.0]], requires_grad=True)
    loss = masked_cross_entropy(scores, torch.tensor([-1]))
    loss.backward()
    assert loss.item() == 0.0
    assert scores.grad.tolist() == [[0.0, 0.0, 0.0]]

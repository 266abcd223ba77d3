"""Few shots, long tails, blurred boundaries, classes that come again, several datasets in turn:
what each promises, whatever the sizes and seeds.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.test_plan import dataset, parts_of

from clvl_bench.core.errors import Mistake
from clvl_bench.core.schema import parse
from clvl_bench.streams.benchmark import make_plan
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.shape import long_tailed


def config_of(**shape) -> BenchmarkConfig:
    content = {
        "version": 1,
        "scenario": "class_incremental",
        "datasets": ["a", "b"],
        "classes_per_experience": [2, 1, 2],
        "label_space": "dataset",
        "valid_fraction": 0.2,
        "dataset": {"a": dataset("a", 3), "b": dataset("b", 2)},
    }
    return parse(BenchmarkConfig, {**content, **shape}, file="b.toml")


def plan_of(count: int, **shape):
    config = config_of(**shape)
    labels = {
        (name, split): list(range(n)) * count
        for name, n in (("a", 3), ("b", 2))
        for split in ("train", "test")
    }
    return make_plan(config, parts_of(config, labels))


def everyone(plan, stream: str) -> list[int]:
    return sorted(np.concatenate([step.ids for step in plan.streams[stream]]).tolist())


counts, seeds = st.integers(5, 30), st.integers(0, 20)


def test_datasets_come_one_after_the_other_each_with_its_own_classes():
    plan, truth = plan_of(10)
    steps = plan.streams["train"]
    assert [(step.dataset, len(step.classes)) for step in steps] == [("a", 2), ("a", 1), ("b", 2)]
    assert all(set(truth[step.ids]) == set(step.classes) for step in steps)
    assert [len(plan.candidates(step, 0)) for step in plan.streams["test"]] == [3, 3, 2]


@given(counts, seeds, st.integers(1, 40))
def test_few_shots_are_drawn_from_what_is_there(count, seed, shots):
    plain, truth = plan_of(count)
    plan, _ = plan_of(count, shots=shots, draw_seed=seed)
    for step, whole in zip(plan.streams["train"], plain.streams["train"], strict=True):
        assert set(step.ids) <= set(whole.ids)
        for place in step.classes:
            assert np.sum(truth[step.ids] == place) == min(shots, np.sum(truth[whole.ids] == place))
    for stream in ("valid", "test"):
        assert everyone(plan, stream) == everyone(plain, stream)


def test_another_seed_draws_other_shots_and_the_same_seed_the_same():
    drawn = [everyone(plan_of(30, shots=3, draw_seed=seed)[0], "train") for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_long_tail_is_the_published_profile():
    """CIFAR-10-LT with imbalance 100: Cao et al. 2019 keep 5000, 2997, 1796, 1077, 645, 387, 232,
    139, 83, 50 of 5,000.
    """
    truth = np.repeat(np.arange(10), 5000)
    kept = long_tailed(np.arange(50000), truth, range(10), imbalance=100, seed=0)
    sizes = np.bincount(truth[kept]).tolist()
    published = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert sizes == pytest.approx(published, abs=1), "they cut where we round"


@given(counts, seeds, st.sampled_from([0.1, 0.3, 1.0]))
def test_a_blurred_boundary_moves_samples_and_loses_none(count, seed, share):
    plain, truth = plan_of(count)
    plan, _ = plan_of(count, blurry=share, draw_seed=seed)
    assert everyone(plan, "train") == everyone(plain, "train")
    for step, own in zip(plan.streams["train"], plain.streams["train"], strict=True):
        assert np.sum(np.isin(own.ids, step.ids)) == len(own.ids) - round(share * len(own.ids))
        assert set(truth[step.ids]) <= set(step.classes)
        assert step.classes[: len(own.classes)] == own.classes
    assert [step.ids.tolist() for step in plan.streams["test"]] == [
        step.ids.tolist() for step in plain.streams["test"]
    ]


@given(counts, st.integers(2, 4))
def test_a_class_that_comes_again_comes_with_other_samples(count, repeats):
    plain, truth = plan_of(count)
    plan, _ = plan_of(count, repeats=repeats)
    steps = plan.streams["train"]
    assert len(steps) == repeats * len(plain.streams["train"])
    assert everyone(plan, "train") == everyone(plain, "train")
    assert not any(set(a.ids) & set(b.ids) for a, b in itertools.combinations(steps, 2))
    sizes = [np.sum(truth[step.ids] == place) for step in steps for place in step.classes]
    assert max(sizes) - min(sizes) <= 1
    for turn in range(repeats):
        classes = [place for step in steps[turn * 3 : turn * 3 + 3] for place in step.classes]
        assert sorted(classes) == list(range(5))


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ({"classes_per_experience": [2, 2, 1]}, "let sizes sum to 3 up to the end of a"),
        ({"classes_per_experience": [2, 2]}, "sums to 4, but a + b has 5 classes"),
        ({"shots": 0}, "shots: got 0"),
        ({"imbalance": 0.5}, "imbalance: got 0.5"),
        (
            {"scenario": "domain_incremental", "classes_per_experience": [], "blurry": 0.1},
            "blurry: is for class_incremental",
        ),
        (
            {"scenario": "joint", "classes_per_experience": [], "repeats": 2},
            "repeats: is for class_incremental",
        ),
    ],
)
def test_a_shape_that_does_not_fit_is_a_mistake(shape, says):
    with pytest.raises(Mistake, match=says.replace("+", r"\+")):
        config_of(**shape)

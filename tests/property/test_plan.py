"""Whatever the sizes and orders, every class and every sample is met exactly once, and no label
leaks into the plan.
"""

import numpy as np
import pytest
from helpers.published import runs_of
from hypothesis import given
from hypothesis import strategies as st

from clvl_bench.data.readers.split import Split
from clvl_bench.runs.files import load
from clvl_bench.streams.benchmark import make_plan
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.split_slice import SplitSlice


def dataset(name: str, classes: int) -> dict:
    source = {
        "kind": "arrays",
        "path": "x.npz",
        "splits": {"train": ("x", "y"), "test": ("x", "y")},
    }
    return {
        "source": source,
        "classes": [f"{name} {number}" for number in range(classes)],
        "templates": [f"{name} {{}}."],
    }


def parts_of(
    config: BenchmarkConfig, labels: dict[tuple[str, str], list[int]]
) -> tuple[SplitSlice, ...]:
    parts, start = [], 0
    for (name, split), values in labels.items():
        data = Split(
            np.array(values, dtype=np.int64), tuple(map(str, range(len(values)))), "0" * 64
        )
        parts.append(SplitSlice(config.declared(name), split, data, start))
        start += len(values)
    return tuple(parts)


@st.composite
def class_incremental(draw):
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    classes = sum(sizes)
    label = st.integers(0, classes - 1)
    config = BenchmarkConfig.model_validate(
        {
            "version": 1,
            "scenario": "class_incremental",
            "datasets": ["a"],
            "classes_per_experience": sizes,
            "class_order_seed": draw(st.integers(0, 50)),
            "label_space": draw(st.sampled_from(["seen", "dataset", "all"])),
            "valid_fraction": draw(st.sampled_from([0.0, 0.1, 0.5])),
            "zeroshot": ["h"],
            "dataset": {"a": dataset("a", classes), "h": dataset("h", 3)},
        }
    )
    everyone = list(range(classes))
    labels = {
        ("a", "train"): everyone + draw(st.lists(label, max_size=30)),
        ("a", "test"): everyone + draw(st.lists(label, max_size=10)),
        ("h", "test"): [0, 1, 2, 2],
    }
    return config, parts_of(config, labels)


@given(class_incremental())
def test_every_class_and_every_sample_exactly_once(case):
    config, parts = case
    plan, truth = make_plan(config, parts)
    steps = plan.streams["train"]
    met = [place for step in steps for place in step.classes]
    assert sorted(met) == list(range(len(config.declared("a").classes)))
    assert [len(step.classes) for step in steps] == list(config.classes_per_experience)
    train = np.concatenate(
        [step.ids for stream in ("train", "valid") for step in plan.streams[stream]]
    )
    assert sorted(train.tolist()) == list(range(len(parts[0].data)))
    test = np.concatenate([step.ids for step in plan.streams["test"]])
    assert sorted(test.tolist()) == list(range(parts[1].start, parts[1].start + len(parts[1].data)))
    for stream in ("train", "valid", "test"):
        for step in plan.streams[stream]:
            assert set(truth[step.ids].tolist()) <= set(step.classes)


@given(class_incremental())
def test_candidates_follow_the_label_space(case):
    config, parts = case
    plan, _ = make_plan(config, parts)
    everything = set(range(len(config.declared("a").classes)))
    for trained in range(len(plan.streams["train"]) + 1):
        for step in plan.streams["test"]:
            scored = set(plan.candidates(step, trained))
            if config.label_space == "seen":
                assert scored == {
                    place for each in plan.streams["train"][:trained] for place in each.classes
                }
                assert plan.scorable(step, trained) == (step.index < trained)
            else:
                assert scored == everything
                assert plan.scorable(step, trained)
        (held,) = plan.streams["zeroshot"]
        assert {plan.classes[place].dataset for place in plan.candidates(held, trained)} == {"h"}


@given(class_incremental())
def test_joint_holds_everything_and_tests_the_same(case):
    plan, _ = make_plan(*case)
    joint = plan.joint()
    (step,) = joint.streams["train"]
    assert sorted(step.ids.tolist()) == sorted(
        np.concatenate([each.ids for each in plan.streams["train"]]).tolist()
    )
    assert step.covers == len(plan.streams["train"])
    assert joint.streams["test"] == plan.streams["test"]
    assert set(joint.seen(step.covers)) == set(plan.seen(step.covers))


def domains(label_space: str, same_templates: bool) -> BenchmarkConfig:
    first, second = dataset("a", 2), dataset("b", 2)
    second["classes"] = ["a 0", "b only"]
    if same_templates:
        second["templates"] = first["templates"]
    content = {
        "version": 1,
        "scenario": "domain_incremental",
        "datasets": ["a", "b"],
        "label_space": label_space,
    }
    return BenchmarkConfig.model_validate({**content, "dataset": {"a": first, "b": second}})


def plan_of_domains(label_space: str, *, same_templates: bool):
    config = domains(label_space, same_templates)
    labels = {(name, split): [0, 1, 1] for name in ("a", "b") for split in ("train", "test")}
    return make_plan(config, parts_of(config, labels))


def test_where_the_dataset_is_unknown_classes_of_one_name_are_one_class():
    plan, truth = plan_of_domains("all", same_templates=False)
    assert [candidate.name for candidate in plan.classes] == ["a 0", "a 1", "b only"]
    assert truth[plan.streams["test"][1].ids].tolist() == [0, 2, 2]
    assert all(set(plan.candidates(step, 0)) == {0, 1, 2} for step in plan.streams["test"])


def test_where_the_dataset_is_known_classes_are_the_same_if_their_prompts_are():
    plan, _ = plan_of_domains("dataset", same_templates=False)
    assert len(plan.classes) == 4
    assert [plan.candidates(step, 0) for step in plan.streams["test"]] == [(0, 1), (2, 3)]
    plan, _ = plan_of_domains("dataset", same_templates=True)
    assert len(plan.classes) == 3
    assert [plan.candidates(step, 0) for step in plan.streams["test"]] == [(0, 1), (0, 2)]


@pytest.mark.parametrize("name", ["proof_cifar100_b0", "proof_cifar100_b50"])
def test_a_published_order_of_classes_gives_the_groups_that_proof_measured(name):
    """Zhou et al. 2023: numpy's shuffle with seed 1993; the images of its groups are 100 a class,
    as the digits of its logs have it.
    """
    config = load("benchmark", name)
    everyone = list(range(100)) * 100
    labels = {("cifar100", split): everyone for split in ("train", "test")}
    plan, _ = make_plan(config, parts_of(config, labels))
    order = np.random.RandomState(1993).permutation(100).tolist()
    assert list(plan.seen(len(plan.streams["test"]))) == order
    published = runs_of("proof")[name, "proof_batch"].measured
    assert [len(step.ids) for step in plan.streams["test"]] == published.sizes.tolist()

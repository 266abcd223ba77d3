"""What the audits ask of a run that was listened to. Each answers with what was found wrong, best
nothing.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from contract.listening import Heard, Moment, evaluate_again
from contract.tables import small, written

from clvl_bench.inputs.kinds import QUESTION_INPUTS
from clvl_bench.methods.registry import adapters
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import run_config
from clvl_bench.runs.setup import Prepared
from clvl_bench.streams.benchmark import make_plan
from clvl_bench.streams.plan import Plan

SMALL = (
    'benchmark.zeroshot=["toy_shapes"]',
    "benchmark.valid_fraction=0.34",
    "train.epochs=1",
    "train.batch_size=6",
)
STREAMS = {
    "dataset": ("toy_landcover", "benchmark.classes_per_experience=[4, 3, 3]"),
    "seen": ("toy_landcover_seen", "benchmark.classes_per_experience=[4, 3, 3]"),
    "all": ("toy_sensors", "benchmark.label_space=all"),
}
"""One small stream in each label space: classes arrive in the first two, another sensor in the
third."""
QUESTIONS = {space: ("toy_scans_vqa", f"benchmark.label_space={space}") for space in STREAMS}
"""The same for those who answer questions: types of questions arrive."""

LAST_BITS = 1e-4
"""Of a scaled cosine: what another size of a batch may change of it in fp32."""


def config_of(strategy: Path, space: str) -> RunConfig:
    """A strategy file on the small stream of a label space."""
    (adapter,) = written(strategy, "adapter")
    answers = adapters()[adapter["kind"]].input_kind in QUESTION_INPUTS
    benchmark, override = (QUESTIONS if answers else STREAMS)[space]
    sizes = [f"adapter.{name}={size}" for name, size in small(adapter).items()]
    steps = ["train.iterations=3" for train in written(strategy, "train") if "iterations" in train]
    if answers:
        steps.append(
            "train.batch_size=3"
        )  # of the four questions of an experience: two batches, so that their order counts
    return run_config(
        benchmark, str(strategy), limit=30, overrides=(*SMALL, override, *sizes, *steps)
    )


def plan_of(heard: Heard) -> Plan:
    """The benchmark's experiences, also where a strategy trains on several of them at once."""
    return make_plan(heard.prepared.config.benchmark_config, heard.prepared.parts)[0]


def scored_too_early(heard: Heard) -> list[str]:
    """Classes with a score, or asked for by whoever calls the adapter, that the label space does
    not allow yet.

    The classes of samples are taken from the data, not from the plan.
    """
    plan, labels = plan_of(heard), heard.prepared.benchmark.label_store._labels
    train = [set(labels[step.ids].tolist()) for step in plan.streams["train"]]
    datasets: dict[str, set[int]] = {}
    for part in heard.prepared.parts:
        datasets.setdefault(part.dataset.name, set()).update(
            labels[part.start : part.start + len(part.data)].tolist()
        )

    def allowed(at: Moment) -> set[int]:
        if at.training:  # in every label space, no class trains before it arrives
            return set().union(
                *train[: at.trained + max(1, at.covers)]
            )  # a step covers none, and is of the next
        if at.stream == "zeroshot" or plan.label_space == "dataset":
            return datasets[plan.streams[at.stream][at.index].dataset.partition("/")[0]]
        return set().union(*(train[: at.trained] if plan.label_space == "seen" else train))

    beside = {place for step in plan.streams.get("reference", ()) for place in step.classes}
    asked = [
        (at, set(candidates) - (beside if at.training else set())) for at, candidates in heard.asked
    ]
    return [
        f"{at}: {sorted(found - allowed(at))}"
        for at, found in (*heard.scored, *asked)
        if found - allowed(at)
    ]


def moved_undeclared(heard: Heard) -> list[str]:
    """Weights that training moved although they are not among the declared, and gradients that
    moved nothing.
    """
    wrong = []
    for at, declared, held in heard.declared:
        moved = set().union(*(names for when, names in heard.moved if when == at))
        wrong += [f"{at}: moved {name}" for name in sorted(moved - declared)]
        if heard.strategy.adapter.learns == "gradient":
            wrong += [] if moved else [f"{at}: moved nothing"]
            wrong += (
                []
                if len(held) == len(declared)
                else [f"{at}: optimised {len(held)}, declared {len(declared)} weights"]
            )
        else:
            wrong += [f"{at}: declared {name}" for name in sorted(declared)]
    return wrong


def read_elsewhere(heard: Heard) -> list[str]:
    """Samples asked for that are neither of the experience in hand nor, in training, of the
    reference set.

    What a memory keeps are copies, so rehearsing reads nothing. Training on `joint` or `cumulative`
    data is declared to read the experiences before as well.
    """
    plan, evaluated = plan_of(heard), heard.prepared.benchmark.view.plan.streams
    train, reference = plan.streams["train"], plan.streams.get("reference", ())
    past = heard.prepared.config.strategy_config.train.data != "experience"
    wrong = []
    for at, ids in heard.read:
        if at is None:
            steps = [*reference]
        elif at.training:
            first = 0 if past else at.index
            steps = [*train[first : at.trained + at.covers], *reference]
        else:
            steps = [evaluated[at.stream][at.index]]
        strange = set(ids.tolist()) - {sample for step in steps for sample in step.ids.tolist()}
        wrong += [f"{at or 'between experiences'}: read {sorted(strange)}"] if strange else []
    return wrong


def swayed_by_neighbours(heard: Heard) -> list[str]:
    """Samples whose scores or prediction change when they are evaluated seven at a time."""
    again = evaluate_again(heard, batch=7)
    assert again.keys() == {
        key for key in heard.evaluated if key[0].trained == heard.strategy.n_experiences
    }
    return [
        f"{at}: sample {sample}"
        for (at, sample), scores in again.items()
        if scores.argmax() != heard.evaluated[at, sample].argmax()
        or not torch.allclose(scores, heard.evaluated[at, sample], atol=LAST_BITS)
    ]


def told_otherwise(heard: Heard) -> Callable[[Prepared], None]:
    """Gives every sample whose label had not arrived another class of its own experience: what a
    second run starts from.
    """
    assert heard.visible_labels is not None
    hidden, plan = heard.visible_labels < 0, plan_of(heard)
    assert hidden.any()

    def change(prepared: Prepared) -> None:
        labels, before = (
            prepared.benchmark.label_store._labels,
            prepared.benchmark.label_store._labels.copy(),
        )
        for step in (step for steps in plan.streams.values() for step in steps):
            following = dict(zip(step.classes, (*step.classes[1:], step.classes[0]), strict=True))
            for sample in step.ids[hidden[step.ids]]:
                labels[sample] = following.get(int(before[sample]), before[sample])
        told = hidden & np.isin(
            before,
            [place for steps in plan.streams.values() for step in steps for place in step.classes],
        )
        assert np.mean(labels[told] != before[told]) > 0.5

    return change

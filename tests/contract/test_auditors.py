"""The audits find what they are for: a strategy that cheats in one way is caught in that way, and
named.
"""

import functools
import weakref
from collections import deque

import numpy as np
import pytest
import torch
from contract.audited import Audited
from contract.tables import ROOT
from torch import nn

from clvl_bench.audits.listening import listen
from clvl_bench.audits.questions import kept_uncounted, moved_undeclared, read_elsewhere
from clvl_bench.audits.reach import differing, facts, reachable
from clvl_bench.audits.second_runs import (
    SECOND_RUNS,
    deaf_to_the_seed,
    leaned_on_labels_to_come,
)
from clvl_bench.audits.verdict import WHOLE, verdict

PROMPT = ROOT / "experiments" / "strategies" / "prompt.toml"


@pytest.fixture
def hear(sources, no_waiting, tmp_path):
    def hear(cheat, space="dataset"):
        config = Audited(PROMPT, space).config
        return listen(config, tmp_path, sources=sources, walk=1, after_build=cheat)

    return hear


def accused(heard):
    """The questions that a verdict names."""
    return [line.partition(":")[0] for line in verdict(heard, WHOLE).splitlines()]


class Holder:
    """Something that a strategy may hold."""

    def __init__(self, **held):
        self.__dict__.update(held)

    def method(self):
        """To be bound."""


class Slotted:
    __slots__ = ("__weakref__", "held")

    def __init__(self, held):
        self.held = held


def generator(held):
    yield held
    yield held


def started(held):
    running = generator(held)
    next(running)
    return running


def node(held):
    module = nn.Module()
    module.register_buffer("held", torch.tensor(held), persistent=False)
    return module


HOLDERS = {
    "attribute": lambda held: Holder(held=held),
    "list": lambda held: [0, [held]],
    "one number in a table": lambda held: {"sample 3": held[3]},
    "key": lambda held: {tuple(held): None},
    "set": lambda held: {tuple(held)},
    "text": lambda held: Holder(note=",".join(map(str, held))),
    "bytes": lambda held: bytearray(held),
    "deque": lambda held: deque(held),
    "tensor": lambda held: torch.tensor(held),
    "fractions in a tensor": lambda held: torch.tensor(held).float() / 7,
    "gradient": lambda held: _with_gradient(held),
    "buffer that no state holds": node,
    "array": lambda held: np.array(held),
    "array of objects": lambda held: np.array([held, None], dtype=object),
    "array behind a view": lambda held: np.array([0, *held])[:1],
    "tensor behind a view": lambda held: torch.tensor([0, *held])[:1],
    "closure": lambda held: lambda: held,
    "default": lambda held: lambda value=held: value,
    "bound method": lambda held: Holder(held=held).method,
    "method of a list": lambda held: list(held).append,
    "partial": lambda held: functools.partial(print, held),
    "generator": started,
    "slot": Slotted,
    "weak reference": lambda held: _with_weak_reference(held),
    "subclass of a list": lambda held: _Listed(held),
    "class of the project": lambda held: type(
        "Learner", (), {"__module__": "clvl_bench.x", "held": held}
    )(),
    "lambda in a dict in a tuple": lambda held: ({"read": lambda row: held[row]},),
}


class _Listed(list):
    def __init__(self, held):
        super().__init__()
        self.held = held


def _with_gradient(held):
    weight = nn.Parameter(torch.zeros(len(held)))
    weight.grad = torch.tensor(held).float()
    return weight


def _with_weak_reference(held):
    _ALIVE.append(Slotted(held))
    return weakref.ref(_ALIVE[-1])


_ALIVE = []
"""What keeps alive an object that is otherwise held by weak references alone."""


@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
def test_the_walk_finds_labels_wherever_they_are_held(holder):
    one, same, other = (
        facts(reachable(Holder(within=holder(held)), name="it"))
        for held in ([1, 0, 2, 5], [1, 0, 2, 5], [1, 0, 2, 4])
    )
    assert differing(one, same) == []
    assert differing(one, other) != []


def test_the_walk_ends_where_objects_hold_each_other():
    one, two = Holder(), Holder()
    one.other, two.other = two, [one]
    assert list(facts(reachable(one, name="it"))) == []


@pytest.mark.parametrize(
    "where", ["adapter", "adaptation", "evaluator", "_view.inputs", "_view.plan.classes"]
)
def test_a_planted_label_is_found_and_named(hear, where):
    def plant(strategy, prepared):
        place = functools.reduce(getattr, where.split("."), strategy)
        held = {7: int(prepared.benchmark.label_store._labels[-1])}
        vars(place[0] if isinstance(place, tuple) else place)["noted"] = held

    (found,) = leaned_on_labels_to_come(hear(plant))
    assert found.endswith(".noted[7]")


def test_a_truth_within_reach_is_found(hear):
    def plant(strategy, prepared):
        strategy.adapter.begin = functools.partial(_begin, strategy.adapter.begin, prepared)

    assert any("label_store" in found for found in leaned_on_labels_to_come(hear(plant)))


def _begin(begin, prepared, classes):
    begin(classes)


def test_without_a_plant_nothing_is_found(hear):
    assert verdict(hear(lambda strategy, prepared: None), (*WHOLE, *SECOND_RUNS)) == ""


@pytest.mark.parametrize("which", ["past", "future"])
def test_a_read_outside_the_experience_is_found(hear, which):
    def cheat(strategy, prepared):
        begin, train = strategy.adapter.begin, prepared.benchmark.view.plan.streams["train"]

        def reading(classes):
            begin(classes)
            prepared.benchmark.view.inputs(
                torch.from_numpy(train[0 if which == "past" else -1].ids[:1])
            )

        strategy.adapter.begin = reading

    heard = hear(cheat)
    assert len(read_elsewhere(heard)) == 2, "of three experiences, two are not the one that is read"
    assert accused(heard) == ["read_elsewhere"]


def test_a_read_of_test_samples_in_training_is_found(hear):
    def cheat(strategy, prepared):
        penalty, (first, *_) = (
            strategy.adapter.penalty,
            prepared.benchmark.view.plan.streams["test"],
        )

        def reading(inputs):
            prepared.benchmark.view.inputs(torch.from_numpy(first.ids[:1]))
            return penalty(inputs)

        strategy.adapter.penalty = reading

    assert accused(hear(cheat)) == ["read_elsewhere"]


def test_a_past_sample_that_is_kept_and_not_counted_is_found(hear):
    def cheat(strategy, prepared):
        penalty, noted = strategy.adapter.penalty, []

        def noting(inputs):
            noted.append(inputs.clone())
            return penalty(inputs)

        strategy.adapter.penalty = noting

    heard = hear(cheat)
    first = heard.prepared.benchmark.view.plan.streams["train"][0]
    (found,) = kept_uncounted(heard)
    assert found.startswith(f"{len(first.ids)} past samples, 0 are counted: ")
    assert accused(heard) == ["kept_uncounted"]


def test_a_score_for_a_class_to_come_is_found(hear):
    def cheat(strategy, prepared):
        forward = strategy.forward
        strategy.forward = lambda: forward().clamp(min=-50.0)

    assert accused(hear(cheat, "seen")) == ["scored_too_early"]


def test_a_question_about_a_class_to_come_is_found(hear):
    def cheat(strategy, prepared):
        asked = strategy.adapter.forward

        def forward(inputs):
            strategy.adapter.logits(inputs, tuple(range(10)))
            return asked(inputs)

        strategy.adapter.forward = forward

    assert accused(hear(cheat, "seen")) == ["scored_too_early"]


def test_a_weight_that_moves_undeclared_is_found(hear):
    def cheat(strategy, prepared):
        extra = nn.Parameter(torch.zeros(1), requires_grad=False)
        strategy.adapter.register_parameter("extra", extra)
        strategy.adapter.penalty = lambda inputs: extra.add_(1.0) and None

    heard = hear(cheat)
    assert [wrong.rpartition(": ")[2] for wrong in moved_undeclared(heard)] == 3 * ["moved extra"]
    assert accused(heard) == ["moved_undeclared"]


def test_scores_that_lean_on_neighbours_are_found(hear):
    def cheat(strategy, prepared):
        image = strategy.adapter.image
        strategy.adapter.image = lambda inputs: image(inputs) - image(inputs).mean(dim=0)

    assert accused(hear(cheat)) == ["swayed_by_neighbours"]


def test_chance_that_no_seed_decides_is_found(hear):
    def cheat(strategy, prepared):
        generator = torch.Generator()
        generator.seed()
        begin = strategy.adapter.begin

        def begun(classes):
            begin(classes)
            with torch.no_grad():
                for weight in strategy.adapter.parameters():
                    if weight.requires_grad:
                        weight += torch.randn(weight.shape, generator=generator)

        strategy.adapter.begin = begun

    heard = hear(cheat)
    assert "what was learned differs" in leaned_on_labels_to_come(heard)


def test_a_run_that_is_the_same_for_every_seed_is_found(hear):
    def cheat(strategy, prepared):
        learned = [each for each in strategy.adapter.parameters() if each.requires_grad]
        strategy.adapter.end = lambda: [weight.data.zero_() for weight in learned]

    (found,) = deaf_to_the_seed(hear(cheat))
    assert found == "it learns by gradient, and is the same: True"


def test_a_verdict_names_every_question_that_found_something_and_what_it_found(hear):
    def cheat(strategy, prepared):
        extra = nn.Parameter(torch.zeros(1), requires_grad=False)
        strategy.adapter.register_parameter("extra", extra)
        strategy.adapter.penalty = lambda inputs: extra.add_(1.0) and None
        image = strategy.adapter.image
        strategy.adapter.image = lambda inputs: image(inputs) - image(inputs).mean(dim=0)

    moved, swayed = verdict(hear(cheat), WHOLE).splitlines()
    assert moved.startswith("moved_undeclared: training on train 0 with 0 learned: moved extra")
    assert moved.count("moved extra") == 3
    assert swayed.startswith("swayed_by_neighbours: evaluating test 0 with 3 learned: ")
    assert swayed.endswith(" more)")

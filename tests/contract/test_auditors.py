"""The audits find what they are for: a strategy that cheats in one way is caught in that way, and
named.
"""

import functools
import weakref
from collections import deque

import numpy as np
import pytest
import torch
from contract.audits import (
    config_of,
    moved_undeclared,
    read_elsewhere,
    scored_too_early,
    swayed_by_neighbours,
    told_otherwise,
)
from contract.listening import listen
from contract.reach import differing, facts
from contract.tables import ROOT
from torch import nn

PROMPT = ROOT / "experiments" / "strategies" / "prompt.toml"


@pytest.fixture
def hear(shared_data, tmp_path):
    def hear(cheat, space="dataset", **settings):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return listen(config_of(PROMPT, space), folder, after_build=cheat, **settings)

    return hear


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
        facts(Holder(within=holder(held)), name="it")
        for held in ([1, 0, 2, 5], [1, 0, 2, 5], [1, 0, 2, 4])
    )
    assert differing(one, same) == []
    assert differing(one, other) != []


def test_the_walk_ends_where_objects_hold_each_other():
    one, two = Holder(), Holder()
    one.other, two.other = two, [one]
    assert list(facts(one, name="it")) == []


@pytest.mark.parametrize(
    "where", ["adapter", "adaptation", "evaluator", "_view.inputs", "_view.plan.classes"]
)
def test_a_planted_label_is_found_and_named(hear, where):
    def plant(strategy, prepared):
        place = functools.reduce(getattr, where.split("."), strategy)
        held = {7: int(prepared.benchmark.label_store._labels[-1])}
        vars(place[0] if isinstance(place, tuple) else place)["noted"] = held

    heard = hear(plant, walk=1)
    other = hear(plant, walk=1, until=1, before=told_otherwise(heard))
    (found,) = differing(heard.reached, other.reached)
    assert found.endswith(".noted[7]")


def test_a_truth_within_reach_is_found(hear):
    def plant(strategy, prepared):
        strategy.adapter.begin = functools.partial(_begin, strategy.adapter.begin, prepared)

    heard = hear(plant, walk=1)
    other = hear(plant, walk=1, until=1, before=told_otherwise(heard))
    assert any("label_store" in found for found in differing(heard.reached, other.reached))


def _begin(begin, prepared, classes):
    begin(classes)


def test_without_a_plant_nothing_is_found(hear):
    heard = hear(lambda strategy, prepared: None, walk=1)
    other = hear(lambda strategy, prepared: None, walk=1, until=1, before=told_otherwise(heard))
    assert differing(heard.reached, other.reached) == []
    assert (
        scored_too_early(heard)
        == moved_undeclared(heard)
        == read_elsewhere(heard)
        == swayed_by_neighbours(heard)
        == []
    )


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

    assert len(read_elsewhere(hear(cheat))) == 2, (
        "of three experiences, two are not the one that is read"
    )


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

    assert read_elsewhere(hear(cheat))


def test_a_score_for_a_class_to_come_is_found(hear):
    def cheat(strategy, prepared):
        forward = strategy.forward
        strategy.forward = lambda: forward().clamp(min=-50.0)

    assert scored_too_early(hear(cheat, "seen"))


def test_a_question_about_a_class_to_come_is_found(hear):
    def cheat(strategy, prepared):
        asked = strategy.adapter.forward

        def forward(inputs):
            strategy.adapter.logits(inputs, tuple(range(10)))
            return asked(inputs)

        strategy.adapter.forward = forward

    assert scored_too_early(hear(cheat, "seen"))


def test_a_weight_that_moves_undeclared_is_found(hear):
    def cheat(strategy, prepared):
        extra = nn.Parameter(torch.zeros(1), requires_grad=False)
        strategy.adapter.register_parameter("extra", extra)
        strategy.adapter.penalty = lambda inputs: extra.add_(1.0) and None

    assert [wrong.rpartition(": ")[2] for wrong in moved_undeclared(hear(cheat))] == 3 * [
        "moved extra"
    ]


def test_scores_that_lean_on_neighbours_are_found(hear):
    def cheat(strategy, prepared):
        image = strategy.adapter.image
        strategy.adapter.image = lambda inputs: image(inputs) - image(inputs).mean(dim=0)

    assert swayed_by_neighbours(hear(cheat))

"""The verdict over an audited run: all questions are asked, and those that found something are
named with what they found.
"""

from contract.audits import (
    Question,
    moved_the_backbone,
    moved_undeclared,
    plan_of,
    read_elsewhere,
    read_nothing_to_learn,
    read_otherwise,
    scored_no_number,
    scored_too_early,
    swayed_by_neighbours,
    tested_too_early,
)
from contract.heard import Heard

from clvl_bench.streams.plan import steps_of

SHOWN = 3
"""How many findings of a question a verdict quotes."""


def verdict(heard: Heard, questions: tuple[Question, ...]) -> str:
    """A line for each question that found something wrong; empty if the run is as it should be."""
    lines = []
    for question in questions:
        found = question(heard)
        if found:
            more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
            lines.append(f"{question.__name__}: {'; '.join(found[:SHOWN])}{more}")
    return "\n".join(lines)


def moved_undeclared_in_steps(heard: Heard) -> list[str]:
    """As `moved_undeclared`, of a stream: a step in which no label arrives moves nothing."""
    declared = set().union(*(names for _, names, _ in heard.declared))
    moved = set().union(*(names for _, names in heard.moved))
    wrong = [f"moved {name}" for name in sorted(moved - declared)]
    learns = heard.strategy.adapter.learns == "gradient" and _was_told_anything(heard)
    return [*wrong, "moved nothing"] if learns and not moved else wrong


def _was_told_anything(heard: Heard) -> bool:
    """Whether a learner had anything to learn from: where rewards come in the place of labels, none
    may have been earned.
    """
    if heard.config.benchmark_config.supervision.kind != "reward" or heard.result is None:
        return True
    rewards = [record.value for record in heard.result.records if record.metric == "reward"]
    return any(value > 0 for value in rewards)


def read_out_of_turn(heard: Heard) -> list[str]:
    """Steps of a stream that were not read once, in their order; and in training, whatever is
    neither kept nor of the reference set.
    """
    online = heard.config.benchmark_config.online
    assert online is not None
    streams = plan_of(heard).streams
    coming = [
        part.tolist() for step in streams["train"] for part in steps_of(step.ids, online.step_size)
    ]
    reference = {sample for step in streams["reference"] for sample in step.ids.tolist()}
    between = [ids.tolist() for at, ids in heard.read if at is None]
    met = [ids for ids in between if not reference.issuperset(ids)]
    wrong = [] if met == coming else [f"met {len(met)} steps, the stream's are {len(coming)}"]
    for at, ids in heard.read:
        strange = set(ids.tolist()) - reference if at is not None and at.training else set()
        wrong += [f"{at}: read {sorted(strange)}"] if strange else []
    return wrong


WHOLE: tuple[Question, ...] = (
    scored_too_early,
    tested_too_early,
    moved_undeclared,
    moved_the_backbone,
    read_otherwise,
    read_elsewhere,
    read_nothing_to_learn,
    scored_no_number,
    swayed_by_neighbours,
)
"""Of a run whose experiences come as a whole."""
IN_STEPS: tuple[Question, ...] = (
    scored_too_early,
    moved_undeclared_in_steps,
    moved_the_backbone,
    read_out_of_turn,
    scored_no_number,
    swayed_by_neighbours,
)
"""Of a run on a stream in steps."""
ONE_EXPERIENCE: tuple[Question, ...] = (
    scored_too_early,
    moved_undeclared,
    moved_the_backbone,
    read_elsewhere,
    scored_no_number,
    swayed_by_neighbours,
)
"""Of a run of one experience, on any backbone."""

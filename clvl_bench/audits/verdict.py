"""The verdict over an audited run: all questions are asked, and those that found something are
named with what they found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clvl_bench.audits.heard import Heard
from clvl_bench.audits.questions import (
    Question,
    kept_uncounted,
    moved_the_backbone,
    moved_undeclared,
    not_marked_as_transductive,
    plan_of,
    read_elsewhere,
    read_nothing_to_learn,
    read_otherwise,
    scored_no_number,
    scored_too_early,
    swayed_by_neighbours,
    tested_too_early,
)
from clvl_bench.audits.second_runs import (
    deaf_to_the_seed,
    leaned_on_labels_to_come,
    other_bytes_unheard,
)
from clvl_bench.streams.plan import steps_of

SHOWN = 3
"""How many findings of a question a verdict quotes."""


@dataclass(frozen=True)
class Finding:
    """What a question found wrong in a run, best nothing."""

    question: Question
    found: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.question.__name__

    def __str__(self) -> str:
        more = f" (and {len(self.found) - SHOWN} more)" if len(self.found) > SHOWN else ""
        return f"{self.name}: {'; '.join(self.found[:SHOWN])}{more}"


def findings(heard: Heard, questions: Sequence[Question]) -> Iterator[Finding]:
    """All questions, each with what it found. Who declares to be transductive is not asked about
    neighbours, but whether its record says so.
    """
    transductive = heard.strategy.adapter.config.transductive
    for asked in questions:
        is_apart = asked is swayed_by_neighbours and transductive
        question = not_marked_as_transductive if is_apart else asked
        yield Finding(question, tuple(question(heard)))


def verdict(heard: Heard, questions: Sequence[Question]) -> str:
    """A line for each question that found something wrong; empty if the run is as it should be."""
    return "\n".join(str(finding) for finding in findings(heard, questions) if finding.found)


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
    kept_uncounted,
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
PROMISES: dict[Question, str] = {
    scored_too_early: "no class is scored, or asked about, before the label space has it",
    tested_too_early: "an experience is tested when it may be, and validated once",
    moved_undeclared: "training moves the weights that are declared, and no other",
    moved_undeclared_in_steps: "training moves the weights that are declared, and no other",
    moved_the_backbone: "the frozen towers stay as they are",
    read_otherwise: "what is read is what the towers say of the pixels",
    read_elsewhere: "no sample is read but those of the experience in hand",
    read_out_of_turn: "steps are read once, in their order",
    read_nothing_to_learn: "who learns reads samples, who does not reads none",
    kept_uncounted: "no sample of the past is kept that is not counted",
    scored_no_number: "scores are numbers",
    swayed_by_neighbours: "a sample's scores do not depend on the others of its batch",
    not_marked_as_transductive: "transductive: an experience's samples are predicted together, and "
    "the record says so",
    leaned_on_labels_to_come: "labels that have not arrived change nothing within its reach",
    other_bytes_unheard: "the same run has the same bytes, heard or not",
    deaf_to_the_seed: "what is learned depends on the seed",
}
"""What an audited run keeps to where a question finds nothing."""

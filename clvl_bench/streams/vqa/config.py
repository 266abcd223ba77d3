"""What a benchmark file may say about a stream of questions: how it is cut into experiences, and
among which answers predictions are scored.
"""

import itertools
from typing import Literal, Self

from pydantic import Field, model_validator

from clvl_bench.core.schema import Schema

Track = Literal["closed", "open"]


class QuestionsConfig(Schema):
    """The table `[questions]` of a benchmark whose scenario is question_incremental."""

    track: Track = Field(
        description="candidates: the answers of the train split (closed), or these and the "
        "dataset's own list, which is not taken from the test split (open)"
    )
    by: Literal["type", "organ", "modality", "dataset", "answer"] = Field(
        description="what an experience is: questions of one type, organ, modality or dataset; or "
        "whose answers are new"
    )
    groups: tuple[tuple[str, ...], ...] = Field(
        (),
        description="which values of `by` arrive together, in order; one at a time, as declared, "
        "if left out",
    )
    held_out: tuple[tuple[str, str], ...] = Field(
        (),
        description="[value of `by`, value of `concept`]: tested and never trained on, as "
        '[["count", "mri"]]',
    )
    concept: Literal["type", "organ", "modality"] | None = Field(
        None, description="the other property of held_out: what a skill is put together with"
    )
    concepts: Literal["together", "in_turn"] = Field(
        "together",
        description="within a skill: all of its concepts at once, or one after the other in an "
        "order drawn for each skill",
    )
    experiences: int | None = Field(
        None, ge=1, description='by = "answer": in how many parts the answers arrive'
    )
    split: str = Field("official", description="which of the datasets' named splits")

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        if (self.by == "answer") != (self.experiences is not None):
            raise ValueError(
                'experiences: goes with by = "answer", and only with it; for the others list groups'
            )
        if self.groups and self.by in ("answer", "dataset"):
            raise ValueError(
                f"groups: are values of a property of questions, not of {self.by}; remove them"
            )
        # Both speak of combinations of a skill (a value of `by`) and a concept.
        needs_concept = bool(self.held_out) or self.concepts == "in_turn"
        if needs_concept != (self.concept is not None):
            raise ValueError(
                'concept: goes with held_out or concepts = "in_turn", and these with it, '
                'as in concept = "modality", held_out = [["count", "mri"]]'
            )
        if needs_concept and self.by in ("answer", "dataset", self.concept):
            raise ValueError(
                f"concept: got '{self.concept}' beside by = '{self.by}'; a combination takes two "
                f"of type, organ, modality"
            )
        values = list(itertools.chain.from_iterable(self.groups))
        if len(set(values)) < len(values) or not all(self.groups):
            got = [list(group) for group in self.groups]
            raise ValueError(f"groups: got {got}; each value may stand once, and no group is empty")
        return self

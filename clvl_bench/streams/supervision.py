"""What a benchmark file may say about labels: how many there are, when they arrive, and whether as
labels or as rewards.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from clvl_bench.core.schema import Schema


class Supervision(Schema):
    """Which labels of the training stream reach the learner.

    `kind` names what is special; `delay` and `reward` may have few labels as well, `reward` may
    come late. A step is one of the online stream's.
    """

    kind: Literal["full", "fraction", "delay", "reward"] = Field(
        "full",
        description="every label at once; a few; late; or only whether the class that the learner "
        "chose was right",
    )
    label_fraction: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of each class's training samples that ever get a label, at least one",
    )
    labels_per_class: int | None = Field(
        None, ge=1, description="so many samples of each class get a label"
    )
    delay: int = Field(
        0, ge=0, description="steps between a sample and its label: all of them, or on average"
    )
    arrival: Literal["fixed", "uniform", "geometric"] = Field(
        "fixed",
        description="delays are all equal, uniform over 0 to twice the delay, or geometric: the "
        "last two out of order",
    )
    never: float = Field(
        0.0, ge=0, le=1, description="share of the labels that never arrive, drawn at random"
    )
    labelled_steps: int | None = Field(
        None, ge=0, description="samples of later steps get no label at all"
    )
    draw_seed: int = Field(0, ge=0, description="which samples get a label, and when")

    @property
    def late(self) -> bool:
        """Whether it says anything about steps of an online stream."""
        return bool(self.delay or self.arrival != "fixed" or self.labelled_steps is not None)

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        if self.label_fraction is not None and self.labels_per_class is not None:
            raise ValueError("labels_per_class: stands beside label_fraction; keep one of them")
        few = self.label_fraction is not None or self.labels_per_class is not None
        if self.kind == "full" and (few or self.never or self.late):
            raise ValueError(
                "kind: got 'full', under which every label arrives at once; set kind = "
                '"fraction", "delay" or "reward"'
            )
        if self.kind == "fraction" and not (few or self.never):
            raise ValueError(
                'label_fraction: is missing beside kind = "fraction"; add it, or labels_per_class'
            )
        if self.kind == "fraction" and self.late:
            raise ValueError(
                "kind: got 'fraction' beside labels that come late; set kind = \"delay\""
            )
        return self

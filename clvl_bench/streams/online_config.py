"""What a benchmark file may say about an online stream: one pass, in steps of a few samples."""

from typing import Literal, Self

from pydantic import Field, model_validator

from clvl_bench.core.schema import Schema

_FIELDS_OF_BOUNDARIES = {
    "fade": ("linear", "gaussian"),
    "strays": ("blurry",),
    "seasons": ("seasonal",),
}
"""Which fields go with which boundaries alone."""


class Online(Schema):
    """How the samples of a benchmark's experiences become one stream of steps.

    The experiences of the scenario stay what the test matrix is about; `boundaries` says how their
    samples follow each other.
    """

    step_size: int = Field(10, ge=1, description="samples that arrive together")
    updates: int = Field(
        1, ge=1, description="training batches after each step, the same for every strategy"
    )
    boundaries: Literal["sharp", "linear", "blurry", "gaussian", "seasonal"] = Field(
        "sharp",
        description="experiences one behind the other; fading into each other; with a share of "
        "samples anywhere; each class around a moment of its own; or coming and going again and "
        "again",
    )
    fade: float = Field(
        0.5,
        gt=0,
        le=2,
        description="linear: length of a boundary, in experiences; gaussian: the deviation",
    )
    strays: float = Field(
        0.1, ge=0, le=1, description="blurry: share of samples that come at any time"
    )
    seasons: int = Field(
        3, ge=1, description="seasonal: how often every experience has its high season"
    )
    draw_seed: int = Field(0, ge=0, description="in which order samples come")
    ahead: int | None = Field(
        None,
        ge=1,
        description="samples that come so many steps later are scored, too (near future)",
    )
    windows: int = Field(
        50, ge=1, description="into how many windows the records over time are gathered, at most"
    )
    checkpoint_steps: int = Field(1000, ge=1, description="steps after which the state is kept")

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        for field, boundaries in _FIELDS_OF_BOUNDARIES.items():
            default = type(self).model_fields[field].default
            if getattr(self, field) != default and self.boundaries not in boundaries:
                allowed = " or ".join(map(repr, boundaries))
                raise ValueError(f"{field}: is for boundaries = {allowed}; remove it")
        return self

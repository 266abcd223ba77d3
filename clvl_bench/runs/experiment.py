"""What an experiment file may say: a grid of benchmarks x strategies x backbones x seeds x class
orders.
"""

import itertools
from typing import Literal, Self

from pydantic import Field, model_validator

from clvl_bench.backbones.catalog import Precision
from clvl_bench.core.schema import Schema


class ExperimentConfig(Schema):
    """Who runs on what, and how often. Every strategy gets the same seeds and orders, so that runs
    are paired.
    """

    version: Literal[1]
    benchmarks: tuple[str, ...] = Field(min_length=1)
    strategies: tuple[str, ...] = Field(min_length=1)
    backbones: tuple[str, ...] = Field(("tiny",), min_length=1)
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    precision: Precision = Field("fp32", description="of frozen towers")
    class_orders: tuple[int, ...] = Field(
        (), description="class_order_seed of each repetition; the benchmark's own if left out"
    )
    seed_is_order: bool = Field(
        False,
        description="each class order is run once, with the seed of its number, in the place of "
        "every order with every seed",
    )
    set: tuple[str, ...] = Field(
        (), description='overrides for every run, as on the command line: ["train.epochs=1"]'
    )
    set_of: dict[str, tuple[str, ...]] = Field(
        {},
        description="overrides for the runs of one strategy, behind those of `set`: {linear = "
        '["train.lr=3e-3"]}',
    )
    sweep: dict[str, tuple[bool | int | float | str, ...]] = Field(
        {},
        description='values to try of a field; every combination is run: {"train.lr" = [1e-4, '
        "1e-3]}",
    )

    @model_validator(mode="after")
    def _seeds_fit(self) -> Self:
        # Not whether they were written: a resolved file writes defaults out, too.
        if self.seed_is_order and self.seeds != type(self).model_fields["seeds"].default:
            raise ValueError("seeds: stand beside seed_is_order; keep one of them")
        if self.seed_is_order and not self.class_orders:
            raise ValueError("seed_is_order: is without class_orders; add them")
        return self

    @model_validator(mode="after")
    def _settings_are_of_strategies(self) -> Self:
        for name in self.set_of:
            if name not in self.strategies:
                raise ValueError(
                    f"set_of: got '{name}', which is none of strategies: "
                    f"{', '.join(self.strategies)}"
                )
        return self

    def seeds_of(self, order: int | None) -> tuple[int, ...]:
        """The seeds with which a class order is run."""
        if self.seed_is_order and order is not None:
            return (order,)
        return self.class_orders if self.seed_is_order else self.seeds

    @property
    def variants(self) -> list[tuple[str, ...]]:
        """The overrides of each combination of swept values; one without any where nothing is
        swept.
        """
        choices = [
            [f"{field}={_toml(value)}" for value in values] for field, values in self.sweep.items()
        ]
        return list(itertools.product(*choices))


def _toml(value: bool | int | float | str) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )

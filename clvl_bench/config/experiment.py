"""What an experiment file may say: a grid of benchmarks x strategies x backbones x seeds x class orders."""

from typing import Literal

from pydantic import Field

from clvl_bench.strict import Strict


class ExperimentConfig(Strict):
    """Who runs on what, and how often. Every strategy gets the same seeds and orders, so that runs are paired."""

    version: Literal[1]
    benchmarks: tuple[str, ...] = Field(min_length=1)
    strategies: tuple[str, ...] = Field(min_length=1)
    backbones: tuple[str, ...] = Field(("tiny",), min_length=1)
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    class_orders: tuple[int, ...] = Field(
        (), description="class_order_seed of each repetition; the benchmark's own if left out"
    )
    set: tuple[str, ...] = Field((), description='overrides for every run, as on the command line: ["train.epochs=1"]')

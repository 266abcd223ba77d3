"""Recorded: the configuration of a run of which the committed records alone are here.

It is made again from the files that its names lead to. Only where it then has the very id of the
run, which is a hash of all of it, is it that run's: a changed file or default gives none.
"""

from clvl_bench.core.errors import Mistake
from clvl_bench.report.configuration import Configuration
from clvl_bench.report.origin import Origin
from clvl_bench.report.overrides import parts_of
from clvl_bench.runs.files import run_config


def configuration_of(origin: Origin) -> Configuration | None:
    """What was run; None where the files that are here say something else, or are not here."""
    benchmark, of_benchmark = parts_of(origin.benchmark)
    strategy, of_strategy = parts_of(origin.strategy)
    overrides = [f"benchmark.{override}" for override in of_benchmark]
    if origin.class_order:
        overrides.append(f"benchmark.class_order_seed={origin.class_order}")
    try:
        config = run_config(
            benchmark,
            strategy,
            backbone=origin.backbone,
            seed=origin.seed,
            threads=int(origin.threads or 1),
            precision=origin.precision or "fp32",
            limit=int(origin.limit) if origin.limit else None,
            overrides=[*overrides, *of_strategy],
        )
    except Mistake:
        return None
    if config.id != origin.run:
        return None
    return Configuration(config.hashed(), config.benchmark_config, config.limit)

"""Recorded: what was run, where the committed records of a run alone are here.

Its configuration is made again from the files that its names lead to. Only where it then has the
very id of the run, which is a hash of all of it, is it that run's: a changed file or default gives
none. Prompts are told by a hash of their own, since they stay what they are where data lie
elsewhere.
"""

from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import prompts_sha256
from clvl_bench.report.configuration import Configuration
from clvl_bench.report.origin import Origin
from clvl_bench.report.overrides import parts_of
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import run_config
from clvl_bench.streams.class_plan import number_classes
from clvl_bench.streams.config import BenchmarkConfig


def configuration_of(origin: Origin) -> Configuration | None:
    """What was run; None where the files that are here say something else, or are not here."""
    config = _named(origin)
    if config is None or config.id != origin.run:
        return None
    return Configuration(config.hashed(), config.benchmark_config, config.limit)


def benchmark_of(origin: Origin) -> BenchmarkConfig | None:
    """The benchmark that a row names, where its prompts are those of the row; None where they are
    not, or are not here. Of questions the candidates come with the data: None as well.
    """
    config = _named(origin)
    if config is None or not origin.prompts_sha256:
        return None
    stream = config.benchmark_config
    if stream.questions is not None:
        return None
    classes, _ = number_classes(stream)
    return stream if prompts_sha256(classes).startswith(origin.prompts_sha256) else None


def _named(origin: Origin) -> RunConfig | None:
    """What the names of a row lead to today."""
    benchmark, of_benchmark = parts_of(origin.benchmark)
    strategy, of_strategy = parts_of(origin.strategy)
    overrides = [f"benchmark.{override}" for override in of_benchmark]
    if origin.class_order:
        overrides.append(f"benchmark.class_order_seed={origin.class_order}")
    try:
        return run_config(
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

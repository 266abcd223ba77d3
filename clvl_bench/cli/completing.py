"""Completing: what a shell offers where a name stands. Of these names Typer takes those that begin
as what was typed.

A shell asks at each press of a key, so that names come from the names of files and from
declarations: nothing here reaches torch. Where no name fits, the shell offers files, which most of
these arguments take as well.
"""

TABLES = (
    "datasets", "benchmarks", "strategies", "adapters", "plugins", "backbones", "answerers",
    "metrics",
)  # fmt: skip
"""What `list` shows."""


def benchmarks() -> list[str]:
    from clvl_bench.runs.toml_files import names

    return names("benchmark")


def strategies() -> list[str]:
    from clvl_bench.runs.toml_files import names

    return names("strategy")


def experiments() -> list[str]:
    from clvl_bench.runs.toml_files import names

    return names("experiment")


def targets() -> list[str]:
    from clvl_bench.runs.toml_files import target_names

    return target_names()


def published_tables() -> list[str]:
    from clvl_bench.runs.published_tables import table_names

    return table_names()


def tables() -> list[str]:
    return list(TABLES)


def backbones() -> list[str]:
    from clvl_bench.backbones.catalog import BACKBONES

    return [backbone.name for backbone in BACKBONES]


def fetched() -> list[str]:
    """Datasets and weights: what `fetch` and `pack` take."""
    from clvl_bench.backbones.answerers.catalog import ANSWERERS
    from clvl_bench.data.catalog.listing import NAMES

    return [*backbones(), *(answerer.name for answerer in ANSWERERS), *NAMES]


def trackers() -> list[str]:
    from clvl_bench.exporters.listing import EXPORTERS

    return list(EXPORTERS)


def engines() -> list[str]:
    from clvl_bench.runs.engines import ENGINES

    return list(ENGINES)


def devices() -> list[str]:
    from clvl_bench.runs.devices import DEVICES

    return list(DEVICES)


def precisions() -> list[str]:
    from typing import get_args

    from clvl_bench.backbones.catalog import Precision

    return list(get_args(Precision))

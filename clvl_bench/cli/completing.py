"""Completing: what a shell offers where a name stands. A shell asks at each press of a key, so that
names come from the names of files and from declarations: nothing here reaches torch.

An empty answer lets the shell offer files, which most of these arguments take as well.
"""

from collections.abc import Iterable

FOLDER_OF_TARGETS = ("experiments", "reproduce")
TABLES = (
    "datasets", "benchmarks", "strategies", "adapters", "plugins", "backbones", "answerers",
    "metrics",
)  # fmt: skip
"""What `list` shows."""


def benchmarks(incomplete: str) -> list[str]:
    return _files("benchmark", incomplete)


def strategies(incomplete: str) -> list[str]:
    return _files("strategy", incomplete)


def experiments(incomplete: str) -> list[str]:
    return _files("experiment", incomplete)


def targets(incomplete: str) -> list[str]:
    from clvl_bench.runs.toml_files import shipped

    folder = shipped().joinpath(*FOLDER_OF_TARGETS)
    return _fitting((path.stem for path in folder.glob("*.toml")), incomplete)


def tables(incomplete: str) -> list[str]:
    return _fitting(TABLES, incomplete)


def backbones(incomplete: str) -> list[str]:
    from clvl_bench.backbones.catalog import BACKBONES

    return _fitting((backbone.name for backbone in BACKBONES), incomplete)


def fetched(incomplete: str) -> list[str]:
    """Datasets and weights: what `fetch` and `pack` take."""
    from clvl_bench.backbones.answerers.catalog import ANSWERERS
    from clvl_bench.data.catalog.listing import NAMES

    answerers = [answerer.name for answerer in ANSWERERS]
    return [*backbones(incomplete), *_fitting([*answerers, *NAMES], incomplete)]


def trackers(incomplete: str) -> list[str]:
    from clvl_bench.exporters.listing import EXPORTERS

    return _fitting(EXPORTERS, incomplete)


def engines(incomplete: str) -> list[str]:
    from clvl_bench.cli.cluster_options import ENGINES

    return _fitting(ENGINES, incomplete)


def devices(incomplete: str) -> list[str]:
    return _fitting(("auto", "cpu", "cuda"), incomplete)


def precisions(incomplete: str) -> list[str]:
    return _fitting(("fp32", "bf16", "fp16"), incomplete)


def _files(sort: str, incomplete: str) -> list[str]:
    from clvl_bench.runs.toml_files import names

    return _fitting(names(sort), incomplete)


def _fitting(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))

"""Files: TOML by name or path, overrides from the command line, and runs made of them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from clvl_bench.core.errors import Mistake
from clvl_bench.core.files import is_file
from clvl_bench.core.schema import Schema, parse
from clvl_bench.core.toml_text import to_toml
from clvl_bench.data.catalog.sources import FeaturesSource
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.experiment import ExperimentConfig
from clvl_bench.runs.extends import Resolved, resolve
from clvl_bench.runs.overrides import lay_override
from clvl_bench.runs.own_copies import localised, with_own_copies
from clvl_bench.runs.run_id import without_folders
from clvl_bench.runs.toml_files import locate, read_toml, shown
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.training.config import StrategyConfig

_CONFIGS: dict[str, type[Schema]] = {
    "benchmark": BenchmarkConfig, "strategy": StrategyConfig, "experiment": ExperimentConfig,
}  # fmt: skip


def load(sort: str, name: str, overrides: Sequence[str] = ()) -> Schema:
    """A validated file: what it extends first, then its own settings, then the overrides.

    Raises:
        Mistake: the file or an override says something that is not allowed.
    """
    return _validated(sort, resolve(sort, locate(sort, name)), overrides)


def load_without_copies(benchmark: str) -> BenchmarkConfig:
    """A benchmark as its file says it, whatever datasets.toml lays over its datasets.

    Raises:
        Mistake: as `load`.
    """
    told = resolve("benchmark", locate("benchmark", benchmark))
    return parse(BenchmarkConfig, localised(told.content, told.path), file=told.said_by)


def _validated(sort: str, told: Resolved, overrides: Sequence[str] = ()) -> Schema:
    content = told.content
    for override in overrides:
        lay_override(content, override, _CONFIGS[sort])
    file = shown(told.path)
    if not overrides:
        return parse(_CONFIGS[sort], _placed(sort, content, told.path), file=told.said_by)
    prefix = "benchmark." if sort == "benchmark" else ""
    options = " ".join(f"--set {prefix}{override}" for override in overrides)
    return parse(_CONFIGS[sort], _placed(sort, content, told.path), file=f"{file} with {options}")


def _placed(sort: str, content: dict[str, Any], path: Path) -> dict[str, Any]:
    """The content of a file with the places of what it names on this machine: data of a benchmark,
    files of an experiment.
    """
    if sort == "experiment":
        return {**content, **_found_beside(content, path.resolve().parent)}
    if sort == "benchmark":
        return with_own_copies(localised(content, path))
    return content


def _found_beside(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The benchmarks and strategies of an experiment, also where settings are of one; files that
    the current folder has not are looked for in its own.
    """

    def found(name: Any) -> Any:
        beside = (
            isinstance(name, str)
            and name.endswith(".toml")
            and not is_file(Path(name))
            and is_file(folder / name)
        )
        return str(folder / name) if beside else name

    placed: dict[str, Any] = {
        field: [found(name) for name in content[field]]
        for field in ("benchmarks", "strategies")
        if isinstance(content.get(field), list)
    }
    if isinstance(content.get("set_of"), dict):
        placed["set_of"] = {found(name): told for name, told in content["set_of"].items()}
    return placed


def check(path: Path) -> tuple[str, Schema]:
    """What sort of file this is, by the fields it has, and its validated content.

    Raises:
        Mistake: as `load`; for an experiment also when a file that it names is wrong.
    """
    sort = _sort_of(path)
    config = _validated(sort, resolve(sort, path))
    if isinstance(config, ExperimentConfig):
        runs_of(config)
    return sort, config


def _sort_of(path: Path) -> str:
    """The sort whose fields the file has most of; what it leaves out of a parent counts as well."""
    content = read_toml(path)
    fields = set(content)
    if isinstance(content.get("without"), list):
        fields |= {str(name).partition(".")[0] for name in content["without"]}
    fields.discard("version")  # every sort has one
    counts = {sort: len(fields & set(config.model_fields)) for sort, config in _CONFIGS.items()}
    if not any(counts.values()):
        raise Mistake(
            f"{shown(path)}: is no benchmark, strategy or experiment: none of their fields is in it"
        )
    return max(counts, key=lambda sort: (counts[sort], sort))


def resolved(path: Path) -> str:
    """The whole configuration of a file as TOML, with all that it extends and with defaults. Saved
    as a file it is the same configuration.

    Raises:
        Mistake: as `check`.
    """
    sort, config = check(path)
    content = config.model_dump(mode="json")
    if sort == "benchmark":
        # The configuration has whole declarations, which no file may say of a dataset of the suite.
        told = _placed(sort, resolve(sort, path).content, path)
        del content["question_dataset"]
        content["dataset"] = told.get("dataset") or None
    return f"{_headline(path)}\n{to_toml(content)}"


def _headline(path: Path) -> str:
    """The comment that a file begins with, or another that says where the settings are from."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines[0] if lines and lines[0].startswith("# ") else f"# {path.name}, resolved."


def run_config(
    benchmark: str,
    strategy: str,
    *,
    backbone: str = "tiny",
    seed: int = 0,
    threads: int = 1,
    precision: str = "fp32",
    limit: int | None = None,
    overrides: Sequence[str] = (),
    read: Callable[[str, str, tuple[str, ...]], Schema] = load,
) -> RunConfig:
    """One run from names or paths. Overrides that begin with `benchmark.` are laid over the
    benchmark, the others over the strategy.

    Args:
        read: gives a file as `load` does.

    Raises:
        Mistake: something of it is not allowed.
    """
    for override in overrides:
        if "=" not in override:
            raise Mistake(
                f"--set {override}: has no '='; write key=value, for example train.epochs=1"
            )
    # Of a field that is set twice the last word counts, and a run is called by that alone.
    overrides = tuple({each.partition("=")[0].strip(): each for each in overrides}.values())
    prefix = "benchmark."
    of_benchmark = tuple(
        override.removeprefix(prefix) for override in overrides if override.startswith(prefix)
    )
    of_strategy = tuple(override for override in overrides if not override.startswith(prefix))
    stream = read("benchmark", benchmark, of_benchmark)
    assert isinstance(stream, BenchmarkConfig)
    content = {
        "benchmark": _label(
            benchmark, [each for each in of_benchmark if not each.startswith("class_order_seed=")]
        ),
        "strategy": _label(strategy, of_strategy),
        "backbone": _of_features(stream) or backbone,
        "seed": seed,
        "threads": threads,
        "precision": precision,
        "limit": limit,
        "benchmark_config": stream,
        "strategy_config": read("strategy", strategy, of_strategy),
    }
    return parse(RunConfig, content, file="command line")


def runs_of(experiment: ExperimentConfig, *, limit: int | None = None) -> list[RunConfig]:
    """The runs of a grid: strategies vary fastest, so that comparable runs end close together."""
    read_once = cache(load)  # hundreds of runs are made of a few files
    return [
        run_config(
            benchmark,
            strategy,
            backbone=backbone,
            seed=seed,
            precision=experiment.precision,
            limit=limit,
            overrides=(
                *experiment.set,
                *experiment.set_of.get(strategy, ()),
                *variant,
                *([] if order is None else [f"benchmark.class_order_seed={order}"]),
            ),
            read=read_once,
        )
        for benchmark in experiment.benchmarks
        for backbone in experiment.backbones
        for order in _class_orders(experiment, benchmark)
        for seed in experiment.seeds_of(order)
        for strategy in experiment.strategies
        for variant in experiment.variants
    ]


def _of_features(benchmark: BenchmarkConfig) -> str | None:
    """The backbone that precomputed features name themselves; tables must not call them by
    another's name.
    """
    sources = (benchmark.declared(name).source for name in benchmark.named)
    return next((source.backbone for source in sources if isinstance(source, FeaturesSource)), None)


def _class_orders(experiment: ExperimentConfig, benchmark: str) -> Sequence[int | None]:
    """The experiment's orders for a benchmark that has one; the benchmark's own for any other."""
    config = load("benchmark", benchmark)
    assert isinstance(config, BenchmarkConfig)
    return (
        experiment.class_orders if experiment.class_orders and config.has_class_order else (None,)
    )


def _label(name: str, overrides: Sequence[str]) -> str:
    """What tables call it: the file's name and, so that no variant is averaged with the original,
    what was overridden.

    (The class order is no variant: it is a coordinate of its own. Weights that moved to another
    folder are the same weights.)
    """
    stem = Path(name).stem if name.endswith(".toml") else name
    pairs = (override.partition("=") for override in overrides)
    told = [f"{key}={without_folders(value)}" for key, _, value in pairs]
    return f"{stem}[{','.join(told)}]" if told else stem

"""Files: TOML by name or path, overrides from the command line, and runs made of them."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import clvl_bench
from clvl_bench.core.errors import Mistake, near_match, some, unknown
from clvl_bench.core.schema import Schema, parse
from clvl_bench.data.catalog.sources import FeaturesSource
from clvl_bench.methods._base.memory_config import BOUNDS
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.experiment import ExperimentConfig
from clvl_bench.runs.run_id import without_folders
from clvl_bench.streams import config as benchmarks
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.training.config import StrategyConfig

FOLDERS: dict[str, str] = {
    "benchmark": "benchmarks", "strategy": "experiments/strategies", "experiment": "experiments",
}  # fmt: skip
"""Where the files of each sort live, here and in an installed package."""

OWN_COPIES = "datasets.toml"
"""Where a user says, once for all benchmarks, where datasets lie on this machine."""

_CONFIGS: dict[str, type[Schema]] = {
    "benchmark": BenchmarkConfig, "strategy": StrategyConfig, "experiment": ExperimentConfig,
}  # fmt: skip


def shipped() -> Path:
    """The folder above the shipped benchmarks/ and experiments/: inside the package if installed,
    else the checkout.
    """
    package = Path(clvl_bench.__file__).parent
    inside = package / "shipped"
    return inside if inside.is_dir() else package.parent


def names(sort: str) -> list[str]:
    """The names of all files of a sort, the current folder's and the shipped ones."""
    folders = (Path.cwd() / FOLDERS[sort], shipped() / FOLDERS[sort])
    return sorted(
        {file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.toml")}
    )


def locate(sort: str, name: str) -> Path:
    """The file behind a name or a path.

    Raises:
        Mistake: there is none; names a near match.
    """
    listed = "" if sort == "experiment" else f"clvl-bench list {Path(FOLDERS[sort]).name}"
    if name.endswith(".toml") or "/" in name:
        path = Path(name).expanduser()
        if not path.is_file():
            raise Mistake(
                f"{name}: no such file; give the path of a TOML file, or a name: "
                f"{some(name, names(sort), listed=listed)}"
            )
        return path
    for folder in (Path.cwd(), shipped()):
        path = folder / FOLDERS[sort] / f"{name}.toml"
        if path.is_file():
            return path
    raise Mistake(unknown(sort, name, names(sort), listed=listed))


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        Mistake: it is not TOML, or not text.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise Mistake(f"{_shown(path)}: is not valid TOML: {error}; strings need quotes") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{_shown(path)}: cannot be read: {error}") from None


def load(sort: str, name: str, overrides: Sequence[str] = ()) -> Schema:
    """A validated file, with overrides laid over it first.

    Raises:
        Mistake: the file or an override says something that is not allowed.
    """
    path = locate(sort, name)
    return _validated(sort, read_toml(path), path, overrides)


def _validated(
    sort: str, content: dict[str, Any], path: Path, overrides: Sequence[str] = ()
) -> Schema:
    for override in overrides:
        _override(content, override, _CONFIGS[sort])
    if sort == "experiment":
        content = {**content, **_found_beside(content, path.resolve().parent)}
    if sort == "benchmark":
        content = _with_own_copies(_localised(content, path))
    laid_over = " ".join(
        f"--set {'benchmark.' * (sort == 'benchmark')}{override}" for override in overrides
    )
    return parse(
        _CONFIGS[sort],
        content,
        file=f"{_shown(path)} with {laid_over}" if overrides else _shown(path),
    )


def _localised(content: dict[str, Any], path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = benchmarks.localised(content, base=path.resolve().parent)
    except ValueError as error:
        raise Mistake(f"{_shown(path)}: {error}") from None
    return found


def _with_own_copies(content: dict[str, Any]) -> dict[str, Any]:
    """A benchmark with the user's own copies of the datasets that it names: the tables
    `[dataset.<name>]` of datasets.toml in the current folder, or of the file that CLVL_DATASETS
    names. What the benchmark says itself comes first.

    Raises:
        Mistake: the file is named and not there, or says something that is not allowed.
    """
    chosen = os.environ.get("CLVL_DATASETS")
    path = Path(chosen or OWN_COPIES).expanduser()
    if not path.is_file():
        if chosen:
            raise Mistake(
                f"CLVL_DATASETS: {chosen}: no such file; name a TOML file with tables "
                f"[dataset.<name>], or unset it"
            )
        return content
    copies = read_toml(path)
    stray = [key for key in copies if key != "dataset"]
    if stray or not isinstance(copies.get("dataset", {}), dict):
        raise Mistake(
            f"{_shown(path)}: got '{(stray or ['dataset'])[0]}'; holds tables [dataset.<name>] and "
            f"nothing else"
        )
    if not isinstance(content.get("dataset", {}), dict):
        return content
    names = [content.get("reference")]
    for field in ("datasets", "zeroshot"):
        names += content[field] if isinstance(content.get(field), list) else []
    wanted = {name: table for name, table in copies.get("dataset", {}).items() if name in names}
    return {
        **content,
        "dataset": {
            **_localised({"dataset": wanted}, path)["dataset"],
            **content.get("dataset", {}),
        },
    }


def _found_beside(content: Mapping[str, Any], folder: Path) -> dict[str, list[Any]]:
    """The benchmarks and strategies of an experiment; files that the current folder has not are
    looked for in its own.
    """

    def found(name: Any) -> Any:
        beside = (
            isinstance(name, str)
            and name.endswith(".toml")
            and not Path(name).is_file()
            and (folder / name).is_file()
        )
        return str(folder / name) if beside else name

    fields = ("benchmarks", "strategies")
    return {
        field: [found(name) for name in content[field]]
        for field in fields
        if isinstance(content.get(field), list)
    }


def check(path: Path) -> tuple[str, Schema]:
    """What sort of file this is, by the fields it has, and its validated content.

    Raises:
        Mistake: as `load`; for an experiment also when a file that it names is wrong.
    """
    content = read_toml(path)
    sort = max(
        _CONFIGS, key=lambda sort: (len(set(_CONFIGS[sort].model_fields) & set(content)), sort)
    )
    if not set(_CONFIGS[sort].model_fields) & (set(content) - {"version"}):
        raise Mistake(
            f"{_shown(path)}: is no benchmark, strategy or experiment: none of their fields is in "
            f"it"
        )
    config = _validated(sort, content, path)
    if isinstance(config, ExperimentConfig):
        runs_of(config)
    return sort, config


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
) -> RunConfig:
    """One run from names or paths. Overrides that begin with `benchmark.` are laid over the
    benchmark, the others over the strategy.

    Raises:
        Mistake: something of it is not allowed.
    """
    for override in overrides:
        if "=" not in override:
            raise Mistake(
                f"--set {override}: has no '='; write key=value, for example train.epochs=1"
            )
    prefix = "benchmark."
    of_benchmark = [
        override.removeprefix(prefix) for override in overrides if override.startswith(prefix)
    ]
    of_strategy = [override for override in overrides if not override.startswith(prefix)]
    stream = load("benchmark", benchmark, of_benchmark)
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
        "strategy_config": load("strategy", strategy, of_strategy),
    }
    return parse(RunConfig, content, file="command line")


def runs_of(experiment: ExperimentConfig, *, limit: int | None = None) -> list[RunConfig]:
    """The runs of a grid: strategies vary fastest, so that comparable runs end close together."""
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
                *variant,
                *([] if order is None else [f"benchmark.class_order_seed={order}"]),
            ),
        )
        for benchmark in experiment.benchmarks
        for backbone in experiment.backbones
        for order in _class_orders(experiment, benchmark)
        for seed in experiment.seeds
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
        experiment.class_orders
        if experiment.class_orders and config.scenario == "class_incremental"
        else (None,)
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


def _override(content: dict[str, Any], override: str, config: type[Schema]) -> None:
    """Lay `a.b=value` over parsed TOML; a list of tables (plugins) is entered by the `kind` of its
    members.
    """
    key, _, text = override.partition("=")
    *parents, name = key.strip().split(".")
    place: Any = content
    for depth, part in enumerate(parents):
        if isinstance(place, list):
            found = [member for member in place if member.get("kind") == part]
            if not found:
                kinds = [str(member.get("kind")) for member in place]
                raise Mistake(f"--set {override}: {unknown(parents[depth - 1], part, kinds)}")
            place = found[0]
        else:
            if depth == 0 and part not in config.model_fields:
                allowed = [*config.model_fields, "benchmark"]
                raise Mistake(
                    f"--set {override}: unknown '{part}'; {near_match(part, allowed)}allowed: "
                    f"{', '.join(allowed)}"
                )
            if part == "plugins" and part not in place:
                raise Mistake(
                    f"--set {override}: this strategy has no plugins; add them in a file of your "
                    f"own"
                )
            place = place.setdefault(part, {})
    for bound in BOUNDS if name in BOUNDS else ():
        place.pop(bound, None)
    place[name] = _value(text.strip())


def _value(text: str) -> Any:
    """A TOML value, or where it is none, a string: `lr=0.1`, `sizes=[5, 5]`, `label_space=seen`."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _shown(path: Path) -> str:
    """A path as the user would write it: relative where it lies below the current folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)

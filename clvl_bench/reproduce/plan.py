"""Plan: the runs that give a target's figures, and what of data and weights is not here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clvl_bench.backbones.catalog import find
from clvl_bench.backbones.catalog import is_here as weights_are_here
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource, OwnCopySource, PrecomputedSource
from clvl_bench.data.readers.reading import is_here
from clvl_bench.reproduce.comparison import key_of
from clvl_bench.reproduce.target import Figure, Target
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.experiment import ExperimentConfig
from clvl_bench.runs.files import load, load_without_copies, runs_of
from clvl_bench.runs.toml_files import FOLDERS, is_path, locate, shipped, shown
from clvl_bench.streams.config import BenchmarkConfig

OWN_COPY = (
    "bring a copy and name it in datasets.toml, as docs/howto/datasets.md says: [dataset.{name}] "
    'source = {{ kind = "...", path = "..." }}'
)


@dataclass(frozen=True)
class Need:
    """Data or weights that runs read: whether they are here, and how one gets them if not."""

    what: str
    here: bool
    how: str = ""


def runs_for(
    target: Target, figures: Sequence[Figure], weights: Sequence[Path] = ()
) -> list[RunConfig]:
    """The runs of the target's experiments that have a published figure, each once.

    Args:
        weights: folders of weights of which no commit is pinned, each called as its backbone.

    Raises:
        Mistake: a figure has no run, so that it could never be compared; or another file stands
            before a shipped one; or a folder holds weights that the target does not ask for.
    """
    keys = {figure.key for figure in figures}
    found: dict[str, RunConfig] = {}
    for name in target.experiments:
        experiment = load("experiment", name)
        assert isinstance(experiment, ExperimentConfig)
        _refuse_others(name, experiment)
        experiment = _with_weights(experiment, weights)
        for benchmark in experiment.benchmarks:
            _refuse_other_words(benchmark)
        found |= {config.id: config for config in runs_of(experiment) if key_of(config) in keys}
    _refuse_unused(weights, found.values())
    without = keys - {key_of(config) for config in found.values()}
    if without:
        raise Mistake(f"{target.figure}: no run of its experiments is called {sorted(without)[0]}")
    return list(found.values())


def _refuse_others(name: str, experiment: ExperimentConfig) -> None:
    """A file of the current folder may bear the name of a shipped one, and say something else."""
    told = [("experiment", name)]
    told += [("benchmark", each) for each in experiment.benchmarks]
    told += [("strategy", each) for each in experiment.strategies]
    for sort, each in told:
        if is_path(each):
            continue
        found, ours = locate(sort, each), shipped() / FOLDERS[sort] / f"{each}.toml"
        if ours.is_file() and found.resolve() != ours.resolve():
            raise Mistake(
                f"{shown(found)}: stands before the suite's {sort} '{each}', which the target is "
                f"of; run this in another folder, or rename the file"
            )


def _with_weights(experiment: ExperimentConfig, weights: Sequence[Path]) -> ExperimentConfig:
    """The experiment on these folders, where it names their backbones and nobody can fetch them."""
    # A path as it is typed may be the name of a declared backbone, too; a whole one is a folder.
    folders = {folder.name: str(folder.resolve()) for folder in weights}
    backbones = [folders.get(name, name) for name in experiment.backbones]
    for name in set(experiment.backbones) & set(folders):
        declared = find(name)
        if not isinstance(declared, Path) and declared.revision is not None:
            raise Mistake(
                f"--weights {folders[name]}: those of {name} are pinned; leave it out, and run: "
                f"clvl-bench fetch {name}"
            )
    return experiment.model_copy(update={"backbones": tuple(backbones)})


def _refuse_unused(weights: Sequence[Path], runs: Iterable[RunConfig]) -> None:
    used = {config.backbone for config in runs}
    for folder in weights:
        if str(folder.resolve()) not in used:
            raise Mistake(
                f"--weights {folder}: the target has no backbone '{folder.name}'; call the folder "
                f"as one of its backbones (--dry-run shows them)"
            )


WORDS = ("labels", "classes", "templates", "splits")
"""What a published figure is of, and an own copy may not say otherwise."""


def _refuse_other_words(name: str) -> None:
    """A table of datasets.toml may say where data lie, not what they are called or how they are
    cut.
    """
    ours, here = load_without_copies(name), load("benchmark", name)
    assert isinstance(here, BenchmarkConfig)
    for dataset in ours.named:
        declared, found = ours.declared(dataset), here.declared(dataset)
        for field in WORDS:
            if getattr(declared, field, None) != getattr(found, field, None):
                raise Mistake(
                    f"[dataset.{dataset}]: says other {field} than the target is of; remove them "
                    f"from datasets.toml"
                )


def needs_of(runs: Sequence[RunConfig]) -> list[Need]:
    """Data and weights that these runs read, each once."""
    found: dict[str, Need] = {}
    for config in runs:
        for need in (*_data(config), *_weights(config)):
            found.setdefault(need.what, need)
    return list(found.values())


def _data(config: RunConfig) -> list[Need]:
    needs = []
    for name in dict.fromkeys(name for name, _ in config.benchmark_config.splits):
        dataset = config.benchmark_config.declared(name)
        how = OWN_COPY.format(name=name)
        if isinstance(dataset.source, HubSource):
            how = f"run: clvl-bench fetch {name}"
        needs.append(Need(f"data {name}", _can_be_read(dataset), how))
        if _wants_captions(config, name) and isinstance(dataset, ImageDataset):
            how = f"name a file of sentences: [dataset.{name}] captions"
            needs.append(Need(f"captions of {name}", dataset.captions is not None, how))
    return needs


def _can_be_read(dataset: object) -> bool:
    """Whether it is here; a folder that is named must be there, too."""
    path = getattr(getattr(dataset, "source", None), "path", None)
    if isinstance(path, Path) and not path.exists():
        return False
    return is_here(dataset)  # type: ignore[arg-type]


def _wants_captions(config: RunConfig, name: str) -> bool:
    reads = any(plugin.reads_captions for plugin in config.strategy_config.plugins)
    return reads and name == config.benchmark_config.reference


def _weights(config: RunConfig) -> list[Need]:
    """None where all features come with the data."""
    datasets = [config.benchmark_config.declared(name) for name in config.benchmark_config.named]
    sources = [_layout(dataset.source) for dataset in datasets]
    if all(isinstance(each, PrecomputedSource) for each in sources):
        return []
    named = (config.backbone, config.strategy_config.teacher)
    needs = []
    for name in dict.fromkeys(each for each in named if each is not None):
        declared = find(name)
        if isinstance(declared, Path):
            needs.append(Need(f"weights {name}", here=True))
        else:
            here = weights_are_here(declared)
            how = declared.how_to_get
            if declared.revision is None:
                how += f"; here it is given as --weights ./{declared.name}"
            needs.append(Need(f"weights {declared.name}", here, how))
    return needs


def _layout(source: object) -> object:
    """How a source is read; of an own copy that nobody named yet, how one would be."""
    return source.like if isinstance(source, OwnCopySource) else source

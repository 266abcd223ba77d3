"""Preparing: what several verbs do before their own work. Nothing heavy is imported with it."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from clvl_bench.core.errors import Mistake, printable, unknown
from clvl_bench.core.files import temporary_name

if TYPE_CHECKING:
    from clvl_bench.runs.config import RunConfig
    from clvl_bench.runs.experiment import ExperimentConfig
    from clvl_bench.streams.config import BenchmarkConfig


def load_experiment(name: str) -> "ExperimentConfig":
    """An experiment by name or path."""
    from clvl_bench.runs.experiment import ExperimentConfig
    from clvl_bench.runs.files import load

    experiment = load("experiment", name)
    assert isinstance(experiment, ExperimentConfig)
    return experiment


def result_folders(names: list[str], results: Path) -> list[Path]:
    """Folders as they are named, and the run folders of experiments; without a name, all results.

    Raises:
        Mistake: a name is neither.
    """
    from clvl_bench.runs.files import runs_of
    from clvl_bench.runs.toml_files import names as known

    folders: list[Path] = []
    for name in names or [str(results)]:
        if Path(name).is_dir():
            folders.append(Path(name))
        elif name.endswith(".toml") or name in known("experiment"):
            folders += [results / "runs" / config.id for config in runs_of(load_experiment(name))]
        else:
            near = unknown("experiment", name, known("experiment"))
            raise Mistake(f"{name}: no such folder, and {near}")
    return folders


def refuse_unwritable(results: Path) -> None:
    """Try whether a folder can be written, before anything else takes time.

    Raises:
        Mistake: it cannot.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        probe = results / temporary_name()
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Mistake(
            f"--results {results}: cannot be written ({error.strerror}); choose another folder"
        ) from None


def refuse_unknown_backbones(runs: Iterable["RunConfig"]) -> None:
    """Look for the backbones of some runs by name, before any library or folder is touched.

    Raises:
        Mistake: one is neither declared nor a folder, and its features do not come with the data.
    """
    from clvl_bench.backbones.catalog import find

    for name in dict.fromkeys(
        run.backbone for run in runs if not run.benchmark_config.is_precomputed
    ):
        find(name)


def say_first(line: str, *, dry: bool = False) -> None:
    """A word before what is heavy is imported: that takes seconds."""
    if not dry:
        print(printable(line), flush=True)


def say_what_is_laid_over(benchmarks: Iterable["BenchmarkConfig"]) -> None:
    """What a benchmark does with the data that its name does not tell: a line for each, once."""
    said: dict[str, None] = {}
    for config in benchmarks:
        for line in _quiet_choices(config):
            said[line] = None
    for line in said:
        print(printable(line), flush=True)


def say_what_has_no_order(experiment: "ExperimentConfig", runs: Iterable["RunConfig"]) -> None:
    """A grid's class orders are passed over where classes do not arrive in groups: a line says
    where.
    """
    if not experiment.class_orders:
        return
    without = {run.benchmark: None for run in runs if not run.benchmark_config.has_class_order}
    if without:
        names = ", ".join(without)
        print(printable(f"class_orders: pass over {names}, whose classes do not arrive in groups"))


def _quiet_choices(config: "BenchmarkConfig") -> list[str]:
    from clvl_bench.data.catalog.listing import NAMES

    lines = []
    if config.valid_fraction:
        share = f"{100 * config.valid_fraction:g} %"
        lines.append(f"Set aside {share} of the training samples for validation (valid_fraction)")
    known = sorted({*config.dataset, *config.question_dataset} & set(NAMES))
    lines += [f"Laid [dataset.{name}] of the file over the suite's {name}" for name in known]
    return lines


def silence_libraries(threads: int) -> None:
    """No chatter of libraries on the user's screen; and torch's threads.

    Call it before torch is imported: it reads its number of threads only then.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # The workers that a grid starts take it from here.
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    warnings.filterwarnings("ignore")

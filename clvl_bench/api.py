"""The public face: what a notebook or a script needs, as `clvl_bench.<name>`.

Every function here does what the command of the same name does. Heavy packages are imported when
a function is called, not before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clvl_bench.core.errors import Mistake
from clvl_bench.core.schema import parse
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.experiment import ExperimentConfig
from clvl_bench.runs.files import load, run_config, runs_of
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.training.config import StrategyConfig

if TYPE_CHECKING:
    import pandas as pd

    from clvl_bench.audits.verdict import Finding
    from clvl_bench.backbones.base import Backbone, TowerBackbone
    from clvl_bench.records.result import Result
    from clvl_bench.report.runs import Run
    from clvl_bench.runs.grid import Outcome
    from clvl_bench.streams.benchmark import Benchmark


class Strategy(StrategyConfig):
    """Who learns: an adapter, plugins and training settings, as a strategy file says it.

    Adapter and plugins are configuration objects, or tables with their `kind`; the settings of
    training come as a table or as a `TrainConfig`.

    Raises:
        pydantic.ValidationError: a part is not allowed, or parts do not go together.

    Example:
        >>> import clvl_bench as cb
        >>> strategy = cb.Strategy(adapter={"kind": "linear"}, train={"lr": 0.01})
        >>> strategy.adapter.kind, strategy.train.epochs
        ('linear', 5)
    """

    version: Literal[1] = 1


def run(
    benchmark: str,
    strategy: str | StrategyConfig,
    *,
    name: str | None = None,
    backbone: str = "tiny",
    seed: int = 0,
    limit: int | None = None,
    overrides: Sequence[str] = (),
    results: str | Path = "results",
    device: str = "auto",
    progress: bool = True,
) -> "Result":
    """Run one strategy on one benchmark, or go on where it was interrupted, or read it back.

    The same as `clvl-bench run`, with the same files below `results`.

    Args:
        benchmark: name or path of a benchmark's TOML file.
        strategy: name or path of a strategy's TOML file, or a `Strategy` made here, whose adapter
            and plugins may be classes of this session.
        name: what tables call a `Strategy` made here; the kinds of its parts if left out.
        backbone: a name of `clvl-bench list backbones`, or a folder of weights.
        seed: of everything random in the run.
        limit: samples a split, to try things out; marks the result as partial.
        overrides: as on the command line: `["train.epochs=1", "benchmark.label_space=seen"]`.
        results: the folder whose `runs` holds the run folders.
        device: auto, cpu, or cuda.

    Returns:
        The finished run, read back and verified: `records`, `provenance`, `timing`, `folder`.

    Raises:
        Mistake, Missing, Damage: configuration, data or weights are not as they should be.
        RunFailed: the run cannot go on.
        Busy: another process works on it.

    Example:
        >>> import clvl_bench as cb
        >>> result = cb.run("toy_landcover", "zeroshot", limit=20, progress=False)
        >>> len({record.experience for record in result.records if record.stream == "test"})
        5
    """
    from clvl_bench.runs.devices import choose_device
    from clvl_bench.runs.runner import run as run_one

    if isinstance(strategy, str):
        config = run_config(
            benchmark, strategy, backbone=backbone, seed=seed, limit=limit, overrides=overrides
        )
    else:
        named = name or _name_of(strategy)
        if any(not override.startswith("benchmark.") for override in overrides):
            raise Mistake(
                "overrides: a Strategy made here has its settings in itself; "
                "only overrides that begin with 'benchmark.' are for it"
            )
        stream = run_config(
            benchmark, "zeroshot", backbone=backbone, seed=seed, limit=limit, overrides=overrides
        )
        content = {**dict(stream), "strategy": named, "strategy_config": strategy}
        config = parse(RunConfig, content, file="run")
    where = choose_device(device, config.precision)
    return run_one(config, results=Path(results), device=where, progress=progress)


def run_grid(
    experiment: str | Path | ExperimentConfig,
    *,
    results: str | Path = "results",
    jobs: int | None = None,
    limit: int | None = None,
    device: str = "auto",
    methods: Sequence[str | Path] = (),
) -> list["Outcome"]:
    """Run what is missing of a grid, several runs at a time; the same as `clvl-bench grid`.

    Args:
        experiment: name or path of an experiment's TOML file, or an `ExperimentConfig`.
        jobs: runs at a time; one a core if left out.
        methods: Python files with methods of one's own. Worker processes load them, too; a class
            that only this session has defined cannot travel to them.

    Returns:
        How each run that was missing ended: `config`, `state` (done, failed, busy), `reason`.

    Raises:
        Mistake: the experiment, or a file that it names, is wrong.

    Example:
        >>> import clvl_bench as cb
        >>> outcomes = cb.run_grid("ci", limit=20, jobs=1)  # doctest: +SKIP
    """
    from clvl_bench.methods.registry import load_methods
    from clvl_bench.runs.devices import refuse_missing_device
    from clvl_bench.runs.grid import default_jobs, grid

    load_methods([Path(file) for file in methods])
    config = experiment
    if not isinstance(config, ExperimentConfig):
        found = load("experiment", str(experiment))
        assert isinstance(found, ExperimentConfig)
        config = found
    refuse_missing_device(device, config.precision)
    runs = runs_of(config, limit=limit)
    return list(grid(runs, results=Path(results), jobs=jobs or default_jobs(), device=device))


def audit(
    strategy: str | StrategyConfig, benchmark: str | None = None, *, backbone: str = "tiny"
) -> "list[Finding]":
    """Whether a strategy leaks: a small run is listened to, and each audit says what it found.

    The same as `clvl-bench audit`; `strategy` may be a `Strategy` whose parts are classes of this
    session. Results of a run that leaks are not worth reading.

    Args:
        strategy: name or path of a strategy's TOML file, or a `Strategy` made here.
        benchmark: name or path of a benchmark's TOML file, of which 30 samples a split are taken;
            a toy one with few or late labels if left out.
        backbone: a name of `clvl-bench list backbones`, or a folder of weights.

    Returns:
        A finding for each audit, with its `name` and what it `found` wrong: nothing, where all is
        well.

    Raises:
        Mistake, Missing, Damage: configuration, data or weights are not as they should be.
        RunFailed: the run cannot go on.

    Example:
        >>> import clvl_bench as cb
        >>> findings = cb.audit("zeroshot")
        >>> [finding.name for finding in findings if finding.found]
        []
    """
    from clvl_bench.audits.audit import audit as audit_one
    from clvl_bench.audits.small import small_config

    return list(audit_one(small_config(strategy, benchmark, backbone=backbone)))


def load_backbone(name: str = "tiny", *, device: str = "cpu") -> "TowerBackbone":
    """A frozen vision-language model by name or folder: towers, tokenizer, preprocessing.

    Raises:
        Mistake: nobody has declared it and it is no folder.
        Missing: its weights are not on this machine; says how to get them.
        Damage: a file of it is not what it should be.

    Example:
        >>> import clvl_bench as cb
        >>> cb.load_backbone("tiny").width
        64
    """
    from clvl_bench.backbones.loading import load_backbone as load_one

    return load_one(name, device=device)


def load_benchmark(
    name: str,
    backbone: "Backbone | None" = None,
    *,
    input_kind: InputKind = "image_features",
    limit: int | None = None,
) -> "Benchmark":
    """A benchmark by name or path, for Avalanche's own strategies or a loop of one's own.

    All labels are there, but those that its supervision withholds for good (-1). `scenario` holds
    Avalanche's streams `train`, `valid`, `test` and `zeroshot`; `view.plan` says which classes are
    met when.

    Args:
        backbone: whose features are read; the embedded toy CLIP if left out.
        input_kind: what a sample's input is: `image_features` [width], or `pixels` [3, side, side].
        limit: samples a split.

    Raises:
        Mistake, Missing, Damage: the file or its data are not as they should be.

    Example:
        >>> import clvl_bench as cb
        >>> benchmark = cb.load_benchmark("toy_landcover", limit=20)
        >>> len(benchmark.scenario.train_stream)
        5
    """
    from clvl_bench.streams.benchmark import build_benchmark, inputs_of
    from clvl_bench.streams.reading import read_slices

    config = load("benchmark", name)
    assert isinstance(config, BenchmarkConfig)
    parts = read_slices(config, limit=limit)
    inputs = inputs_of(input_kind, parts, backbone or load_backbone())
    benchmark = build_benchmark(config, parts, inputs)
    benchmark.label_store.reveal_all()
    return benchmark


@dataclass(frozen=True)
class Results:
    """Finished and failed runs, read back and verified.

    Example:
        >>> import clvl_bench as cb
        >>> frame = cb.load_results("results/toy_landcover").to_frame()
        >>> sorted(frame["metric"].unique())[:2]
        ['accuracy', 'kept_bytes']
    """

    runs: "tuple[Run, ...]"

    def to_frame(self) -> "pd.DataFrame":
        """One tidy row per measured value, with the columns of `records` and the run's id first."""
        import pandas as pd

        from clvl_bench.records.rows import COLUMNS

        rows: list[dict[str, Any]] = []
        for each in self.runs:
            rows += [{"run": each.origin.run, **vars(record)} for record in each.records]
        return pd.DataFrame(rows, columns=["run", *COLUMNS])

    def predictions(self, *, stream: str = "test", all_evaluations: bool = False) -> "pd.DataFrame":
        """What was predicted for each sample: one row a sample, run and evaluation.

        The columns are `run`, `strategy`, `seed`, `class_order`, `trained` (the experiences learned
        before), `sample` (its id in the benchmark), `predicted` and `true` (class ids; a prediction
        is -1 where there was none, the truth -2 where it is no candidate), `confidence` (the
        probability of the predicted class among the candidates; NaN where an older run did not
        keep it), and `predicted_class` and `true_class`, their names where the run's configuration
        says them.

        Args:
            stream: test, valid, or zeroshot.
            all_evaluations: those after each experience as well, not the last alone.

        Raises:
            Mistake: none of the runs has predictions: they stand in run folders, not in committed
                records.

        Example:
            >>> import clvl_bench as cb
            >>> frame = cb.load_results("results/runs").predictions()  # doctest: +SKIP
            >>> right = frame["predicted"] == frame["true"]  # doctest: +SKIP
            >>> accuracy_of_classes = right.groupby(frame["true_class"]).mean()  # doctest: +SKIP
        """
        from clvl_bench.report.predictions import predictions_frame

        return predictions_frame(self.runs, stream=stream, all_evaluations=all_evaluations)

    def summary(self) -> "pd.DataFrame":
        """One row a strategy: mean and standard deviation of each metric and cost over runs."""
        from clvl_bench.report.summary import summary

        return summary(list(self.runs))


def load_results(*paths: str | Path) -> Results:
    """The runs found at these paths: run folders, folders of run folders, or committed folders.

    Raises:
        Mistake: nothing is there.
        Damage: a result is not what was written.

    Example:
        >>> import clvl_bench as cb
        >>> len(cb.load_results("results/toy_landcover").runs)
        162
    """
    from clvl_bench.report.runs import load as load_runs

    where: Iterable[Path] = [Path(path) for path in paths or ("results",)]
    return Results(tuple(load_runs(where)))


def _name_of(strategy: StrategyConfig) -> str:
    """The kinds of its parts, as `scale+replay`."""
    return "+".join([strategy.adapter.kind, *(plugin.kind for plugin in strategy.plugins)])

"""Settings are chosen on validation rows, and on nothing else."""

import pytest

from clvl_bench.cli.show import show_settings
from clvl_bench.core.errors import Mistake
from clvl_bench.records.rows import Record
from clvl_bench.report.runs import Origin, Run
from clvl_bench.report.selection import accuracy, select
from clvl_bench.runs.experiment import ExperimentConfig
from clvl_bench.runs.files import runs_of


def row(stream: str, experience: int, value: float, n: int = 10) -> Record:
    return Record("b", "seen", "s", "tiny", 0, 0, 2, stream, experience, "d", "accuracy", value, n)


def run(strategy: str, *records: Record, seed: int = 0, state: str = "done") -> Run:
    return Run(Origin(f"{strategy}{seed}", "b", "seen", strategy, "tiny", seed, 0, state), records)


def kept(*runs: Run) -> dict[str, str]:
    return {setting.strategy: setting.overrides for setting in select(runs) if setting.kept}


def test_accuracy_counts_validation_samples_of_all_experiences_alike():
    rows = [row("valid", 0, 0.5, n=30), row("valid", 1, 1.0, n=10), row("test", 0, 0.0, n=1000)]
    assert accuracy(rows) == (15 + 10) / 40


def test_the_best_on_validation_is_kept_whatever_test_says():
    good = run("s[train.lr=0.1]", row("valid", 0, 0.9), row("test", 0, 0.1))
    bad = run("s[train.lr=0.2]", row("valid", 0, 0.8), row("test", 0, 1.0))
    assert kept(good, bad) == kept(bad, good) == {"s": "train.lr=0.1"}


def test_each_strategy_keeps_its_own():
    runs = [
        run("s[a=1]", row("valid", 0, 0.5)),
        run("t[a=1]", row("valid", 0, 0.1)),
        run("t[a=2]", row("valid", 0, 0.2)),
    ]
    assert kept(*runs) == {"s": "a=1", "t": "a=2"}


def test_a_setting_with_a_failed_run_is_shown_and_not_kept():
    shaky = [run("s[a=1]", row("valid", 0, 1.0)), run("s[a=1]", seed=1, state="failed")]
    assert kept(*shaky, run("s[a=2]", row("valid", 0, 0.2))) == {"s": "a=2"}
    assert [(setting.overrides, setting.failed) for setting in select(shaky)] == [("a=1", 1)]


def test_where_no_run_has_finished_that_is_said_and_nothing_kept():
    with pytest.raises(Mistake, match="none of these 2 runs has finished"):
        select([run("s[a=1]", state="failed"), run("s[a=2]", state="failed")])


def test_of_a_strategy_whose_settings_all_have_failed_runs_none_is_kept(capsys):
    shaky = [run("s[a=1]", row("valid", 0, 1.0)), run("s[a=1]", seed=1, state="failed")]
    sound = run("t[a=1]", row("valid", 0, 0.2))
    assert kept(*shaky, sound) == {"t": "a=1"}
    show_settings(select([*shaky, sound]))
    _, none_kept, first, _, second = capsys.readouterr().out.splitlines()
    assert "no setting is kept" in none_kept
    assert (first.strip()[:3], second.strip()[:3]) == ("a=1", "* a")


def test_without_validation_there_is_no_choice():
    with pytest.raises(Mistake, match="valid_fraction"):
        select([run("s[a=1]", row("test", 0, 0.5))])


def test_a_sweep_runs_every_combination_once():
    sweep = {"train.lr": (1e-4, 0.5), "train.epochs": (1, 2)}
    config = ExperimentConfig(
        version=1, benchmarks=("toy_landcover",), strategies=("prompt",), sweep=sweep
    )
    settings = [run.strategy_config.train for run in runs_of(config)]
    assert sorted((each.lr, each.epochs) for each in settings) == [
        (1e-4, 1),
        (1e-4, 2),
        (0.5, 1),
        (0.5, 2),
    ]
    assert "prompt[train.lr=0.0001,train.epochs=1]" in {run.strategy for run in runs_of(config)}


def test_what_cannot_be_swept_is_a_mistake():
    config = ExperimentConfig(
        version=1, benchmarks=("toy_landcover",), strategies=("prompt",), sweep={"train.lrr": (1,)}
    )
    with pytest.raises(Mistake, match="lrr"):
        runs_of(config)

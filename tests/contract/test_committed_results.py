"""What is committed is what today's files and defaults would run, and as it was written."""

import pytest
from contract.tables import ROOT

from clvl_bench.report.committed import is_committed, origins
from clvl_bench.report.runs import load as load_runs
from clvl_bench.runs.files import load, runs_of

FOLDERS = sorted(folder for folder in (ROOT / "results").glob("*/") if is_committed(folder))
NOT_RUN = (
    "zscl_mtil",
    "mtil_baselines",
    "mtil_lwf_vr",
    "proof_cifar100",
    "zeroshot_eurosat",
    "zeroshot_resisc45",
    "zeroshot_cifar10",
    "zeroshot_cifar100",
)
"""Experiments on data that cannot be committed, and of which nothing is."""
EXPERIMENTS = sorted(
    file.stem for file in (ROOT / "experiments").glob("*.toml") if file.stem not in NOT_RUN
)
MIB = 2**20


@pytest.fixture(scope="module")
def committed_ids() -> set[str]:
    return {origin.run for folder in FOLDERS for origin in origins(folder)}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_run_of_an_experiment_is_committed_under_the_id_that_it_has_today(
    name, committed_ids, tmp_path, monkeypatch
):
    """A field that came without `Since`, a changed default or a changed strategy file moves ids:
    then the numbers that stand here are of another configuration, and are to be run anew.
    """
    monkeypatch.chdir(tmp_path)
    missing = {config.id for config in runs_of(load("experiment", name))} - committed_ids
    assert not missing


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_committed_folder_is_as_it_was_written(folder, caplog):
    assert load_runs([folder])
    assert caplog.messages == []


def test_every_committed_run_of_a_toy_took_less_than_two_gigabytes():
    toys = [folder for folder in FOLDERS if folder.name.startswith("toy_")]
    peaks = [each.peak_memory_mib for folder in toys for each in origins(folder)]
    assert len(peaks) > 1000
    assert 0 < max(peaks) * MIB < 2e9


def test_committed_results_are_light():
    made_here = ("index.html", "summary.tex")  # by make report, and ignored by git
    files = [
        path
        for folder in FOLDERS
        for path in folder.iterdir()
        if path.is_file() and path.name not in made_here
    ]
    assert sum(path.stat().st_size for path in files) < 10 * MIB
    assert {path.suffix for path in files} <= {".parquet", ".json", ".csv", ".md", ".html"}

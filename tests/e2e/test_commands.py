"""The verbs in the order in which they are used: run, report, compare, a grid; and what they leave
alone.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from command import clvl_here
from helpers.trackers import read_tensorboard

from clvl_bench.exporters.curves import point_of
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.report.committed import write_committed
from clvl_bench.report.runs import load
from clvl_bench.runs import runner

STRATEGY = """version = 1
[adapter]
kind = "prompt"
[train]
epochs = 1
"""
EXPERIMENT = """version = 1
benchmarks = ["small.toml"]
strategies = ["zeroshot", "s.toml", "broken.toml", "big.toml"]
"""
REPLAY = STRATEGY.replace(
    "[train]", '[[plugins]]\nkind = "replay"\nmemory_size = 50\n[train]\nclasses = "seen"'
)
RUN = ("run", "--no-plots", "small.toml", "s.toml", "--limit", 20)


@pytest.fixture
def files(tmp_path: Path, small: Path) -> Path:
    """A folder with a benchmark, strategies and an experiment in it. One of the strategies
    fails.
    """
    (tmp_path / "s.toml").write_text(STRATEGY)
    (tmp_path / "big.toml").write_text(REPLAY)
    (tmp_path / "broken.toml").write_text(STRATEGY.replace("epochs = 1", "epochs = 1\nlr = 1e30"))
    (tmp_path / "grid.toml").write_text(EXPERIMENT)
    return tmp_path


def written(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_plan_then_run_then_report_then_compare(files):
    planned = clvl_here(*RUN, "--dry-run", cwd=files).stdout.split()[1]
    done = clvl_here(*RUN, cwd=files)
    assert done.returncode == 0, done.stderr
    assert "(partial: --limit 20)" in done.stdout
    assert [folder.name for folder in files.glob("results/runs/*")] == [planned]
    report = clvl_here("report", "results", "--out", "table", cwd=files)
    assert report.returncode == 0, report.stderr
    made = {"manifest.json", "records.parquet", "runs.parquet", "summary.csv", "summary.md"}
    made |= {"summary.tex", "index.html", "plots/seen_accuracy.png"}
    assert made <= set(written(files / "table"))
    page = files / "results" / "runs" / planned / "report" / "index.html"
    assert f"Page      {page.relative_to(files)}" in done.stdout
    text = page.read_text()
    assert "data:image/jpeg" in text, "a painted picture may be shown to anybody"
    assert str(files) not in text
    same = clvl_here("compare", "results", "table", cwd=files)
    assert (same.returncode, same.stdout) == (
        0,
        "1 runs compared, 0 values differ by more than 0\n",
    )


def test_compare_tells_which_number_moved(files):
    clvl_here(*RUN, cwd=files)
    clvl_here("report", "results", "--out", "table", "--no-plots", cwd=files)
    (run,) = load([files / "table"])
    records = [
        replace(row, value=row.value + 0.05)
        if (row.stream, row.trained, row.experience) == ("test", 2, 1)
        else row
        for row in run.records
    ]
    write_committed([replace(run, records=tuple(records))], files / "table")
    moved = clvl_here("compare", "results", "table", cwd=files)
    assert moved.returncode == 1
    difference, total = moved.stdout.splitlines()
    assert difference.startswith("s seed 0 after 2: accuracy on test 1: ")
    assert total == "1 runs compared, 1 values differ by more than 0"
    assert clvl_here("compare", "results", "table", "--tolerance", 0.06, cwd=files).returncode == 0


def test_a_finished_run_is_shown_again_and_not_computed_again(files, monkeypatch):
    first = clvl_here(*RUN, cwd=files)
    before = written(files)

    def never(*_, **__):
        raise AssertionError("it is finished")

    monkeypatch.setattr(runner, "_execute", never)
    again = clvl_here(*RUN, cwd=files)
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout
    assert written(files) == before


def test_another_adapter_or_plugin_under_an_old_name_is_another_run(files):
    """What was there stays; the two are not averaged into one row of a table."""
    held = STRATEGY.replace("[train]", '[[plugins]]\nkind = "ewc"\n[train]')
    (files / "s.toml").write_text(held)
    assert clvl_here(*RUN, cwd=files).returncode == 0
    (first,) = files.glob("results/runs/*")
    for old, new in (("prompt", "linear"), ("ewc", "mas")):
        (files / "s.toml").write_text(held.replace(f'"{old}"', f'"{new}"'))
        planned = clvl_here(*RUN, "--dry-run", cwd=files).stdout.split()
        assert planned[0] == "missing"
        assert planned[1] != first.name
    assert clvl_here(*RUN, cwd=files).returncode == 0
    refused = clvl_here("report", "results", "--out", "table", cwd=files)
    assert refused.returncode == 2
    assert "have one name and different settings" in refused.stderr


def test_a_dry_run_shows_the_plan_and_writes_nothing(files, empty_home):
    before = written(files)
    run = clvl_here(*RUN, "--dry-run", cwd=files)
    grid = clvl_here("grid", "grid.toml", "--dry-run", cwd=files)
    assert (run.returncode, grid.returncode) == (0, 0)
    assert "1 runs, 1 to do; nothing was written" in run.stdout
    assert "4 runs, 4 to do; nothing was written" in grid.stdout
    assert written(files) == before
    assert not (files / "results").exists()
    assert not empty_home.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["list", "prompt"],
        ["list", "distillation"],
        ["doctor"],
        ["check", "small.toml", "s.toml", "grid.toml"],
    ],
    ids=" ".join,
)
def test_what_is_printed_fits_into_80_columns(files, arguments):
    done = clvl_here(*arguments, cwd=files)
    assert done.returncode == 0, done.stdout
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []


def test_the_fields_of_an_adapter_and_of_a_plugin_are_listed_with_defaults_and_bounds(
    files, capsys, monkeypatch
):
    from clvl_bench.cli.listing import show

    monkeypatch.setenv("COLUMNS", "200")
    show("prompt")
    show("replay")
    rows = {
        line.split()[0]: line.split()
        for line in capsys.readouterr().out.splitlines()
        if line.strip()
    }
    assert rows["context_length"][1:8] == ["16", "whole", "number", ">=", "1", "<=", "64"]
    assert rows["position"][1:5] == ['"end"', "end,", "middle,", "front"]
    assert rows["class_specific"][1] == "false"
    assert rows["memory_size"][2:4] == ["whole", "number"]
    assert rows["memory_bytes"][1] == "-", "left out"


def test_the_list_of_datasets_says_size_licence_and_whether_it_is_here(files, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(files / "hub"))
    rows = {}
    fetched = (
        files
        / "hub"
        / "datasets--timm--eurosat-rgb"
        / "snapshots"
        / "b4e28552cd5f3932b6abc37eb20d3e84901ad728"
        / "data"
    )
    for here in ("fetch", "yes"):
        lines = [
            line.split("  ")
            for line in clvl_here("list", "datasets", cwd=files).stdout.splitlines()
        ]
        cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
        rows[here] = {line[0]: line[1:] for line in cells if len(line) == 6}
        fetched.mkdir(parents=True, exist_ok=True)
        for split in ("train", "validation", "test"):
            (fetched / f"{split}-0.parquet").touch()
    assert rows["fetch"]["toy_landcover"] == ["10", "1600/-/400", "-", "MIT", "yes"]
    assert rows["fetch"]["pathmnist"] == [
        "9",
        "89996/10004/7180",
        "206 MB",
        "CC BY 4.0",
        "own copy",
    ]
    assert rows["fetch"]["aid"] == ["30", "10000, no split", "2.6 GB", "not stated", "own copy"]
    assert (
        rows["fetch"]["resisc45"]
        == rows["yes"]["resisc45"]
        == ["45", "18900/6300/6300", "425 MB", "CC BY-NC 4.0", "fetch"]
    )
    assert [rows[here]["eurosat"][-1] for here in ("fetch", "yes")] == ["fetch", "yes"]


@pytest.mark.slow
def test_a_run_that_fails_takes_no_other_run_of_its_grid_down(process, files):
    grid = ("grid", "grid.toml", "--limit", 20, "--log-to", "tensorboard", "--jobs")
    done = process.finished(*grid, 2, cwd=files)
    assert done.returncode == 1, done.stderr
    folders = {folder.name.split("-")[1]: folder for folder in files.glob("results/runs/*")}
    states = {
        name: json.loads((folder / "status.json").read_bytes()) for name, folder in folders.items()
    }
    assert {name: status["state"] for name, status in states.items()} == {
        "zeroshot": "done", "s": "done", "broken": "failed", "big": "done",
    }  # fmt: skip
    assert states["broken"]["reason"].startswith("nan: ")
    assert f"failed {folders['broken'].name}: {states['broken']['reason']}" in done.stdout
    assert "Page: results/report/grid/index.html" in done.stdout
    assert (files / "results" / "report" / "grid" / "index.html").is_file()
    # Its workers have handed their rows to a tracker.
    for folder in (folders["zeroshot"], folders["big"]):
        points = [point_of(record) for record in RunFolder(folder).result().records]
        read = read_tensorboard(folder, files / "results")
        assert sorted(read) == sorted((each.name, each.step, each.value) for each in points)
    report = clvl_here("report", "results", "--out", "table", "--no-plots", cwd=files)
    assert report.returncode == 0, report.stderr
    assert "0/1 (1 failed: nan)" in (files / "table" / "summary.md").read_text(encoding="utf-8")

    shutil.rmtree(folders["big"])
    finished = list(files.glob("results/runs/*/result.json"))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in finished}
    again = process.finished(*grid, 1, cwd=files)
    assert again.returncode == 1, again.stderr
    assert "4 runs, 2 finished before, 2 to do" in again.stdout
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in finished} == before
    assert (folders["big"] / "result.json").is_file()


def test_a_dry_run_tells_what_the_runs_will_cost(files, monkeypatch):
    """Time and memory are those of committed runs of the same kind, a run without one is not
    guessed at; disk is arithmetic.
    """
    assert "not known" in clvl_here("grid", "grid.toml", "--dry-run", cwd=files).stdout
    done = clvl_here(*RUN, cwd=files)
    assert done.returncode == 0, done.stderr
    clvl_here("report", "results", "--out", "committed/an_experiment", "--no-plots", cwd=files)
    (run,) = load([files / "committed/an_experiment"])
    spent = replace(run.origin, train_seconds=100.0, evaluate_seconds=50.0, peak_memory_mib=700.0)
    write_committed([replace(run, origin=spent)], files / "committed/an_experiment")
    lines = clvl_here(
        "grid", "grid.toml", "--limit", 20, "--dry-run", "--results", "committed", cwd=files
    ).stdout.splitlines()
    assert (
        "Time      2 min of one core, as committed runs took it for 1 of 4 runs, the others are "
        "not known" in lines
    )
    assert "Memory    700 MiB a run, the most that committed runs took" in lines
    assert "Disk      60 images: 0.0 MiB of features, kept once for all runs" in lines, (
        "64 values of 4 bytes each"
    )


def test_the_table_names_what_was_overridden(files):
    """A name in square brackets is no markup of the terminal's."""
    done = clvl_here(*RUN, "--set", "train.lr=0.01", cwd=files)
    assert done.returncode == 0, done.stderr
    assert "s[train.lr=0.01]" in done.stdout

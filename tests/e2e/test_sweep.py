"""A grid of forty runs whose runs and whose grid are killed again and again ends with what an
undisturbed one has, and whoever reports meanwhile sees whole runs only.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from command import clvl_here
from victim import Victim, Victims, results_of, victims

from clvl_bench.records.rows import Record
from clvl_bench.report.runs import Run, load

pytestmark = pytest.mark.slow

RUNS, KILLS = 40, 10
EXPERIMENT = """version = 1
benchmarks = ["{small}"]
strategies = ["zeroshot", "prompt_replay", "slda", "linear"]
seeds = [0, 1, 2, 3, 4]
class_orders = [0, 1]
"""


@pytest.fixture
def process() -> Iterator[Victims]:
    with victims() as process:
        yield process


@pytest.fixture
def folder(tmp_path: Path, small: Path, painted) -> Path:
    painted(small)
    (tmp_path / "sweep.toml").write_text(EXPERIMENT.format(small=small))
    return tmp_path


def finished(results: Path) -> dict[str, Path]:
    return {path.parent.name: path.parent for path in results.glob("runs/*/result.json")}


def running(results: Path) -> list[int]:
    """The processes that say they work on a run, and are there."""
    pids = []
    for path in results.glob("runs/*/status.json"):
        with suppress(OSError):  # it moved on
            status = json.loads(path.read_bytes())
            if status["state"] == "running" and Path(f"/proc/{status['pid']}").exists():
                pids.append(int(status["pid"]))
    return pids


def in_a_report(folder: Path, results: str) -> dict[str, Run]:
    """What `report` shows of a grid under way: it may have nothing to show yet, and never fails
    otherwise.
    """
    done = clvl_here("report", results, "--out", "shown", "--no-plots", cwd=folder)
    if done.returncode == 2 and "no results are there" in done.stderr:
        return {}
    assert done.returncode == 0, done.stderr
    return {run.origin.run: run for run in load([folder / "shown"])}


def rows(run: Run) -> tuple[tuple[Record, ...], list[bool]]:
    assert run.correct is not None
    return run.records, run.correct.tolist()


def test_forty_runs_ten_kills(process, folder, new_home):
    grid = ("grid", folder / "sweep.toml", "--limit", 20, "--jobs", 2, "--results")
    home = new_home()
    assert process.command(*grid, folder / "undisturbed", home=home).exit_code() == 0
    expected = {name: results_of(path) for name, path in finished(folder / "undisturbed").items()}
    whole = in_a_report(folder, "undisturbed")
    assert len(expected) == len(whole) == RUNS

    results, random = folder / "killed", np.random.default_rng(0)
    results.mkdir()
    victim, killed, reports, partial = process.command(*grid, results, home=home), 0, 0, 0
    while killed < KILLS or not victim.ended(within=0.05):
        reports += 1
        seen = in_a_report(folder, "killed")
        partial += 0 < len(seen) < RUNS
        for name, run in seen.items():
            assert run.origin.state == "failed" or rows(run) == rows(whole[name])
        if victim.ended(within=0):
            assert victim.exit_code() in (0, 1, -signal.SIGKILL)
            victim = process.command(*grid, results, home=home)
        elif killed < KILLS and len(finished(results)) >= 3 * killed and running(results):
            time.sleep(random.uniform(0, 0.2))
            killed += kill_one(victim, results, whole_grid=killed % 2 == 1)
    while (code := victim.exit_code()) != 0:  # killed, or a run had failed because its worker was
        assert code in (1, -signal.SIGKILL)
        victim = process.command(*grid, results, home=home)
    assert killed == KILLS
    assert partial > 5, "reports were made while the grid was under way"
    assert {name: results_of(path) for name, path in finished(results).items()} == expected
    assert {
        json.loads(path.read_bytes())["state"] for path in results.glob("runs/*/status.json")
    } == {"done"}
    assert not [
        path
        for path in results.rglob("*")
        if path.name.endswith(".tmp") or path.name.startswith("claim.")
    ]


def kill_one(victim: Victim, results: Path, *, whole_grid: bool) -> bool:
    """Kill the grid, or one of its workers in the middle of a run; whether there was one to
    kill.
    """
    if whole_grid:
        victim.kill()
        return True
    for pid in running(results)[:1]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
    return False

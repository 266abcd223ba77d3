"""A grid that is killed again and again, whole or a run of it, ends with what an undisturbed one
has, and whoever reports meanwhile sees whole runs only.
"""

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from command import clvl_here
from victim import Victim

from clvl_bench.audits.result_files import result_files
from clvl_bench.records.rows import Record
from clvl_bench.report.runs import Run, load

pytestmark = pytest.mark.slow

EXPERIMENT = """version = 1
benchmarks = ["{small}"]
strategies = ["zeroshot", "prompt_replay", "slda", "linear"]
seeds = {seeds}
class_orders = {orders}
"""


@dataclass(frozen=True)
class Sweep:
    """A grid, and how often it is killed."""

    seeds: list[int]
    orders: list[int]
    kills: int

    def __str__(self) -> str:
        return f"{self.runs} runs, {self.kills} kills"

    @property
    def runs(self) -> int:
        return 4 * len(self.seeds) * len(self.orders)


SWEEPS = [
    pytest.param(Sweep([0, 1, 2], [1], 3), id="few"),
    pytest.param(Sweep([0, 1, 2, 3, 4], [0, 1], 10), id="many", marks=pytest.mark.sweep),
]


@pytest.fixture(params=SWEEPS)
def sweep(request: pytest.FixtureRequest) -> Sweep:
    return request.param


@pytest.fixture
def folder(tmp_path: Path, small: Path, painted, sweep: Sweep) -> Path:
    painted(small)
    experiment = EXPERIMENT.format(small=small, seeds=sweep.seeds, orders=sweep.orders)
    (tmp_path / "sweep.toml").write_text(experiment)
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


def test_killed_again_and_again_it_ends_with_what_an_undisturbed_one_has(process, folder, sweep):
    grid = ("grid", folder / "sweep.toml", "--limit", 20, "--jobs", 2, "--results")
    assert process.command(*grid, folder / "undisturbed").exit_code() == 0
    expected = {name: result_files(path) for name, path in finished(folder / "undisturbed").items()}
    whole = in_a_report(folder, "undisturbed")
    assert len(expected) == len(whole) == sweep.runs

    results, random = folder / "killed", np.random.default_rng(0)
    results.mkdir()
    victim, killed, partial = process.command(*grid, results), 0, 0
    while killed < sweep.kills:
        if victim.ended(within=0.01):
            assert victim.exit_code() in (0, 1, -signal.SIGKILL)
            assert len(finished(results)) < sweep.runs, "all is done before the last is killed"
            victim = process.command(*grid, results)
        elif len(finished(results)) >= 3 * killed and running(results):
            time.sleep(random.uniform(0, 0.2))
            killed += kill_one(victim, results, whole_grid=killed % 2 == 1)
            seen = in_a_report(folder, "killed")
            partial += 0 < len(seen) < sweep.runs
            for name, run in seen.items():
                assert run.origin.state == "failed" or rows(run) == rows(whole[name])
    while (code := victim.exit_code()) != 0:  # killed, or a run had failed because its worker was
        assert code in (1, -signal.SIGKILL)
        victim = process.command(*grid, results)
    assert partial > 0, "reports were made while the grid was under way"
    assert {name: result_files(path) for name, path in finished(results).items()} == expected
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

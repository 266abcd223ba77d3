"""Lanes of a grid on a real SLURM: a cluster of two nodes on this machine, one of which is lost."""

import json
import re
import sys

import pytest
from command import clvl
from slurm.cluster import absent

from clvl_bench.audits.result_files import result_files
from clvl_bench.runs.engines import slurm
from clvl_bench.runs.engines.lanes import plan
from clvl_bench.runs.engines.slurm_lanes import queued, scripts, submit_once, submitted
from clvl_bench.runs.engines.slurm_script import Resources
from clvl_bench.runs.files import load, run_config, runs_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(absent()), reason=absent())]

RUNS = [run_config("toy_landcover", "zeroshot", limit=20, seed=seed) for seed in range(4)]
PLAYED = """
import signal, sys, time
def stop(number, frame):
    print("told", signal.Signals(number).name, flush=True)
    sys.exit(75)
signal.signal(signal.SIGUSR1, stop)
signal.signal(signal.SIGTERM, stop)
print("encodes" if "--encode" in sys.argv else "runs", flush=True)
time.sleep(0 if "--encode" in sys.argv else 600)
"""
"""A member that does nothing but listen to signals."""


def submit_played(folder, experiment, *, lanes, **resources):
    """Lanes whose members are played, submitted behind an encoding job that is played, too."""
    planned = plan(RUNS, folder, experiment=experiment, lanes=lanes, most=slurm.most_lanes())
    command = [sys.executable, "-c", PLAYED]
    written = scripts(planned, command, Resources(**resources), folder)
    assert submit_once(planned, written)
    assert not submit_once(planned, written)
    return planned


@pytest.fixture(scope="module")
def short(cluster, tmp_path_factory):
    """A lane of a minute, submitted first: it is told to stop while other tests run."""
    folder = tmp_path_factory.mktemp("short")
    return submit_played(folder, "short", lanes=1, seconds=60, extra={"nodelist": "n2"})


def test_lanes_wait_for_what_encodes_and_come_back_for_nobody_who_cancels(cluster, short, tmp_path):
    planned = submit_played(tmp_path, "cancelled", lanes=2)
    waiting = [job for job in queued(planned) if job.task]
    assert len(waiting) == 2
    cluster.wait_for(lambda: all(planned.log(lane).exists() for lane in (1, 2)), 30)
    assert planned.log(0).read_text() == "encodes\n"
    cluster.wait_for(lambda: all("runs" in planned.log(lane).read_text() for lane in (1, 2)), 10)
    cluster.tell("scancel", submitted(planned).array)
    cluster.wait_for(lambda: not queued(planned), 20)
    assert "told SIGTERM" in planned.log(1).read_text()


GRID = """version = 1
benchmarks = ["toy_landcover"]
strategies = ["zeroshot", "prompt_replay"]
seeds = [0, 1, 2]
"""


def test_a_lost_node_leaves_one_outcome_a_run_and_the_numbers_of_this_machine(
    cluster, short, tmp_path, monkeypatch
):
    from clvl_bench.runs.runner import run

    monkeypatch.setenv("CLVL_STALE_SECONDS", "3")
    (tmp_path / "grid.toml").write_text(GRID)
    runs = runs_of(load("experiment", str(tmp_path / "grid.toml")), limit=100)
    # The first of them is done here: with it, all is encoded.
    run(runs[0], results=tmp_path / "r", progress=False)
    grid = ("grid", "grid.toml", "--limit", 100, "--on", "slurm", "--results", "r")
    # So wide that each node takes one.
    wide = ("--sbatch", "cpus-per-task=2")
    told = clvl(*grid, "--lanes", 2, *wide, "--no-wait", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    array = re.search(r"Submitted 2 lanes as job (\d+):", told.stdout)[1]

    def under_way():
        found = [json.loads(path.read_bytes()) for path in tmp_path.glob("r/runs/*/status.json")]
        on_first = [each for each in found if each.get("host") == "n1" and each.get("learned")]
        return any(each["lane"].startswith(f"{array}_") for each in on_first)

    cluster.wait_for(under_way, 180)
    cluster.kill("n1")
    cluster.wait_for(lambda: len(list(tmp_path.glob("r/runs/*/result.json"))) == 6, 180)
    cluster.tell("scancel", array)
    logs = "".join(path.read_text() for path in tmp_path.glob("r/lanes/*/lane-*.log"))
    done = re.findall(r"^\d/5 done (\S+),", logs, flags=re.MULTILINE)
    assert len(set(done)) == len(done)
    status = clvl(*grid, "--status", cwd=tmp_path)
    assert "6 runs: 6 done" in status.stdout, status.stderr
    for config in runs[1:]:
        run(config, results=tmp_path / "here", progress=False)
        here, there = (tmp_path / name / "runs" / config.id for name in ("here", "r"))
        assert result_files(here) == result_files(there)


def test_a_lane_whose_time_is_nearly_over_queues_itself_again(cluster, short):
    array = submitted(short).array
    cluster.wait_for(lambda: min(cluster.restarts(array)) >= 1, 180)
    assert "told SIGUSR1" in short.log(1).read_text()
    cluster.tell("scancel", array)

"""A grid on a real Ray: two nodes on this machine, of which a worker is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from command import clvl

from clvl_bench.audits.result_files import result_files
from clvl_bench.core.packages import is_installed
from clvl_bench.runs.files import load, runs_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_installed("ray"), reason="no ray: pip install 'clvl_bench[ray]'"),
]

GRID = """version = 1
benchmarks = ["toy_landcover"]
strategies = ["zeroshot", "prompt_replay"]
seeds = [0, 1]
"""
NODES = """
import sys, time
from ray.cluster_utils import Cluster
cluster = Cluster()
for number in range(2):
    cluster.add_node(num_cpus=1, include_dashboard=False)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture
def address():
    """Of two nodes with a core each, in processes of their own."""
    env = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-c", NODES]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env) as nodes:
        yield nodes.stdout.readline().strip()
        nodes.stdin.close()
        nodes.wait(60)


def test_a_killed_worker_leaves_one_outcome_a_run_and_the_numbers_of_this_machine(
    address, tmp_path
):
    (tmp_path / "grid.toml").write_text(GRID)
    runs = runs_of(load("experiment", str(tmp_path / "grid.toml")), limit=100)
    grid = (sys.executable, "-m", "clvl_bench", "grid", "grid.toml", "--limit", "100")
    command = [*grid, "--on", "ray", "--address", address, "--results", "r"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path) as started:
        killed = kill_one_that_has_learned(tmp_path / "r", runs)
        out, err = started.communicate(timeout=180)
    assert started.returncode == 0, err
    assert f"{killed}: its worker died" in err
    assert "retry 1 of 3" in err
    assert sorted(done_in(out)) == sorted(config.id for config in runs)
    told = clvl("grid", "grid.toml", "--limit", 100, "--results", "here", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    for config in runs:
        here, there = (tmp_path / name / "runs" / config.id for name in ("here", "r"))
        assert result_files(here) == result_files(there)


def kill_one_that_has_learned(results, runs):
    """The process of a run that is in the middle of it; the id of the run."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for config in runs:
            path = results / "runs" / config.id / "status.json"
            status = json.loads(path.read_bytes()) if path.is_file() else {}
            if status.get("state") == "running" and status.get("learned"):
                os.kill(status["pid"], signal.SIGKILL)
                return config.id
        time.sleep(0.02)
    raise AssertionError("no run has learned anything")


def done_in(out):
    return [line.split()[2].rstrip(",") for line in out.splitlines() if "/4 done " in line]

"""A real grid on a real SLURM whose lanes have too little time, or lose their place."""

import json
import re

import pytest
from command import clvl
from slurm.cluster import absent

from clvl_bench.audits.result_files import result_files
from clvl_bench.runs.files import load, runs_of

pytestmark = [pytest.mark.sweep, pytest.mark.skipif(bool(absent()), reason=absent())]

GRID = """version = 1
benchmarks = ["toy_landcover"]
strategies = ["prompt_replay", "finetune_replay"]
seeds = [0, 1, 2, 3, 4, 5, 6, 7]
"""
# One lane takes about two minutes on an idle machine: more than the limit, with no luck needed.
LIMIT = 400


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder in which the grid was run on this machine."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "grid.toml").write_text(GRID)
    told = clvl("grid", "grid.toml", "--limit", LIMIT, "--results", "r", "--no-page", cwd=folder)
    assert told.returncode == 0, told.stderr
    return folder


def submit(folder, *options):
    """The number of the array."""
    (folder / "grid.toml").write_text(GRID)
    grid = ("grid", "grid.toml", "--limit", LIMIT, "--on", "slurm", "--results", "r")
    told = clvl(*grid, "--no-wait", *options, cwd=folder)
    assert told.returncode == 0, told.stderr
    return re.search(r"as job (\d+)", told.stdout)[1]


def wait_until_done(cluster, array):
    cluster.wait_for(lambda: not cluster.tell("squeue", "-h", "-j", array).strip(), 900)


def assert_equal(folder, undisturbed):
    runs = runs_of(load("experiment", str(folder / "grid.toml")), limit=LIMIT)
    for config in runs:
        here, there = (each / "r" / "runs" / config.id for each in (undisturbed, folder))
        assert result_files(here) == result_files(there)
    told = clvl("compare", folder / "r", undisturbed / "r")
    assert told.returncode == 0, told.stdout
    assert told.stdout.startswith(f"{len(runs)} runs compared, 0 values differ")


def test_lanes_of_a_minute_come_back_until_all_is_done(cluster, undisturbed, tmp_path):
    array = submit(tmp_path, "--lanes", 1, "--time", "1m")
    wait_until_done(cluster, array)
    log = "".join(path.read_text() for path in tmp_path.glob("r/lanes/*/lane-1.log"))
    assert sum(cluster.restarts(array)) == log.count("the state is kept, and the same") >= 1
    assert_equal(tmp_path, undisturbed)


def test_lanes_that_lose_their_place_come_back_and_go_on(cluster, undisturbed, tmp_path):
    array = submit(tmp_path, "--lanes", 2, "--sbatch", "cpus-per-task=2")

    def learns():
        found = [json.loads(path.read_bytes()) for path in tmp_path.glob("r/runs/*/status.json")]
        return any(each["state"] == "running" and each["learned"] for each in found)

    cluster.wait_for(learns, 300)
    urgent = ("--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null")
    cluster.tell("sbatch", *urgent, "--wrap=sleep 3")
    wait_until_done(cluster, array)
    assert max(cluster.restarts(array)) >= 1
    assert_equal(tmp_path, undisturbed)

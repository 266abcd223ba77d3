"""Real processes that are told to stop, that pause too long, and that meet each other."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from clvl_bench.audits.result_files import result_files

pytestmark = pytest.mark.slow

GRID = """version = 1
benchmarks = ["{small}"]
strategies = ["zeroshot", "prompt_replay"]
seeds = [0, 1]
"""


@pytest.fixture
def command(small: Path, painted) -> tuple[object, ...]:
    painted(small)
    return ("run", small, "prompt_replay", "--limit", 40, "--results")


def wait_for(condition, victim) -> None:
    while not condition():
        assert not victim.ended(within=0.01), "it ended before that"


def outcome(results: Path) -> dict[str, bytes]:
    (folder,) = results.glob("runs/*/")
    return result_files(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_a_run_with_75_and_the_same_command_goes_on(
    process, tmp_path, new_home, command, number
):
    home = new_home()
    victim = process.command(*command, tmp_path / "told", home=home)
    wait_for(lambda: list(tmp_path.glob("told/runs/*/state/0000")), victim)
    victim.kill(number)
    assert victim.exit_code() == 75
    (status,) = tmp_path.glob("told/runs/*/status.json")
    assert json.loads(status.read_bytes())["reason"].startswith(number.name)
    for results in ("told", "undisturbed"):
        assert process.command(*command, tmp_path / results, home=home).exit_code() == 0
    assert outcome(tmp_path / "told") == outcome(tmp_path / "undisturbed")


def test_a_zombie_that_wakes_behind_its_successor_changes_nothing(
    process, tmp_path, new_home, command
):
    results = tmp_path / "shared"
    impatient = {"CLVL_STALE_SECONDS": "2"}
    alike = {"CLVL_HOME": str(new_home()), "PATH": os.environ["CLVL_HOME"]}  # without git, as it is
    words = [sys.executable, "-m", "clvl_bench", *map(str, (*command, results))]
    zombie = subprocess.Popen(
        words, env={**os.environ, **impatient, **alike}, stdout=subprocess.DEVNULL
    )
    while not list(results.glob("runs/*/state/0001")):
        assert zombie.poll() is None, "it ended before that"
        time.sleep(0.01)
    zombie.send_signal(signal.SIGSTOP)
    finished = partial(process.finished, *command, cwd=tmp_path, **impatient)
    assert finished(results).returncode == 0
    whole = outcome(results)
    zombie.send_signal(signal.SIGCONT)
    assert zombie.wait() == 0
    assert outcome(results) == whole
    (folder,) = results.glob("runs/*/")
    assert json.loads((folder / "status.json").read_bytes()) == {"state": "done"}
    names = {path.name for path in folder.iterdir()} - {"report"}
    assert names == {"predictions", "result.json", "segments", "status.json"}
    assert finished(tmp_path / "undisturbed").returncode == 0
    assert whole == outcome(tmp_path / "undisturbed")


def test_a_grid_told_to_stop_keeps_the_states_of_its_runs(
    process, tmp_path, new_home, small, painted
):
    painted(small)
    (tmp_path / "grid.toml").write_text(GRID.format(small=small))
    grid = ("grid", tmp_path / "grid.toml", "--limit", 40, "--jobs", 2, "--results")
    home, results = new_home(), tmp_path / "told"
    victim = process.command(*grid, results, home=home)
    wait_for(lambda: list(results.glob("runs/*prompt_replay*/state/0000")), victim)
    victim.kill(signal.SIGTERM)
    start = time.monotonic()
    assert victim.exit_code() == 75
    assert time.monotonic() - start < 60
    states = [json.loads(path.read_bytes()) for path in results.glob("runs/*/status.json")]
    assert {status["state"] for status in states} <= {"done", "interrupted"}
    assert not list(results.rglob("claim.*"))
    assert process.command(*grid, results, home=home).exit_code() == 0
    assert len(list(results.glob("runs/*/result.json"))) == 4


UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc")
"""A process space of its own, in which process ids begin at 1, as in a container."""


def may_unshare() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("space", [(), UNSHARE], ids=["one machine", "two containers"])
def test_members_of_one_grid_do_each_run_once(tmp_path, new_home, small, painted, space):
    """In two containers of one host name process ids repeat: no live claim may be taken over."""
    if space and not may_unshare():
        pytest.skip("process spaces need root and Linux")
    painted(small)
    (tmp_path / "grid.toml").write_text(GRID.format(small=small))
    grid = ("grid", "grid.toml", "--limit", "20", "--jobs", "1", "--results", "r")
    command = [*space, sys.executable, "-m", "clvl_bench", *grid]
    members = [
        subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, "CLVL_HOME": str(new_home())},
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = "".join(member.communicate()[0] for member in members)
    assert [member.returncode for member in members] == [0, 0]
    done = re.findall(r"^\d/4 done (\S+),", said, flags=re.MULTILINE)
    assert len(done) == 4
    assert {path.name for path in tmp_path.glob("r/runs/*")} == set(done)
    assert not list((tmp_path / "r").rglob("claim.*"))

"""A run that is killed at any moment and started again ends with the bytes of an undisturbed one,
and leaves nothing behind.
"""

import itertools
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from victim import Victim

from clvl_bench.audits.result_files import result_files
from clvl_bench.runs.files import run_config

pytestmark = pytest.mark.slow


RESULTS = {"result.json", "segments", "predictions"}
SENSITIVE = ["train.batch_size=4", "train.lr=0.1"]
"""Small steps far apart: whoever goes on with another order of samples, memory or context predicts
something else."""
STEPS = ["benchmark.online.checkpoint_steps=3", "benchmark.online.step_size=4"]


@pytest.fixture
def short(small: Path, painted: Callable[[Path], None]) -> str:
    """Half a second in which everything is written that a run writes: features, predictions,
    states, records, result.
    """
    painted(small)
    return run_config(
        str(small), "prompt_replay", limit=20, overrides=["train.epochs=1", *SENSITIVE]
    ).model_dump_json()


def outcome(results: Path) -> dict[str, bytes]:
    """The result files of the one run in a folder."""
    (folder,) = results.glob("runs/*/")
    return result_files(folder)


def assert_tidy(results: Path) -> None:
    """Nothing is left of what the run needed on its way."""
    (folder,) = results.glob("runs/*/")
    assert not [path for path in results.rglob("*") if path.name.endswith(".tmp")]
    assert {path.name for path in folder.iterdir()} <= {*RESULTS, "status.json", "report"}
    assert json.loads((folder / "status.json").read_bytes()) == {"state": "done"}


@pytest.mark.parametrize(
    "stride",
    [
        pytest.param(7, id="every seventh"),  # temporary files come in twos and threes
        pytest.param(1, id="every one", marks=pytest.mark.sweep),
    ],
)
def test_killed_before_a_change_of_the_file_system_it_ends_with_the_same_bytes(
    process, tmp_path, new_home, short, stride
):
    undisturbed = tmp_path / "undisturbed"
    assert process.run(short, results=undisturbed, home=new_home()).exit_code() == 0
    expected = outcome(undisturbed)
    assert_tidy(undisturbed)
    for k in itertools.count(1, stride):
        results, home = tmp_path / f"killed{k}", new_home()
        code = process.run(short, results=results, home=home, dies_at=k).exit_code()
        if code == 0:
            break
        assert code == -signal.SIGKILL
        assert process.run(short, results=results, home=home).exit_code() == 0, k
        assert outcome(results) == expected, k
        assert_tidy(results)
    assert k > 60, "even this small run changes the file system more often"


def test_killed_again_and_again_it_gets_to_the_same_end(process, tmp_path, new_home, short):
    undisturbed, results, home = tmp_path / "undisturbed", tmp_path / "killed", new_home()
    assert process.run(short, results=undisturbed, home=new_home()).exit_code() == 0
    starts = 1
    while process.run(short, results=results, home=home, dies_at=25).exit_code() == -signal.SIGKILL:
        starts += 1
        assert starts < 20
    assert starts > 3
    assert outcome(results) == outcome(undisturbed)
    assert_tidy(results)


@pytest.mark.parametrize(
    ("benchmark", "strategy", "limit", "overrides", "kills"),
    [
        ("toy_landcover", "prompt_replay", 40, ["train.epochs=1", *SENSITIVE], 3),
        ("toy_landcover", "finetune", 40, ["train.epochs=1", "train.batch_size=8"], 2),
        ("toy_delay", "naive", 120, STEPS, 3),
        pytest.param(
            *("toy_landcover", "prompt_replay", 100, ["train.epochs=1", *SENSITIVE], 20),
            marks=pytest.mark.sweep,
        ),
        pytest.param("toy_delay", "naive", 400, STEPS, 20, marks=pytest.mark.sweep),
    ],
)
def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    process, tmp_path, new_home, painted, benchmark, strategy, limit, overrides, kills
):
    painted(benchmark)
    run = run_config(benchmark, strategy, limit=limit, overrides=overrides).model_dump_json()
    undisturbed, duration = tmp_path / "undisturbed", 0.0
    for results in (tmp_path / "first", undisturbed):  # the first waits for the process that forks
        start = time.monotonic()
        assert process.run(run, results=results, home=new_home()).exit_code() == 0
        duration = time.monotonic() - start
    expected, killed = outcome(undisturbed), 0
    # Where the machine is faster now than a moment ago, a run may end before its moment comes: then
    # another is drawn.
    for number, moment in enumerate(np.random.default_rng(0).uniform(0, duration, 3 * kills)):
        results, home = tmp_path / f"killed{number}", new_home()
        victim = process.run(run, results=results, home=home)
        if not victim.ended(within=moment):
            victim.kill()
        code = victim.exit_code()
        assert code in (0, -signal.SIGKILL)
        if code == 0:
            continue
        assert process.run(run, results=results, home=home).exit_code() == 0
        assert outcome(results) == expected
        assert_tidy(results)
        killed += 1
        if killed == kills:
            break
    assert killed == kills


def wait_for(condition: Callable[[], object], victim: Victim) -> None:
    while not condition():
        assert not victim.ended(within=0.01), "it ended before that"


@pytest.mark.parametrize("presses", [1, 2])
def test_interrupted_it_says_so_and_goes_on_to_the_same_end(
    process, tmp_path, new_home, small, painted, presses
):
    painted(small)
    arguments, home = ["run", small, "prompt_replay", "--limit", 40, "--results"], new_home()
    victim = process.command(*arguments, tmp_path / "interrupted", home=home)
    wait_for(lambda: list(tmp_path.glob("interrupted/runs/*/state/0001")), victim)
    for _ in range(presses):
        victim.kill(signal.SIGINT)
        time.sleep(0.001)  # two signals that wait together are one
    assert victim.exit_code() == 130
    (status,) = tmp_path.glob("interrupted/runs/*/status.json")
    if presses == 1:
        assert json.loads(status.read_bytes()) == {"state": "interrupted"}
    for results in ("interrupted", "undisturbed"):
        assert process.command(*arguments, tmp_path / results, home=home).exit_code() == 0
    assert outcome(tmp_path / "interrupted") == outcome(tmp_path / "undisturbed")
    assert_tidy(tmp_path / "interrupted")

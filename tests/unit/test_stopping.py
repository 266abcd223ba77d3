"""Told to stop, a run ends where its state is kept, says so, and goes on to the same end."""

import json
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from clvl_bench.audits.result_files import result_files
from clvl_bench.backbones.kept import load_or_compute
from clvl_bench.cli import main as command
from clvl_bench.cli import options
from clvl_bench.core import errors, stopping
from clvl_bench.core.errors import Stopped
from clvl_bench.core.exit_codes import ExitCode
from clvl_bench.runs import runner
from clvl_bench.runs.files import run_config
from clvl_bench.runs.observer import RunObserver
from clvl_bench.runs.runner import run
from clvl_bench.runs.tasks import Task, kept_sources, perform

SMALL = ["benchmark.classes_per_experience=[3, 3, 4]", 'benchmark.zeroshot=["toy_shapes"]']
CLASSES = run_config("toy_landcover", "finetune", limit=20, overrides=[*SMALL, "train.epochs=1"])
STEPS = run_config(
    "toy_online",
    "slda",
    limit=60,
    overrides=[*SMALL, "benchmark.online.step_size=5", "benchmark.online.checkpoint_steps=2"],
)


class Signalled(RunObserver):
    """Sends this process a signal while the first experience is learned."""

    def __init__(self, number):
        self._number = number

    def before_training(self, strategy, experience):
        if strategy.n_experiences == 0:
            signal.raise_signal(self._number)


@pytest.mark.parametrize("config", [CLASSES, STEPS], ids=["experiences", "steps"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_a_run_at_its_next_kept_state_and_it_goes_on_from_there(
    config, number, tmp_path
):
    run(config, results=tmp_path / "undisturbed", progress=False)
    with stopping.listening(), pytest.raises(Stopped, match=number.name):
        run(config, results=tmp_path, progress=False, observer=Signalled(number))
    (folder,) = tmp_path.glob("runs/*")
    status = json.loads((folder / "status.json").read_bytes())
    assert status == {
        "state": "interrupted",
        "reason": f"{number.name}; the same command goes on",
    }
    kept = sorted(path.name for path in (folder / "state").iterdir())
    assert kept == (["0000", "0001"] if config is CLASSES else ["0000", "0002"])
    assert {path.name for path in folder.iterdir()} == {
        "predictions", "segments", "state", "status.json",
    }  # fmt: skip
    run(config, results=tmp_path, progress=False)
    (undisturbed,) = tmp_path.glob("undisturbed/runs/*")
    assert result_files(folder) == result_files(undisturbed)


class Counted(RunObserver):
    """Counts the steps of all starts, and interrupts before some of them, counted from the first
    start on.
    """

    def __init__(self, deadly=()):
        self.steps, self._deadly = 0, set(deadly)

    def strategy_built(self, strategy, prepared, *, untouched):
        told = SimpleNamespace(before_training_iteration=self._before_iteration)
        strategy.plugins.append(told)

    def _before_iteration(self, strategy, **kwargs):
        self.before_step(strategy, None)

    def before_step(self, strategy, step):
        if self.steps in self._deadly:
            self._deadly.remove(self.steps)
            raise KeyboardInterrupt
        self.steps += 1

    def starts(self, config, results):
        """How often the run must be started until it is done."""
        for start in range(1, 10):
            try:
                run(config, results=results, progress=False, observer=self)
            except KeyboardInterrupt:
                continue
            return start
        return None


MANY = run_config(
    "toy_landcover",
    "linear",
    limit=40,
    overrides=["benchmark.classes_per_experience=[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
               "train.batch_size=1", "train.epochs=1"],
)  # fmt: skip
FREQUENT = run_config(
    "toy_online",
    "slda",
    limit=60,
    overrides=["benchmark.online.step_size=1", "benchmark.online.checkpoint_steps=3"],
)


@pytest.mark.parametrize(
    ("config", "kills", "repeats"),
    [(MANY, 3, 4), (FREQUENT, 5, 3)],
    ids=["3 kills in 10 experiences of 4 steps", "5 kills, the state kept each 3 steps"],
)
def test_killed_again_and_again_a_run_makes_at_most_a_third_more_steps(
    config, kills, repeats, tmp_path
):
    whole = Counted()
    assert whole.starts(config, tmp_path / "undisturbed") == 1
    moments = [round(whole.steps * (number + 0.7) / kills) for number in range(kills)]
    killed = Counted(moments)
    assert killed.starts(config, tmp_path / "killed") == 1 + kills
    assert whole.steps < killed.steps <= whole.steps + kills * repeats <= 1.3 * whole.steps


PRESSED_TWICE = """
import signal, sys, time
from clvl_bench.core import stopping
with stopping.listening(led={led}):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        signal.raise_signal(signal.SIGINT)
        sys.exit("tidied")
"""


@pytest.mark.parametrize(("led", "ends"), [(False, (130, "")), (True, (1, "tidied\n"))])
def test_a_second_interruption_does_not_wait_but_in_a_worker_who_hears_each_twice(led, ends):
    """A terminal interrupts a grid and its workers, and then the grid interrupts its workers."""
    command = [sys.executable, "-c", PRESSED_TWICE.format(led=led)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == ends


def test_behind_the_last_experience_a_run_is_finished_not_stopped(tmp_path):
    class Late(RunObserver):
        def before_training(self, strategy, experience):
            if strategy.n_experiences == 2:
                signal.raise_signal(signal.SIGTERM)

    with stopping.listening():
        result = run(CLASSES, results=tmp_path, progress=False, observer=Late())
    assert json.loads((result.folder / "status.json").read_bytes()) == {"state": "done"}


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

    monkeypatch.setattr("clvl_bench.core.stopping.time.monotonic", lambda: Clock.now)
    return Clock


def test_before_a_stretch_that_would_overrun_the_time_limit_a_run_stops(clock):
    with stopping.listening(time_limit=60):
        stopping.begin()
        for clock.now in (110.0, 130.0):  # 10 s, then 20 s: 30 s are left, 24 s are planned
            stopping.safe_point()
        clock.now = 137.0  # 23 s are left
        with pytest.raises(Stopped, match="time limit"):
            stopping.safe_point()


def test_when_time_is_over_a_run_stops_wherever_it_is():
    with stopping.listening(time_limit=0.05), pytest.raises(Stopped, match="time limit"):
        time.sleep(10)
    with stopping.listening(time_limit=0.05, at_once=False):
        time.sleep(0.1)
        assert stopping.asked() == "time limit"
    assert stopping.asked() is None
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("55m", 3300), ("1.5h", 5400), ("0:55:00", 3300), ("1-0:0:1", 86401)],
)
def test_a_time_limit_is_written_as_people_and_schedulers_do(text, seconds):
    assert options._seconds(text) == seconds


@pytest.mark.parametrize("text", ["soon", "0", "-5", "1:2", "inf", ""])
def test_a_time_limit_that_is_no_time_is_refused(text):
    with pytest.raises(Exception, match="is no time; write 3600"):
        options._seconds(text)


# --- exit codes ---

ENDS = {
    Stopped("SIGTERM"): (75, "stopped (SIGTERM)"),
    KeyboardInterrupt(): (130, "interrupted"),
    errors.RunFailed("nan: at step 3"): (1, "failed: nan: at step 3"),
    errors.Mistake("x: y"): (2, "x: y"),
    errors.Missing("x: y"): (3, "x: y"),
    errors.Damage("x: y"): (4, "x: y"),
    OSError(28, "No space left on device", "a/b"): (
        1,
        "failed: disk: No space left on device: a/b",
    ),
    MemoryError(): (1, "failed: memory: "),
}


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_an_exit_code_tells_how_a_command_ended(end, tmp_path, monkeypatch, capsys):
    def ended(*_, **__):
        raise end

    monkeypatch.setattr(runner, "run", ended)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["clvl-bench", "run", "toy_landcover", "zeroshot"])
    with pytest.raises(SystemExit) as exit_:
        command.main()
    code, said = ENDS[end]
    assert exit_.value.code == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"clvl-bench: {said}")


def test_a_file_that_ends_too_early_is_a_fault_and_no_interruption(tmp_path, monkeypatch):
    """A job that is queued again whenever it was interrupted would loop."""

    def ended(*_, **__):
        raise EOFError("No data left in file")

    monkeypatch.setattr(runner, "run", ended)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["clvl-bench", "run", "toy_landcover", "zeroshot"])
    with pytest.raises(EOFError, match="No data left"):
        command.main()


def test_the_table_of_exit_codes_in_the_docs_is_that_of_the_code(pytestconfig):
    page = (pytestconfig.rootpath / "docs" / "reference" / "running.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| (\d+) \| ([a-z ]+?)(?:[:,;].*)? \|", page, flags=re.MULTILINE))
    assert table == {
        "0": "done", "1": "failed", "2": "mistake", "3": "missing", "4": "damage",
        "75": "saved and to be queued again", "130": "interrupted",
    }  # fmt: skip
    assert set(map(int, table)) == set(ExitCode)


def test_what_is_kept_is_progress_and_what_is_read_back_is_none(tmp_path):
    def told():
        return [stopping.progressed(), keep(tmp_path), stopping.progressed()]

    def keep(folder):
        return load_or_compute(folder, "00000", 1, lambda: torch.zeros(1, 1)).shape[0]

    with stopping.listening():
        assert told() == [False, 1, True]
    with stopping.listening():
        assert told() == [False, 1, False]
        stopping.safe_point()
        assert stopping.progressed()


@pytest.mark.parametrize(
    ("stopped_at", "progressed"), [("prepare", False), ("_learn_and_evaluate", True)]
)
def test_a_worker_says_whether_it_kept_anything_before_it_was_stopped(
    stopped_at, progressed, tmp_path, monkeypatch
):
    """Before the first experience is learned, the untouched backbone is measured and kept."""

    def stopped(*_, **__):
        raise Stopped("SIGUSR1")

    monkeypatch.setattr(runner, stopped_at, stopped)
    with stopping.listening():
        told = perform(Task(CLASSES), tmp_path, sources=kept_sources())
    assert (told.state, told.progressed) == ("interrupted", progressed)

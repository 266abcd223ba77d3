"""Several processes of one run: the first decides, writes and speaks, and none outlives another."""

import os
import signal
import time
from contextlib import redirect_stderr, redirect_stdout

import pytest
import torch
from helpers.processes import apart, joined

from clvl_bench.backbones.kept import encoded_by_one
from clvl_bench.cli.main import main
from clvl_bench.core import world
from clvl_bench.core.errors import Busy, RunFailed, Stopped
from clvl_bench.core.exit_codes import ExitCode


def test_what_the_first_decides_is_what_all_hear_whoever_comes_first():
    def heard(rank):
        answers = []
        for number in range(3):
            time.sleep(0.05 * ((number + rank) % 2))
            answers.append(world.decided(lambda number=number: [rank, number]))
        return answers

    for end in joined(3, heard):
        assert end.value == [[0, 0], [0, 1], [0, 2]]


@pytest.mark.parametrize(
    ("error", "code"),
    [(Busy("held"), ExitCode.DONE), (Stopped("SIGTERM"), ExitCode.AGAIN)],
    ids=["busy", "stopped"],
)
def test_what_ends_the_first_ends_all_and_it_is_said_once(error, code):
    def decide():
        raise error

    first, second = joined(2, lambda rank: world.decided(decide))
    assert first.error == type(error).__name__
    assert (second.error, second.code) == ("Followed", code)


def test_an_error_is_said_once_by_one_who_has_it():
    def fail(rank):
        raise RunFailed("nan: the loss is nan")

    def fail_alone(rank):
        if rank == 1:
            raise RunFailed("memory: no more")
        world.wait_for_all()

    assert {end.error for end in joined(2, fail)} == {"RunFailed", "Followed"}
    first, second = joined(2, fail_alone)
    assert (second.error, second.said) == ("RunFailed", "memory: no more")
    assert (first.error, first.code) == ("Followed", ExitCode.FAILED)


def test_a_process_that_is_killed_ends_the_others_at_once():
    def work(rank):
        world.mean(0)
        if rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        world.mean(0)

    began = time.monotonic()
    first, second = joined(2, work)
    assert second.error is None
    assert first.error == "Deserted"
    assert "another of the 2 processes has ended; the same command goes on" in first.said
    assert time.monotonic() - began < 10


def test_a_process_that_hangs_ends_the_others_when_time_is_over():
    def work(rank):
        world.mean(0)
        if rank == 1:
            time.sleep(1.5)
        world.mean(0)

    first, _ = joined(2, work, CLVL_WORLD_SECONDS="1")
    assert "another of the 2 processes said nothing for 1 s" in first.said


def test_no_number_in_one_process_is_no_number_in_all():
    means = joined(2, lambda rank: str(world.mean(float("nan") if rank else 1.0)))
    assert [end.value for end in means] == ["nan", "nan"]
    assert [end.value for end in joined(2, lambda rank: world.mean(rank))] == [0.5, 0.5]


def test_who_stands_on_something_else_than_the_first_says_so():
    first, second = joined(2, lambda rank: world.agree("weights", {"sha256": rank}))
    assert "this process has other weights than the first" in second.said
    assert first.error == "Followed"
    assert [end.error for end in joined(2, lambda rank: world.agree("weights", 1))] == [None, None]


def test_the_first_goes_ahead_and_the_others_find_what_it_kept(tmp_path):
    def keep(rank):
        with encoded_by_one(tmp_path, ["00000"], "encoding"):
            claims = [path.name for path in tmp_path.glob("claims-*")]
            if rank == 0:
                time.sleep(0.1)
                (tmp_path / "00000-hash.safetensors").touch()
            return [claims, (tmp_path / "00000-hash.safetensors").exists()]

    assert [end.value for end in joined(2, keep)] == [[["claims-00000"], True], [[], True]]


def test_in_the_environment_of_one_process_nobody_is_waited_for(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with world.joined():
        assert (world.size(), world.rank()) == (1, 0)
        world.wait_for_all()
        world.leave_to_first()
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["grid", "ci"], "torchrun: only run works in several processes; start grid without it"),
        (["run", "toy_landcover", "nobody"], "unknown strategy 'nobody'"),
    ],
    ids=["verb", "name"],
)
def test_what_cannot_be_is_refused_in_one_line_by_one_process(
    arguments, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["clvl-bench", *arguments])

    def command(rank):
        with open(f"{rank}.txt", "w") as file, redirect_stderr(file), redirect_stdout(file):
            with pytest.raises(SystemExit) as end:
                main()
            return end.value.code

    ends = apart(2, command)
    assert [end.value for end in ends] == [ExitCode.MISTAKE, ExitCode.MISTAKE]
    heard = "".join((tmp_path / f"{rank}.txt").read_text() for rank in range(2))
    assert heard.startswith(f"clvl-bench: {said}")
    assert heard.count("\n") == 1

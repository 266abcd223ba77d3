"""Claims: one process at a time works on a run, and a dead one is succeeded."""

import json
import multiprocessing
import os
import signal
import socket

import pytest

from clvl_bench.core.errors import Busy
from clvl_bench.runs import lock
from clvl_bench.runs.lock import is_locked, locked


def test_a_second_claim_is_refused_and_says_by_whom(tmp_path):
    with locked(tmp_path / "run") as claim:
        assert claim.number == 1
        with (
            pytest.raises(Busy, match=f"process {os.getpid()} on {socket.gethostname()}"),
            locked(tmp_path / "run"),
        ):
            pass
    assert not is_locked(tmp_path / "run")
    assert not (tmp_path / "run").exists()  # nothing was written there


def hold(folder, ready):
    with locked(folder):
        ready.set()
        signal.pause()


def test_the_claim_of_a_killed_process_is_succeeded(tmp_path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=hold, args=(tmp_path / "run", ready))
    holder.start()
    assert ready.wait(20)
    assert is_locked(tmp_path / "run")
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert not is_locked(tmp_path / "run")
    with locked(tmp_path / "run") as claim:
        assert claim.number == 2


def test_who_was_overtaken_stops_before_it_writes(tmp_path):
    with locked(tmp_path / "run") as claim:
        claim.check()
        higher = tmp_path / "run" / "claim.2"
        higher.mkdir()
        (higher / "owner.json").write_text(json.dumps({"host": "elsewhere", "pid": 1, "born": "x"}))
        with pytest.raises(Busy, match="taken over by process 1 on elsewhere"):
            claim.check()
    assert higher.exists()  # the overtaken one leaves the other's claim alone


def test_another_machines_claim_is_judged_by_its_heartbeat_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "STALE_SECONDS", 0.0)
    other = tmp_path / "run" / "claim.1"
    other.mkdir(parents=True)
    (other / "owner.json").write_text(
        json.dumps({"host": "elsewhere", "pid": os.getpid(), "born": "x"})
    )
    assert not is_locked(tmp_path / "run")


def test_a_reused_process_number_is_not_taken_for_the_old_one(tmp_path):
    claim = tmp_path / "run" / "claim.1"
    claim.mkdir(parents=True)
    (claim / "owner.json").write_text(
        json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "born": "long ago"})
    )
    assert not is_locked(tmp_path / "run")

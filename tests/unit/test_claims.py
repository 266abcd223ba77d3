"""Claims: one process at a time works on a run, and a dead one is succeeded."""

import contextlib
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import socket
import threading
import time

import pytest

from clvl_bench.core import files, lock
from clvl_bench.core.errors import Busy, Mistake
from clvl_bench.core.lock import Life, Watch, in_turn, is_locked, locked
from clvl_bench.runs import checkpoint
from clvl_bench.runs.checkpoint import Checkpoint


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


# --- who was overtaken changes nothing, however late it wakes up ---


def succeeded(folder):
    """What a successor leaves when it has finished and gone: its files, and no claim."""
    for claim in folder.glob("claim.*"):
        shutil.rmtree(claim)


CHANGES = {
    "write": lambda changes, folder: changes.write(folder / "segments" / "0001.csv", b"late"),
    "write again": lambda changes, folder: changes.write(folder / "result.json", b"late"),
    "folder": lambda changes, folder: changes.write_folder(folder / "state" / "2", {"a": b"late"}),
    "remove": lambda changes, folder: changes.remove(folder / "kept"),
    "checkpoint": lambda changes, folder: checkpoint.write(
        folder / "state", Checkpoint(3, {}, {}), changes=changes
    ),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run" / "kept").mkdir(parents=True)
    (tmp_path / "run" / "result.json").write_bytes(b"of the successor")
    return tmp_path / "run"


def tree(folder):
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("third", [False, True], ids=["gone", "claimed again"])
def test_behind_a_successor_that_finished_and_left_nothing_can_be_changed(folder, change, third):
    with locked(folder) as zombie, contextlib.ExitStack() as later:
        succeeded(folder)
        before = tree(folder)
        if third:  # it has the zombie's number, as nobody was there
            assert later.enter_context(locked(folder)).number == zombie.number
            before = tree(folder)
        with pytest.raises(Busy, match="taken over"):
            change(zombie.changes, folder)
        assert tree(folder) == before
        assert (folder / "result.json").read_bytes() == b"of the successor"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_who_is_overtaken_in_the_middle_of_a_change_does_not_end_it(folder, change, monkeypatch):
    """The file system refuses the last rename: between it and any question lies time enough."""
    with locked(folder) as zombie:
        for k in itertools.count(1):
            calls = itertools.count(1)

            def overtaken(path, k=k, calls=calls):
                if next(calls) == k:
                    succeeded(folder)

            monkeypatch.setattr(files, "before_change", overtaken)
            try:
                change(zombie.changes, folder)
                break  # all its steps were tried
            except Busy:
                late = [path for path in folder.rglob("*") if path.is_file()]
                assert [path.name for path in late] == ["result.json"]
                assert (folder / "kept").is_dir()
                assert (folder / "result.json").read_bytes() == b"of the successor"
            # The next try is another zombie's.
            monkeypatch.setattr(files, "before_change", lambda path: None)
            zombie = lock._take(folder, Watch())
    assert k > 1


# --- whose claim it is ---


def claim_of(folder, **owner):
    """A claim as another process would have left it."""
    told = {**vars(lock._this_process()), **owner}
    claim = folder / "claim.1"
    (claim / told["token"]).mkdir(parents=True)
    (claim / "owner.json").write_text(json.dumps(told))
    return claim / "owner.json"


ELSEWHERE = {"another container": {"namespace": "1"}, "another machine": {"boot": "1"}}


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_equal_host_names_and_process_numbers_do_not_make_one_process(tmp_path, place):
    """In a container of the same name process ids repeat: here the number is of no process."""
    heartbeat = claim_of(tmp_path / "run", **place, pid=2**22 + 1, born="1")
    watch = Watch()
    assert watch.life(tmp_path / "run") is Life.UNKNOWN
    with pytest.raises(Busy), locked(tmp_path / "run", watch=watch):
        pass
    os.utime(heartbeat, ns=(1, 1))
    assert watch.life(tmp_path / "run") is Life.ALIVE


def test_a_heartbeat_that_was_alive_and_is_late_has_to_be_watched_again(tmp_path, monkeypatch):
    """Who leaves a run to the living must not leave it to somebody who has just died."""
    heartbeat = claim_of(tmp_path / "run", boot="1", stale_seconds=90.0)
    clock = [0.0]
    monkeypatch.setattr(lock.time, "monotonic", lambda: clock[0])
    watch = Watch()
    watch.life(tmp_path / "run")
    os.utime(heartbeat, ns=(1, 1))
    found = []
    for seconds in (5.0, 15.0, 30.0, 100.0):
        clock[0] = seconds
        found.append(watch.life(tmp_path / "run"))
    assert found == [Life.ALIVE, Life.ALIVE, Life.UNKNOWN, Life.DEAD]


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_process_of_that_number_here_does_not_keep_a_silent_claim_alive(tmp_path, place):
    claim_of(tmp_path / "run", **place, stale_seconds=0.0)
    watch = Watch()
    assert watch.life(tmp_path / "run") is Life.DEAD
    with locked(tmp_path / "run", watch=watch) as claim:
        assert claim.number == 2
        assert [path.name for path in (tmp_path / "run").glob("claim.*")] == ["claim.2"]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("hours", [-2, 2])
@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_clock_that_is_wrong_elsewhere_costs_no_claim(tmp_path, place, hours):
    """A heartbeat is judged by its change; what time it says is not compared with ours."""
    heartbeat = claim_of(tmp_path / "run", **place)
    wrong = time.time() + hours * 3600
    os.utime(heartbeat, (wrong, wrong))
    watch = Watch()
    assert watch.life(tmp_path / "run") is Life.UNKNOWN
    os.utime(heartbeat, (wrong + 4.5, wrong + 4.5))
    assert watch.life(tmp_path / "run") is Life.ALIVE
    os.utime(heartbeat, (wrong - 3600, wrong - 3600))  # its clock was put back
    assert watch.life(tmp_path / "run") is Life.ALIVE
    another = Watch()
    assert another.life(tmp_path / "run") is Life.UNKNOWN
    os.utime(heartbeat, (wrong - 7200, wrong - 7200))
    assert another.life(tmp_path / "run") is Life.ALIVE, "it beats, backwards as well"
    with pytest.raises(Busy), locked(tmp_path / "run", watch=watch):
        pass


def test_of_those_who_come_at_once_one_holds_the_folder_fifty_times_over(tmp_path):
    holders, most = [], []

    def come(number):
        with contextlib.suppress(Busy), locked(tmp_path / "run", watch=Watch()):
            holders.append(number)
            most.append(len(holders))
            time.sleep(0.001)
            holders.remove(number)

    for _ in range(50):
        both = [threading.Thread(target=come, args=(number,)) for number in range(2)]
        for each in both:
            each.start()
        for each in both:
            each.join()
    assert set(most) == {1}
    assert len(most) >= 50
    assert not (tmp_path / "run").exists()


def test_a_stopped_process_is_judged_by_its_heartbeat(tmp_path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=hold, args=(tmp_path / "run", ready))
    holder.start()
    try:
        assert ready.wait(20)
        assert Watch().life(tmp_path / "run") is Life.ALIVE
        os.kill(holder.pid, signal.SIGSTOP)
        os.waitpid(holder.pid, os.WUNTRACED)
        assert Watch().life(tmp_path / "run") is Life.UNKNOWN
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()


def test_temporary_names_of_two_machines_with_equal_process_ids_differ(monkeypatch):
    monkeypatch.setattr("os.getpid", lambda: 7)
    monkeypatch.setattr("socket.gethostname", lambda: "same")
    names = [files.temporary_name() for _ in range(1000)]
    assert len(set(names)) == 1000


def test_the_silence_that_means_death_is_told_in_seconds(tmp_path, monkeypatch):
    monkeypatch.setenv("CLVL_STALE_SECONDS", "2.5")
    with locked(tmp_path / "run"):
        owner = json.loads((tmp_path / "run" / "claim.1" / "owner.json").read_bytes())
        assert owner["stale_seconds"] == 2.5
    monkeypatch.setenv("CLVL_STALE_SECONDS", "soon")
    with pytest.raises(Mistake, match="CLVL_STALE_SECONDS=soon"), locked(tmp_path / "run"):
        pass


# --- waiting in turn ---


def test_who_comes_second_waits_with_a_word_and_finds_what_the_first_made(tmp_path, caplog):
    made = []

    def make(holding):
        with in_turn(tmp_path / "work", "painting a world"):
            if not made:
                holding.set()
                time.sleep(0.2)
                made.append(threading.get_ident())

    first_holds = threading.Event()
    first = threading.Thread(target=make, args=(first_holds,))
    first.start()
    assert first_holds.wait(20)
    make(first_holds)
    first.join()
    assert made == [first.ident]
    assert caplog.messages == [
        f"clvl-bench: painting a world: process {os.getpid()} on {socket.gethostname()} is at it; "
        f"waiting for the result"
    ]


def test_a_stray_temporary_file_is_removed_once_it_is_old(tmp_path):
    for name in (".fresh.tmp", ".old.tmp"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".folder.tmp").mkdir()
    (tmp_path / "whole").write_bytes(b"whole")
    for name in (".old.tmp", ".folder.tmp", "whole"):
        os.utime(tmp_path / name, (0, 0))
    files.remove_strays(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".fresh.tmp", "whole"}

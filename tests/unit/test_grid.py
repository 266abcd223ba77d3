"""A grid's members: who takes which run, who waits for whom, and who leaves. The workers are
played: what they do is told by hand.
"""

import json
import os
import shutil
import signal
import time

import pytest

from clvl_bench.core import stopping
from clvl_bench.core.errors import Busy, Damage, RunFailed
from clvl_bench.core.lock import _this_process, locked
from clvl_bench.records.rows import COLUMNS, Record
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs import grid as grids
from clvl_bench.runs import preparation
from clvl_bench.runs.files import run_config
from clvl_bench.runs.grid import grid
from clvl_bench.runs.preparation import paint
from clvl_bench.runs.runner import record_failure, run
from clvl_bench.runs.tasks import Told, accuracy
from clvl_bench.runs.workers import Workers

RUNS = [run_config("toy_landcover", "zeroshot", limit=20, seed=seed) for seed in range(4)]
FIRST, SECOND, THIRD, FOURTH = RUNS


class Played:
    """Workers that end what they are given as the test says, one tell later."""

    ends: dict = {}
    given: list = []

    def __init__(self, results, device, log_to, *, jobs):
        self._jobs = jobs
        self._running = []

    @property
    def has_room(self):
        return len(self._running) < self._jobs

    @property
    def idle(self):
        return not self._running

    def give(self, config, *, dead=""):
        self.given.append((config, dead))
        self._running.append(config)

    def wait(self, *, within):
        if self.idle:
            time.sleep(0.01)
            return
        config = self._running.pop(0)
        end = self.ends.get(config.id, Told("done"))
        yield config, end() if callable(end) else end

    def ask_to_stop(self):
        self._running.clear()

    def end(self):
        pass


@pytest.fixture
def play(monkeypatch):
    monkeypatch.setattr(grids, "Workers", Played)
    monkeypatch.setattr(Played, "ends", {})
    monkeypatch.setattr(Played, "given", [])
    # A played result has no configuration that could be asked.
    monkeypatch.setattr(RunFolder, "is_of_its_id", True)
    return Played


def path_of(results, config):
    return results / "runs" / config.id


def finished_by_another(results, config):
    """What a closed folder looks like from outside."""
    folder = RunFolder(path_of(results, config))
    folder.write("result.json", b"{}")
    folder.set_status("done")


def claimed(results, config, **owner):
    """A claim of a process elsewhere; gives what its heartbeat changes."""
    told = {**vars(_this_process()), "boot": "another machine", "pid": 1, **owner}
    claim = path_of(results, config) / "claim.1"
    (claim / told["token"]).mkdir(parents=True)
    (claim / "owner.json").write_text(json.dumps(told))
    return claim / "owner.json"


def ended(outcomes):
    return [(outcome.config.seed, outcome.state) for outcome in outcomes]


@pytest.mark.parametrize(
    ("member", "order"), [((0, 1), [0, 1, 2, 3]), ((1, 2), [2, 3, 0, 1]), ((3, 8), [1, 2, 3, 0])]
)
def test_each_member_begins_at_its_own_place(play, tmp_path, member, order):
    outcomes = ended(grid(RUNS, results=tmp_path, jobs=1, member=member))
    assert outcomes == [(seed, "done") for seed in order]


def test_done_is_said_by_who_did_it(play, tmp_path):
    """While this member did its first run, another did the rest."""

    def others_were_quicker():
        for config in (SECOND, THIRD, FOURTH):
            finished_by_another(tmp_path, config)
        return Told("done")

    play.ends[FIRST.id] = others_were_quicker
    outcomes = ended(grid(RUNS, results=tmp_path, jobs=1))
    assert outcomes == [(0, "done"), (1, "elsewhere"), (2, "elsewhere"), (3, "elsewhere")]
    assert [config for config, _ in play.given] == [FIRST]


def test_a_member_without_work_leaves_the_rest_to_the_living(play, tmp_path):
    with locked(path_of(tmp_path, FIRST)):
        start = time.monotonic()
        outcomes = list(grid([FIRST], results=tmp_path, jobs=2))
    assert ended(outcomes) == [(0, "busy")]
    assert outcomes[0].reason.startswith(f"left to process {os.getpid()} on ")
    assert time.monotonic() - start < 5
    assert play.given == []


def test_a_claim_that_may_be_dead_comes_last_and_is_taken_over_when_it_stays_silent(play, tmp_path):
    claimed(tmp_path, FIRST, stale_seconds=0.2, token="a" * 32)
    outcomes = ended(grid(RUNS, results=tmp_path, jobs=1))
    assert outcomes == [(1, "done"), (2, "done"), (3, "done"), (0, "done")]
    assert play.given[-1] == (FIRST, "a" * 32)


def test_a_heartbeat_that_moves_sends_the_surplus_member_home(play, tmp_path):
    heartbeat = claimed(tmp_path, FIRST, stale_seconds=60.0)

    def beats():
        os.utime(heartbeat, ns=(1, 1))
        return Told("done")

    play.ends[SECOND.id] = beats
    assert ended(grid([FIRST, SECOND], results=tmp_path, jobs=1)) == [(1, "done"), (0, "busy")]


def test_the_run_of_a_process_that_is_gone_is_taken_at_once(play, tmp_path):
    here = _this_process()
    claimed(tmp_path, FIRST, boot=here.boot, born="long ago", token="b" * 32)
    assert ended(grid([FIRST, SECOND], results=tmp_path, jobs=1)) == [(0, "done"), (1, "done")]
    assert play.given[0] == (FIRST, "b" * 32)


def test_what_failed_elsewhere_since_the_start_is_not_tried_again(play, tmp_path):
    record_failure(SECOND, "nan: of yesterday", results=tmp_path)

    def another_fails():
        record_failure(THIRD, "nan: of now", results=tmp_path)
        return Told("done")

    play.ends[FIRST.id] = another_fails
    outcomes = list(grid(RUNS, results=tmp_path, jobs=1))
    assert ended(outcomes) == [(0, "done"), (1, "done"), (2, "failed"), (3, "done")]
    assert outcomes[2].reason == "nan: of now (in another process)"


def test_told_to_stop_a_grid_gives_nothing_out_any_more(play, tmp_path):
    def asked():
        stopping._note(10, None)
        return Told("interrupted", "SIGUSR1")

    play.ends[FIRST.id] = asked
    with stopping.listening():
        assert ended(grid(RUNS, results=tmp_path, jobs=1)) == [(0, "interrupted")]


def test_after_a_full_disk_a_grid_goes_on_if_anything_can_be_written(play, tmp_path, monkeypatch):
    play.ends[FIRST.id] = Told("failed", "disk: No space left on device: a")
    assert len(list(grid(RUNS, results=tmp_path, jobs=1))) == 4
    shutil.rmtree(tmp_path)
    with pytest.raises(RunFailed, match=r"disk: .*nothing can be written, so the grid stops"):
        list(grid(RUNS, results=tmp_path, jobs=1))


def test_a_failure_is_not_written_over_a_result_or_beside_another_process(tmp_path):
    finished_by_another(tmp_path, FIRST)
    assert not record_failure(FIRST, "killed", results=tmp_path)
    assert RunFolder(path_of(tmp_path, FIRST)).failure() is None
    with locked(path_of(tmp_path, SECOND)):
        assert not record_failure(SECOND, "killed", results=tmp_path)
    assert record_failure(SECOND, "killed", results=tmp_path)
    assert RunFolder(path_of(tmp_path, SECOND)).failure().reason == "killed"


def test_a_run_that_another_process_holds_is_not_prepared(tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("it is claimed")

    monkeypatch.setattr("clvl_bench.runs.runner.prepare", never)
    with locked(path_of(tmp_path, FIRST)), pytest.raises(Busy):
        run(FIRST, results=tmp_path)


def test_a_run_that_is_overtaken_behind_its_rows_keeps_no_state(tmp_path, monkeypatch):
    """Not even an empty folder of a state appears beside what the successor left."""
    append = RunFolder.append

    def append_and_be_overtaken(folder, number, **content):
        segment = append(folder, number, **content)
        if number == 1:
            for path in (*folder.path.glob("claim.*"), folder.state):
                shutil.rmtree(path)
        return segment

    monkeypatch.setattr(RunFolder, "append", append_and_be_overtaken)
    with pytest.raises(Busy, match="taken over by another process"):
        run(FIRST, results=tmp_path, progress=False)
    assert sorted(path.name for path in path_of(tmp_path, FIRST).iterdir()) == [
        "predictions", "segments", "status.json",
    ]  # fmt: skip


def row(**changes):
    told = dict.fromkeys(COLUMNS, "") | {"stream": "test", "metric": "accuracy", "value": 0.0}
    return Record(**{**told, **changes})


def test_the_accuracy_of_a_grid_is_the_mean_after_the_last_experience():
    rows = [
        row(trained=1, experience=0, value=0.1),
        row(trained=2, experience=0, value=0.5),
        row(trained=2, experience=1, value=1.0),
        row(trained=2, experience=2, value=float("nan")),
        row(trained=2, experience=-1, value=0.3),
        row(trained=2, experience=0, value=0.9, stream="zeroshot"),
    ]
    assert accuracy(rows) == 0.75
    assert accuracy([]) is None


def test_who_is_told_to_stop_says_once_that_it_waits_for_its_runs(tmp_path, caplog, monkeypatch):
    workers = Workers(tmp_path, "cpu")
    told = []
    monkeypatch.setattr(workers, "_signal", lambda process, number: told.append(number))
    monkeypatch.setattr(stopping._request, "reason", "SIGTERM")
    workers._running = {"one": ("process", FIRST), "another": ("process", SECOND)}
    workers.ask_to_stop()
    workers.ask_to_stop()
    assert told == [signal.SIGUSR1] * 2
    assert caplog.messages == [
        "clvl-bench: told to stop (SIGTERM): waiting until all runs have come to their next kept "
        "state: 2"
    ]


def test_each_painted_world_is_read_once_ahead_and_its_faults_are_left_to_the_runs(monkeypatch):
    read = []

    def found_damaged(stream):
        read.append(stream)
        raise Damage("a byte changed")

    monkeypatch.setattr(preparation, "read_slices", found_damaged)
    runs = [*RUNS, run_config("eurosat", "zeroshot"), run_config("toy_sensors", "zeroshot")]
    paint(runs)
    assert read == [FIRST.benchmark_config, runs[-1].benchmark_config]

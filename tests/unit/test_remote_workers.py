"""Workers on other machines: what is sent, what comes back, and what becomes of a run whose worker
dies. The cluster is played, and so is Ray; tests/on_ray asks a real one.
"""

import json
import os
import signal
import sys
import tomllib
from types import ModuleType, SimpleNamespace

import pytest
from command import clvl_here
from conftest import ROOT

from clvl_bench.audits.result_files import result_files
from clvl_bench.cli.cluster_options import Cluster
from clvl_bench.core import stopping
from clvl_bench.core.errors import Missing, Mistake, RunFailed
from clvl_bench.core.lock import locked
from clvl_bench.core.packages import is_installed
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs.engines import ray_cluster, remote_workers
from clvl_bench.runs.engines.ray_cluster import Needs, connected
from clvl_bench.runs.engines.remote_workers import Lost, RemoteWorkers, Withdrawn, perform_there
from clvl_bench.runs.files import run_config
from clvl_bench.runs.grid import grid
from clvl_bench.runs.runner import run
from clvl_bench.runs.tasks import Task, Told

RUNS = [run_config("toy_landcover", "zeroshot", limit=20, seed=seed) for seed in range(3)]
FIRST, SECOND, THIRD = RUNS


class Played:
    """Workers that answer as the test says, in the order in which they were sent something."""

    def __init__(self, *answers, places=1):
        self.answers = list(answers)
        self.places = places
        self.sent = []
        self.cancelled = []

    def room(self):
        return self.places

    def send(self, sent):
        self.sent.append(json.loads(sent))
        return len(self.sent) - 1

    def answered(self, handles, *, within):
        return list(handles)[:1]

    def answer(self, handle):
        answer = self.answers[min(handle, len(self.answers) - 1)]
        if isinstance(answer, Exception):
            raise answer
        return answer.to_json().decode()

    def cancel(self, handle):
        self.cancelled.append(handle)


def outcomes(cluster, results, runs=RUNS):
    workers = RemoteWorkers(cluster, results, "cpu")
    return [(each.config.seed, each.state, each.reason) for each in grid_of(runs, results, workers)]


def grid_of(runs, results, workers):
    return grid(runs, results=results, workers=workers)


# --- in the grid ---


def test_one_run_more_is_sent_than_there_is_room_for_and_no_more_than_was_asked(tmp_path):
    workers = RemoteWorkers(Played(places=2), tmp_path, "cpu")
    few = RemoteWorkers(Played(places=2), tmp_path, "cpu", jobs=1)
    for number, config in enumerate(RUNS):
        assert workers.has_room
        assert few.has_room == (number == 0)
        workers.give(config)
        few.give(config)
    assert not workers.has_room


def test_a_run_whose_worker_died_is_sent_again_and_its_claim_is_not_forgotten(tmp_path, caplog):
    cluster = Played(Lost("node n1 is gone"), Told("done", accuracy=0.5))
    workers = RemoteWorkers(cluster, tmp_path, "cpu", ("mlflow",))
    workers.give(FIRST, dead="d" * 32)
    assert list(workers.wait(within=0)) == []
    assert list(workers.wait(within=0)) == [(FIRST, Told("done", accuracy=0.5))]
    first, again = (Task.from_json(sent["task"].encode()) for sent in cluster.sent)
    assert first == again == Task(FIRST, "cpu", "d" * 32, ("mlflow",))
    assert "its worker died (node n1 is gone); it goes on from its kept state, retry 1 of 3" in (
        caplog.text
    )


def test_a_run_that_kills_every_worker_fails_with_the_reason_and_takes_nobody_down(tmp_path):
    cluster = Played(*[Lost("out of memory")] * 4, Told("done"))
    (told,) = outcomes(cluster, tmp_path, [FIRST])
    assert told == (0, "failed", "killed: 4 workers died with it, last: out of memory")
    assert RunFolder(tmp_path / "runs" / FIRST.id).failure().reason == told[2]
    assert [state for _, state, _ in outcomes(Played(Told("done")), tmp_path, [SECOND])] == ["done"]


def test_a_run_that_another_process_claims_is_not_called_failed_there(tmp_path):
    with locked(tmp_path / "runs" / FIRST.id):
        workers = RemoteWorkers(Played(Lost("gone")), tmp_path, "cpu")
        workers.give(FIRST)
        ended = [told for _ in range(4) for told in workers.wait(within=0)]
    assert [told.state for _, told in ended] == ["failed"]
    assert RunFolder(tmp_path / "runs" / FIRST.id).failure() is None


def test_told_to_stop_all_is_cancelled_once_and_what_no_worker_had_is_interrupted(tmp_path):
    cluster = Played(Told("interrupted", "SIGINT"), Withdrawn(), Lost("gone"))
    workers = RemoteWorkers(cluster, tmp_path, "cpu")
    for config in RUNS:
        workers.give(config)
    workers.ask_to_stop()
    workers.ask_to_stop()
    ended = [told for _ in range(3) for told in workers.wait(within=0)]
    assert [told.state for _, told in ended] == ["interrupted"] * 3
    assert cluster.cancelled == [0, 1, 2]
    assert len(cluster.sent) == 3


def test_how_far_runs_are_is_read_in_their_folders_and_told_when_it_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_workers, "LOOK_SECONDS", -1.0)
    cluster = Played()
    cluster.answered = lambda handles, *, within: []
    workers = RemoteWorkers(cluster, tmp_path, "cpu")
    workers.give(FIRST)
    assert list(workers.wait(within=0)) == []
    with locked(tmp_path / "runs" / FIRST.id):
        assert list(workers.wait(within=0)) == [(FIRST, Told("running"))]
        RunFolder(tmp_path / "runs" / FIRST.id).set_status("running", learned=2, experiences=5)
        told = Told("running", learned=2, experiences=5)
        assert list(workers.wait(within=0)) == [(FIRST, told)]
        assert list(workers.wait(within=0)) == []


# --- in the worker ---


class Here(Played):
    """A worker that is this process."""

    def answer(self, handle):
        return perform_there(json.dumps(self.sent[handle]))


def test_a_run_there_has_the_numbers_of_one_here_and_leaves_nothing_else(tmp_path):
    assert outcomes(Here(), tmp_path, [FIRST]) == [(0, "done", "")]
    run(FIRST, results=tmp_path / "here", progress=False)
    there, here = (each / "runs" / FIRST.id for each in (tmp_path, tmp_path / "here"))
    assert result_files(there) == result_files(here)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "runs"]


def test_a_worker_that_does_not_see_the_folder_says_so_and_writes_nothing(tmp_path):
    cluster = Here()
    workers = RemoteWorkers(cluster, tmp_path, "cpu")
    workers.give(FIRST)
    cluster.sent[0]["results"] = str(tmp_path / "of its own")
    ((_, told),) = workers.wait(within=0)
    assert told.state == "failed"
    assert "let --results be on a disk that all nodes see" in told.reason
    assert not (tmp_path / "of its own").exists()


def test_a_first_interruption_is_only_noted(tmp_path, monkeypatch):
    """Ray cancels with SIGINT."""

    def interrupted(*_, **__):
        os.kill(os.getpid(), signal.SIGINT)
        return Told("interrupted", stopping.asked())

    monkeypatch.setattr(remote_workers, "perform", interrupted)
    monkeypatch.setattr(remote_workers, "_sources", lambda: None)
    assert outcomes(Here(), tmp_path, [FIRST]) == [(0, "interrupted", "SIGINT")]


# --- Ray ---


@pytest.mark.parametrize(
    ("needs", "resources", "runs"),
    [
        (Needs(), {"CPU": 4.0}, 4),
        (Needs(), {"memory": 1e9}, 0),
        (Needs(gpus=1), {"CPU": 16.0, "GPU": 8.0}, 8),
        (Needs(gpus=1), {"CPU": 16.0}, 0),
        (Needs(gpus=0.1), {"CPU": 16.0, "GPU": 1.0}, 10),
        (Needs(gpus=0.3), {"CPU": 16.0, "GPU": 1.0}, 3),
        (Needs(gpus=0.25), {"CPU": 2.0, "GPU": 1.0}, 2),
    ],
)
def test_a_machine_holds_as_many_runs_as_its_scarcest_resource(needs, resources, runs):
    assert needs.fit_in(resources) == runs


@pytest.fixture
def ray(monkeypatch):
    """Ray, played: it notes how it is started."""
    errors = ("WorkerCrashedError", "NodeDiedError", "OutOfMemoryError", "TaskCancelledError")
    played = ModuleType("ray")
    played.exceptions = SimpleNamespace(RayError=type("RayError", (Exception,), {}))
    for name in errors:
        setattr(played.exceptions, name, type(name, (played.exceptions.RayError,), {}))
    node = {"Alive": True, "NodeManagerAddress": "127.0.0.1", "Resources": {"CPU": 2.0}}
    lost = {**node, "Alive": False}
    played.machines = [node, lost]
    played.nodes = lambda: played.machines
    played.told = {}
    played.init = lambda **options: played.told.update(options)
    played.remote = lambda **options: lambda function: (function, options)
    played.shutdown = lambda: played.told.update(ended=True)
    played.__version__ = "2.60.0"
    monkeypatch.setitem(sys.modules, "ray", played)
    for name in ("RAY_ADDRESS", "RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
        monkeypatch.setenv(name, "")
    return played


def test_a_ray_of_ones_own_stays_on_this_machine_and_tells_nobody(ray, monkeypatch):
    monkeypatch.setenv("CLVL_HOME", "/shared/clvl")
    with connected(None, Needs(), cpus=3) as cluster:
        assert cluster.room() == 2
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert ray.told["runtime_env"]["env_vars"]["CLVL_HOME"] == "/shared/clvl"
    assert ray.told["address"] == "local"
    assert ray.told["num_cpus"] == 3
    assert ray.told["include_dashboard"] is False
    assert ray.told["ended"]


def test_a_cluster_that_is_there_is_joined_as_it_is(ray, monkeypatch):
    ray.machines[0]["NodeManagerAddress"] = "10.0.0.7"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.7:6379")
    with connected(None, Needs(), cpus=3):
        assert ray.told["address"] == "10.0.0.7:6379"
    assert "num_cpus" not in ray.told


def test_a_ray_that_others_reach_is_ended_and_refused(ray):
    ray.machines[0]["NodeManagerAddress"] = "10.0.0.7"
    with pytest.raises(Mistake, match=r"listens on 10\.0\.0\.7"), connected(None, Needs(), cpus=1):
        pass
    assert ray.told["ended"]


def test_what_ray_cannot_do_is_one_line(ray):
    def nobody(**_):
        raise ConnectionError("nobody answers\nat all")

    with pytest.raises(Mistake, match="is Ray's client"), connected("ray://a:1", Needs(), cpus=1):
        pass
    asks = pytest.raises(Mistake, match="asks for 1 CPU and 1 GPU, which this machine")
    with asks, connected(None, Needs(gpus=1), cpus=1):
        pass
    ray.init = nobody
    with pytest.raises(Missing, match=r"a:1: nobody answers$"), connected("a:1", Needs(), cpus=1):
        pass


@pytest.mark.parametrize(
    ("raised", "meant"),
    [
        ("WorkerCrashedError", Lost),
        ("NodeDiedError", Lost),
        ("OutOfMemoryError", Lost),
        ("TaskCancelledError", Withdrawn),
        ("RayError", RunFailed),
    ],
)
def test_how_a_worker_ended_is_what_ray_raises(ray, raised, meant):
    def get(handle):
        raise getattr(ray.exceptions, raised)("Traceback\nModuleNotFoundError: no clvl_bench")

    ray.get = get
    with connected(None, Needs(), cpus=1) as cluster, pytest.raises(meant):
        cluster.answer("handle")


# --- the command ---


def test_without_the_extra_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_cluster, "is_installed", lambda name: False)
    told = clvl_here("grid", "ci", "--on", "ray", cwd=tmp_path)
    assert told.returncode == 3
    assert told.stderr.endswith("not installed; run: pip install 'clvl_bench[ray]'\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("gpus", "device", "asked"),
    [(None, "auto", 0), (None, "cuda", 1), ("0.25", "auto", 0.25), ("2", "cuda:1", 2)],
)
def test_a_run_asks_for_the_gpus_that_are_said_or_that_its_device_needs(gpus, device, asked):
    assert Cluster(gpus=gpus).gpus_of_a_run(device) == asked


@pytest.mark.parametrize(("gpus", "device"), [("a100:1", "auto"), ("1", "cpu"), ("0", "cuda")])
def test_gpus_that_ray_cannot_be_asked_for_are_refused(gpus, device):
    with pytest.raises(Mistake, match=f"--gpus {gpus}"):
        Cluster(gpus=gpus).gpus_of_a_run(device)


def test_a_plain_install_has_no_engine_but_its_own():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not [each for each in project["dependencies"] if each.startswith(("ray", "submitit"))]
    assert [each.partition(">")[0] for each in project["optional-dependencies"]["ray"]] == ["ray"]


def test_a_folder_of_its_name_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "a_folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_installed("a_folder")
    assert is_installed("pytest")

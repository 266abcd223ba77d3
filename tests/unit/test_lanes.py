"""Lanes of a grid on a cluster: their scripts, their shares, and that nothing is submitted twice.
SLURM is played; tests/slurm asks a real one.
"""

import shutil
import signal as signals
import subprocess
from pathlib import Path

import pytest
from command import clvl_here
from conftest import ROOT

from clvl_bench.cli import grid_on_slurm
from clvl_bench.cli.cluster_options import seconds_of
from clvl_bench.cli.grid_on_slurm import View, passed_on
from clvl_bench.cli.lanes_table import Lane, lanes_table
from clvl_bench.cli.restarts import refuse_endless
from clvl_bench.core.errors import Missing, Mistake, RunFailed
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs.engines import slurm
from clvl_bench.runs.engines.environment import VARIABLES
from clvl_bench.runs.engines.lanes import Plan, plan
from clvl_bench.runs.engines.slurm_lanes import scripts, submit_once, submitted
from clvl_bench.runs.engines.slurm_script import IN_VAIN, Resources, sbatch_options
from clvl_bench.runs.engines.standing import standings
from clvl_bench.runs.files import load, run_config, runs_of
from clvl_bench.runs.grid import own_place
from clvl_bench.runs.preparation import to_encode

RUNS = [run_config("toy_landcover", "zeroshot", limit=20, seed=seed) for seed in range(4)]
SENSORS = [run_config("toy_sensors", "zeroshot", limit=20, seed=seed) for seed in range(2)]

ALONE = Resources()


def planned(results, *, lanes=2, most=1000, runs=RUNS):
    return plan(runs, results, experiment="mine.toml", lanes=lanes, most=most)


def written(results, resources=ALONE, **changes):
    return scripts(planned(results, **changes), ["clvl-bench", "grid"], resources, results)


# --- the scripts ---


def test_there_are_not_more_lanes_than_runs_or_than_an_array_may_have(tmp_path):
    assert "#SBATCH --array=1-4%4\n" in written(tmp_path, lanes=9)["lanes.sh"]
    assert "#SBATCH --array=1-3%3\n" in written(tmp_path, lanes=9, most=3)["lanes.sh"]


def test_a_script_asks_for_what_was_asked_and_runs_one_command(tmp_path):
    extra = sbatch_options(["qos=low", "exclusive", "signal=B:USR1@300"])
    asked = Resources(2, "gpu", 3600, "a100:1", "16G", "us", extra)
    text = written(tmp_path, asked)["lanes.sh"]
    head = [line for line in text.splitlines() if line.startswith("#SBATCH")]
    for option in (
        "cpus-per-task=2", "partition=gpu", "time=0-01:00:00", "gres=gpu:a100:1", "mem=16G",
        "account=us", "qos=low", "exclusive", "signal=B:USR1@300", "requeue", "open-mode=append",
    ):  # fmt: skip
        assert f"#SBATCH --{option}" in head
    (command,) = [line for line in text.splitlines() if line.startswith("clvl-bench")]
    member = '--member "$SLURM_ARRAY_TASK_ID/2"'
    assert command == f"clvl-bench grid --time-limit 3570s {member} &"


def test_a_script_is_shell_whatever_its_folder_is_called(tmp_path):
    results = tmp_path / "it's 100 %"
    results.mkdir()
    texts = written(results)
    assert '--output="' in texts["lanes.sh"]
    assert "100 %%/" in texts["lanes.sh"]
    for text in texts.values():
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def test_the_script_on_the_page_is_the_one_that_is_made(monkeypatch):
    page = (ROOT / "docs" / "howto" / "cluster.md").read_text()
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CLVL_HOME", "/shared/clvl")
    results = Path("/shared/results")
    on_page = Plan("mine-3f9ac21b", results / "lanes" / "mine-3f9ac21b", (), 8, ())
    command = passed_on("mine.toml", 1, "auto", None, [], [], results)
    asked = Resources(1, "gpu", seconds_of("4h"), "1", "32G")
    text = scripts(on_page, ["clvl-bench", *command[-8:]], asked, Path("/home/me/study"))
    assert f"```bash\n{text['lanes.sh']}```" in page


STOPS = "trap 'exit 75' USR1; echo ready; sleep 9 & wait"
IMPORTS = "echo ready; sleep 9 & wait"
ENDS = {
    "done": ("echo ready; exit 0", None, 0, 0, False),
    "failed": ("echo ready; exit 1", None, 0, 1, False),
    "time limit of its own": ("echo ready; exit 75", None, 0, 75, True),
    "out of memory": ("echo ready; kill -9 $$", None, 0, 137, False),
    "told in time": (STOPS, "USR1", 0, 75, True),
    "told in time, once more": (STOPS, "USR1", 2, 75, True),
    "told while it imports": (IMPORTS, "USR1", 1, 75, True),
    "told while it imports, once more": (IMPORTS, "USR1", 2, 1, False),
    "told, and all done": ("trap 'exit 0' USR1; echo ready; sleep 9 & wait", "USR1", 0, 0, False),
    "cancelled": ("trap 'exit 75' TERM; echo ready; sleep 9 & wait", "TERM", 0, 75, False),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_job_is_queued_again_if_it_was_stopped_and_nobody_cancelled_it(tmp_path, end):
    member, signal, in_vain, code, again = end
    (tmp_path / "scontrol").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/again\n')
    (tmp_path / "scontrol").chmod(0o755)
    command = ["bash", "-c", member]
    text = scripts(planned(tmp_path), command, ALONE, tmp_path)
    noted = planned(tmp_path).folder / "7_2.in-vain"
    noted.parent.mkdir(parents=True)
    noted.write_text(in_vain * "USR1\n")
    job = subprocess.Popen(
        ["bash", "-c", text["lanes.sh"]],
        stdout=subprocess.PIPE,
        text=True,
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "SLURM_JOB_ID": "7",
            "SLURM_ARRAY_JOB_ID": "7",
            "SLURM_ARRAY_TASK_ID": "2",
        },
    )
    with job:
        assert job.stdout.readline() == "ready\n"
        if signal:
            job.send_signal(getattr(signals, f"SIG{signal}"))
    assert (job.returncode, (tmp_path / "again").exists()) == (code, again)


def test_a_job_ends_where_it_would_repeat_itself_and_only_there(monkeypatch, tmp_path):
    refuse_endless("SIGUSR1", progressed=False)
    monkeypatch.setenv(IN_VAIN, str(tmp_path / "7_2.in-vain"))
    for reason, progressed in (
        ("SIGUSR1", False), ("time limit", False), ("SIGUSR1", True),
        ("SIGUSR1", False), ("SIGTERM", False), ("time limit", False),
    ):  # fmt: skip
        refuse_endless(reason, progressed=progressed)
    with pytest.raises(RunFailed, match=r"3 times in a row.*give it a longer --time"):
        refuse_endless("SIGUSR1", progressed=False)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("55m", 3300), ("1.5h", 5400), ("2d", 172800), ("30", 1800), ("30:20", 1820),
        ("1:00:00", 3600), ("1-2", 93600), ("1-2:30", 95400), ("1-2:30:10", 95410),
    ],
)  # fmt: skip
def test_a_time_is_read_as_sbatch_reads_it_or_with_a_unit(time, seconds):
    """The forms are those of sbatch's manual."""
    assert seconds_of(time) == seconds


@pytest.mark.parametrize("time", ["soon", "20s", "0:30", "-5", "1:2:3:4", ""])
def test_what_is_no_time_of_a_minute_is_refused(time):
    with pytest.raises(Mistake, match="--time"):
        seconds_of(time)


@pytest.mark.parametrize("option", ["array=3", "output=x", "Qos=low", "--qos=low", "qos=a\nb"])
def test_what_is_no_free_option_of_sbatch_is_refused(option):
    with pytest.raises(Mistake, match="--sbatch"):
        sbatch_options([option])


# --- what comes first, and where who begins ---


def test_what_a_run_has_measured_already_is_not_encoded_first(tmp_path):
    assert to_encode([*RUNS, *SENSORS], tmp_path) == [RUNS[0], SENSORS[0]]
    RunFolder(tmp_path / "runs" / RUNS[2].id).write("segments/0000.csv", b"")
    assert to_encode([*RUNS, *SENSORS], tmp_path) == [SENSORS[0]]


def test_features_that_are_given_are_not_encoded(tmp_path):
    assert to_encode(runs_of(load("experiment", "whu_rs19_delay"))[:2], tmp_path) == []


def test_a_lane_begins_where_the_data_change_if_that_is_near():
    runs = [*RUNS, *SENSORS]
    assert [own_place(runs, (index, 2)) for index in range(2)] == [0, 4]
    assert [own_place(runs, (index, 6)) for index in range(6)] == [0, 1, 2, 3, 4, 5]


# --- submitting ---


@pytest.fixture
def played(monkeypatch):
    """SLURM with a queue that is a list."""
    jobs = []

    def submit(script, *, after=None):
        lines = script.read_text().splitlines()
        name = next(line.partition("job-name=")[2] for line in lines if "job-name" in line)
        number = str(len(jobs) + 1)
        tasks = (1, 2) if script.name == "lanes.sh" else (0,)
        for task in tasks:
            job = f"{number}_{task}" if task else number
            jobs.append(slurm.Job(job, name, task, "PENDING", after or "None", "", ""))
        return number

    monkeypatch.setattr(slurm, "submit", submit)
    monkeypatch.setattr(slurm, "queue", lambda names: [job for job in jobs if job.name in names])
    return jobs


def test_lanes_are_submitted_once_behind_what_encodes(played, tmp_path):
    assert submit_once(planned(tmp_path), written(tmp_path))
    assert [(job.job, job.reason) for job in played] == [("1", "None"), ("2_1", "1"), ("2_2", "1")]
    assert not submit_once(planned(tmp_path), written(tmp_path))
    assert submitted(planned(tmp_path)).jobs == ["1", "2_1", "2_2"]
    assert len(played) == 3


def test_who_died_between_the_two_jobs_is_succeeded_behind_the_first(played, tmp_path):
    submit_once(planned(tmp_path), written(tmp_path))
    del played[1:]
    assert submit_once(planned(tmp_path), written(tmp_path))
    assert [(job.job, job.reason) for job in played][1] == ("2_1", "1")


def test_lanes_that_have_ended_are_followed_by_new_ones(played, tmp_path):
    submit_once(planned(tmp_path), written(tmp_path))
    played.clear()
    assert submit_once(planned(tmp_path), written(tmp_path))
    told = submitted(planned(tmp_path))
    assert told.earlier == ("2",)
    assert told.includes("2_1")
    assert not told.includes("12_1")


def test_without_slurm_one_line_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Missing, match="no sbatch here"):
        slurm.refuse_without_slurm()


def answering(stdout="", stderr="", code=0):
    def ask(command):
        return subprocess.CompletedProcess(command, code, stdout, stderr)

    return ask


def test_what_slurm_says_is_read(monkeypatch):
    monkeypatch.setattr(slurm, "_ask", answering("12_3|clvl-a|3|RUNNING|None|n1|9:59\n"))
    assert slurm.queue(["clvl-a"]) == [
        slurm.Job("12_3", "clvl-a", 3, "RUNNING", "None", "n1", "9:59")
    ]
    monkeypatch.setattr(slurm, "_ask", answering("12_1|CANCELLED by 0\n12_2|NODE_FAIL\n"))
    assert slurm.ended(["12_1", "12_2"]) == {"12_1": "CANCELLED", "12_2": "NODE_FAIL"}
    monkeypatch.setattr(slurm, "_ask", answering("MaxArraySize            = 1001\n"))
    assert slurm.most_lanes() == 1000
    monkeypatch.setattr(slurm, "_ask", answering(stderr="accounting is disabled", code=1))
    assert slurm.ended(["12"]) == {}


# --- how far it is ---


def told_status(results, config, **status):
    RunFolder(results / "runs" / config.id).set_status(**status)


def test_a_run_is_where_its_folder_and_the_queue_say(tmp_path):
    running = {"state": "running", "learned": 2, "experiences": 5, "seconds_left": 12}
    told_status(tmp_path, RUNS[0], lane="2_1", **running)
    told_status(tmp_path, RUNS[1], lane="1_2", **running)
    RunFolder(tmp_path / "runs" / RUNS[2].id).set_failed(RUNS[2].coordinates, "nan: [red]a[/red]")
    found = standings(RUNS, tmp_path, has_ended=lambda job: job == "1_2")
    assert [each.state for each in found] == ["running", "waiting", "failed", "waiting"]
    queued = slurm.Job("2_1", "clvl", 1, "RUNNING", "None", "n1", "")
    lanes = [Lane("1", "2_1", tmp_path / "lane-1.log", queued)]
    from rich.console import Console

    console = Console(width=120)
    with console.capture() as capture:
        console.print(lanes_table(lanes, found))
    shown = capture.get()
    row = " ".join(next(line for line in shown.splitlines() if "lane-1.log" in line).split())
    assert row == "1 running n1 zeroshot seed 0 40 % about 12 s left lane-1.log"
    assert "4 runs: 0 done, 1 running, 2 waiting, 1 failed" in shown
    assert "nan: [red]a[/red]" in shown
    assert "sacct does not say" not in shown
    assert str(tmp_path) in shown.replace("\n", "")


@pytest.mark.parametrize(("end", "said"), [("", True), ("NODE_FAIL", False)])
def test_where_there_is_no_accounting_a_line_says_so(tmp_path, end, said):
    from rich.console import Console

    console = Console(width=120)
    with console.capture() as capture:
        console.print(lanes_table([Lane("1", "2_1", tmp_path / "lane-1.log", None, end)], []))
    assert ("sacct does not say how lanes ended" in capture.get()) == said


def test_looking_on_says_in_a_log_what_is_new_until_no_job_is_left(tmp_path, monkeypatch, capsys):
    found = standings(RUNS, tmp_path, has_ended=lambda job: False)
    lane = Lane(
        "1", "12_1", tmp_path / "lane-1.log", slurm.Job("12_1", "x", 1, "RUNNING", "", "n1", "")
    )
    views = [View(found, [], True), View(found, [], True), View(found, [lane], True)]
    ended = View(found, [lane], False)
    looks = iter([*views, ended])
    monkeypatch.setattr(grid_on_slurm, "look", lambda *_, **__: next(looks))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert grid_on_slurm.look_on(planned(tmp_path), RUNS, tmp_path) is ended
    said = "4 runs: 0 done, 4 waiting; {} jobs in the queue, 0 of them waiting\n"
    assert capsys.readouterr().out == said.format(0) + said.format(1)


# --- the command ---


def test_a_dry_run_prints_the_scripts_and_writes_nothing(tmp_path):
    told = clvl_here(
        "grid", "ci", "--on", "slurm", "--lanes", 3, "--dry-run", "--results", "r", cwd=tmp_path
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("#!/bin/bash") == 2
    assert list(tmp_path.iterdir()) == []


MISTAKES = {
    "lanes of nothing": (
        ("--lanes", 3),
        "--lanes: says nothing to --on local; it is for --on slurm",
    ),
    "no engine": (("--on", "slurn"), "did you mean 'slurm'"),
    "a member": (("--on", "slurm", "--member", "1/2"), "--member: says nothing to --on slurm"),
    "a Ray that is left": (("--on", "ray", "--no-wait"), "it is for --on slurm"),
    "GPUs of this machine": (("--gpus", "1"), "it is for --on slurm or --on ray"),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_options_that_say_nothing_are_refused(tmp_path, mistake):
    options, said = mistake
    told = clvl_here("grid", "ci", *options, cwd=tmp_path)
    assert told.returncode == 2
    assert said in told.stderr


def test_the_status_of_a_grid_here_is_told_by_its_folders(tmp_path):
    told = clvl_here("grid", "ci", "--status", "--results", "r", cwd=tmp_path)
    assert told.stdout == "12 runs: 0 done, 12 waiting\n"
    assert list(tmp_path.iterdir()) == []

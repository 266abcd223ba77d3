"""A disk that is full, or that cannot be written for another reason, at any change of a file: one
line, and the same result once it is mended.
"""

import errno
import itertools
import json
import os
import re

import pytest

from clvl_bench.audits.result_files import result_files
from clvl_bench.cli import main as command
from clvl_bench.core import files
from clvl_bench.core.faults import as_failure
from clvl_bench.data.catalog.listing import find
from clvl_bench.data.readers.reading import read_split
from clvl_bench.runs.setup import Sources

ARGUMENTS = (
    "run", "toy_landcover", "zeroshot", "--limit", "1",
    "--set", "benchmark.classes_per_experience=[5, 5]", "--set", "benchmark.zeroshot=[]",
)  # fmt: skip

OTHERS = ("EDQUOT", "EROFS", "EACCES", "EMFILE", "ENAMETOOLONG", "EFBIG")
SOME = (1, 6, 12, 20, 30, 40)
"""Changes that are sampled: a claim, the cache, a segment, a state, what comes later."""


class Disk:
    """Fails at its k-th change; `lasting`: and at all that come after it."""

    def __init__(self, k, code, *, lasting=False):
        self._k = k
        self._code = code
        self._lasting = lasting
        self.changes = 0
        self.failed = False

    def __call__(self, path):
        self.changes += 1
        if self.changes == self._k or (self._lasting and self.changes > self._k):
            self.failed = True
            raise OSError(self._code, os.strerror(self._code), str(path))


@pytest.fixture
def run(tmp_path, tiny, monkeypatch, capsys, shared_home):
    """Runs the command with a disk, in a place of its own; gives exit code and lines of errors."""
    read_split(find("toy_landcover"), "test")  # painted once for all
    read_split(find("toy_landcover"), "train")
    monkeypatch.setattr(Sources, "backbone", lambda *_, **__: tiny)
    monkeypatch.setattr("clvl_bench.cli.show.show_result", lambda *_, **__: None)
    monkeypatch.setattr("clvl_bench.runs.provenance._git", lambda *_: None)

    def go(name, disk=None):
        home = tmp_path / name / "home"
        if not home.exists():
            home.mkdir(parents=True)
            (home / "toy").symlink_to(shared_home / "toy")
        monkeypatch.setenv("CLVL_HOME", str(home))
        monkeypatch.setattr(files, "before_change", disk or (lambda path: None))
        results = tmp_path / name / "results"
        monkeypatch.setattr("sys.argv", ["clvl-bench", *ARGUMENTS, "--results", str(results)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            command.main()
        return ended.value.code, capsys.readouterr().err.splitlines()

    return go


@pytest.fixture
def undisturbed(run, tmp_path):
    assert run("undisturbed") == (0, [])
    (folder,) = tmp_path.glob("undisturbed/results/runs/*")
    return result_files(folder)


def fails_and_is_mended(run, tmp_path, undisturbed, k, name, *, lasting):
    """Whether the run came as far as its k-th change."""
    disk = Disk(k, getattr(errno, name), lasting=lasting)
    place = f"{name}{k}{lasting}"
    code, lines = run(place, disk)
    if not disk.failed:
        assert code == 0
        return False
    assert code == 1, lines
    (line,) = lines
    assert re.match(rf"clvl-bench: failed: disk: {os.strerror(disk._code)}: /.*; .*again$", line)
    for status in tmp_path.glob(f"{place}/results/runs/*/status.json"):
        told = json.loads(status.read_bytes())
        beside = status.parent / "result.json"
        if not (lasting or beside.is_file()):
            assert (told["state"], told["reason"][:5]) == ("failed", "disk:")
    assert run(place) == (0, [])
    (folder,) = tmp_path.glob(f"{place}/results/runs/*")
    assert result_files(folder) == undisturbed
    assert {path.name for path in folder.iterdir()} == {
        "predictions", "result.json", "segments", "status.json",
    }  # fmt: skip
    assert not list((tmp_path / place).rglob("*.tmp"))
    return True


def test_a_folder_of_any_name_is_written(run, tmp_path, undisturbed):
    name = "Zoë's 森林, with spaces " + "x" * 180
    assert run(name) == (0, [])
    (folder,) = (tmp_path / name).glob("results/runs/*")
    assert result_files(folder) == undisturbed


@pytest.mark.sweep
@pytest.mark.parametrize("lasting", [False, True])
def test_full_at_any_change(run, tmp_path, undisturbed, lasting):
    for k in itertools.count(1):
        if not fails_and_is_mended(run, tmp_path, undisturbed, k, "ENOSPC", lasting=lasting):
            break
    assert k > 40


@pytest.mark.sweep
@pytest.mark.parametrize("name", OTHERS)
def test_not_writable_at_some_changes(run, tmp_path, undisturbed, name):
    for k in SOME:
        assert fails_and_is_mended(run, tmp_path, undisturbed, k, name, lasting=True)


SAMPLED = [*((k, "ENOSPC") for k in SOME), *zip(SOME, OTHERS, strict=True)]


@pytest.mark.parametrize(("k", "name"), SAMPLED)
def test_a_disk_that_cannot_be_written_is_told_in_a_line_and_mended(
    run, tmp_path, undisturbed, k, name
):
    assert fails_and_is_mended(run, tmp_path, undisturbed, k, name, lasting=name != "ENOSPC")


# --- memory ---

TORCH = (
    "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 400000000000 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 3 TiB"),
        RuntimeError(TORCH),
        RuntimeError("could not create a primitive"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_too_little_memory_is_told_in_a_line(error):
    line = str(as_failure(error))
    assert line.startswith("memory: ")
    assert line.endswith("need less")
    assert "\n" not in line


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), OSError("no number"), FileNotFoundError(2, "x")]
)
def test_other_errors_are_no_fault_of_the_machine(error):
    assert as_failure(error) is None

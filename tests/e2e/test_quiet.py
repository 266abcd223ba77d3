"""What a command does beside its work, heard by the interpreter's own events: files that it opens
for writing, sockets, other programs.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command import clvl_here

RUN = ("run", "toy_landcover", "prompt_replay", "--limit", 5, "--set", "train.epochs=1")
PROGRAMS = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "os.exec"}
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
SOCKETS = {"socket.__new__", "socket.connect", "socket.bind", "socket.getaddrinfo"}
heard: list[tuple[str, tuple[Any, ...]]] | None = None


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if heard is not None:
        heard.append((event, arguments))


@contextmanager
def listening() -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """What is told in the block. An audit hook stays for good: outside it hears nothing."""
    global heard
    heard = []
    try:
        yield heard
    finally:
        heard = None


@pytest.fixture(scope="module", autouse=True)
def _hook() -> None:
    sys.addaudithook(_hear)


def written(events: list[tuple[str, tuple[Any, ...]]]) -> list[str]:
    """Files that were opened for writing, and other changes of the file system."""
    found = []
    for event, arguments in events:
        opens = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if opens or event in CHANGES:
            found.append(str(arguments[0]))
    return [path for path in found if not path.startswith(("/dev/", "/proc/"))]


@pytest.mark.parametrize("arguments", [RUN, ("grid", "reference")], ids=["run", "grid"])
def test_a_dry_run_opens_no_file_for_writing_and_no_socket(tmp_path, empty_home, arguments):
    with listening() as events:
        done = clvl_here(*arguments, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert written(events) == []
    assert not [event for event, _ in events if event in SOCKETS]
    assert any(event == "open" for event, _ in events), "the hook hears"


def test_a_run_opens_no_socket_starts_git_alone_and_writes_where_it_was_told(tmp_path, shared_home):
    """So it has no process that loads data for it, either."""
    (tmp_path / "x").mkdir()
    with listening() as events:
        done = clvl_here(*RUN, "--no-page", "--results", tmp_path / "results", cwd=tmp_path / "x")
    assert done.returncode == 0, done.stderr
    assert not [event for event, _ in events if event in SOCKETS]
    programs = [arguments[0] for event, arguments in events if event in PROGRAMS]
    assert {Path(os.fspath(name)).name for name in programs if isinstance(name, str)} <= {"git"}
    allowed = (str(tmp_path), str(shared_home))
    # Names without a folder are below one that was opened, or in the current one.
    elsewhere = [path for path in written(events) if path.startswith("/")]
    assert [path for path in elsewhere if not path.startswith(allowed)] == []

"""Claims: which process works on a run, so that two grids on one results folder do each run once.

A claim is a folder `claim.<n>`, renamed into place with its owner inside: atomic on network file
systems too, where locks are not. A claim whose process is gone (or, on another machine, whose
heartbeat has not changed for a while as this machine's clock counts it) is stale, and the next one
takes `claim.<n + 1>`. Whoever finds a higher number than its own has been overtaken and stops
before it writes; since runs are deterministic, even a lost race writes the same bytes.
"""

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clvl_bench.core.errors import Busy
from clvl_bench.core.files import to_json

BEAT_SECONDS = 10.0
STALE_SECONDS = 90.0


class RunLock:
    """The right to write a run's folder, as long as nobody has a higher number."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self.number = folder, number

    def check(self) -> None:
        """Stop before a write if this process was taken for dead and overtaken.

        Raises:
            Busy: another process has a higher claim.
        """
        highest = _highest(self._folder)
        if highest > self.number:
            raise Busy(
                f"{self._folder.name}: was taken over by {_owner(self._folder, highest)}; this "
                f"process stops"
            )


@contextmanager
def locked(folder: Path) -> Iterator[RunLock]:
    """Hold a run for the time of the block.

    Raises:
        Busy: another live process holds it.
    """
    claim = RunLock(folder, _take(folder))
    done = threading.Event()
    beat = threading.Thread(target=_beat, args=(_path(folder, claim.number), done), daemon=True)
    beat.start()
    try:
        yield claim
    finally:
        done.set()
        beat.join()
        if _highest(folder) == claim.number:
            for number in range(1, claim.number + 1):
                shutil.rmtree(_path(folder, number), ignore_errors=True)
        with suppress(OSError):
            folder.rmdir()  # where nothing was written, nothing is left


def is_locked(folder: Path) -> bool:
    """Whether a live process holds the run."""
    highest = _highest(folder)
    return bool(highest) and _alive(folder, highest)


def _take(folder: Path) -> int:
    highest = _highest(folder)
    if highest and _alive(
        folder, highest
    ):  # judged on the one that was read: a newer one makes the rename fail
        raise Busy(f"{folder.name}: is already running by {_owner(folder, highest)}")
    number = highest + 1
    mine = folder / f".claim.{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}.tmp"
    mine.mkdir(parents=True, exist_ok=True)
    (mine / "owner.json").write_bytes(
        to_json({"host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid())})
    )
    (mine / "heartbeat").touch()
    try:
        mine.rename(_path(folder, number))  # fails where the name exists, since an owner is inside
    except OSError:
        shutil.rmtree(mine, ignore_errors=True)
        raise Busy(f"{folder.name}: is already running by {_owner(folder, number)}") from None
    return number


def _path(folder: Path, number: int) -> Path:
    return folder / f"claim.{number}"


def _highest(folder: Path) -> int:
    numbers = [int(path.suffix[1:]) for path in folder.glob("claim.*") if path.suffix[1:].isdigit()]
    return max(numbers, default=0)


def _owner(folder: Path, number: int) -> str:
    owner = _read_owner(folder, number)
    return f"process {owner['pid']} on {owner['host']}" if owner else "another process"


def _read_owner(folder: Path, number: int) -> dict[str, object] | None:
    try:
        content: dict[str, object] = json.loads((_path(folder, number) / "owner.json").read_bytes())
    except (OSError, ValueError):
        return None
    return content


def _alive(folder: Path, number: int) -> bool:
    """Whether a claim's process lives: asked of the system on this machine, watched for a heartbeat
    on any other.
    """
    owner = _read_owner(folder, number)
    if owner is None:
        return False
    if owner["host"] == socket.gethostname():
        return _born(int(str(owner["pid"]))) == owner["born"]
    return _beats(_path(folder, number) / "heartbeat")


def _beats(heartbeat: Path) -> bool:
    """Whether the file's time changes while we watch: clocks of two machines are never compared."""
    first, start = _changed(heartbeat), time.monotonic()
    while time.monotonic() - start < STALE_SECONDS:
        time.sleep(BEAT_SECONDS / 4)
        if _changed(heartbeat) != first:
            return True
    return False


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _born(pid: int) -> str | None:
    """When a process started, so that a reused number is not taken for the old one; None if there
    is no such process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        return _asked(pid)
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _asked(pid: int) -> str | None:
    """Where there is no /proc: whether the process exists at all."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # it exists and is somebody else's
        pass
    return "exists"


def _beat(claim: Path, done: threading.Event) -> None:
    while not done.wait(BEAT_SECONDS):
        try:
            (claim / "heartbeat").touch(exist_ok=True)
        except OSError:
            return

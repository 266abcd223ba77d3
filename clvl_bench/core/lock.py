"""Claims: which process works on a folder, so that two do not spend their time on one thing.

A claim is a folder `claim.<n>`, renamed into place with its owner inside: atomic on network file
systems too, where locks are not. A claim whose process is gone (or, where that cannot be asked,
whose heartbeat has not changed for a while as this machine's clock counts it) is dead: the next one
takes `claim.<n + 1>` and removes the dead one.

Inside a claim lies its workshop, a folder whose name was never used before. All files of the owner
are made there and renamed into place. So an owner that was taken for dead, and wakes up after its
successor has finished and left, can change nothing: the workshop that it would rename from is gone
for ever, and the file system itself refuses.
"""

import errno
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from uuid import uuid4

from clvl_bench.core import files, stopping
from clvl_bench.core.errors import Busy, Mistake, RunFailed, warn
from clvl_bench.core.files import Changes, parse_json, temporary_name, to_json

STALE_SECONDS = 90.0
"""How long the heartbeat of a claim is silent before the claim is taken for dead. (Clients of a
network file system may see a change a minute late.)"""
STALE_VARIABLE = "CLVL_STALE_SECONDS"
"""The environment variable that says another number for the claims of a process."""
BEATS = 20
"""Heartbeats in that time."""
MISSED = 4
"""So many heartbeats may be late before a process that was alive has to be watched again."""
POLL_SECONDS = 0.5

OWNER = "owner.json"
"""Its time of change is the heartbeat."""


class Life(Enum):
    """What is known of the process that claims a folder."""

    FREE = "nobody claims it"
    DEAD = "its process is gone"
    ALIVE = "its process lives"
    UNKNOWN = "its heartbeat has to be watched"


@dataclass(frozen=True)
class Owner:
    """Who claims a folder.

    Args:
        born: when the process started, so that a reused number is not taken for the old one.
        boot: names this start of this machine; empty where the system has no such thing.
        namespace: of process ids. Containers may share a host name and repeat each other's ids.
        token: the name of the workshop.
        stale_seconds: the silence after which it is dead.
    """

    host: str
    pid: int
    born: str | None
    boot: str = ""
    namespace: str = ""
    token: str = ""
    stale_seconds: float | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Where the process id means something."""
        return self.boot, self.namespace

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Watch:
    """Tells whether claims are alive, without waiting: it remembers when it saw which heartbeat.

    Clocks of two machines are never compared.

    Args:
        dead: the token of an owner that somebody else has watched and found dead.
    """

    def __init__(self, dead: str = "") -> None:
        self._dead = dead
        self._seen: dict[str, tuple[int, float, bool]] = {}
        """Of each heartbeat its last change, when it was seen, and whether it changed since."""

    def life(self, folder: Path) -> Life:
        """What is known by now of who claims a folder."""
        highest = _highest(folder)
        if not highest:
            return Life.FREE
        owner = _read_owner(_path(folder, highest))
        if owner is None or (owner.token and owner.token == self._dead):
            return Life.DEAD
        told = _told_by_the_system(owner)
        if told is not Life.UNKNOWN:
            return told
        return self._beats(_path(folder, highest) / OWNER, owner)

    def _beats(self, heartbeat: Path, owner: Owner) -> Life:
        changed, now = _changed(heartbeat), time.monotonic()
        if changed is None:
            return Life.DEAD
        key = f"{heartbeat} {owner.token}"
        last, since, beating = self._seen.setdefault(key, (changed, now, False))
        if changed != last:
            self._seen[key] = (changed, now, True)
            return Life.ALIVE
        stale = STALE_SECONDS if owner.stale_seconds is None else owner.stale_seconds
        if now - since >= stale:
            return Life.DEAD
        recent = now - since < MISSED * stale / BEATS
        return Life.ALIVE if beating and recent else Life.UNKNOWN

    def after_watching(self, folder: Path) -> Life:
        """The same, once it is known."""
        while (life := self.life(folder)) is Life.UNKNOWN:
            stopping.stop_if_asked()
            time.sleep(POLL_SECONDS)
        return life


class Lock:
    """The right to change a folder, until somebody takes it over."""

    def __init__(self, folder: Path, number: int, token: str) -> None:
        self._folder = folder
        self._workshop = _path(folder, number) / token
        self.number = number

    @property
    def changes(self) -> Changes:
        """Changes that only the holder can make."""
        return Changes(guard=self.check, workshop=self._workshop)

    def check(self) -> None:
        """Stop before a change if this process was taken for dead and overtaken.

        Raises:
            Busy: another process has, or had, a higher claim.
            RunFailed: the folder is gone.
        """
        highest = _highest(self._folder)
        if highest > self.number:
            raise Busy(
                f"{self._folder.name}: was taken over by {owner_of(self._folder)}; this process "
                f"stops"
            )
        if not self._folder.is_dir():
            raise RunFailed(
                f"disk: {self._folder} was removed while this process wrote there; run the same "
                f"command again"
            )
        if not self._workshop.is_dir():
            raise Busy(
                f"{self._folder.name}: was taken over by another process, or removed; this process "
                f"stops"
            )

    def beat(self, done: threading.Event, every: float) -> None:
        """Show from time to time that the holder lives."""
        while not done.wait(every):
            try:
                if not self._workshop.is_dir():  # taken over
                    return
                os.utime(_path(self._folder, self.number) / OWNER)
            except OSError:  # of a network: it may come back
                continue

    def release(self) -> None:
        """Leave the folder to others, and nothing of this claim or of dead ones behind."""
        if not self._workshop.is_dir():  # what is there is not of this lock
            return
        # The claim goes last: as long as anything is left to be removed, it is there to be seen.
        for stray in self._folder.glob(".*.tmp"):
            files.discard(stray)
        shutil.rmtree(self._workshop, ignore_errors=True)
        shutil.rmtree(_path(self._folder, self.number), ignore_errors=True)


@contextmanager
def locked(folder: Path, *, watch: Watch | None = None) -> Iterator[Lock]:
    """Hold a folder for the time of the block.

    Args:
        watch: judges who claims it by what was seen so far; if None, the heartbeat of a process
            that cannot be asked for is watched first.

    Raises:
        Busy: another process holds it, or may.
    """
    if watch is None:
        watch = Watch()
        if watch.life(folder) is Life.UNKNOWN:
            warn(f"{folder.name}: is held by {owner_of(folder)}; watching whether that lives")
            watch.after_watching(folder)
    lock = _take(folder, watch)
    done = threading.Event()
    every = stale_seconds() / BEATS
    beat = threading.Thread(target=lock.beat, args=(done, every), daemon=True)
    beat.start()
    try:
        yield lock
    finally:
        done.set()
        beat.join()
        lock.release()
        with suppress(OSError):
            folder.rmdir()  # where nothing was written, nothing is left


@contextmanager
def in_turn(folder: Path, what: str) -> Iterator[Lock]:
    """Hold a folder for the time of the block; while another process does, wait, and say so once.

    Args:
        what: what is done in it, such as "painting toy_shapes".
    """
    watch = Watch()
    told = False
    # Most of what is waited for takes a moment.
    pause = POLL_SECONDS / 16
    with ExitStack() as held:
        while True:
            try:
                lock = held.enter_context(locked(folder, watch=watch))
                break
            except Busy:
                if not told:
                    warn(f"{what}: {owner_of(folder)} is at it; waiting for the result")
                    told = True
            stopping.stop_if_asked()
            time.sleep(pause)
            pause = min(2 * pause, POLL_SECONDS)
        yield lock


def is_locked(folder: Path) -> bool:
    """Whether a live process holds a folder."""
    return Watch().after_watching(folder) is Life.ALIVE


def owner_of(folder: Path) -> str:
    """Who claims a folder, in words."""
    owner = _owner(folder)
    return "another process" if owner is None else str(owner)


def token_of(folder: Path) -> str:
    """The token of who claims a folder; empty where there is none."""
    owner = _owner(folder)
    return "" if owner is None else owner.token


def stale_seconds() -> float:
    """The silence after which claims of this process are dead.

    Raises:
        Mistake: the environment says something that is no number of seconds.
    """
    said = os.environ.get(STALE_VARIABLE)
    if said is None:
        return STALE_SECONDS
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise Mistake(f"{STALE_VARIABLE}={said}: is no number of seconds; 90 is usual")
    return seconds


# --- taking ---


def _take(folder: Path, watch: Watch) -> Lock:
    """Claim a folder, and take the claims of the dead away."""
    highest = _highest(folder)
    # Judged on the one that was read: a newer one makes the rename fail.
    if highest and watch.life(folder) in (Life.ALIVE, Life.UNKNOWN):
        raise Busy(f"{folder.name}: is already running by {owner_of(folder)}")
    owner = _this_process()
    number = highest + 1
    mine = folder / temporary_name()
    try:
        _prepare(mine, owner)
        files.before_change(_path(folder, number))
        # Fails where the name exists, since an owner is inside.
        mine.rename(_path(folder, number))
    except OSError as error:
        shutil.rmtree(mine, ignore_errors=True)
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT):
            raise
        raise Busy(f"{folder.name}: is already running by {owner_of(folder)}") from None
    # Dead claims lose their names at one blow; what was in them is removed on release.
    for lower in _numbers(folder):
        if lower < number:
            with suppress(OSError):
                _path(folder, lower).rename(folder / temporary_name())
    return Lock(folder, number, owner.token)


def _prepare(claim: Path, owner: Owner) -> None:
    files.before_change(claim)
    claim.mkdir(parents=True)
    (claim / owner.token).mkdir()
    files.before_change(claim)
    (claim / OWNER).write_bytes(to_json(asdict(owner)))


# --- reading ---


def _path(folder: Path, number: int) -> Path:
    return folder / f"claim.{number}"


def _highest(folder: Path) -> int:
    return max(_numbers(folder), default=0)


def _numbers(folder: Path) -> list[int]:
    found: list[Path] = []
    with suppress(FileNotFoundError):  # the folder may vanish with its last claim
        found = list(folder.iterdir())
    suffixes = [path.suffix[1:] for path in found if path.stem == "claim"]
    return [int(suffix) for suffix in suffixes if suffix.isdigit()]


def _owner(folder: Path) -> Owner | None:
    return _read_owner(_path(folder, _highest(folder)))


def _read_owner(claim: Path) -> Owner | None:
    """Of a claim, also of one from before there were workshops; None where it says nothing."""
    known = {field.name for field in fields(Owner)}
    try:
        content = parse_json((claim / OWNER).read_bytes())
        return Owner(**{name: value for name, value in content.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _changed(path: Path) -> int | None:
    """When a file changed; None where there is none."""
    try:
        # Opened, not only looked at: that is when a network file system asks its server.
        with open(path, "rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None
    except OSError:
        return 0


# --- processes ---


def _this_process() -> Owner:
    return Owner(
        host=socket.gethostname(),
        pid=os.getpid(),
        born=_born(os.getpid()),
        boot=_boot(),
        namespace=_namespace(),
        token=uuid4().hex,
        stale_seconds=stale_seconds(),
    )


def _told_by_the_system(owner: Owner) -> Life:
    """What this system knows of a process: nothing of one of another machine or container."""
    if owner.boot:
        here = owner.place == (_boot(), _namespace())
        exists = Life.ALIVE
    else:
        # Equal names of hosts may belong to two: a process that is there need not be the one.
        here = owner.host == socket.gethostname()
        exists = Life.UNKNOWN
    if not here:
        return Life.UNKNOWN
    if _born(owner.pid) != owner.born:
        return Life.DEAD
    return Life.UNKNOWN if _is_stopped(owner.pid) else exists


def _boot() -> str:
    """The id of this start of this machine; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    """The space that process ids are counted in; empty where the system has none."""
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """What /proc says of a process behind its name, its state first."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _born(pid: int) -> str | None:
    """When a process started; None if there is no such process."""
    try:
        told = _stat(pid)
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        return _asked(pid)
    return None if told[0] in "ZX" else told[19]


def _is_stopped(pid: int) -> bool:
    """Whether a process was told to pause: it may never go on."""
    try:
        return _stat(pid)[0] in "Tt"
    except OSError:
        return False


def _asked(pid: int) -> str | None:
    """Where there is no /proc: whether the process exists at all."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # it exists and is somebody else's
        pass
    return "exists"

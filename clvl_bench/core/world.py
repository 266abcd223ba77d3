"""World: the processes that work on one run together, as `torchrun` starts them.

Each of them goes through the whole run: it draws the same, learns the same and measures the same.
They differ in two things. What is slow and falls into parts (images through a tower) each does in
part, and all get the whole (`backbones/sharing.py`). What is written, said and decided (whether the
run is finished already, whether it stops here) the first one writes, says and decides, and the
others hear of it: else they would wait for each other in different places for ever.

A process alone is the first of one, and nothing here does anything for it.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from clvl_bench.core import stopping
from clvl_bench.core.errors import ClvlError, Mistake, RunFailed, Stopped
from clvl_bench.core.exit_codes import ExitCode
from clvl_bench.core.files import sha256, to_json

Value = TypeVar("Value")

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun tells each process that it starts."""
TIMEOUT_SECONDS = 1800.0
"""How long a process waits for the others where all are at the same work. (One that died is noticed
at once; this is for one that hangs.)"""
TIMEOUT_VARIABLE = "CLVL_WORLD_SECONDS"
"""The environment variable that says another number."""
POLL_SECONDS = 0.02

SILENT = ("timed out", "timeout")
GONE = ("connection", "broken pipe", "remote process exited")
"""What libraries say where another process is silent or gone."""

ENDED = "ended"
"""Under this key the first that fails leaves which it is, its line and its exit code."""


@dataclass
class _World:
    """The place of this process among `size`, and what they tell each other by.

    Args:
        store: of torchrun: what one leaves there under a key all can read.
        decisions: how many there were.
        collective: whether torch.distributed is ready for collective operations.
    """

    rank: int
    size: int
    store: Any
    decisions: int = 0
    collective: bool = False


_world: _World | None = None


class Followed(ClvlError):
    """Another process has ended and said why, or needs this one no more: nothing is left to be
    said.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        self.exit_code = ExitCode(code)


class Deserted(RunFailed):
    """Another process of the run is gone, or was not heard of for too long."""


def size() -> int:
    """How many processes work on the run."""
    return 1 if _world is None else _world.size


def rank() -> int:
    """Which of them this is, from 0."""
    return 0 if _world is None else _world.rank


def is_first() -> bool:
    """Whether this is the process that writes, speaks and decides."""
    return rank() == 0


# --- joining and leaving ---


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether this process was started as one of several."""
    return all(environment.get(name) for name in VARIABLES) and environment["WORLD_SIZE"] != "1"


@contextmanager
def joined() -> Iterator[None]:
    """For the time of the block this process works with the others that it was started with; alone
    if it was started alone. Of several only the first is heard.

    Raises:
        Followed: another has ended, and has said why.
        Mistake: the environment says something that is no number of seconds.
    """
    if not is_asked_for(os.environ):
        yield
        return
    _join()
    try:
        with _quiet_unless_first():
            yield
    except Followed:
        raise
    except (Exception, Stopped) as error:
        code = None if _world is None else _told_by_another(error)
        if code is not None:
            raise Followed(code) from None
        raise
    finally:
        _leave()


def leave_to_first() -> None:
    """Nothing is left that several can do: the first goes on alone.

    Raises:
        Followed: in all others, whose work is done.
    """
    if not is_first():
        raise Followed(ExitCode.DONE)
    _leave()


def _join() -> None:
    global _world
    # Read when torch is imported. It warns at length of sockets that are closed, as they are when
    # another process ends; what is to be known of that is said in a line.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from torch.distributed.rendezvous import rendezvous

    try:
        store, own_rank, count = next(rendezvous("env://", timeout=_timeout()))
    except (RuntimeError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise RunFailed(f"torchrun: the processes did not find each other: {said}") from None
    _world = _World(own_rank, count, store)


def _begin_collective() -> None:
    """Made when it is first needed: Avalanche cannot be imported in a process that is not the first
    of a process group.
    """
    assert _world is not None
    import torch
    from torch import distributed

    # In there whoever waits for one that has ended would wait for long.
    wait_for_all()
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
        store=_world.store,
        rank=_world.rank,
        world_size=_world.size,
        timeout=_timeout(),
    )
    _world.collective = True


def _leave() -> None:
    global _world
    left, _world = _world, None
    if left is not None and left.collective:
        from torch import distributed

        distributed.destroy_process_group()


def _timeout() -> timedelta:
    said = os.environ.get(TIMEOUT_VARIABLE, str(TIMEOUT_SECONDS))
    try:
        return timedelta(seconds=max(1e-3, float(said)))
    except (ValueError, OverflowError):
        wanted = "is no number of seconds; 1800 is usual"
        raise Mistake(f"{TIMEOUT_VARIABLE}={said}: {wanted}") from None


# --- hearing of the first ---


def decided(decide: Callable[[], Value]) -> Value:
    """What `decide` gives in the first process, in all of them; the others do not call it.

    Args:
        decide: gives what JSON can say. What it raises ends all.

    Raises:
        Deserted: the first has ended.
    """
    if _world is None:
        return decide()
    key = _next_decision()
    if is_first():
        value = decide()
        _tell(key, value)
        return value
    told: Value = json.loads(_heard(key))
    return told


@contextmanager
def first_ahead() -> Iterator[None]:
    """The first process goes through the block alone, the others behind it, where they find what it
    has left.
    """
    key = _next_decision()
    if is_first():
        yield
        _tell(key, "through")
    else:
        _heard(key)
        yield


def agree(what: str, value: Any) -> None:
    """All processes must have the value, plain as JSON, that the first has; none goes on before all
    have looked.

    Raises:
        RunFailed: this one has another.
    """
    own = sha256(to_json(value))
    if decided(lambda: own) != own:
        raise RunFailed(
            f"torchrun: this process has other {what} than the first; all of them need the same, "
            "and one folder of results that all see"
        )
    wait_for_all()


def wait_for_all() -> None:
    """Go on once all processes have come here, however long that takes one of them."""
    meeting = _next_decision()
    _tell(f"{meeting} {rank()}", "here")
    for other in range(size()):
        if other != rank():
            _heard(f"{meeting} {other}")


def _next_decision() -> str:
    """The key of the next decision: all processes count them alike."""
    if _world is None:
        return ""
    _world.decisions += 1
    return f"decision {_world.decisions}"


def _tell(key: str, value: Any) -> None:
    if _world is not None:
        _world.store.set(key, json.dumps(value))


def _heard(key: str) -> bytes:
    """What another process leaves under a key, however long it takes. (Where it died torchrun tells
    this one to stop.)
    """
    while not (told := _told(key)):
        if _ended():
            raise _deserted(RuntimeError(*GONE))
        stopping.stop_if_asked()
        time.sleep(POLL_SECONDS)
    return told


def _told(key: str) -> bytes:
    """What lies under a key; nothing as long as nothing does."""
    assert _world is not None
    try:
        told: bytes = _world.store.get(key) if _world.store.check([key]) else b""
    except RuntimeError as error:
        raise _deserted(error) from None
    return told


def _ended() -> dict[str, Any]:
    """What another process said as it ended; nothing where none did, or that is not known."""
    assert _world is not None
    with suppress(RuntimeError):
        if _world.store.check([ENDED]):
            told: dict[str, Any] = json.loads(_world.store.get(ENDED))
            return told
    return {}


def _deserted(error: RuntimeError) -> BaseException:
    """What an error of torch.distributed means; the error itself where it is another."""
    if _ended().get("code") == ExitCode.AGAIN:
        return Stopped("another process of the run was")
    said = str(error).lower()
    if any(words in said for words in SILENT):
        what = f"said nothing for {_timeout().total_seconds():g} s"
    elif any(words in said for words in GONE):
        what = "has ended"
    else:
        return error
    return Deserted(
        f"torchrun: another of the {size()} processes {what}; the same command goes on from the "
        "state that was kept"
    )


# --- working together ---


def together(collective: Callable[..., Any], *arguments: Any) -> None:
    """Call a collective operation of torch.distributed.

    Raises:
        Deserted: another process did not come to it.
    """
    assert _world is not None
    try:
        if not _world.collective:
            _begin_collective()
        collective(*arguments)
    except RuntimeError as error:
        raise _deserted(error) from None


def mean(value: float) -> float:
    """The mean over all processes: no number where one of them has none."""
    if _world is None:
        return value
    import torch
    from torch import distributed

    total = torch.tensor(value, dtype=torch.float64)
    together(distributed.all_reduce, total)
    return float(total) / _world.size


# --- being heard ---


@contextmanager
def _quiet_unless_first() -> Iterator[None]:
    if is_first():
        yield
        return
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        yield


def _told_by_another(error: BaseException) -> int | None:
    """The exit code of another process that has said the same, or ended before and is the reason;
    None where this one has to say it, of which it leaves word.
    """
    assert _world is not None
    mine = {"rank": rank(), "line": f"{type(error).__name__}: {error}", "code": _exit_code(error)}
    try:
        told = json.loads(_world.store.compare_set(ENDED, "", json.dumps(mine)))
    except RuntimeError:  # the store is gone: everybody speaks for himself
        return None
    is_reason = told["line"] == mine["line"] or isinstance(error, Deserted | Stopped)
    return told["code"] if told["rank"] != mine["rank"] and is_reason else None


def _exit_code(error: BaseException) -> int:
    if isinstance(error, Stopped):
        return ExitCode.AGAIN
    return error.exit_code if isinstance(error, ClvlError) else ExitCode.FAILED

"""Runs that are killed: each in a process of its own, forked from one that has everything imported,
so that it starts at once.

A run dies by a signal from outside at any moment, or by its own hand at its k-th change of the file
system: just before it, or, where a file is opened to be written, just behind it, so that the file
is there and empty. Between two changes the files stay as they are, so all k together leave all that
a killed run can leave behind, empty files standing for half-written ones.

Run as a script this is the process that forks: a request a line on its input, process ids and exit
codes on its output.
"""

import json
import os
import select
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clvl_bench.runs.setup import Sources


def results_of(folder: Path) -> dict[str, bytes]:
    """Every result file of a run; of result.json what stands before its last block, `timing`."""
    whole = (folder / "result.json").read_bytes()
    body, timing, _ = whole.partition(b'\n "timing": {')
    assert timing
    files = [*folder.glob("segments/*"), *folder.glob("predictions/*"), *folder.glob("*.json")]
    beside = {"result.json", "status.json"}
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.name not in beside
    }
    return {"result.json": body, **found}


class Victim:
    """One process under way."""

    def __init__(self, pid: int, server: "subprocess.Popen[str]") -> None:
        self.pid, self._server = pid, server

    def kill(self, number: int = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):  # it ended just now
            os.kill(self.pid, number)

    def ended(self, within: float) -> bool:
        """Whether it ends by itself in that many seconds."""
        assert self._server.stdout is not None
        return bool(select.select([self._server.stdout], [], [], within)[0])

    def exit_code(self) -> int:
        """How it ended, once it has: the negative number of the signal that killed it, or its exit
        code.
        """
        assert self._server.stdout is not None
        return int(json.loads(self._server.stdout.readline()))


class Victims:
    """Starts them, one at a time."""

    def __init__(self, server: "subprocess.Popen[str]") -> None:
        self._server = server

    def command(self, *arguments: object, home: Path) -> Victim:
        """The command line with these arguments."""
        return self._start(arguments=list(map(str, arguments)), home=str(home))

    def run(self, config: str, *, results: Path, home: Path, dies_at: int | None = None) -> Victim:
        """A run, given as JSON, without the command line's table and plots."""
        return self._start(config=config, results=str(results), home=str(home), dies_at=dies_at)

    def _start(self, **request: Any) -> Victim:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return Victim(int(json.loads(self._server.stdout.readline())), self._server)


@contextmanager
def victims() -> Iterator[Victims]:
    """The process that forks them, which ends when its input does."""
    command = [sys.executable, __file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as server:
        yield Victims(server)


EVERYTHING = (
    "cli.main",
    "cli.show",
    "runs.runner",
    "streams.scenario",
    "data.readers.toy",
    "methods.none.adapter",
    "methods.full.adapter",
    "methods.prompt.adapter",
    "methods.replay.plugin",
    "report.plots",
)
"""What a run imports on its way."""


def serve() -> None:
    """Fork a process for each request, say its id, and when it has ended its exit code."""
    warnings.filterwarnings("ignore")
    for module in EVERYTHING:
        import_module(f"clvl_bench.{module}")
    from helpers.sources import KeptSources

    from clvl_bench.backbones.loading import load_backbone

    # Loaded once for all runs: it is frozen, and loading it writes nothing.
    sources = KeptSources(load_backbone("tiny"))
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _live(sources, **json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _live(sources: "Sources", *, home: str, **request: Any) -> None:
    """A life of its own: another home, nothing on the screen, and no git, so that an edited file
    changes no provenance.
    """
    os.environ |= {"CLVL_HOME": home, "PATH": home}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 0)
    os.dup2(silence, 1)
    code: Any = 1
    try:
        _work(sources, **request)
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _work(
    sources: "Sources",
    *,
    arguments: list[str] | None = None,
    config: str = "",
    results: str = "",
    dies_at: int | None = None,
) -> None:
    from clvl_bench.cli.main import main
    from clvl_bench.runs.config import RunConfig
    from clvl_bench.runs.runner import run

    if arguments is not None:
        sys.argv = ["clvl-bench", *arguments]
        main()
    if dies_at is not None:
        sys.addaudithook(_death(dies_at))
    run(
        RunConfig.model_validate_json(config),
        results=Path(results),
        progress=False,
        sources=sources,
    )


def _death(k: int) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that kills its process at the k-th change of the file system."""
    left = k

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if _changes_files(event, arguments):
            left -= 1
            if not left:
                if event == "open":
                    os.close(os.open(arguments[0], arguments[2], 0o600))
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def _changes_files(event: str, arguments: tuple[Any, ...]) -> bool:
    match event:
        case "open":
            return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        case "os.mkdir":
            return not Path(arguments[0]).exists()
        case "os.remove":  # by a name below an open folder, or by a path that may be gone already
            return arguments[1] >= 0 or os.path.lexists(arguments[0])
        case _:
            return event in ("os.rename", "os.rmdir")


if __name__ == "__main__":
    serve()

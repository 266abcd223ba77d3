"""Commands and runs, each in a process of its own, forked from one that has everything imported, so
that it starts at once; and may be killed.

A run dies by a signal from outside at any moment, or by its own hand at its k-th change of the file
system: just before it, or, where a file is opened to be written, just behind it, so that the file
is there and empty. Between two changes the files stay as they are, so all k together leave all that
a killed run can leave behind, empty files standing for half-written ones.

Run as a script this is the process that forks: a request a line on its input, process ids and exit
codes on its output.
"""

import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clvl_bench.runs.setup import Sources


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
    """Starts them, one at a time.

    Args:
        home: the cache of whatever is not given another; the workers of all grids have it.
    """

    def __init__(self, server: "subprocess.Popen[str]", home: Path) -> None:
        self._server, self.home = server, home

    def command(self, *arguments: object, home: Path | None = None) -> Victim:
        """The command line with these arguments; what it says is lost."""
        return self._start(arguments=list(map(str, arguments)), home=str(home or self.home))

    def finished(
        self, *arguments: object, cwd: Path, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """The command line, or a script if its name ends so, in a folder and to its end."""
        words = list(map(str, arguments))
        with tempfile.TemporaryDirectory() as folder:
            said = [Path(folder, "out"), Path(folder, "err")]
            code = self._start(
                arguments=words,
                home=str(self.home),
                cwd=str(cwd),
                environment=environment,
                said=[str(path) for path in said],
            ).exit_code()
            out, err = (path.read_text(encoding="utf-8") for path in said)
        return subprocess.CompletedProcess(words, code, out, err)

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
def victims(home: Path) -> Iterator[Victims]:
    """The process that forks them, which ends when its input does.

    It finds no git, so that an edited file changes no provenance.
    """
    command = [sys.executable, __file__]
    environment = {**os.environ, "CLVL_HOME": str(home), "PATH": str(home)}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        bufsize=1,
    ) as server:
        yield Victims(server, home)


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
    from clvl_bench.audits.kept_sources import KeptSources
    from clvl_bench.backbones.loading import load_backbone

    # Loaded once for all runs: it is frozen, and loading it writes nothing.
    sources = KeptSources(load_backbone("tiny"))
    _warm_up(sources)
    forkserver.ensure_running()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _live(sources, **json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _warm_up(sources: "Sources") -> None:
    """A first run: torch and Avalanche import a part of themselves when they are first used."""
    from clvl_bench.runs.files import run_config
    from clvl_bench.runs.runner import run

    config = run_config("toy_landcover", "prompt_replay", limit=20, overrides=["train.epochs=1"])
    with tempfile.TemporaryDirectory() as results:
        run(config, results=Path(results), progress=False, sources=sources)


def _live(
    sources: "Sources",
    *,
    home: str,
    cwd: str | None = None,
    environment: dict[str, str] | None = None,
    said: list[str] | None = None,
    **request: Any,
) -> None:
    """A life of its own: another home and folder, and its own screen, which nobody sees if `said`
    names no files for it.
    """
    os.environ |= {"COLUMNS": "80", "NO_COLOR": "1", **(environment or {}), "CLVL_HOME": home}
    os.environ["PATH"] = home
    os.chdir(cwd or Path.cwd())
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    # The workers of a grid are forked by the one server that the parent has started. (The library
    # would look after it as after a child of this process, which it is not.)
    forkserver._forkserver.ensure_running = forkserver.ensure_running = _nothing
    out, err = said or [os.devnull, None]
    for descriptor, path in enumerate((os.devnull, out, err)):
        if path is not None:
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), descriptor)
    code: Any = 1
    try:
        _work(sources, **request)
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def _nothing() -> None:
    """In the place of a function that has nothing to do here."""


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
        sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        first = arguments[0]
        sys.argv = arguments if first.endswith(".py") else ["clvl-bench", *arguments]
        runpy.run_path(first, run_name="__main__") if first.endswith(".py") else main()
        return
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

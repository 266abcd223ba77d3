"""Command line: the verbs gathered, the options before them, errors as one line and an exit code.

A verb is a file of its own. It parses, calls and prints, and imports what is heavy inside its
function, so that `--help` and a mistake cost no more than a moment.
"""

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

import clvl_bench
from clvl_bench.cli.audit import audit
from clvl_bench.cli.check import check
from clvl_bench.cli.compare import compare
from clvl_bench.cli.doctor import doctor
from clvl_bench.cli.fetch import fetch
from clvl_bench.cli.grid import grid
from clvl_bench.cli.import_weights import import_weights
from clvl_bench.cli.list import list_
from clvl_bench.cli.pack import pack
from clvl_bench.cli.report import report
from clvl_bench.cli.reproduce import reproduce
from clvl_bench.cli.run import run
from clvl_bench.cli.select import select
from clvl_bench.cli.unpack import unpack
from clvl_bench.core import world
from clvl_bench.core.errors import ClvlError, Mistake, RunFailed, Stopped, printable
from clvl_bench.core.exit_codes import ExitCode
from clvl_bench.core.faults import as_failure

VERBS: dict[str, Callable[..., None]] = {
    "run": run,
    "grid": grid,
    "report": report,
    "reproduce": reproduce,
    "select": select,
    "compare": compare,
    "check": check,
    "audit": audit,
    "list": list_,
    "doctor": doctor,
    "fetch": fetch,
    "pack": pack,
    "unpack": unpack,
    "import-weights": import_weights,
}
"""In the order of the help."""

app = typer.Typer(
    help="Continual adaptation of vision-language models: run, measure, compare.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for name, verb in VERBS.items():
    app.command(name)(verb)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show versions and exit.")] = False,
) -> None:
    if version:
        from clvl_bench.cli.findings import versions

        print(f"clvl_bench {clvl_bench.__version__}")
        for package, number in versions().items():
            print(f"{package} {number}")
        raise typer.Exit
    if world.size() > 1 and context.invoked_subcommand != "run":
        raise Mistake(
            f"torchrun: only run works in several processes; start {context.invoked_subcommand} "
            "without it"
        )


def main() -> None:
    """The console script: a user's mistake is one line; our own faults keep their traceback."""
    # Read when the hub library is imported: a run opens no socket.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    code = _run_app()
    if code == ExitCode.INTERRUPTED:
        print("clvl-bench: interrupted; the same command goes on where it stopped", file=sys.stderr)
    sys.exit(code or 0)


def _run_app() -> int | None:
    """The exit code; what a user did wrong is said here."""
    try:
        with world.joined():
            code: int | None = app(standalone_mode=False)
    except world.Followed as followed:
        return followed.exit_code
    except RunFailed as failed:
        _say(f"failed: {failed}")
        return failed.exit_code
    except ClvlError as error:
        _say(str(error))
        return error.exit_code
    except Stopped as stopped:
        _say(f"stopped ({stopped}); the state is kept, and the same command goes on")
        return ExitCode.AGAIN
    except (KeyboardInterrupt, typer.Abort) as error:
        # Typer takes the end of a file for the end of its input: it is a fault of ours.
        if isinstance(error.__cause__, EOFError):
            raise error.__cause__ from None
        return ExitCode.INTERRUPTED
    except Exception as error:
        failure = as_failure(error)
        if failure is not None:
            _say(f"failed: {failure}")
            return failure.exit_code
        # Typer's own complaints about arguments have this method; what else comes is our fault.
        if not hasattr(error, "format_message"):
            raise
        _say(error.format_message())
        return ExitCode.MISTAKE
    return code


def _say(line: str) -> None:
    print(f"clvl-bench: {printable(line)}", file=sys.stderr)

"""Errors: what a user can cause and mend. Each is one line that says what was got, what is allowed,
and how to mend it.

Anything else that is raised is a fault of ours and keeps its traceback.
"""

import logging
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from clvl_bench.core.exit_codes import ExitCode

GLANCE = 30
"""Up to so many names an error lists all of them."""
NEAREST = 6
"""Of more names it lists so many, the nearest ones."""


class ClvlError(Exception):
    """Something that a user can mend; `exit_code` is what the command line answers with.

    Args:
        line: what is told. It stays one line, whatever names of files and data are in it.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, line: str = "") -> None:
        super().__init__(line.replace("\n", "\\n"))


class RunFailed(ClvlError):
    """A run stopped for a reason that lies in the run: a loss that is not finite, memory, disk."""


class Busy(ClvlError):
    """Another process works on it: nothing to mend, it will be there."""

    exit_code = ExitCode.DONE


class Mistake(ClvlError):
    """A file or an argument that says something that is not allowed."""

    exit_code = ExitCode.MISTAKE


class Missing(ClvlError):
    """Data or weights that are not on this machine."""

    exit_code = ExitCode.MISSING


class Damage(ClvlError):
    """A file whose content is not what was written."""

    exit_code = ExitCode.DAMAGE


class Stopped(BaseException):
    """This process was asked to stop, and did so where its state is kept. Like an interruption it
    is no error, and passes whoever catches those.
    """


def near_match(got: object, allowed: Iterable[str]) -> str:
    """`did you mean 'x'? ` where something near was allowed, else nothing."""
    matches = get_close_matches(str(got), list(allowed), n=1, cutoff=0.6)
    return f"did you mean '{matches[0]}'? " if matches else ""


def unknown(what: str, got: object, allowed: Iterable[str], *, listed: str = "") -> str:
    """One clause for an unknown name: what was got, a near match, and what is allowed (`listed` by
    which command).
    """
    names = list(allowed)
    choices = some(got, names, listed=listed) or "none"
    return f"unknown {what} '{got}': {near_match(got, names)}allowed: {choices}"


def some(got: object, names: Sequence[str], *, listed: str = "") -> str:
    """The names, if they can be read at a glance; else those that are nearest, and how many more
    there are.
    """
    if len(names) <= GLANCE:
        return ", ".join(names)
    nearest = get_close_matches(str(got), names, n=NEAREST, cutoff=0.0)
    where = f": {listed}" if listed else ""
    return f"{', '.join(nearest)} and {len(names) - len(nearest)} more{where}"


def printable(text: str) -> str:
    """The text with what would steer a terminal, or hide, written out: names come from data."""
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode()
        for each in text
    )


def announce(path: Path, mended: str) -> None:
    """Warn that a file is damaged, where it can be made again and the run goes on."""
    warn(f"{path}: is not what was written; {mended}")


def warn(line: str) -> None:
    """Write a line to the error stream, and go on."""
    logging.getLogger("clvl_bench").warning("clvl-bench: %s", printable(line))

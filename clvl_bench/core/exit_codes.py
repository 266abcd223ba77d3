"""Exit codes: what the command answers with, as docs/reference/running.md lists them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    """Done, or another live process is at it."""
    FAILED = 1
    """A run failed, a comparison moved, a check found something."""
    MISTAKE = 2
    """A file or an argument says something that is not allowed."""
    MISSING = 3
    """Data or weights are not on this machine."""
    DAMAGE = 4
    """A file is not what was written."""
    AGAIN = 75
    """Told to stop: the state is kept, and the same command, queued again, goes on. (The number is
    EX_TEMPFAIL of sysexits.h.)"""
    INTERRUPTED = 130
    """Ctrl-C."""

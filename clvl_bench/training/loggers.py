"""Loggers: what the suite's have in common."""

from avalanche.logging import BaseLogger


class EveryProcessLogger(BaseLogger):
    """A logger that each process has, of several that work on one run.

    Avalanche's own refuse to be made in any but the first, lest a file is written twice; what these
    collect is written and shown by the first alone.
    """

    def __init__(self) -> None:
        # Past BaseLogger's own, which does nothing but refuse.
        super(BaseLogger, self).__init__()

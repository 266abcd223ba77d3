"""Trackio: a local database, in results/trackio unless TRACKIO_DIR says where. Nothing leaves the
machine unless TRACKIO_SPACE_ID or TRACKIO_SERVER_URL says so.
"""

import io
import os
from collections.abc import Sequence
from contextlib import redirect_stdout

from clvl_bench.exporters.base import PROJECT, End, Exporter, Facts, Point, by_step


class Trackio(Exporter):
    """Runs have the run's id as their name.

    Each hand-over opens the run and finishes it: what is only logged waits in this process, and is
    lost where that is killed.
    """

    def begin(self, facts: Facts, run: str | None) -> str:
        # Read when it is imported.
        os.environ.setdefault("TRACKIO_DIR", str((facts.results / "trackio").resolve()))
        self._facts = facts
        self._is_new = run is None
        return facts.run

    def rows(self, points: Sequence[Point]) -> None:
        import trackio

        with redirect_stdout(io.StringIO()):
            run = trackio.init(
                PROJECT,
                name=self._facts.run,
                group=self._facts.group,
                config=dict(self._facts.settings),
                resume="never" if self._is_new else "must",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
            for step, values in by_step(points).items():
                run.log(values, step=step)
            trackio.finish()
        self._is_new = False

    def end(self, end: End) -> None:
        """There is nothing open."""

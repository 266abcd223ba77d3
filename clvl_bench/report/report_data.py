"""Report data: the runs of a report, and what several artefacts need of them, computed when first
asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from clvl_bench.report.best import Best, best_of_tables
from clvl_bench.report.ceilings import shown
from clvl_bench.report.configuration import Configuration, recorded
from clvl_bench.report.origin import Origin
from clvl_bench.report.paired import Compared, paired
from clvl_bench.report.prompts import spread_frame
from clvl_bench.report.prompts_used import prompts_note
from clvl_bench.report.pseudo_labels import pseudo_frame
from clvl_bench.report.published import beside, read_published
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.summary import sorted_by, summary
from clvl_bench.report.supervision import supervision_frame
from clvl_bench.report.toys import toy_note
from clvl_bench.streams.class_plan import number_classes, positive_classes
from clvl_bench.streams.config import BenchmarkConfig

Recorded = Callable[[Origin], Configuration | None]
"""The configuration of a run whose folder is not here; None where nobody knows it."""

Prompted = Callable[[Origin], BenchmarkConfig | None]
"""A benchmark of which at least the prompts are those of such a run."""


def _nobody_knows(origin: Origin) -> None:
    return None


@dataclass(frozen=True)
class ReportData:
    """The runs of a report, and how it is to be written.

    Args:
        published: a file of published numbers that ours are laid beside.
        sort: the metric that rows are sorted by, best first; by name if left out.
        formats: in which plots are written, as `png`, `pdf` or `svg`.
        private_pictures: whether pictures, questions and names of files of a user's data may be
            shown. Those of toy data always are.
        recorded: the configuration of a run of which the records alone are here.
        prompted: the benchmark of such a run, for its prompts alone.
        fixed: the pictures that the page shows as they are, as SVG by their names.
    """

    runs: Sequence[Run]
    published: Path | None = None
    sort: str | None = None
    formats: tuple[str, ...] = ("png",)
    private_pictures: bool = False
    recorded: Recorded = _nobody_knows
    prompted: Prompted = _nobody_knows
    fixed: dict[str, bytes] = field(default_factory=dict)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row a strategy, in the order of names."""
        return summary(self.runs)

    @cached_property
    def sorted(self) -> pd.DataFrame:
        """The same in the order in which people asked for it."""
        return sorted_by(self.summary, self.sort)

    @cached_property
    def shown_runs(self) -> list[Run]:
        """All but those that only measure others."""
        return shown(self.runs)

    @cached_property
    def compared(self) -> dict[Table, Compared]:
        return paired(self.shown_runs)

    @cached_property
    def best(self) -> dict[Table, dict[str, Best]]:
        """Of each table and metric the best strategy, and what cannot be told apart from it."""
        return best_of_tables(self.shown_runs, self.compared)

    @cached_property
    def beside(self) -> pd.DataFrame | None:
        """Ours beside published numbers; None without a file of those."""
        if self.published is None:
            return None
        return beside(self.summary, read_published(self.published))

    @cached_property
    def supervision(self) -> pd.DataFrame:
        return supervision_frame(self.runs)

    @cached_property
    def prompts(self) -> pd.DataFrame:
        return spread_frame(self.runs)

    @cached_property
    def pseudo_labels(self) -> pd.DataFrame:
        return pseudo_frame(self.runs)

    @cached_property
    def toy_notes(self) -> dict[Table, str]:
        """A sentence above each table whose data or backbone are toys."""
        by_table: dict[Table, list[Run]] = {}
        for run in self.runs:
            by_table.setdefault(run.origin.table, []).append(run)
        return {table: toy_note(runs) for table, runs in by_table.items()}

    @cached_property
    def prompts_notes(self) -> dict[Table, str]:
        """Which prompts the zero-shot numbers of each table are of; where nobody knows their
        words any more, their hash.
        """
        found: dict[Table, str] = {}
        hashed: dict[Table, str] = {}
        for run in self.runs:
            table, short = run.origin.table, run.origin.prompts_sha256[:8]
            stream = None if table in found else self._with_prompts_of(run)
            if stream is not None:
                found[table] = prompts_note(stream)
            if short:
                hashed[table] = f"Prompts: of hash {short}; the benchmark's file has their words."
        return hashed | found

    def _with_prompts_of(self, run: Run) -> BenchmarkConfig | None:
        known = self.configuration(run)
        return self.prompted(run.origin) if known is None else known.stream

    @cached_property
    def positives(self) -> dict[Table, tuple[str, ...]]:
        """The names of the classes that metrics of two classes are about, where that is known."""
        found: dict[Table, tuple[str, ...]] = {}
        for run in self.runs:
            known = None if run.origin.table in found else self.configuration(run)
            if known is not None:
                classes = number_classes(known.stream)[0] if known.stream.has_two_candidates else ()
                positive = positive_classes(known.stream)
                names = dict.fromkeys(classes[each].name for each in positive)
                found[run.origin.table] = tuple(names)
        return found

    def configuration(self, run: Run) -> Configuration | None:
        """What was run; None where that is not known."""
        return self.recorded(run.origin) if run.result is None else recorded(run.result)

    def may_show_pictures(self, run: Run) -> bool:
        """Whether pictures, questions and names of files of a run's data may leave its folder:
        those of painted data always, of a user's only where he asked for it.
        """
        if self.private_pictures:
            return True
        found = self.configuration(run)
        return found is not None and found.stream.is_painted

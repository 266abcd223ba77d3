"""Writing a report: a table of artefacts, each made of what was computed once of the runs.

Reads rows and run folders, knows nothing of how they came about.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from clvl_bench.core.files import write_atomically
from clvl_bench.report import answer_tables, gallery
from clvl_bench.report.latex import latex
from clvl_bench.report.paired import differences_frame
from clvl_bench.report.prompts import prompt_frame, prompts_markdown
from clvl_bench.report.published import beside_markdown
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.summary import mixture
from clvl_bench.report.supervision import over_repetitions, regret_over_time
from clvl_bench.report.tables import escaped, markdown

if TYPE_CHECKING:
    from clvl_bench.report.figures import Pictures


def _csv(frame: pd.DataFrame) -> bytes:
    """A table in which no name can become a formula when a spreadsheet opens it."""
    return frame.map(_no_formula).to_csv(index=False, lineterminator="\n").encode()


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that spreadsheets compute or send."""


def _no_formula(cell: object) -> object:
    """Text that would be a formula behind an apostrophe, which spreadsheets take as "this is
    text".
    """
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return cell


def summary_csv(data: ReportData) -> bytes:
    """One row a strategy."""
    return _csv(data.summary)


def beside_csv(data: ReportData) -> bytes | None:
    """Published numbers and ours, where a file of published ones was given."""
    return None if data.beside is None else _csv(data.beside)


def beside_md(data: ReportData) -> bytes | None:
    return None if data.beside is None else beside_markdown(data.beside).encode()


def differences_csv(data: ReportData) -> bytes | None:
    """Every pair of strategies, where they can be compared."""
    return _csv(differences_frame(data.compared)) if data.compared else None


def summary_md(data: ReportData) -> bytes:
    """Which weights are behind the numbers, the tables, and those of answers."""
    note = mixture(data.runs)
    answers = answer_tables.markdown(data.runs)
    text = markdown(
        data.sorted,
        data.compared,
        best=data.best,
        notes=data.toy_notes,
        prompts=data.prompts_notes,
        positives=data.positives,
    )
    if note:
        text = f"{escaped(note)}\n\n{text}"
    if answers:
        text = f"{text}\n{answers}"
    return text.encode()


def summary_tex(data: ReportData) -> bytes:
    """The tables for a paper."""
    return latex(data.sorted, data.best).encode()


def supervision_csv(data: ReportData) -> bytes | None:
    """Where a benchmark was run under several kinds of supervision: what each of them costs."""
    if data.supervision.empty:
        return None
    return _csv(over_repetitions(data.supervision))


def pseudo_labels_csv(data: ReportData) -> bytes | None:
    """Where unlabelled samples were learned from: how right their pseudo-labels were."""
    return None if data.pseudo_labels.empty else _csv(data.pseudo_labels)


def prompts_csv(data: ReportData) -> bytes | None:
    """Where a strategy was run in several prompts: how much these decide, beside streams."""
    return None if data.prompts.empty else _csv(data.prompts.round(4))


def prompts_md(data: ReportData) -> bytes | None:
    return None if data.prompts.empty else prompts_markdown(data.prompts).encode()


ARTEFACTS: dict[str, Callable[[ReportData], bytes | None]] = {
    "summary.csv": summary_csv,
    "beside.csv": beside_csv,
    "beside.md": beside_md,
    "differences.csv": differences_csv,
    "summary.md": summary_md,
    "summary.tex": summary_tex,
    "supervision.csv": supervision_csv,
    "pseudo_labels.csv": pseudo_labels_csv,
    "prompts.csv": prompts_csv,
    "prompts.md": prompts_md,
}
"""The files of a report, and what makes each of them, or nothing where the runs have nothing of
it. A new one is a function above and a line here."""

PLOTS = "plots"
"""The folder of the pictures. They are not committed: a report draws them again."""

NamedFiles = Iterable[tuple[str, bytes]]
"""Paths inside the report's folder, and what stands there."""


def gallery_pages(data: ReportData) -> NamedFiles:
    """Questions with their pictures and answers, of whom they may be shown."""
    return gallery.pages([run for run in data.runs if data.may_show_pictures(run)]).items()


def supervision_pictures(data: ReportData) -> "Pictures":
    from clvl_bench.report.supervision_plots import regret_pictures, sweep_pictures

    if not data.supervision.empty:
        yield from sweep_pictures(data.supervision)
        yield from regret_pictures(regret_over_time(data.runs))


def pseudo_label_pictures(data: ReportData) -> "Pictures":
    from clvl_bench.report import supervision_plots

    if not data.pseudo_labels.empty:
        yield from supervision_plots.pseudo_label_pictures(data.pseudo_labels)


def pictures_of_prompts(data: ReportData) -> "Pictures":
    from clvl_bench.report.prompt_plots import prompt_pictures

    if not data.prompts.empty:
        yield from prompt_pictures(prompt_frame(data.runs), data.prompts)


def table_pictures(data: ReportData) -> "Pictures":
    """The plots of each table, in a folder for each where there are several."""
    from clvl_bench.report.figures import plotted_tables, table_names
    from clvl_bench.report.plots import draw

    tables = plotted_tables(data.shown_runs)
    folders = table_names((plotted.table for plotted in tables), 2)
    # With many kinds of supervision there would be too many matrices: one a kind and strategy.
    matrices = data.supervision.empty
    for plotted in tables:
        inside = "" if len(tables) == 1 else f"{folders[plotted.table]}/"
        for name, figure in draw(plotted, matrices=matrices):
            yield f"{inside}{name}", figure


PAGES: tuple[Callable[[ReportData], NamedFiles], ...] = (gallery_pages,)
PICTURES: "tuple[Callable[[ReportData], Pictures], ...]" = (
    supervision_pictures,
    pseudo_label_pictures,
    pictures_of_prompts,
    table_pictures,
)
"""What makes several files, whose names depend on the runs."""


def write_report(
    data: ReportData, out: Path, *, plots: bool = True, page: bool = False
) -> Path | None:
    """Write every artefact that these runs have into a folder; gives the page, where there is one.

    Args:
        plots: draw the pictures, too.
        page: write all of it as one page, too.

    Raises:
        Mistake: the runs cannot stand in one table, or a file of published numbers is none.
    """
    # The numbers are refused, where they cannot stand in one table, before anything is drawn.
    assert not data.summary.empty
    if plots:
        _write_pictures(data, out, page=page)
    for name, make in ARTEFACTS.items():
        content = make(data)
        if content is not None:
            write_atomically(out / name, content)
    for make_files in PAGES:
        for name, content in make_files(data):
            write_atomically(out / name, content)
    return write_page(data, out) if page else None


def write_page(data: ReportData, out: Path) -> Path:
    """Write the page alone.

    Raises:
        Mistake: the runs cannot stand in one table.
    """
    from clvl_bench.report.page.writing import PAGE, page

    write_atomically(out / PAGE, page(data))
    return out / PAGE


def _write_pictures(data: ReportData, out: Path, *, page: bool) -> None:
    """Each picture in every format that was asked for; what the page shows as it is, for it."""
    from clvl_bench.report.figures import drawn

    for make_pictures in PICTURES:
        for name, figure in make_pictures(data):
            for_page = page and _is_fixed(name) and len(data.fixed) < MOST_FIXED
            formats = dict.fromkeys([*data.formats, *(["svg"] if for_page else [])])
            pictures = drawn(figure, formats)
            for suffix in data.formats:
                path = f"{PLOTS}/{name}.{suffix}"
                write_atomically(out / path, pictures[suffix])
            if for_page:
                data.fixed[name] = pictures["svg"]


MOST_FIXED = 24
"""Pictures that a page shows as they are; all of them lie beside it."""


def _is_fixed(name: str) -> bool:
    """Whether the page has nothing of its own that shows the same: it draws what every run has,
    and takes pictures of streams and sweeps as they are.
    """
    last = name.rpartition("/")[2]
    return last not in DRAWN_BY_PAGE and not last.startswith("matrix_")


DRAWN_BY_PAGE = ("seen_accuracy", "forgetting", "domain_and_heldout", "accuracy_bytes")

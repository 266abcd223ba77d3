"""Gallery: some test questions with their pictures, and what each strategy answered. One file that
opens anywhere.

Questions, answers and names come from files: all of them are escaped, and the page holds no script.
"""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clvl_bench.report.answers import Shown
from clvl_bench.report.runs import Run

STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: #141414; background: #fff; }
table { border-collapse: collapse; } td, th { padding: .35em .6em; border-bottom: 1px solid #ccc; text-align: left; }
td { vertical-align: top; } th { position: sticky; top: 0; background: #fff; }
img { width: 112px; height: 112px; image-rendering: auto; }
.right { color: #00694b; } .right::before { content: "\\2713 "; }
.wrong { color: #9c3d00; } .wrong::before { content: "\\2717 "; }
small { display: block; color: #5f5f5f; }
"""


def gallery(runs: Sequence[Run]) -> str | None:
    """A page of the questions that all these runs were shown, of one table and seed; None where
    there are none.
    """
    told = [
        (run.origin.strategy, run.answered.shown)
        for run in runs
        if run.answered is not None and run.answered.shown
    ]
    if not told:
        return None
    origin, questions = runs[0].origin, told[0][1]
    toy = (
        "<p><b>Toy backbone: what it answers says nothing about a real CLIP.</b></p>"
        if origin.backbone == "tiny"
        else ""
    )
    title = escape(
        f"{origin.benchmark}, backbone {origin.backbone}, seed {origin.seed}, class order "
        f"{origin.class_order}"
    )
    head = "".join(
        f"<th>{escape(each)}</th>"
        for each in ("", "Question", "True answer", *(name for name, _ in told))
    )
    rows = "\n".join(_row(row, [shown[row] for _, shown in told]) for row in range(len(questions)))
    return (
        f'<!doctype html><html lang="en"><meta '
        f'charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>Questions and answers</h1><p>{title}. Answers after the last experience; where the "
        f"untouched backbone said "
        f"something else, that stands below.</p>{toy}"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></html>\n"
    )


def pages(runs: Sequence[Run]) -> dict[str, bytes]:
    """One page for each table, of its lowest seed and class order, by file name."""
    tables: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        if run.answered is not None and run.answered.shown:
            tables.setdefault(run.origin.table, []).append(run)
    found = {}
    for table, members in tables.items():
        lowest = min((run.origin.seed, run.origin.class_order) for run in members)
        page = gallery(
            [run for run in members if (run.origin.seed, run.origin.class_order) == lowest]
        )
        if page is not None:
            found["gallery.html" if len(tables) == 1 else f"{'-'.join(table[:2])}/gallery.html"] = (
                page.encode()
            )
    return found


def _row(row: int, told: Sequence[Shown]) -> str:
    asked = told[0]
    picture = (
        f'<img alt="the picture asked about" src="data:image/png;base64,{_png(asked.picture)}">'
    )
    cells = "".join(f"<td>{_answer(each)}</td>" for each in told)
    about = f"{escape(asked.question)}<small>{escape(asked.dataset)}, {escape(asked.type)}</small>"
    return f"<tr><td>{picture}</td><td>{about}</td><td>{escape(asked.answer)}</td>{cells}</tr>"


def _answer(shown: Shown) -> str:
    """What was said last, and what the untouched backbone said where that was something else."""
    mark = "right" if shown.last == shown.answer else "wrong"
    changed = (
        f"<small>before: {escape(shown.first)}</small>"
        if shown.first not in ("", shown.last)
        else ""
    )
    return f'<span class="{mark}">{escape(shown.last)}</span>{changed}'


def _png(picture: NDArray[np.uint8]) -> str:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG", optimize=True)
    return base64.b64encode(data.getvalue()).decode()

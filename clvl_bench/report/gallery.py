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

from clvl_bench.report.answers import GalleryQuestion
from clvl_bench.report.runs import Run, Table

STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: #141414; background: #fff; }
table { border-collapse: collapse; } td, th { padding: .35em .6em; border-bottom: 1px solid #ccc; text-align: left; }
td { vertical-align: top; } th { position: sticky; top: 0; background: #fff; }
img { width: 112px; height: 112px; image-rendering: auto; }
.right { color: #00694b; } .right::before { content: "\\2713 "; }
.wrong { color: #9c3d00; } .wrong::before { content: "\\2717 "; }
small { display: block; color: #5f5f5f; }
"""


TOY = "<p><b>Toy backbone: what it answers says nothing about a real CLIP.</b></p>"
LEGEND = (
    "Answers after the last experience; where the untouched backbone said something else, that "
    "stands below."
)


def gallery(runs: Sequence[Run]) -> str | None:
    """A page of the questions that all these runs were shown, of one table and seed; None where
    there are none.
    """
    by_strategy = [
        (run.origin.strategy, run.answered.gallery)
        for run in runs
        if run.answered is not None and run.answered.gallery
    ]
    if not by_strategy:
        return None
    origin = runs[0].origin
    where = f"{origin.benchmark}, backbone {origin.backbone}"
    title = escape(f"{where}, seed {origin.seed}, class order {origin.class_order}")
    toy = TOY if origin.backbone == "tiny" else ""
    strategies = [strategy for strategy, _ in by_strategy]
    titles = ("", "Question", "True answer", *strategies)
    head = "".join(f"<th>{escape(each)}</th>" for each in titles)
    # Every run was shown the same questions in the same order.
    by_question = zip(*(questions for _, questions in by_strategy), strict=True)
    rows = "\n".join(map(_row, by_question))
    return (
        f'<!doctype html><html lang="en"><meta '
        f'charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>Questions and answers</h1><p>{title}. {LEGEND}</p>{toy}"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></html>\n"
    )


def pages(runs: Sequence[Run]) -> dict[str, bytes]:
    """One page for each table, of its lowest seed and class order, by file name."""
    tables: dict[Table, list[Run]] = {}
    for run in runs:
        if run.answered is not None and run.answered.gallery:
            tables.setdefault(run.origin.table, []).append(run)
    found = {}
    for table, members in tables.items():
        lowest = min(map(_repetition, members))
        page = gallery([run for run in members if _repetition(run) == lowest])
        if page is not None:
            benchmark, label_space, _ = table
            folder = "" if len(tables) == 1 else f"{benchmark}-{label_space}/"
            found[f"{folder}gallery.html"] = page.encode()
    return found


def _repetition(run: Run) -> tuple[int, int]:
    return run.origin.seed, run.origin.class_order


def _row(answers: Sequence[GalleryQuestion]) -> str:
    """A question, and what each strategy answered."""
    asked = answers[0]
    source = f"data:image/png;base64,{_png(asked.picture)}"
    picture = f'<img alt="the picture asked about" src="{source}">'
    about = f"{escape(asked.question)}<small>{escape(asked.dataset)}, {escape(asked.type)}</small>"
    cells = "".join(f"<td>{_answer(each)}</td>" for each in answers)
    return f"<tr><td>{picture}</td><td>{about}</td><td>{escape(asked.answer)}</td>{cells}</tr>"


def _answer(question: GalleryQuestion) -> str:
    """What was said last, and what the untouched backbone said where that was something else."""
    mark = "right" if question.last == question.answer else "wrong"
    text = f'<span class="{mark}">{escape(question.last)}</span>'
    if question.first not in ("", question.last):
        text += f"<small>before: {escape(question.first)}</small>"
    return text


def _png(picture: NDArray[np.uint8]) -> str:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG", optimize=True)
    return base64.b64encode(data.getvalue()).decode()

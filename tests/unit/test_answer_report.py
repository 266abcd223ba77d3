"""Scores of answers: grouped by what the data say, compared as whole strings; and a gallery that
nothing can break out of.
"""

import json

import numpy as np
import pytest
from safetensors.numpy import save

from clvl_bench.records.result import PICTURES, QUESTIONS, Result
from clvl_bench.report import answer_tables, gallery, writing
from clvl_bench.report.answers import Answered, Score, answered
from clvl_bench.report.committed import read_committed, write_committed
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Origin, Run

QUESTION_INPUTS = [
    (10, "CLOSED", "PRES", "yes", True),
    (11, "CLOSED", "PRES", "no", True),
    (12, "OPEN", "POS", "normal", True),
    (13, "OPEN", "POS", "<b>lung</b>", False),
]
TABLE = ["yes", "no", "normal"]
TRUE = [0, 1, 2, -2]
"""The last answer is no candidate."""


@pytest.fixture
def result(tmp_path):
    rows = [
        {
            "id": sample,
            "dataset": "d",
            "question": "<script>alert(1)</script>?",
            "answer": answer,
            "answer_type": kind,
            "type": what,
            "organ": "",
            "modality": "",
            "seen": seen,
        }
        for sample, kind, what, answer, seen in QUESTION_INPUTS
    ]
    content = {"answers": TABLE, "questions": rows, "shown": [10, 13]}
    (tmp_path / QUESTIONS).write_text(json.dumps(content))
    (tmp_path / PICTURES).write_bytes(
        save({"pictures": np.zeros((2, 112, 112, 3), dtype=np.uint8)})
    )
    evaluations = []
    for trained, predicted in ((0, [1, 1, 1, 1]), (2, [0, 1, 1, 2])):
        columns = {}
        for experience, rows in ((0, [0, 1]), (1, [2, 3])):
            for name, values in (
                ("ids", [row[0] for row in QUESTION_INPUTS]),
                ("predicted", predicted),
                ("true", TRUE),
            ):
                columns[f"test/{experience}/{name}"] = np.array(values, dtype=np.int32)[rows]
        evaluations.append((trained, tmp_path / f"{trained}.safetensors"))
        evaluations[-1][1].write_bytes(save(columns))
    return Result(tmp_path, {}, {}, [], tuple(evaluations))


def run_of(found: Answered, strategy: str = "s", seed: int = 0) -> Run:
    return Run(
        Origin(f"run {strategy} {seed}", "b", "dataset", strategy, "tiny", seed, 0, "done"),
        (),
        answered=found,
    )


def test_every_group_counts_what_the_data_put_into_it(result):
    scores = {
        (score.trained, score.group, score.name): (score.right, score.n)
        for score in answered(result).scores
    }
    assert scores[2, "overall", ""] == (2, 4)
    assert scores[2, "answer_type", "CLOSED"] == (2, 2)
    assert scores[2, "answer_type", "OPEN"] == (0, 2), (
        "no is not in normal, and what is no candidate is wrong"
    )
    assert scores[2, "type", "POS"] == (0, 2)
    assert scores[2, "ceiling", ""] == (3, 4)
    assert scores[2, "seen", "never given in training"] == (0, 1)
    assert scores[0, "overall", ""] == (1, 4)


def test_held_out_combinations_are_counted_apart_where_a_stream_has_them(result):
    assert "combination" not in {score.group for score in answered(result).scores}
    content = json.loads((result.folder / QUESTIONS).read_text())
    for row in content["questions"]:
        row["held_out"] = row["type"] == "POS"
    (result.folder / QUESTIONS).write_text(json.dumps(content))
    last = {
        (score.group, score.name): (score.right, score.n)
        for score in answered(result).scores
        if score.trained == 2
    }
    assert last["combination", "held-out combinations"] == (0, 2)
    assert last["combination", "trained combinations"] == (2, 2)
    assert "held-out combinations (2)" in answer_tables.markdown([run_of(answered(result))])


def test_open_and_closed_do_not_move_with_the_prediction(result):
    sizes = {}
    for score in answered(result).scores:
        sizes.setdefault((score.group, score.name), set()).add(score.n)
    assert all(len(counts) == 1 for counts in sizes.values())


def test_the_mean_over_types_counts_types_and_overall_counts_questions():
    scores = (
        Score(1, "overall", "", 91, 101),
        Score(1, "type", "presence", 90, 100),
        Score(1, "type", "rural", 1, 1),
    )
    assert answer_tables.mean_over_types(Answered(scores)) == pytest.approx((0.9 + 1.0) / 2)


def test_scores_are_read_back_as_written(result, tmp_path):
    found = answered(result)
    write_committed([run_of(found)], tmp_path / "committed")
    (back,) = read_committed(tmp_path / "committed")
    assert back.answered.scores == found.scores


def test_the_table_says_the_ceiling_and_every_group(result):
    text = answer_tables.markdown([run_of(answered(result)), run_of(answered(result), seed=1)])
    assert "Ceiling 75.0" in text
    assert (
        "| Strategy | Overall | CLOSED (2) | OPEN (2) | given in training (3) | never given in "
        "training (1) |" in text
    )
    assert "| s | 50.0 ± 0.0 | 100.0 ± 0.0 | 0.0 ± 0.0 |" in text


def test_what_files_say_cannot_break_out_of_the_gallery(result):
    page = gallery.gallery([run_of(answered(result), "<img src=x>")])
    assert "<script" not in page
    assert "<b>lung" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;img src=x&gt;" in page


def test_the_gallery_shows_what_changed_and_no_more(result):
    page = gallery.gallery([run_of(answered(result))])
    assert page.count("<img") == 2
    assert page.count("before: ") == 2  # no -> yes, no -> normal
    assert '<span class="right">yes</span>' in page
    assert '<span class="wrong">normal</span>' in page


def test_a_run_of_a_users_data_keeps_no_pictures_and_has_scores_all_the_same(result):
    (result.folder / PICTURES).unlink()
    found = answered(result)
    assert found.gallery == ()
    assert {score.group for score in found.scores} >= {"overall", "type"}


def test_the_gallery_of_a_users_pictures_is_written_only_where_it_was_asked_for(result):
    """The run has pictures, as those of older versions do, and nothing says that they are toys."""
    run = run_of(answered(result))
    assert list(writing.gallery_pages(ReportData([run]))) == []
    names = [name for name, _ in writing.gallery_pages(ReportData([run], private_pictures=True))]
    assert names == ["gallery.html"]

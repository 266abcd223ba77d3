"""What a benchmark asked for, as numbers of a run and columns of its table."""

import math
from dataclasses import replace

import pytest

from clvl_bench.records.rows import Record
from clvl_bench.report.best import best_of_tables
from clvl_bench.report.further import LAST, last_numbers
from clvl_bench.report.page.metric_texts import EXPLAINED
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Origin, Run
from clvl_bench.report.summary import sorted_by
from clvl_bench.report.writing import summary_md

WHERE = {"benchmark": "b", "label_space": "dataset", "backbone": "photo", "class_order": 0}
ROW = Record(
    **WHERE,
    strategy="s",
    seed=0,
    trained=2,
    stream="test",
    experience=0,
    dataset="d",
    metric="ece",
    value=0.1,
    n=10,
)


def test_a_number_of_a_run_is_the_mean_over_test_experiences_at_the_end():
    rows = [
        replace(ROW, trained=0, value=0.9),
        replace(ROW, trained=1, value=0.8),
        ROW,
        replace(ROW, experience=1, value=0.3),
        replace(ROW, stream="valid", value=0.7),
        replace(ROW, stream="zeroshot", value=0.7),
        replace(ROW, metric="accuracy", value=0.5),
    ]
    assert last_numbers(rows) == pytest.approx({"last_ece": 0.2})
    undefined = last_numbers([*rows, replace(ROW, experience=2, value=math.nan)])
    assert math.isnan(undefined["last_ece"])
    assert last_numbers(rows[-1:]) == {}


def run(strategy, seed, ece):
    accuracy = replace(ROW, strategy=strategy, seed=seed, metric="accuracy", value=0.5, trained=1)
    origin = Origin(f"{strategy}-{seed}", **WHERE, strategy=strategy, seed=seed, state="done")
    measured = replace(accuracy, metric="ece", value=ece)
    return Run(origin, (replace(accuracy, trained=0), accuracy, measured))


RUNS = [run("sure", 0, 0.30), run("sure", 1, 0.34), run("sober", 0, 0.10), run("sober", 1, 0.12)]


def test_tables_show_it_with_its_spread_and_less_calibration_error_is_better():
    data = ReportData(RUNS)
    text = summary_md(data).decode()
    assert "| Strategy | Last ECE |" in text
    assert "| sober | **11.0 ± 1.4** |" in text
    assert "| sure | 32.0 ± 2.8 |" in text
    assert "ECE is the gap between confidence and accuracy" in text
    assert "positive class is" not in text.replace("of the positive class", "")
    best = best_of_tables(RUNS, {})[RUNS[0].origin.table]
    assert best["last_ece"].strategy == "sober"
    assert sorted_by(data.summary, "last_ece")["strategy"].tolist() == ["sober", "sure"]


def test_where_nothing_more_was_recorded_nothing_more_is_said():
    text = summary_md(ReportData([replace(each, records=each.records[:2]) for each in RUNS]))
    assert b"ECE" not in text
    assert b"Also recorded" not in text


def test_the_page_explains_every_one():
    assert set(LAST) <= set(EXPLAINED)

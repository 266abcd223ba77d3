"""How much prompts decide, as the report tells it."""

import numpy as np
import pytest

from clvl_bench.records.rows import Record
from clvl_bench.report.prompts import base_name, prompt_frame, spread_frame
from clvl_bench.report.prompts_used import prompts_note
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Origin, Run
from clvl_bench.report.writing import write_report
from clvl_bench.runs.files import load

PROMPTS = {"a photo of a {}.": 0.5, "a map of a {}.": 0.7, "a bad, blurry photo of {}.": 0.6}


def run_of(strategy: str, accuracy: float, *, order: int = 0, transductive: bool = False) -> Run:
    where = {
        "benchmark": "b",
        "label_space": "dataset",
        "strategy": strategy,
        "backbone": "clip-vit-base-patch32",
        "seed": 0,
        "class_order": order,
    }
    values = {"accuracy": accuracy} | ({"transductive": 1.0} if transductive else {})
    rows = []
    for trained in (0, 1):
        for metric, value in values.items():
            stream = "test" if metric == "accuracy" else ""
            place = {"trained": trained, "stream": stream, "experience": 0, "dataset": "d"}
            rows.append(Record(**where, **place, metric=metric, value=value, n=100))
    return Run(Origin(run=f"{strategy}{order}", **where, state="done"), tuple(rows))


def swept(strategy: str) -> list[Run]:
    runs = [run_of(strategy, 0.65)]
    for template, accuracy in PROMPTS.items():
        runs.append(run_of(f"{strategy}[adapter.template={template}]", accuracy))
    return runs


def test_the_spread_over_prompts_is_told_with_the_lowest_the_highest_and_the_mean_prompt():
    (row,) = spread_frame(swept("zeroshot")).to_dict("records")
    values = 100 * np.array(list(PROMPTS.values()))
    assert (row["over"], row["n"], row["strategy"]) == ("prompts", 3, "zeroshot")
    assert row["mean"] == pytest.approx(60.0)
    assert row["std"] == pytest.approx(values.std(ddof=1))
    assert (row["lowest"], row["highest"], row["range"]) == pytest.approx((50.0, 70.0, 20.0))
    assert (row["lowest_prompt"], row["highest_prompt"]) == ("a photo of a {}.", "a map of a {}.")
    assert row["mean_prompt"] == pytest.approx(65.0)


def test_the_spread_over_streams_stands_beside_it():
    orders = [run_of("slda", 0.9 + 0.01 * order, order=order) for order in range(3)]
    found = spread_frame([*swept("zeroshot"), *orders])
    (row,) = found[found["over"] == "streams"].to_dict("records")
    assert (row["strategy"], row["n"]) == ("slda", 3)
    assert (row["mean"], row["std"]) == pytest.approx((91.0, 1.0))


def test_without_prompts_nothing_is_said():
    assert spread_frame([run_of("slda", 0.9, order=order) for order in range(3)]).empty


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("zeroshot[adapter.template=a {}.]", "zeroshot"),
        ("transclip[adapter.text=1,adapter.template=a {}.]", "transclip[adapter.text=1]"),
        ("transclip[adapter.template=a {}.,adapter.text=1]", "transclip[adapter.text=1]"),
    ],
)
def test_a_strategy_is_named_without_its_template(name, base):
    assert base_name(name) == base
    (row,) = prompt_frame([run_of(name, 0.5)]).to_dict("records")
    assert (row["strategy"], row["template"]) == (base, "a {}.")


def test_the_report_has_a_table_and_a_picture_of_prompts_and_marks_what_is_transductive(tmp_path):
    runs = [*swept("zeroshot"), run_of("transclip", 0.8, transductive=True)]
    write_report(ReportData(runs), tmp_path)
    assert "3 prompts | 60.0 ± 10.0 | 50.0 | 70.0" in (tmp_path / "prompts.md").read_text()
    assert (tmp_path / "plots" / "b-dataset_prompts.png").read_bytes().startswith(b"\x89PNG")
    summary = (tmp_path / "summary.md").read_text()
    assert "| transclip † |" in summary
    assert "| zeroshot |" in summary
    assert "† is transductive" in summary


@pytest.mark.parametrize(
    ("benchmark", "said"),
    [
        (
            "eurosat_mteb",
            "Prompts: eurosat: names and template of the set mteb (MTEB, mteb/tasks/Image/"
            'ZeroShotClassification), as "a centered satellite photo of annual crop land.".',
        ),
        (
            "photo_pneumonia",
            "Prompts: pneumoniamnist: names and the mean of 2 templates of its declaration, as "
            '"a chest x-ray of healthy lungs."; cifar10: names and the mean of 18 templates of '
            "the set openai (Radford et al. 2021, CLIP's data/prompts.md), as "
            '"a photo of a airplane.".',
        ),
        ("vqa_rad_open", "Prompts: toy_"),
    ],
)
def test_a_table_says_whose_prompts_its_zero_shot_numbers_are_of(benchmark, said):
    assert prompts_note(load("benchmark", benchmark)).startswith(said)


def test_where_nobody_knows_the_words_their_hash_is_said():
    origin = Origin("r", "b", "seen", "s", "k", 0, 0, "done", prompts_sha256="0123456789abcdef")
    (note,) = ReportData([Run(origin, ())]).prompts_notes.values()
    assert note == "Prompts: of hash 01234567; the benchmark's file has their words."

"""Published numbers: the table of ZSCL, and ours beside it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from clvl_bench.core.errors import Mistake
from clvl_bench.records.rows import Record
from clvl_bench.report.published import beside, beside_markdown, read_published
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Origin, Run
from clvl_bench.report.writing import write_report

MATRICES = json.loads(
    (Path(__file__).parent.parent / "data" / "zscl_mtil_matrices.json").read_text()
)
TABLE = Path(__file__).parent.parent.parent / "results" / "published" / "zscl_mtil.csv"


def test_the_table_of_zscl_is_the_papers():
    """Zheng et al. 2023, tables of MTIL Orders I and II: Transfer, Avg, Last."""
    published = {
        ("mtil_order_1", "zeroshot"): (69.4, 65.3, 65.3),
        ("mtil_order_1", "finetune_mtil"): (44.6, 55.9, 77.3),
        ("mtil_order_1", "zscl_mtil"): (68.1, 75.4, 83.6),
        ("mtil_order_2", "zeroshot"): (65.4, 65.3, 65.3),
        ("mtil_order_2", "finetune_mtil"): (46.6, 56.2, 67.4),
        ("mtil_order_2", "zscl_mtil"): (64.2, 74.5, 83.4),
    }
    frame = read_published(TABLE)
    found = {
        (row.benchmark, row.strategy): (row.transfer, row.average, row.last)
        for row in frame.itertuples()
    }
    assert found.keys() == published.keys()
    for key, numbers in published.items():
        assert found[key] == pytest.approx(numbers, abs=0.06)


def test_ours_stand_beside_it_and_what_was_not_run_is_a_dash():
    ours = pd.DataFrame(
        [
            {
                "benchmark": "mtil_order_1[reference=imagenet]",
                "strategy": "zscl_mtil",
                "n": 1,
                "transfer_mean": 0.7,
                "average_mean": 0.75,
                "last_mean": 0.8,
            }
        ]
    )
    table = beside(ours, read_published(TABLE))
    (row,) = table[
        (table["strategy"] == "zscl_mtil") & (table["metric"] == "Last") & (table["runs"] == 1)
    ].itertuples()
    assert row.ours == pytest.approx(80.0)
    assert row.difference == pytest.approx(80.0 - row.published)
    text = beside_markdown(table)
    assert "| mtil_order_1 | zscl_mtil | Last | 83.6 | 80.0 | -3.6 | 1 |" in text
    assert "| mtil_order_2 | zscl_mtil | Last | 83.4 | – | – | 0 |" in text


def test_a_table_that_is_none_is_a_mistake_of_one_line(tmp_path):
    (tmp_path / "x.csv").write_text("benchmark,strategy,source,lst\na,b,c,1\n")
    for name, said in (("x.csv", "unknown column 'lst'"), ("y.csv", "no such file")):
        with pytest.raises(Mistake, match=said):
            read_published(tmp_path / name)


def run_of(matrix: list[list[float]]) -> Run:
    """A run whose rows are a matrix of accuracies in percent, [learned, evaluated], in the label
    space of MTIL.
    """
    where = {
        "benchmark": "mtil_order_1",
        "label_space": "dataset",
        "strategy": "s",
        "seed": 0,
        "class_order": 0,
    }
    rows = tuple(
        Record(
            **where,
            backbone="ViT-B/16",
            trained=trained,
            stream="test",
            experience=place,
            dataset=name,
            metric="accuracy",
            value=value / 100,
            n=1000,
        )
        for trained, row in enumerate(matrix)
        for place, (name, value) in enumerate(zip(MATRICES["order_I"], row, strict=True))
    )
    return Run(
        Origin(
            run="r",
            **where,
            backbone="ViT-B/16",
            state="done",
            weights_sha256="ab" * 32,
            family="OpenAI",
        ),
        rows,
    )


ZERO_SHOT = [MATRICES["zero_shot_clip_vitb16"][name] for name in MATRICES["order_I"]]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([ZERO_SHOT] * 11, (69.4, 65.3, 65.3)),
        (MATRICES["order_I_methods"]["ZSCL"], (68.1, 75.4, 83.6)),
    ],
    ids=["zero-shot", "ZSCL"],
)
def test_the_report_gives_the_papers_transfer_average_and_last_of_the_papers_accuracies(
    tmp_path, later, expected
):
    """Zheng et al. 2023, table 1: rows go in as a run writes them, the three numbers are read off
    the report's files.
    """
    names, run = ("transfer", "average", "last"), run_of([ZERO_SHOT, *later])
    published = tmp_path / "paper.csv"
    published.write_text(
        f"benchmark,strategy,source,{','.join(names)}\n"
        f"mtil_order_1,s,paper,{','.join(map(str, expected))}\n"
    )
    write_report(ReportData([run], published=published), tmp_path, plots=False)
    (row,) = pd.read_csv(tmp_path / "summary.csv").to_dict("records")
    assert [100 * row[f"{name}_mean"] for name in names] == pytest.approx(expected, abs=0.06)
    told = [
        line.split(" | ")
        for line in (tmp_path / "beside.md").read_text().splitlines()
        if "| s |" in line
    ]
    assert [(cells[2], float(cells[4])) for cells in told] == [
        (title, pytest.approx(value, abs=0.11))
        for title, value in zip(("Transfer", "Avg", "Last"), expected, strict=True)
    ]


def test_numbers_of_several_backbones_and_settings_stand_beside_ours_of_the_same(tmp_path):
    """A published name with overrides is ours with the same ones; one without is ours without."""
    rows = [
        ("zeroshot", "small", 50.0),
        ("zeroshot", "large", 60.0),
        ("zeroshot[adapter.template=a {}.]", "small", 70.0),
        ("zeroshot[adapter.template=the {}.]", "small", 80.0),
    ]
    table = tmp_path / "paper.csv"
    published = pd.DataFrame(rows, columns=["strategy", "backbone", "last"])
    published.assign(benchmark="b", source="paper").to_csv(table, index=False)
    kept = pd.DataFrame(rows[::-1][1:], columns=["strategy", "backbone", "last_mean"])
    ours = kept.assign(benchmark="b", n=1, last_mean=kept["last_mean"] / 100)
    found = beside(ours, read_published(table))
    assert found["difference"].tolist()[:3] == pytest.approx([0.0] * 3)
    assert found["runs"].tolist() == [1, 1, 1, 0], "one of the four was not run"
    assert "| b | zeroshot | large | Last | 60.0 | 60.0 | +0.0 | 1 |" in beside_markdown(found)


WHU = {
    "whu_rs19_zero_shot": (81.3, 85.5, 95.2, 88.8),
    "whu_rs19_transclip": (90.3, 99.1, 97.9, 98.7),
}
"""El Khoury et al. 2025, the average prompt: CLIP B/32 and L/14, RemoteCLIP and GeoRSCLIP B/32."""


@pytest.mark.parametrize("name", WHU)
def test_the_tables_of_whu_rs19_hold_each_prompt_and_model_once(name):
    table = read_published(TABLE.parent / f"{name}.csv")
    assert len(table) == 4 * 107
    assert not table.duplicated(["strategy", "backbone"]).any()
    average = table[~table["strategy"].str.contains("[", regex=False)]
    assert average["last"].round(1).tolist() == list(WHU[name])
    images = table["last"] / 100 * 1005
    assert (images - images.round()).abs().max() < 1e-3, "each is a number of 1,005 images"


@pytest.mark.parametrize("name", WHU)
def test_the_committed_accuracies_are_the_published_ones_of_every_model_and_prompt(name):
    ours = pd.read_csv(TABLE.parent.parent / "whu_rs19_published" / "summary.csv")
    found = beside(ours, read_published(TABLE.parent / f"{name}.csv"))
    assert set(found["runs"]) == {1}
    assert found["difference"].abs().max() < 1e-3

"""Published numbers: the table of ZSCL, and ours beside it."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from helpers.published import TABLES, ZSCL, runs_of

from clvl_bench.core.errors import Mistake
from clvl_bench.metrics.continual import seen_accuracy
from clvl_bench.records.rows import Record
from clvl_bench.report.published import beside, beside_markdown, read_published
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Origin, Run
from clvl_bench.report.writing import write_report
from clvl_bench.runs.published_tables import table_file, table_names

TABLE = TABLES / "zscl_mtil.json"
COLUMNS = ZSCL["mtil_order_1", "zeroshot"].columns


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
    assert len(frame) == len(found) == 2 * 8
    for key, numbers in published.items():
        assert found[key] == pytest.approx(numbers, abs=0.06)


def test_ours_stand_beside_it_and_what_was_not_run_is_a_dash():
    ours = pd.DataFrame(
        [
            {
                "benchmark": "mtil_order_1[reference=imagenet]",
                "strategy": "zscl_mtil",
                "backbone": "clip-vit-base-patch16",
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
    assert (
        "| mtil_order_1 | zscl_mtil | clip-vit-base-patch16 | Last | 83.6 | 80.0 | -3.6 | 1 |"
        in text
    )
    assert "| mtil_order_2 | zscl_mtil | clip-vit-base-patch16 | Last | 83.4 | – | – | 0 |" in text


def test_a_table_that_is_none_is_a_mistake_of_one_line(tmp_path):
    (tmp_path / "x.csv").write_text("benchmark,strategy,source,lst\na,b,c,1\n")
    for name, said in (("x.csv", "unknown column 'lst'"), ("y.csv", "no such file")):
        with pytest.raises(Mistake, match=said):
            read_published(tmp_path / name)


def run_of(matrix: Sequence[Sequence[float]]) -> Run:
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
        for place, (name, value) in enumerate(zip(COLUMNS, row, strict=True))
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


ZERO_SHOT = ZSCL["mtil_order_1", "zeroshot"].accuracies[0]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([ZERO_SHOT] * 11, (69.4, 65.3, 65.3)),
        (ZSCL["mtil_order_1", "zscl_mtil"].accuracies, (68.1, 75.4, 83.6)),
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
    table = read_published(TABLES / f"{name}.csv")
    assert len(table) == 4 * 107
    assert not table.duplicated(["strategy", "backbone"]).any()
    average = table[~table["strategy"].str.contains("[", regex=False)]
    assert average["last"].round(1).tolist() == list(WHU[name])
    images = table["last"] / 100 * 1005
    assert (images - images.round()).abs().max() < 1e-3, "each is a number of 1,005 images"


@pytest.mark.parametrize("name", WHU)
def test_the_committed_accuracies_are_the_published_ones_of_every_model_and_prompt(name):
    ours = pd.read_csv(TABLES.parent / "whu_rs19_published" / "summary.csv")
    found = beside(ours, read_published(TABLES / f"{name}.csv"))
    assert set(found["runs"]) == {1}
    assert found["difference"].abs().max() < 1e-3


PROOF = runs_of("proof")
MEASURED = [run for run in PROOF.values() if run.accuracies]


@pytest.mark.parametrize("run", MEASURED, ids=[run.benchmark for run in MEASURED])
def test_our_metrics_of_the_matrices_of_proof_give_its_curve_average_and_last_value(run):
    """Zhou et al. 2023, released logs: the curve is printed beside the matrix, to two digits."""
    curve = seen_accuracy(run.measured)
    assert np.around(curve, 2).tolist() == list(run.curve)
    assert run.figures["incremental"] == pytest.approx(np.mean(run.curve), abs=0.005)
    assert round(float(curve[-1]), 2) == run.curve[-1]


def test_all_eighteen_runs_of_proof_are_here_with_the_averages_and_last_values_that_it_prints():
    """The paper's columns Avg and Last of CIFAR-100, as its logs end; Food-101 B0, whose log mixes
    two runs, has its curve alone.
    """
    assert len(PROOF) == 18
    assert [run.benchmark for run in PROOF.values() if not run.accuracies] == ["proof_food101_b0"]
    cifar = PROOF["proof_cifar100_b0", "proof_batch"]
    assert {name: round(value, 2) for name, value in cifar.figures.items()} == {
        "incremental": 86.77,
        "last": 79.11,
    }


SIZES = {
    "proof_cifar100_b0": 10_000,
    "proof_aircraft_b0": 3_333,
    "proof_imagenet_r_b0": 6_000,
}
"""Test images of published splits; PROOF's of ImageNet-R is a fifth of 30,000."""


@pytest.mark.parametrize("name", SIZES)
def test_the_sizes_that_the_digits_of_proof_allow_are_those_of_the_published_splits(name):
    assert sum(PROOF[name, "proof_batch"].sizes) == SIZES[name]


def test_every_published_table_can_be_read_and_says_where_it_was_read():
    for name in table_names():
        frame = read_published(table_file(name))
        assert not frame.duplicated(["benchmark", "strategy", "backbone"]).any(), name
        assert frame["source"].str.contains(r"commit [0-9a-f]{7}").all(), name
        numbers = frame.select_dtypes("number")
        assert numbers.notna().any(axis=1).all(), name
        assert numbers.abs().max().max() <= 100, name


def test_a_name_that_is_no_published_table_is_refused_with_those_there_are():
    with pytest.raises(Mistake, match="zscl_mtil"):
        table_file("zscl_mtl")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"accuracies": [[1.0, 2.0, 3.0]]}, "a row has more than the 2 columns"),
        ({"accuracies": [[1.0, 2.0]] * 3}, "has more rows than the 2 experiences"),
        ({"sizes": [1]}, "got 1 for 2 columns"),
        ({"sizes": [1, 0]}, "got 2 for 2 columns, each at least 1"),
        ({"experiences": [2]}, "sizes: are missing"),
        ({"experiences": [1, 2]}, "do not have the 2 columns"),
        ({"metrics": ["lst"]}, "lst"),
    ],
    ids=["row", "rows", "sizes", "zero", "no sizes", "experiences", "metric"],
)
def test_matrices_that_do_not_fit_are_a_mistake_of_one_line(changed, said, tmp_path):
    run = {"benchmark": "b", "strategy": "s", "backbone": "k", "columns": ["x", "y"]}
    run |= {"accuracies": [[1.0, 2.0]], **changed}
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"source": "mine", "runs": [run]}))
    with pytest.raises(Mistake, match=said):
        read_published(file)


def test_mteb_measures_what_the_catalogue_of_the_suite_says_of_three_openai_models():
    """embeddings-benchmark/results: task EuroSATZeroShot and RESISC45ZeroShot."""
    frame = read_published(TABLES / "mteb_zero_shot.csv").set_index(["benchmark", "backbone"])
    expected = {
        "eurosat_mteb": (49.7407, 48.5926, 60.8519),
        "resisc45_mteb": (53.3968, 60.5397, 67.6667),
    }
    models = ("clip-vit-base-patch32", "clip-vit-base-patch16", "clip-vit-large-patch14")
    for benchmark, values in expected.items():
        assert tuple(frame.loc[(benchmark, name), "last"] for name in models) == values


def test_means_over_ten_datasets_are_those_that_rs_transclip_prints():
    """El Khoury et al. 2025, table: mean over AID to WHU-RS19, before and after TransCLIP."""
    frame = read_published(TABLES / "rs_transclip.csv")
    means = frame.groupby(["backbone", "strategy"])["last"].agg(["mean", "size"])
    assert set(means["size"]) == {10}
    printed = {
        "clip-vit-base-patch32": (56.1, 66.5),
        "georsclip-vit-base-patch32": (64.5, 76.2),
        "remoteclip-vit-base-patch32": (61.0, 70.8),
        "clip-vit-large-patch14": (65.8, 77.1),
    }
    for name, (before, after) in printed.items():
        assert means.loc[(name, "zeroshot"), "mean"] == pytest.approx(before, abs=0.1)
        assert means.loc[(name, "transclip"), "mean"] == pytest.approx(after, abs=0.1)

"""Two clinics with the same two classes: what a benchmark asks for beside the accuracy, from its
file to the rows, the tables and the page.
"""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn import metrics

import clvl_bench as cb
from clvl_bench.core.schema import whole
from clvl_bench.metrics.samples import FURTHER, SAMPLE_METRICS
from clvl_bench.metrics.scores import calibration_error
from clvl_bench.report.page.content import page_content
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.writing import write_report
from clvl_bench.runs import runner
from clvl_bench.runs.files import run_config
from clvl_bench.streams.class_plan import positive_classes
from clvl_bench.streams.config import BenchmarkConfig

CLINIC = """
[dataset.{name}]
classes = ["benign", "malignant"]
on_duplicates = "report"
source = {{ kind = "features", path = "{name}.npz", splits = {splits}, text = "text.npy", {of} }}
"""
SPLITS = '{ train = [["x", "y"]], test = [["test_x", "test_y"]] }'
HEAD = f"""version = 1
scenario = "domain_incremental"
datasets = ["north", "south"]
label_space = "dataset"
metrics = {json.dumps(FURTHER)}
"""
CLINICS = ("north", "south")


@pytest.fixture
def clinics(tmp_path: Path) -> Path:
    """A benchmark of drawn features: malignant ones lie a little to one side, and are few."""
    generator = np.random.default_rng(0)
    np.save(tmp_path / "text.npy", np.eye(2, 6, dtype=np.float32))
    text = HEAD
    for name, shift in zip(CLINICS, (0.0, 0.3), strict=True):
        arrays = {}
        for split, count in (("", 40), ("test_", 90)):
            label = (np.arange(count) % 3 == 0).astype(np.int64)
            features = generator.normal(size=(count, 6))
            features[:, 1] += 1.5 * label + shift
            arrays |= {f"{split}x": features.astype(np.float32), f"{split}y": label}
        np.savez(tmp_path / f"{name}.npz", **arrays)
        text += CLINIC.format(name=name, splits=SPLITS, of='backbone = "drawn"')
    (tmp_path / "clinics.toml").write_text(text)
    return tmp_path / "clinics.toml"


def by_sklearn(part: pd.DataFrame) -> dict[str, float]:
    """The metrics of some samples; the second class is `malignant`."""
    true = part["true_class"] == "malignant"
    said = part["predicted_class"] == "malignant"
    confidence = part["confidence"].to_numpy(np.float64)
    return {
        "balanced_accuracy": metrics.balanced_accuracy_score(true, said),
        "macro_f1": metrics.f1_score(true, said, average="macro"),
        "ece": calibration_error(confidence, (true == said).to_numpy()),
        "auc": metrics.roc_auc_score(true, np.where(said, confidence, 1 - confidence)),
        "sensitivity": metrics.recall_score(true, said),
        "specificity": metrics.recall_score(true, said, pos_label=False),
        "f1": metrics.f1_score(true, said),
    }


def test_what_a_benchmark_asks_for_stands_in_rows_tables_and_page(tmp_path, clinics, empty_home):
    runner.run(run_config(str(clinics), "linear"), results=tmp_path, progress=False)
    results = cb.load_results(tmp_path / "runs")
    frame = results.predictions()
    assert frame["confidence"].between(0.5, 1).all(), "the higher of two"
    halves = {0: frame[:90], 1: frame[90:]}
    expected = {number: by_sklearn(part) for number, part in halves.items()}
    rows = results.to_frame().query("stream == 'test' and trained == 2")
    for number, numbers in expected.items():
        of_experience = rows[rows["experience"] == number].set_index("metric")
        assert of_experience["value"][list(FURTHER)].to_dict() == pytest.approx(numbers)
        assert set(of_experience["n"]) == {90}
    data = ReportData(results.runs)
    report = tmp_path / "report"
    write_report(data, report, plots=False)
    (summary,) = pd.read_csv(report / "summary.csv").to_dict("records")
    for name in FURTHER:
        mean = np.mean([numbers[name] for numbers in expected.values()])
        assert summary[f"last_{name}_mean"] == pytest.approx(mean)
        assert np.isnan(summary[f"last_{name}_std"]), "one run has no spread"
    told = (report / "summary.md").read_text(encoding="utf-8")
    assert "| Last AUC |" in told
    assert "The positive class is malignant." in told
    (table,) = page_content(data)["tables"]
    values = table["strategies"][0]["values"]
    pooled = by_sklearn(frame)
    for name in ("auc", "ece", "balanced_accuracy"):
        assert values[name][0] == pytest.approx(100 * pooled[name], abs=1e-4), name


def read(text: str) -> BenchmarkConfig:
    for name in CLINICS:
        if f"[dataset.{name}]" not in text:
            text += CLINIC.format(name=name, splits=SPLITS, of='backbone = "drawn"')
    return BenchmarkConfig.model_validate(tomllib.loads(text))


THREE = HEAD + (
    '[dataset.north]\nclasses = ["a", "b", "c"]\n'
    'source = { kind = "features", path = "x", splits = {}, backbone = "d" }\n'
)
TURNED = THREE.replace('"a", "b", "c"', '"malignant", "benign"')
APART = HEAD.replace("domain", "class").replace(
    "label_space", "classes_per_experience = [1, 1, 1, 1]\nlabel_space"
)


@pytest.mark.parametrize("text", [THREE, TURNED, APART], ids=["three", "turned", "apart"])
@pytest.mark.parametrize("name", [name for name in FURTHER if SAMPLE_METRICS[name].two_classes])
def test_metrics_of_two_classes_are_refused_for_anything_else(text, name):
    asked = text.replace(json.dumps(FURTHER), f'["{name}"]')
    with pytest.raises(ValidationError, match=f"metrics: '{name}' is of two classes.*balanced_acc"):
        read(asked)


def test_metrics_of_any_number_of_classes_are_taken_by_all():
    of_any = [name for name in FURTHER if not SAMPLE_METRICS[name].two_classes]
    assert {"balanced_accuracy", "macro_f1", "ece"} == set(of_any)
    for text in (THREE, TURNED, APART):
        assert read(text.replace(json.dumps(FURTHER), json.dumps(of_any))).metrics == tuple(of_any)


def test_an_unknown_metric_is_refused_with_the_nearest():
    with pytest.raises(ValidationError, match=r"metrics: unknown metric 'aux': did you mean 'auc'"):
        read(HEAD.replace(json.dumps(FURTHER), '["aux"]'))
    with pytest.raises(ValidationError, match="may stand once"):
        read(HEAD.replace(json.dumps(FURTHER), '["ece", "ece"]'))


def test_the_positive_class_is_the_second_of_each_dataset():
    assert positive_classes(read(HEAD)) == (1,)
    own_words = read(HEAD + '[dataset.north]\nclasses = ["calm", "ill"]\n' + THREE.split("\n")[-2])
    assert [own_words.images(name).classes[1] for name in CLINICS] == ["ill", "malignant"]
    assert positive_classes(own_words) == (1, 3)


def test_a_benchmark_that_asks_for_nothing_more_is_as_it_was():
    plain = read(HEAD.replace(json.dumps(FURTHER), "[]"))
    assert "metrics" not in whole(plain)
    assert whole(read(HEAD))["metrics"] == list(FURTHER)

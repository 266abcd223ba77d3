"""The page: what files say is text and never markup, and what is a user's stays with him."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from helpers.hostile import FILE, STRATEGY, WILD, hostile_runs, stream_of, write_pictures
from PIL import Image

from clvl_bench.core.errors import Mistake
from clvl_bench.metrics.classes import Confusion
from clvl_bench.report.configuration import Configuration
from clvl_bench.report.page.class_counts import told
from clvl_bench.report.page.commands import command_of
from clvl_bench.report.page.content import page_content
from clvl_bench.report.page.writing import page, to_script
from clvl_bench.report.predictions import predictions_frame
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Origin, Run
from clvl_bench.streams.config import BenchmarkConfig


class Elements(HTMLParser):
    """Every element with its attributes, and the text in the script of JSON."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.content = ""
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        tag, attributes = self.found[-1] if self.found else ("", {})
        if tag == "script" and attributes.get("type") == "application/json":
            self.content += data
        else:
            self.shown.append(data)

    @property
    def json(self):
        return json.loads(self.content)


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_pictures(tmp_path / "ward_7")


@pytest.fixture
def runs(folder, tmp_path, empty_home) -> list[Run]:
    return hostile_runs(folder, tmp_path)


def test_what_files_say_is_text_and_never_markup(runs):
    found = Elements(page(ReportData(runs)).decode())
    tags = [tag for tag, _ in found.found]
    assert tags.count("script") == 2, "the content and our own"
    assert "img" not in tags
    assert not [name for _, attributes in found.found for name in attributes if name[:2] == "on"]
    (table,) = found.json["tables"]
    assert table["classes"] == list(WILD)
    assert {each["name"] for each in table["strategies"]} == {STRATEGY, "other"}
    assert STRATEGY in found.shown, "as written, in the table for readers without script"


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "]]>", "\u2028", "&lt;", 'a"b\\'])
def test_json_comes_back_as_it_went_and_cannot_end_its_element(text):
    written = to_script({"name": text})
    assert json.loads(written) == {"name": text}
    assert not set("<>&\u2028\u2029") & set(written)


def test_no_picture_name_or_path_of_a_users_data_is_in_the_page(runs, folder):
    text = page(ReportData(runs)).decode()
    for private in (FILE, str(folder), folder.name, "data:image/jpeg"):
        assert private not in text
    (table,) = Elements(text).json["tables"]
    assert table["failures"] == {"samples": [], "why": "private"}


def test_with_pictures_asked_for_they_are_there_with_their_files(runs):
    text = page(ReportData(runs, private_pictures=True)).decode()
    (table,) = Elements(text).json["tables"]
    samples = sorted(table["failures"]["samples"], key=lambda sample: sample["file"])
    assert len(samples) == 3, "of six test pictures three were wrong for somebody"
    for sample in samples:
        kind, data = sample["picture"].split(",")
        assert kind == "data:image/jpeg;base64"
        assert base64.b64decode(data)[:2] == b"\xff\xd8"
    assert [sample["file"][:7] for sample in samples] == ["test/a/", "test/c/", "test/c/"]
    assert samples[0]["said"] == {
        STRATEGY: [WILD[1], False, WILD[1]],
        "other": [WILD[2], False, WILD[2]],
    }


def test_data_that_changed_since_are_not_shown_as_what_was_wrong(runs, folder):
    Image.new("RGB", (8, 8)).save(folder / "test" / "a" / FILE)
    text = page(ReportData(runs, private_pictures=True)).decode()
    (table,) = Elements(text).json["tables"]
    assert (table["failures"]["samples"], table["failures"]["why"]) == ([], "data")


def test_a_name_makes_no_users_data_a_toy(folder):
    toy = {
        "version": 1,
        "scenario": "joint",
        "datasets": ["toy_landcover"],
        "label_space": "all",
    }
    own_copy = {"toy_landcover": {"source": {"kind": "folder", "path": str(folder)}}}
    assert BenchmarkConfig.model_validate(toy).is_painted
    assert not BenchmarkConfig.model_validate({**toy, "dataset": own_copy}).is_painted
    assert not stream_of(folder).is_painted


def test_a_shown_configuration_has_no_file_of_the_data():
    dataset = {
        "classes": ["x"],
        "captions": "reports.txt",
        "source": {"kind": "parquet", "files": {"train": "jane/*.parquet"}},
    }
    stream = {"dataset": {"mine": dataset}, "question_dataset": {}}
    found = Configuration({"benchmark_config": stream, "seed": 1}, None)
    assert found.shown["benchmark_config"]["dataset"] == {
        "mine": {"classes": ["x"], "source": {"kind": "parquet"}}
    }


def test_only_our_own_script_and_style_may_act_and_nothing_is_loaded(runs):
    text = page(ReportData(runs)).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    own = re.findall(r"<(style|script)>(.*?)</\1>", text, re.S)
    assert [tag for tag, _ in own] == ["style", "script"]
    for tag, body in own:
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    for _, attributes in Elements(text).found:
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    script = dict(own)["script"]
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in script


def test_numbers_of_the_page_are_those_of_the_summary(runs):
    data = ReportData(runs)
    (table,) = Elements(page(data).decode()).json["tables"]
    for each, (_, row) in zip(table["strategies"], data.summary.iterrows(), strict=True):
        assert each["name"] == row["strategy"]
        assert each["values"]["last"][0] == pytest.approx(100 * row["last_mean"], abs=0.005)
        assert each["values"]["last"][1] is None, "one run has no spread"


def test_classes_are_counted_from_the_last_predictions(runs):
    (table,) = Elements(page(ReportData(runs)).decode()).json["tables"]
    classes = table["strategies"][0]["classes"]
    # Class id, samples, right, said: of the six, two of class 2 were taken for 0 and for nothing.
    assert classes["rows"] == [[0, 2, 1, 2], [1, 2, 2, 3], [2, 2, 0, 0]]
    assert classes["matrix"] == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert sorted(classes["largest"]) == [[0, 1, 1], [2, 0, 1]]
    assert table["strategies"][0]["values"]["balanced_accuracy"][0] == 50.0
    assert {tuple(map(len, group)) for group in [table["experiences"]["0"]]} == {(2, 1)}


def test_older_runs_without_confidence_have_no_calibration_error(runs):
    (table,) = page_content(ReportData(runs))["tables"]
    assert "balanced_accuracy" in table["strategies"][0]["values"]
    assert not {"ece", "auc"} & {metric["key"] for metric in table["metrics"]}
    assert predictions_frame(runs)["confidence"].isna().all()


def test_thirty_strategies_of_a_thousand_classes_stay_small():
    counts = np.random.default_rng(0).integers(0, 9, (1000, 1000))
    one = to_script(told(Confusion(counts, counts.sum(axis=1))))
    assert 30 * len(one) < 1_500_000, "half of what a page may weigh"


def test_the_command_of_a_run_makes_it_again():
    where = {"label_space": "all", "backbone": "My CLIP", "state": "done"}
    origin = Origin("r", "b[shots=4]", strategy="p[train.lr=0.1]", seed=2, class_order=1, **where)
    told_as = "clvl-bench run b p --backbone 'My CLIP' --seed 2 --set train.lr=0.1"
    assert command_of(origin) == (
        f"{told_as} --set benchmark.shots=4 --set benchmark.class_order_seed=1"
    )


def test_a_page_of_failed_runs_says_so():
    where = {"label_space": "all", "backbone": "tiny", "seed": 0, "class_order": 0}
    failed = Run(Origin("r", "b", strategy="s", **where, state="failed", reason="nan: x"), ())
    found = Elements(page(ReportData([failed])).decode())
    assert found.json["tables"] == []


def test_predictions_are_one_frame_with_the_names_of_classes(runs):
    frame = predictions_frame(runs)
    assert len(frame) == 12
    first = frame[frame["strategy"] == STRATEGY]
    assert first["sample"].tolist() == [3, 4, 5, 6, 7, 8]
    assert first["predicted"].tolist() == [1, 0, 1, 1, 0, -1]
    assert first["predicted_class"].tolist() == [*(WILD[each] for each in (1, 0, 1, 1, 0)), ""]
    assert first["true_class"].tolist() == [WILD[each] for each in (0, 0, 1, 1, 2, 2)]
    assert set(frame["trained"]) == {2}
    assert len(predictions_frame(runs, all_evaluations=True)) == 24
    with pytest.raises(Mistake, match="not in committed records"):
        predictions_frame([replace(run, result=None) for run in runs])

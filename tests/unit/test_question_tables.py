"""Questions of one's own: the page's example is run, and the same rows give the same questions in
every format.
"""

import csv
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clvl_bench.core.errors import Damage, Missing, Mistake
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.vqa.reading import read_questions
from clvl_bench.runs.files import load
from clvl_bench.streams.reading import read_slices
from clvl_bench.streams.vqa.plan import make_question_plan

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "vqa.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Questions of your own")[2].partition("\n## ")[0]
ROWS = json.loads(re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)[0])
BENCHMARK, MEVF, HUB = re.findall(r"```toml\n(.*?)```", SECTION, re.DOTALL)


@pytest.fixture(autouse=True)
def _home_of_its_own(empty_home: Path) -> None:
    """Scans are kept by path and time; pytest reuses paths between sessions."""


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    (tmp_path / "clinic" / "pictures").mkdir(parents=True)
    for number in (1, 2, 3):
        picture = Image.fromarray(np.full((4, 4, 3), 40 * number, np.uint8))
        picture.save(tmp_path / "clinic" / "pictures" / f"scan{number}.png")
    (tmp_path / "clinic" / "questions.json").write_text(json.dumps(ROWS))
    return tmp_path / "clinic"


def test_the_example_of_the_page_is_the_stream_that_the_page_says(clinic):
    (clinic.parent / "clinic.toml").write_text(BENCHMARK)
    config = load("benchmark", str(clinic.parent / "clinic.toml"))
    slices = read_slices(config)
    plan, labels = make_question_plan(config, config.questions, slices)
    assert [each.name for each in plan.classes] == ["lung", "no", "yes"]
    assert [each.dataset for each in plan.streams["train"]] == ["clinic/organ", "clinic/presence"]
    train, test = slices
    assert (len(train.data), train.unanswered, len(test.data)) == (3, 1, 2)
    # `liver` was never an answer in training: the closed track cannot give it.
    assert sorted(labels.tolist()) == [-2, 0, 1, 1, 2]


def declared(clinic: Path, **source: object) -> VqaDataset:
    table = tomllib.loads(BENCHMARK)["dataset"]["clinic"]
    source = {**table["source"], "path": clinic, **source}
    return VqaDataset.model_validate({"name": "clinic", "source": source})


def write_lines(rows, file: Path) -> None:
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def write_csv(rows, file: Path) -> None:
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        table = csv.DictWriter(out, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def write_parquet(rows, file: Path) -> None:
    pd.DataFrame(rows).to_parquet(file)


WRITERS = {"jsonl": write_lines, "csv": write_csv, "parquet": write_parquet}


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_same_rows_have_one_fingerprint_in_every_format(clinic, suffix):
    plain = [{**row, "reply": "NA" if row["reply"] is None else "no"} for row in ROWS]
    (clinic / "questions.json").write_text(json.dumps(plain))
    WRITERS[suffix](plain, clinic / f"questions.{suffix}")
    for split in ("train", "test"):
        as_json = read_questions(declared(clinic), split)
        other = read_questions(declared(clinic, files=f"questions.{suffix}"), split)
        assert other.fingerprint == as_json.fingerprint
        # The word NA is an answer, and no missing value.
        assert [each.answer for each in other.questions].count("NA") == (split == "train")


def test_files_of_each_split_are_the_same_as_a_column_that_says_it(clinic):
    for split in ("train", "test"):
        chosen = [row for row in ROWS if row["part"] == split]
        (clinic / f"{split}.json").write_text(json.dumps(chosen))
    columns = {"image": "file", "question": "ask", "answer": "reply", "type": "kind"}
    files = {"train": "train.json", "test": "test.json"}
    apart = declared(clinic, files=files, columns=columns)
    for split in ("train", "test"):
        found = read_questions(apart, split)
        assert found.fingerprint == read_questions(declared(clinic), split).fingerprint


COLUMNS = tomllib.loads(BENCHMARK)["dataset"]["clinic"]["source"]["columns"]


@pytest.mark.parametrize(("source", "error", "told"), [
    ({"columns": {**COLUMNS, "type": "kinds"}}, Mistake, "unknown column 'kinds': did you mean"),
    ({"columns": {**COLUMNS, "split": "kind"}}, Mistake, "unknown split 'presence'"),
    ({"files": "*.csv"}, Missing, r"no file of .* is called '\*\.csv'"),
    ({"images": "photos"}, Missing, "is no folder"),
    ({"images": "."}, Damage, r"2 of 2 images .*scan1\.png \(No such file"),
])  # fmt: skip
def test_what_does_not_fit_is_one_line(clinic, source, error, told):
    with pytest.raises(error, match=told):
        read_questions(declared(clinic, **source), "train")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', "[" * 100_000], ids=len)
def test_a_table_that_is_none_is_damage(clinic, text):
    (clinic / "questions.json").write_text(text)
    with pytest.raises(Damage, match="cannot be read as text"):
        read_questions(declared(clinic), "train")


def test_splits_are_told_by_files_or_by_a_column(clinic):
    for source in ({"files": {"train": "a.json"}}, {"columns": {"image": "file"}}):
        with pytest.raises(ValueError, match="files: name the files of each split"):
            declared(clinic, **source)


def test_slake_in_experiences_by_body_part_as_its_data_name_them(tmp_path):
    rows = []
    for number, place in enumerate(("Lung", "Abdomen", "Lung")):
        said = {"location": place, "modality": "CT", "content_type": "Organ", "q_lang": "en"}
        asked = {"question": "what?", "answer": place, "answer_type": "OPEN", **said}
        rows.append({"img_name": f"{number}.png", **asked})
        (tmp_path / "imgs").mkdir(exist_ok=True)
        picture = Image.fromarray(np.full((4, 4, 3), number, np.uint8))
        picture.save(tmp_path / "imgs" / f"{number}.png")
    for split in ("train", "test"):
        (tmp_path / f"{split}.json").write_text(json.dumps(rows))
    (tmp_path / "b.toml").write_text(
        BENCHMARK.partition("[questions]")[0].replace("clinic", "slake")
        + '[questions]\ntrack = "closed"\nby = "organ"\n'
        + f'[dataset.slake]\nsource = {{ path = "{tmp_path}" }}\npartitions.official = {{}}\n'
    )
    config = load("benchmark", str(tmp_path / "b.toml"))
    plan, _ = make_question_plan(config, config.questions, read_slices(config))
    parts = {each.dataset: len(each.ids) for each in plan.streams["train"]}
    assert parts == {"slake/Abdomen": 1, "slake/Lung": 2}


@pytest.mark.slow
def test_the_published_splits_of_mevf_and_mumc_are_read(real_data):
    table = tomllib.loads(MEVF)["dataset"]["vqa_rad_mevf"]
    published = {"trainset": (1798, 450), "mevf_trainset": (3064, 451)}
    for train, counts in published.items():
        files = {"train": f"{train}.json", "test": f"{train.replace('train', 'test')}.json"}
        source = {**table["source"], "path": real_data / "vqa_rad", "files": files}
        dataset = VqaDataset.model_validate({"name": "rad", "source": source})
        found = tuple(len(read_questions(dataset, split)) for split in ("train", "test"))
        assert found == counts


def test_the_hub_example_of_the_page_is_valid():
    table = tomllib.loads(HUB)["dataset"]["words"]
    assert VqaDataset.model_validate(table).source.splits["test"] == "test"

"""Class names that differ in marks, script or Unicode form alone: each class keeps its images, or
the name is refused.
"""

import io
import json
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FolderSource, ParquetSource
from clvl_bench.data.readers.class_names import known_names
from clvl_bench.data.readers.reading import read_split

ALIKE = [("HER2+", "HER2-"), ("C", "C++"), ("森林", "草地", "河流"), ("лес", "поле"), ("+", "-")]


def declared(names, source=None) -> ImageDataset:
    source = source or FolderSource(path=".")
    return ImageDataset(name="mine", classes=tuple(names), source=source)


@pytest.mark.parametrize("names", ALIKE, ids=str)
def test_each_name_means_its_own_class(names):
    known = known_names(declared(names))
    assert [known.label(name) for name in names] == list(range(len(names)))


def test_a_name_that_may_mean_two_classes_means_none():
    known = known_names(declared(["HER2+", "HER2-", "Annual_Crop"]))
    assert known.label("her2") is None
    assert known.label("HER2 +") is None
    assert known.label("annual crop") == known.label("AnnualCrop") == 2


def test_the_two_unicode_forms_of_a_letter_are_one_name():
    known = known_names(declared(["Forêt", "Champ"]))
    assert known.label(unicodedata.normalize("NFD", "Forêt")) == 0


@pytest.mark.parametrize("names", ALIKE[:4], ids=str)
def test_a_list_by_class_folders_keeps_the_classes_apart(tmp_path, empty_home, names):
    lists: dict[str, list] = {"train": [], "test": []}
    for number, name in enumerate(names):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for row, split in enumerate(("train", "train", "test")):
            colour = np.full((8, 8, 3), 60 * number + 10 * row, np.uint8)
            Image.fromarray(colour).save(folder / f"{row}.png")
            lists[split].append([f"{name}/{row}.png", number, name])
    (tmp_path / "split.json").write_text(json.dumps(lists))
    source = FolderSource(path=tmp_path / "data", split_file=tmp_path / "split.json")
    split = read_split(declared(names, source), "train")
    assert split.labels.tolist() == sorted([*range(len(names))] * 2)


def test_a_list_that_gives_suffixes_means_the_file_of_that_suffix(tmp_path, empty_home):
    """`x.png` and `x.jpg` are two images; a list that says only `x` may mean either."""
    lists = {"train": [["a/x.png", 0, "a"], ["b/x.jpg", 1, "b"]], "test": [["a/x.jpg", 0, "a"]]}
    for name, bright in (("a", 10), ("b", 200)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for suffix, more in ((".png", 0), (".jpg", 20)):
            picture = Image.fromarray(np.full((8, 8, 3), bright + more, np.uint8))
            picture.save(tmp_path / "data" / name / f"x{suffix}")
    listed = tmp_path / "split.json"
    listed.write_text(json.dumps(lists))
    source = FolderSource(path=tmp_path / "data", split_file=listed)
    train = read_split(declared("ab", source), "train")
    assert sorted(train.keys) == ["a/x.png", "b/x.jpg"]
    assert read_split(declared("ab", source), "test").keys == ("a/x.jpg",)
    listed.write_text(json.dumps({"train": [["a/x", 0, "a"]], "test": []}))
    with pytest.raises(Mistake, match=r"'a/x' stands for 2 files"):
        read_split(declared("ab", source), "train")


def write_parquet(path, labels, names, first=0):
    """One picture a label, none like another; `names` as the hub writes them."""
    images = []
    for row in range(len(labels)):
        data = io.BytesIO()
        colour = np.full((8, 8, 3), 20 * (first + row), np.uint8)
        Image.fromarray(colour).save(data, "PNG")
        images.append({"bytes": data.getvalue(), "path": None})
    features = {"label": {"names": names, "_type": "ClassLabel"}}
    written = json.dumps({"info": {"features": features}})
    table = pa.table({"image": images, "label": labels})
    pq.write_table(table.replace_schema_metadata({"huggingface": written}), path)


def parquet(tmp_path, names):
    files = {"train": "train*.parquet", "test": "test.parquet"}
    return declared(names, ParquetSource(path=tmp_path, files=files))


def test_names_in_the_metadata_of_parquet_keep_the_classes_apart(tmp_path, empty_home):
    write_parquet(tmp_path / "train.parquet", [0, 1, 0, 1], ["C", "C++"])
    assert read_split(parquet(tmp_path, ["C", "C++"]), "train").labels.tolist() == [0, 0, 1, 1]
    with pytest.raises(Damage, match=r"'C' is not declared"):
        read_split(parquet(tmp_path, ["C#", "C+"]), "train")


def test_each_file_numbers_the_classes_by_its_own_names(tmp_path, empty_home):
    names = ["river", "forest"]
    write_parquet(tmp_path / "train-0.parquet", [0, 0, 0, 1], names)
    write_parquet(tmp_path / "train-1.parquet", [0, 0, 0, 1], names[::-1], first=6)
    split = read_split(parquet(tmp_path, names), "train")
    bright = {int(split.image(row).max()): int(split.labels[row]) for row in range(len(split))}
    assert bright == {0: 0, 20: 0, 40: 0, 60: 1, 120: 1, 140: 1, 160: 1, 180: 0}


@pytest.mark.parametrize(
    ("labels", "told"),
    [([0.0, 1.5], "label holds 1.5"), ([0, None], "1 of 2 rows have no label")],
    ids=str,
)
def test_labels_that_are_no_class_numbers_are_refused(tmp_path, empty_home, labels, told):
    write_parquet(tmp_path / "train.parquet", labels, ["river", "forest"])
    with pytest.raises(Mistake, match=told):
        read_split(parquet(tmp_path, ["river", "forest"]), "train")


def test_a_list_that_contradicts_the_folders_is_refused_by_both_names(tmp_path, empty_home):
    listed = tmp_path / "split.json"
    listed.write_text(json.dumps({"train": [["a/0.png", 1, "b"]], "test": [["b/0.png", 1, "b"]]}))
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        picture = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
        picture.save(tmp_path / "data" / name / "0.png")
    dataset = declared("ab", FolderSource(path=tmp_path / "data", split_file=listed))
    assert read_split(dataset, "test").labels.tolist() == [1]
    with pytest.raises(Mistake, match="'b' in the list and lies in the folder of the class 'a'"):
        read_split(dataset, "train")


def test_a_class_folder_is_found_in_whatever_unicode_form_it_is_kept(tmp_path, empty_home):
    """Archives from another system bring names in decomposed letters."""
    for number, name in enumerate((unicodedata.normalize("NFD", "forêt"), "champ")):
        for split in ("train", "test"):
            (tmp_path / split / name).mkdir(parents=True)
            colour = np.full((8, 8, 3), 90 * number + len(split), np.uint8)
            Image.fromarray(colour).save(tmp_path / split / name / "0.png")
    dataset = declared(["champ", "forêt"], FolderSource(path=tmp_path))
    split = read_split(dataset, "test")
    assert [int(split.image(row).mean()) - 4 for row in range(2)] == [90, 0]
    assert split.labels.tolist() == [0, 1]


def test_files_of_which_one_names_its_classes_and_one_does_not_are_refused(tmp_path, empty_home):
    write_parquet(tmp_path / "train-0.parquet", [0, 1], ["b", "a"])
    write_parquet(tmp_path / "train-1.parquet", [0, 1], None, first=2)
    said = r"train-0\.parquet names the classes .* train-1\.parquet only numbers them"
    with pytest.raises(Mistake, match=said):
        read_split(parquet(tmp_path, ["a", "b"]), "train")


@pytest.mark.parametrize("name", ["", " ", "\u3000"])
def test_a_class_without_a_name_is_refused(name):
    with pytest.raises(ValueError, match="one has no name"):
        declared([name, "b"])

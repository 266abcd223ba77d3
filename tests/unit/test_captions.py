"""Captions: sentences that a user names beside a reference set."""

import pytest

from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.data.catalog.listing import find
from clvl_bench.runs.files import run_config
from clvl_bench.runs.provenance import _captions
from clvl_bench.streams.reading import captions_of
from clvl_bench.streams.split_slice import SplitSlice

BENCHMARK = """version = 1
scenario = "joint"
datasets = ["toy_landcover"]
label_space = "dataset"
reference = "toy_reference"
[dataset.toy_reference]
captions = "{}"
"""


def written(folder, captions):
    path = folder / "mine.toml"
    path.write_text(BENCHMARK.format(captions))
    return path


def test_a_sentence_a_line_and_of_a_table_the_first_column(tmp_path):
    (tmp_path / "x.tsv").write_text(
        "a lake .\thttp://a/b.jpg\n\n  a car  \nein Baum \u00fc\n", encoding="utf-8"
    )
    dataset = find("toy_reference").model_copy(update={"captions": tmp_path / "x.tsv"})
    assert captions_of(dataset) == ("a lake .", "a car", "ein Baum \u00fc")
    assert captions_of(find("toy_shapes")) == ()
    (tmp_path / "x.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Damage, match="toy_reference"):
        captions_of(dataset)


def test_the_toy_captions_are_distinct_and_name_each_class_of_the_general_world():
    dataset = find("toy_reference")
    captions = captions_of(dataset)
    assert len(set(captions)) == len(captions) > 50
    assert all(any(name in caption for caption in captions) for name in dataset.classes)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(Mistake, match=r"captions: 'x\.txt' does not exist"):
        run_config(str(written(tmp_path, "x.txt")), "zscl")


def test_captions_that_moved_are_the_same_run_and_others_are_another(tmp_path):
    ids = []
    for folder, name in (("a", "x.txt"), ("b", "x.txt"), ("b", "y.txt")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text("a lake.\n")
        ids.append(run_config(str(written(tmp_path / folder, name)), "zscl").id)
    assert ids[0] == ids[1] != ids[2]


def test_their_hash_is_recorded_where_they_are_read():
    config = run_config(
        "toy_landcover", "zscl", overrides=("plugins.distillation.sentences=captions",)
    )
    part = SplitSlice(find("toy_reference"), "train", None, 0)
    assert len(_captions(config, part)["captions"]) == 64
    assert _captions(run_config("toy_landcover", "zscl"), part) == {}
    assert _captions(config, SplitSlice(find("toy_shapes"), "test", None, 0)) == {}

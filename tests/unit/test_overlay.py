"""A table under the name of a declared dataset says only what is otherwise; a set of prompts is
chosen by its name.
"""

import json
import re

import pytest

from clvl_bench.core.errors import Mistake
from clvl_bench.core.schema import parse
from clvl_bench.data.catalog.listing import NAMES, find
from clvl_bench.data.catalog.sources import ArraysSource, FolderSource, ParquetSource
from clvl_bench.runs.files import check, run_config
from clvl_bench.streams.config import BenchmarkConfig

HEAD = 'version = 1\nscenario = "joint"\nlabel_space = "dataset"\ndatasets = ["eurosat"]\n'


@pytest.fixture
def written(tmp_path):
    """Writes a benchmark file beside folders and files that it may name, and reads it."""

    def write(text: str, *, head: str = HEAD):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "lists.json").write_text('["one", "two"]')
        (tmp_path / "b.toml").write_text(head + text)
        return check(tmp_path / "b.toml")[1]

    return write


def test_only_the_source_changes(written):
    config = written('[dataset.eurosat]\nsource = { kind = "parquet", path = "mine" }\n')
    ours, declared = config.declared("eurosat"), find("eurosat")
    assert isinstance(ours.source, ParquetSource)
    assert ours.source.files == declared.source.files  # the hub's layout, wherever it lies
    assert ours.source.path.is_absolute()
    assert ours.model_copy(update={"source": declared.source}) == declared


def test_a_folder_needs_no_class_names(written):
    config = written(
        '[dataset.eurosat]\nsource = { kind = "folder", path = "mine", test_fraction = 0.2 '
        "}\nsplits = {}\n"
    )
    ours = config.declared("eurosat")
    assert isinstance(ours.source, FolderSource)
    assert (ours.labels[0], ours.classes[0], ours.splits) == ("AnnualCrop", "annual crop land", {})


def test_a_published_draw_goes_with_the_copy_and_a_share_of_our_own_choosing_does_not(written):
    config = written(
        '[dataset.eurosat_zscl]\nsource = { kind = "folder", path = "mine" }\n',
        head=HEAD.replace("eurosat", "eurosat_zscl"),
    )
    source = config.declared("eurosat_zscl").source
    assert (source.test_fraction, source.split_seed, source.split_draw) == (0.2, 42, "random_split")
    config = written(
        '[dataset.aid]\nsource = { kind = "folder", path = "mine" }\n',
        head=HEAD.replace("eurosat", "aid"),
    )
    assert config.declared("aid").source.test_fraction is None


def test_a_variant_takes_other_prompts_under_the_name_of_its_dataset(written):
    config = written("", head='prompts = "coop"\n' + HEAD.replace("eurosat", "eurosat_spatial"))
    assert config.declared("eurosat_spatial").classes == find("eurosat_coop").classes
    assert config.declared("eurosat_spatial").splits == find("eurosat_spatial").splits


def test_a_copy_of_medmnist_is_named_by_its_file_alone(written, tmp_path):
    (tmp_path / "pathmnist.npz").touch()
    config = written(
        '[dataset.pathmnist]\nsource = { kind = "arrays", path = "pathmnist.npz" }\n',
        head=HEAD.replace("eurosat", "pathmnist"),
    )
    source = config.declared("pathmnist").source
    assert isinstance(source, ArraysSource)
    assert source.splits["valid"] == ("val_images", "val_labels")


CHOICES = {
    "by the benchmark": 'prompts = "coop"\n',
    "by a table": '[dataset.eurosat]\nprompts = "coop"\n',
    "by a table, against the benchmark": 'prompts = "openai"\n[dataset.eurosat]\nprompts = '
    '"coop"\n',
}


@pytest.mark.parametrize("text", CHOICES.values(), ids=CHOICES)
def test_a_set_of_prompts_is_chosen_for_the_benchmark_or_for_a_dataset(written, text):
    ours = written(text).declared("eurosat")
    assert ours.prompts == "coop"
    assert ours.templates == ("a centered satellite photo of {}.",)
    assert ours.classes[2] == "Herbaceous Vegetation Land"
    assert ours.labels == find("eurosat").labels
    assert ours.source == find("eurosat").source


def test_prompts_of_the_benchmark_reach_a_copy_of_ones_own(written):
    config = written(
        'prompts = "coop"\n[dataset.eurosat]\nsource = { kind = "parquet", path = "mine" }\n'
    )
    assert config.declared("eurosat").prompts == "coop"


def test_words_of_ones_own_are_not_called_by_the_name_of_a_set(written):
    ours = written('[dataset.eurosat]\ntemplates = ["from space: {}"]\n').declared("eurosat")
    assert ours.prompts == "own"
    assert ours.classes == find("eurosat").classes


def test_labels_of_ones_own_are_read_from_a_list(written, tmp_path):
    labels = [f"n{number:08}" for number in range(10)]
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    ours = written('[dataset.eurosat]\nlabels = "labels.json"\n').declared("eurosat")
    assert list(ours.labels) == labels
    assert ours.classes == find("eurosat").classes


def test_a_configuration_written_and_read_again_is_the_same(written):
    config = written(
        'prompts = "coop"\n[dataset.eurosat]\nsource = { kind = "parquet", path = "mine" }\n'
    )
    assert parse(BenchmarkConfig, json.loads(config.model_dump_json()), file="again") == config


def test_where_a_copy_lies_is_no_part_of_a_runs_name(tmp_path):
    names = set()
    for place in ("here", "there"):
        (tmp_path / place / "mine").mkdir(parents=True)
        (tmp_path / place / "list.json").write_text("{}")
        source = 'source = { kind = "folder", path = "mine", split_file = "list.json" }'
        (tmp_path / place / "b.toml").write_text(HEAD + f"[dataset.eurosat]\n{source}\n")
        names.add(run_config(str(tmp_path / place / "b.toml"), "zeroshot").id)
    assert len(names) == 1


def test_a_runs_name_says_only_what_a_table_changes(written, tmp_path):
    for text in ("", "[dataset.eurosat]\n", '[dataset.eurosat]\ndomain = "satellite"\n'):
        written(text)
        hashed = run_config(str(tmp_path / "b.toml"), "zeroshot").hashed()["benchmark_config"]
        assert hashed["dataset"] == {}
    written(
        '[dataset.eurosat]\nsource = { kind = "parquet", path = "mine", image = "img" }\ntemplates '
        '= ["{}"]\n'
    )
    hashed = run_config(str(tmp_path / "b.toml"), "zeroshot").hashed()["benchmark_config"]
    said = hashed["dataset"]["eurosat"]
    assert set(said) == {"source", "prompts", "templates"}
    assert set(said["source"]) == {"kind", "files", "image", "label", "on_damage"}


def test_a_copy_in_the_published_layout_is_the_dataset_wherever_it_lies(written, tmp_path):
    """So that the same run has one name on a machine with the hub's cache and on one with a copy,
    with and without a set of prompts.
    """
    copy = '[dataset.eurosat]\nsource = { kind = "parquet", path = "mine" }\n'
    for prompts in ("", 'prompts = "coop"\n'):
        names = set()
        for table in ("", copy):
            written(prompts + table)
            names.add(run_config(str(tmp_path / "b.toml"), "zeroshot").id)
        assert len(names) == 1


MISTAKES = [
    (
        'prompts = "cop"\n',
        r"prompts: unknown set 'cop': did you mean 'coop'\? allowed: clip_benchmark, coop, mteb, "
        "openai, proof, rs_106, unimed",
    ),
    ('[dataset.eurosat]\nprompts = "cop"\n', "dataset.eurosat: prompts: unknown set 'cop'"),
    (
        'prompts = "coop"\nzeroshot = ["resisc45"]\n',
        "the set 'coop' has none for resisc45; it has some for: eurosat, dtd",
    ),
    (
        '[dataset.eurosat]\nprompts = "coop"\ntemplates = ["{}"]\n',
        "templates: are not those of the set 'coop'; remove them",
    ),
    ('[dataset.eurosat]\nclasses = ["land", "water"]\n', "labels: got 10 for 2 classes"),
    ('[dataset.eurosat]\nlabels = "lists.json"\n', "labels: got 2 for 10 classes"),
    (
        '[dataset.eurosat]\nlabels = "none.json"\n',
        "dataset.eurosat.labels: 'none.json' does not exist",
    ),
    (
        '[dataset.eurosat]\nlicense = "MIT"\n',
        "dataset.eurosat.license: unknown field; did you mean 'licence'",
    ),
    (
        '[dataset.eurosat]\nsource = { kind = "parquet", path = "none" }\n',
        "dataset.eurosat.source.path: 'none' does not exist",
    ),
    (
        '[dataset.eurosat]\nsource = { kind = "parquet" }\n',
        "dataset.eurosat.source.path: is missing",
    ),
    (
        '[dataset.eurosat]\nsource = { kind = "folder", path = "mine", split_file = { train = '
        '"none.txt" } }\n',
        "dataset.eurosat.source.split_file.train: 'none.txt' does not exist",
    ),
    (
        '[dataset.eurosat]\nsource = { kind = "folder", path = "mine", split_file = "lists.json", '
        "test_fraction = 0.2 }\n",
        "split_file: stands beside test_fraction; keep one of them",
    ),
    (
        '[dataset.eurosat]\nsource = { kind = "folder", path = "mine", render = { bands = [4, 3], '
        "white = 2750 } }\n",
        "dataset.eurosat.source.render.bands.2: is missing",
    ),
    (
        '[dataset.mine]\nsource = { kind = "parquet", path = "mine", files = {} }\nprompts = '
        '"coop"\n',
        "has none for mine",
    ),
]


@pytest.mark.parametrize(
    ("text", "says"), MISTAKES, ids=[says.split(";")[0] for _, says in MISTAKES]
)
def test_a_mistake_in_a_table_is_one_line(written, text, says):
    with pytest.raises(Mistake, match=says) as raised:
        written(text)
    assert "\n" not in str(raised.value)


def test_a_dataset_that_is_not_declared_is_declared_whole():
    table = {
        "source": {"kind": "parquet", "path": "mine", "files": {"test": "*.parquet"}},
        "classes": ["a", "b"],
    }
    content = {
        "version": 1,
        "scenario": "joint",
        "label_space": "dataset",
        "datasets": ["fields"],
        "dataset": {"fields": table},
    }
    assert "fields" not in NAMES
    assert parse(BenchmarkConfig, content, file="b.toml").declared("fields").classes == ("a", "b")
    del table["classes"]
    with pytest.raises(Mistake, match=re.escape("dataset.fields: has no classes")):
        parse(BenchmarkConfig, content, file="b.toml")

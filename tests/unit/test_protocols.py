"""Published protocols: the order of classes, the sizes of experiences, and every dataset read from
files in the layout in which it is published.
"""

import io
import json
import tarfile

import numpy as np
import pytest
from helpers.layouts import add, write_copies

from clvl_bench.core.errors import Damage, Missing, Mistake
from clvl_bench.data.readers.reading import read_split
from clvl_bench.runs.files import load
from clvl_bench.streams.benchmark import make_plan
from clvl_bench.streams.class_plan import class_groups, class_order, number_classes
from clvl_bench.streams.reading import read_slices

# The first ten classes of the first experience, by number of classes, as PROOF's logs print them
# (repository zhoudw-zdw/PROOF at 0bb20520, logs/proof; all 18 orders there are those of the draw).
FIRST = {
    100: [68, 56, 78, 8, 23, 84, 90, 65, 74, 76],
    200: [168, 136, 51, 9, 183, 101, 171, 99, 42, 159],
    300: [169, 221, 146, 296, 92, 229, 49, 70, 126, 77],
}
# Classes at first, classes at a time, and all of them: `init_cls` and `increment` in its exps/.
PROOF = {
    "aircraft": (10, 50, 10, 100),
    "cars": (10, 50, 10, 100),
    "cifar100": (10, 50, 10, 100),
    "cub": (20, 100, 20, 200),
    "food101": (10, 50, 10, 100),
    "imagenet_r": (20, 100, 20, 200),
    "objectnet": (20, 100, 20, 200),
    "sun": (30, 150, 30, 300),
    "ucf101": (10, 50, 10, 100),
}


@pytest.mark.parametrize("name", PROOF)
def test_proofs_classes_come_in_its_numbers_and_order(name):
    small, half, step, count = PROOF[name]
    for first, title in ((small, f"proof_{name}_b0"), (half, f"proof_{name}_b{half}")):
        config = load("benchmark", title)
        classes, classes_of = number_classes(config)
        groups = class_groups(config, classes_of)
        sizes = [len(group.classes) for group in groups]
        assert sizes == [first] + [step] * ((count - first) // step)
        assert list(groups[0].classes[:10]) == FIRST[count]
        assert len(classes) == count
        assert (config.label_space, config.valid_fraction) == ("seen", 0.0)


def test_the_draw_of_the_literature_is_numpys_old_one_and_the_suites_is_not():
    np.random.seed(1993)  # what those papers call
    assert class_order(100, 1993, "numpy") == np.random.permutation(100).tolist()
    assert class_order(100, 1993) != class_order(100, 1993, "numpy")


def test_an_order_is_drawn_where_classes_come_in_groups_alone(tmp_path):
    file = tmp_path / "other.toml"
    file.write_text('version = 1\nextends = "cddb_hard"\nclass_order_draw = "numpy"\n')
    with pytest.raises(Mistake, match="class_order_draw: is for class_incremental"):
        load("benchmark", str(file))


@pytest.mark.parametrize("name", ["proof_food101_b0", "cddb_hard"])
def test_copies_in_the_published_layout_become_the_experiences(name, tmp_path, monkeypatch):
    declared = load("benchmark", name)
    monkeypatch.setenv(
        "CLVL_DATASETS", str(write_copies(map(declared.images, declared.named), tmp_path))
    )
    config = load("benchmark", name)
    plan, _ = make_plan(config, read_slices(config))
    for stream in ("train", "test"):
        sizes = [len(each.ids) for each in plan.streams[stream]]
        assert sizes == (list(config.classes_per_experience) or [2] * len(config.datasets))
    assert len(plan.classes) == {"cddb_hard": 2}.get(name, 100), "domains share their classes"


def test_ten_satellite_datasets_in_class_folders_are_ten_experiences(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    declared = load("benchmark", "satellite_ten")
    copies = write_copies(map(declared.images, declared.datasets), tmp_path)
    monkeypatch.setenv("CLVL_DATASETS", str(copies))
    config = load("benchmark", "satellite_ten")
    alone = config.model_copy(update={"zeroshot": ()})
    plan, _ = make_plan(alone, read_slices(alone))
    assert [each.dataset for each in plan.streams["test"]] == list(declared.datasets)
    assert [len(each.ids) for each in plan.streams["test"]] == [
        len(declared.images(name).classes) for name in declared.datasets
    ]
    assert {config.images(name).prompts for name in config.datasets} == {"rs_106"}
    assert {config.images(name).prompts for name in config.zeroshot} == {"openai"}


@pytest.mark.parametrize(
    ("name", "dataset", "label", "title"),
    [
        ("core50", "core50_3", 10, "scissor 1"),
        ("domainnet", "domainnet_sketch", 308, "The Eiffel Tower"),
    ],
)
def test_lists_with_numbers_of_classes_are_read(name, dataset, label, title, tmp_path, monkeypatch):
    declared = load("benchmark", name).images(dataset)
    copies = write_copies([declared], tmp_path)
    monkeypatch.setenv("CLVL_DATASETS", str(copies))
    own = load("benchmark", name).images(dataset)
    split = read_split(own, "test")
    assert sorted(split.labels) == list(range(len(declared.classes)))
    assert declared.classes[label] == title
    written = own.source.split_file["test"]
    lines = written.read_text().splitlines()
    written.write_text("\n".join([lines[0].replace(" 0", " 1"), *lines[1:]]))
    with pytest.raises(Mistake, match="has the number 1 in the list and is of class 0 here"):
        read_split(own, "test")


@pytest.fixture
def eurosat_of_geobench(tmp_path, monkeypatch):
    declared = load("benchmark", "geobench").images("geobench_eurosat")
    monkeypatch.setenv("CLVL_DATASETS", str(write_copies([declared], tmp_path)))
    return load("benchmark", "geobench").images("geobench_eurosat"), tmp_path / declared.name


def test_geobench_in_shards_becomes_the_experiences(tmp_path, monkeypatch):
    declared = load("benchmark", "geobench")
    copies = write_copies(map(declared.images, declared.datasets), tmp_path)
    monkeypatch.setenv("CLVL_DATASETS", str(copies))
    config = load("benchmark", "geobench").model_copy(update={"zeroshot": ()})
    plan, _ = make_plan(config, read_slices(config))
    sizes = [len(each.ids) for each in plan.streams["test"]]
    assert sizes == [10, 17, 12, 2, 2]


def test_geobenchs_bands_are_red_green_and_blue_from_black_to_white(eurosat_of_geobench):
    dataset, folder = eurosat_of_geobench
    split = read_split(dataset, "valid")
    with tarfile.open(folder / "shard_00000.tar") as shard:
        for row, key in enumerate(split.keys):
            with np.load(io.BytesIO(shard.extractfile(f"{key}.bands.npz").read())) as bands:
                values = [
                    bands[f"{each}_2016-01-01"] for each in ("04 - Red", "03 - Green", "02 - Blue")
                ]
            expected = np.rint(np.stack(values, axis=-1) / 2750 * 255)
            assert np.array_equal(split.image(row), expected)
            meta = json.loads(shard.extractfile(f"{key}.meta.json").read())
            assert split.labels[row] == meta["label"]


def test_what_geobenchs_shards_lack_or_say_otherwise_is_one_line(eurosat_of_geobench):
    dataset, folder = eurosat_of_geobench
    shard = folder / "shard_00000.tar"

    def rewritten(change):
        with tarfile.open(shard) as old:
            held = {each.name: old.extractfile(each).read() for each in old}
        with tarfile.open(shard, "w") as new:
            for name, data in held.items():
                add(new, *change(name, data))

    rewritten(lambda name, data: (name, b'{"label": [1, 0]}' if "meta" in name else data))
    with pytest.raises(Damage, match=r"says the label \[1, 0\]; expected a number from 0 to 9"):
        read_split(dataset, "test")
    rewritten(lambda name, data: (name.replace("meta.json", "meta.pkl"), data))
    with pytest.raises(Missing, match="whose metadata are JSON"):
        read_split(dataset, "test")
    shard.write_bytes(b"no archive" * 100)
    with pytest.raises(Damage, match=r"shard_00000.tar cannot be read"):
        read_split(dataset, "test")

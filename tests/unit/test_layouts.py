"""The same images and labels in every layout that is read: one fingerprint. What does not fit a
layout is one line.
"""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow

from clvl_bench.core.errors import Damage, Missing, Mistake
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import (
    ArraysSource,
    FolderSource,
    HubSource,
    OwnCopySource,
    ParquetSource,
    Source,
    TableSource,
)
from clvl_bench.data.readers.reading import is_here, read_split

LABELS = ("Pasture", "AnnualCrop", "Sea_Lake")
"""Not sorted: label numbers follow the declaration, not the alphabet."""
CLASSES = ("pasture land", "annual crop land", "lake or sea")
SPLITS = {"train": 4, "val": 2, "test": 3}
"""Images a class, under the names that published lists use."""


def declared(source: Source, **fields: object) -> ImageDataset:
    return ImageDataset.model_validate(
        {"name": "eurosat", "labels": LABELS, "classes": CLASSES, "source": source, **fields}
    )


def png(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Pillow.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


@pytest.fixture(autouse=True)
def _home_of_its_own(empty_home: Path) -> None:
    """Scans are kept by path and time; pytest reuses paths between sessions."""


@pytest.fixture(params=["RGB", "grey"])
def world(request) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Split -> (label, pixels), in an order that no layout keeps."""
    rng = np.random.default_rng(0)
    shape = (6, 5, 3) if request.param == "RGB" else (6, 5)
    every = {
        split: [label for label in LABELS for _ in range(count)] for split, count in SPLITS.items()
    }
    return {
        split: [
            (labels[row], rng.integers(0, 256, shape, dtype=np.uint8))
            for row in rng.permutation(len(labels))
        ]
        for split, labels in every.items()
    }


def as_split_folders(top: Path, world) -> FolderSource:
    for split, images in world.items():
        for row, (label, pixels) in enumerate(images):
            place = top / split / label / f"{row}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(png(pixels))
    return FolderSource(path=top)


def as_class_folders(top: Path, world) -> dict[str, list[list[object]]]:
    """`Class/Class_7.png`, and which of them is in which split: CoOp's list, whose numbers count
    otherwise than ours.
    """
    lists: dict[str, list[list[object]]] = {split: [] for split in world}
    numbered = sorted(LABELS)
    for split, images in world.items():
        for row, (label, pixels) in enumerate(images):
            place = top / label / f"{label}_{split}{row}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(png(pixels))
            lists[split].append(
                [f"{label}/{label}_{split}{row}.jpg", numbered.index(label), f"{label} Land"]
            )
    return lists


def as_coop(top: Path, world) -> FolderSource:
    lists = as_class_folders(top / "2750", world)
    (top / "split_zhou.json").write_text(json.dumps(lists))
    return FolderSource(path=top / "2750", split_file=top / "split_zhou.json")


def as_text_lists(top: Path, world) -> FolderSource:
    lists = as_class_folders(top / "tif", world)
    for split, entries in lists.items():
        (top / f"eurosat-{split}.txt").write_text(
            "".join(f"{Path(str(file)).name}\n" for file, _, _ in entries)
        )
    return FolderSource(
        path=top / "tif", split_file={split: top / f"eurosat-{split}.txt" for split in lists}
    )


def as_flat_coop(top: Path, world) -> FolderSource:
    """Without class folders, as Flowers and Pets are published: the class name in the list
    decides.
    """
    (top / "jpg").mkdir(parents=True)
    lists: dict[str, list[object]] = {split: [] for split in world}
    for split, images in world.items():
        for row, (label, pixels) in enumerate(images):
            (top / "jpg" / f"image_{split}{row}.png").write_bytes(png(pixels))
            lists[split].append(
                [f"image_{split}{row}.jpg", 0, CLASSES[LABELS.index(label)].title()]
            )
    (top / "split.json").write_text(json.dumps(lists))
    return FolderSource(path=top / "jpg", split_file=top / "split.json")


def write_parquet(folder: Path, world, *, names: list[str], column: str = "label") -> None:
    """In the hub's layout, two files a split, images as structs, with class names in the
    metadata.
    """
    folder.mkdir(parents=True, exist_ok=True)
    info = {"info": {"features": {column: {"_type": "ClassLabel", "names": names}}}}
    for split, images in world.items():
        for part, rows in enumerate((images[::2], images[1::2])):
            cells = pa.array([{"bytes": png(pixels), "path": None} for _, pixels in rows])
            plain = [name.replace("_", "").replace(" ", "") for name in names]
            labels = pa.array([plain.index(label.replace("_", "")) for label, _ in rows])
            table = pa.table({"image": cells, column: labels}).replace_schema_metadata(
                {"huggingface": json.dumps(info)}
            )
            pq.write_table(table, folder / f"{split}-{part}.parquet")


FILES = {"train": "train-*.parquet", "valid": "val-*.parquet", "test": "test-*.parquet"}


def as_parquet(top: Path, world) -> ParquetSource:
    write_parquet(
        top / "data",
        world,
        names=sorted(name.replace("_", " ") for name in LABELS),
        column="land_use",
    )
    return ParquetSource(path=top / "data", files=FILES, label="land_use")


def as_hub(top: Path, world) -> HubSource:
    revision = "0123456789" * 4
    write_parquet(top / "datasets--me--tiles" / "snapshots" / revision, world, names=list(LABELS))
    return HubSource(repository="me/tiles", revision=revision, files=FILES)


def as_text_table(top: Path, world, *, write, suffix: str) -> dict[str, str]:
    """Pictures in one folder, and for each split a file of rows that names them."""
    (top / "pictures").mkdir(parents=True)
    for split, images in world.items():
        rows = []
        for row, (label, pixels) in enumerate(images):
            (top / "pictures" / f"{split}{row}.png").write_bytes(png(pixels))
            rows.append({"file": f"pictures/{split}{row}.png", "label": label})
        write(rows, top / f"{split}{suffix}")
    return {ours: f"{name.removesuffix('-*.parquet')}{suffix}" for ours, name in FILES.items()}


def write_csv(rows: list[dict[str, str]], file: Path) -> None:
    lines = ["file,label", *(",".join(row.values()) for row in rows)]
    file.write_text("\r\n".join(lines), encoding="utf-8-sig")


def write_lines(rows: list[dict[str, str]], file: Path) -> None:
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def as_csv(top: Path, world) -> TableSource:
    files = as_text_table(top, world, write=write_csv, suffix=".csv")
    return TableSource(path=top, files=files, image="file")


def as_lines(top: Path, world) -> TableSource:
    files = as_text_table(top, world, write=write_lines, suffix=".jsonl")
    return TableSource(path=top, files=files, image="file")


def as_json(top: Path, world) -> TableSource:
    def write(rows: list[dict[str, str]], file: Path) -> None:
        numbered = [{**row, "label": LABELS.index(row["label"])} for row in rows]
        file.write_text(json.dumps(numbered))

    files = as_text_table(top, world, write=write, suffix=".json")
    return TableSource(path=top, files=files, image="file")


def as_arrays(top: Path, world) -> ArraysSource:
    """MedMNIST's layout: labels stand in a column."""
    top.mkdir(parents=True)
    arrays = {}
    for split, images in world.items():
        arrays[f"{split}_images"] = np.stack([pixels for _, pixels in images])
        arrays[f"{split}_labels"] = np.array(
            [[LABELS.index(label)] for label, _ in images], dtype=np.uint8
        )
    np.savez(top / "tiles.npz", **arrays)
    names = {"train": "train", "valid": "val", "test": "test"}
    return ArraysSource(
        path=top / "tiles.npz",
        splits={ours: (f"{n}_images", f"{n}_labels") for ours, n in names.items()},
    )


LAYOUTS = [
    as_split_folders,
    as_coop,
    as_text_lists,
    as_flat_coop,
    as_parquet,
    as_csv,
    as_lines,
    as_json,
    as_hub,
    as_arrays,
]


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_the_same_images_have_one_fingerprint_in_every_layout(tmp_path, monkeypatch, world, split):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "as_hub"))
    splits = {
        layout.__name__: read_split(declared(layout(tmp_path / layout.__name__, world)), split)
        for layout in LAYOUTS
    }
    assert len({found.fingerprint for found in splits.values()}) == 1, {
        k: v.fingerprint[:8] for k, v in splits.items()
    }
    truth = {
        np.broadcast_to(pixels.reshape(6, 5, -1), (6, 5, 3)).tobytes(): LABELS.index(label)
        for label, pixels in world["val" if split == "valid" else split]
    }
    for found in splits.values():
        assert {
            found.image(row).tobytes(): int(found.labels[row]) for row in range(len(found))
        } == truth


def test_another_label_of_one_image_is_another_fingerprint(tmp_path, world):
    before = read_split(declared(as_arrays(tmp_path / "before", world)), "test").fingerprint
    label, pixels = world["test"][0]
    world["test"][0] = (next(other for other in LABELS if other != label), pixels)
    assert read_split(declared(as_arrays(tmp_path / "after", world)), "test").fingerprint != before


def test_files_that_a_list_names_and_the_folder_lacks_are_counted_in_one_line(tmp_path, world):
    source = as_coop(tmp_path, world)
    for file in (tmp_path / "2750" / "Pasture").glob("*_test*"):
        file.unlink()
    with pytest.raises(
        Missing,
        match=r"dataset.eurosat.source.split_file: 3 of the 9 files .*: Pasture/Pasture_test\d",
    ):
        read_split(declared(source), "test")
    assert len(read_split(declared(source), "train")) == 12


def test_a_list_without_a_split_is_a_mistake(tmp_path, world):
    source = as_text_lists(tmp_path, {"train": world["train"], "test": world["test"]})
    with pytest.raises(Mistake, match="split_file: unknown split 'valid': allowed: train, test"):
        read_split(declared(source), "valid")


def test_a_class_that_nobody_declared_is_a_mistake(tmp_path, world):
    source = as_coop(tmp_path, world)
    with pytest.raises(Mistake, match="is of the class 'Sea_Lake Land', which is not declared"):
        read_split(declared(source, name="fields", labels=LABELS[:2], classes=CLASSES[:2]), "test")


def test_a_bare_name_that_two_class_folders_have_is_a_mistake(tmp_path, world):
    source = as_text_lists(tmp_path, world)
    for label in LABELS:
        (tmp_path / "tif" / label / "1.png").write_bytes(png(np.zeros((2, 2, 3), np.uint8)))
    (tmp_path / "eurosat-test.txt").write_text("1.tif\n")
    with pytest.raises(Mistake, match=r"'1\.tif' stands for 3 files"):
        read_split(declared(source), "test")


def test_a_list_that_is_not_the_published_one_is_refused_with_both_hashes(tmp_path, world):
    source = as_text_lists(tmp_path, world)
    pinned = {"test": hashlib.sha256((tmp_path / "eurosat-test.txt").read_bytes()).hexdigest()}
    source = source.model_copy(update={"split_sha256": pinned})
    assert len(read_split(declared(source), "test")) == 9
    with (tmp_path / "eurosat-test.txt").open("a") as file:
        file.write("\n")
    now = hashlib.sha256((tmp_path / "eurosat-test.txt").read_bytes()).hexdigest()
    with pytest.raises(
        Damage, match=f"split_file.test: .* its sha256 is {now}, published is {pinned['test']}"
    ):
        read_split(declared(source), "test")


@pytest.mark.parametrize("content", ["{", "[]", '{"test": [1, 2]}', '{"test": [["a.jpg"]]}'])
def test_a_list_in_another_layout_is_damage(tmp_path, world, content):
    source = as_coop(tmp_path, world)
    (tmp_path / "split_zhou.json").write_text(content)
    with pytest.raises(Damage, match=r"split_file: 'split_zhou\.json'"):
        read_split(declared(source), "test")


@pytest.mark.parametrize(("change", "says"), [
    ({"image": "img"}, "source.image: unknown column 'img'"),
    ({"label": "class"}, "source.label: unknown column 'class'"),
    ({"files": {"test": "test-*.parquet"}}, "source.files: unknown split 'train'"),
])  # fmt: skip
def test_a_column_or_split_that_is_not_there_is_a_mistake(tmp_path, world, change, says):
    source = as_parquet(tmp_path, world).model_copy(update=change)
    with pytest.raises(Mistake, match=says):
        read_split(declared(source), "train")


def test_a_pattern_that_no_file_has_is_missing_data(tmp_path, world):
    source = as_parquet(tmp_path, world).model_copy(
        update={"files": {"train": "validation-*.parquet"}}
    )
    with pytest.raises(Missing, match=r"no file of .* is called 'validation-"):
        read_split(declared(source), "train")


def test_parquet_with_other_classes_is_damage(tmp_path, world):
    source = as_parquet(tmp_path, world)
    with pytest.raises(
        Damage,
        match=r"AnnualCrop, Pasture, Sea Lake; 'AnnualCrop' is not declared; .* set labels in",
    ):
        read_split(
            declared(
                source,
                name="fields",
                labels=(LABELS[0], "River", LABELS[2]),
                classes=("a", "b", "c"),
            ),
            "train",
        )


def test_a_folder_above_the_files_gives_no_class(tmp_path, world):
    source = as_flat_coop(tmp_path, world)
    (tmp_path / "jpg").rename(tmp_path / "Pasture")
    found = read_split(declared(source.model_copy(update={"path": tmp_path / "Pasture"})), "test")
    assert np.bincount(found.labels).tolist() == [3, 3, 3]


def test_parquet_whose_labels_are_names_or_bare_numbers_is_read(tmp_path, world):
    images = [pixels for _, pixels in world["test"]]
    cells = pa.array([png(pixels) for pixels in images])
    found = []
    for values in (
        [label for label, _ in world["test"]],
        [LABELS.index(label) for label, _ in world["test"]],
    ):
        pq.write_table(pa.table({"image": cells, "label": values}), tmp_path / "test.parquet")
        found.append(
            read_split(
                declared(ParquetSource(path=tmp_path, files={"test": "test.parquet"})), "test"
            ).fingerprint
        )
    assert (
        found[0]
        == found[1]
        == read_split(declared(as_split_folders(tmp_path / "folders", world)), "test").fingerprint
    )


def test_a_label_beyond_the_classes_is_a_mistake(tmp_path, world):
    cells = pa.array([png(pixels) for _, pixels in world["test"]])
    pq.write_table(
        pa.table({"image": cells, "label": list(range(len(cells)))}), tmp_path / "test.parquet"
    )
    with pytest.raises(Mistake, match="label runs from 0 to 8; the dataset declares 3 classes"):
        read_split(declared(ParquetSource(path=tmp_path, files={"test": "test.parquet"})), "test")


def test_another_number_of_images_than_published_is_damage_with_the_way_out(tmp_path, world):
    source = as_coop(tmp_path, world)
    with pytest.raises(
        Damage,
        match=r"has 12 samples, published are 13; .* set splits = \{\} in \[dataset.eurosat\]",
    ):
        read_split(declared(source, splits={"train": 13}), "train")


def test_a_dataset_that_nobody_brought_is_missing_and_says_how_to_name_a_copy():
    source = OwnCopySource(like=FolderSource(path="AID", test_fraction=0.2))
    told = r'\[dataset.eurosat\] source = \{ kind = "folder", path = "AID", test_fraction = 0.2 \}'
    with pytest.raises(Missing, match=told):
        read_split(declared(source, title="EuroSAT"), "train")
    assert not is_here(declared(source))
    assert is_here(declared(source.like)), (
        "a copy that was named: clvl-bench list says so of a user's own benchmark"
    )


@pytest.mark.parametrize("what", ["a file", "a class folder"])
def test_a_link_out_of_the_folder_is_refused(tmp_path, what):
    outside, inside = tmp_path / "private", tmp_path / "data"
    for folder in (
        outside / "Pasture",
        *(inside / split / label for split in ("train", "test") for label in LABELS),
    ):
        folder.mkdir(parents=True)
        (folder / "0.png").write_bytes(png(np.zeros((4, 4, 3), dtype=np.uint8)))
    link = inside / "train" / "Pasture"
    if what == "a file":
        (link / "1.png").symlink_to(outside / "Pasture" / "0.png")
    else:
        (link / "0.png").unlink()
        link.rmdir()
        link.symlink_to(outside / "Pasture")
    with pytest.raises(Mistake, match="is a link that leaves"):
        read_split(declared(FolderSource(path=inside)), "train")
    (link / "1.png").unlink(missing_ok=True) if what == "a file" else link.unlink()
    link.mkdir(exist_ok=True)
    (link / "0.png").unlink(missing_ok=True)
    (link / "0.png").symlink_to(inside / "test" / "Pasture" / "0.png")
    assert len(read_split(declared(FolderSource(path=inside)), "train")) == 3, (
        "a link inside is a file like any other"
    )


@pytest.mark.parametrize("seed", [0, 42])
def test_random_split_is_the_draw_that_torch_makes_of_torchvisions_image_folder(tmp_path, seed):
    """As ZSCL splits EuroSAT and Caltech101; 11 images, so that names sort otherwise than numbers
    do.
    """
    torch = pytest.importorskip("torch")
    folders = pytest.importorskip("torchvision.datasets")
    top = tmp_path / "2750"
    for place, label in enumerate(LABELS):
        (top / label).mkdir(parents=True)
        for number in range(1, 12):
            (top / label / f"{label}_{number}.png").write_bytes(
                png(np.full((2, 2, 3), 20 * place + number, np.uint8))
            )
    listed = folders.ImageFolder(top)
    sizes = [int(0.8 * len(listed)), len(listed) - int(0.8 * len(listed))]
    drawn = torch.utils.data.random_split(
        listed, sizes, generator=torch.Generator().manual_seed(seed)
    )
    source = FolderSource(path=top, test_fraction=0.2, split_seed=seed, split_draw="random_split")
    for split, part in zip(("train", "test"), drawn, strict=True):
        theirs = {str(Path(listed.samples[row][0]).relative_to(top)) for row in part.indices}
        assert set(read_split(declared(source), split).keys) == theirs


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"split_draw": "random_split"}, "split_draw: says how test_fraction is drawn"),
        (
            {"split_draw": "random_split", "test_fraction": 0.2, "on_damage": "skip"},
            "on_damage: random_split counts files",
        ),
    ],
)
def test_a_draw_that_cannot_be_the_published_one_is_a_mistake(tmp_path, fields, says):
    with pytest.raises(ValueError, match=says):
        FolderSource(path=tmp_path, **fields)

"""Files as strangers have them: what is no image, no archive, no plain text or no class is named in
one line or counted, and never read as something else.
"""

import errno
import io
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from PIL import Image

from clvl_bench.cli import main
from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.core.exit_codes import ExitCode
from clvl_bench.data.catalog.declaration import ImageDataset, localised
from clvl_bench.data.catalog.sources import (
    ArraysSource,
    FeaturesSource,
    FolderSource,
    ParquetSource,
)
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers import cells as cells_module
from clvl_bench.data.readers.reading import read_split
from clvl_bench.data.readers.tables import Unreadable, reading
from clvl_bench.inputs.backbone import backbone_for

NAMES = ("river", "forest")


@pytest.fixture(autouse=True)
def _home_of_its_own(empty_home: Path) -> None:
    """Scans are kept by path and time; pytest reuses paths between sessions."""


def png(number: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), number, np.uint8)).save(data, "PNG")
    return data.getvalue()


def declared(source, **fields):
    return ImageDataset(**{"name": "mine", "classes": NAMES, "source": source, **fields})


# Cells of tables


def parquet(tmp_path: Path, images: object, labels: object = (0, 0, 1), **fields: object):
    table = pa.table({"image": images, "label": pa.array(list(labels))})
    pq.write_table(table, tmp_path / "train.parquet")
    source = ParquetSource(path=tmp_path, files={"train": "train.parquet"}, **fields)
    return declared(source)


STRUCTS = [
    {"bytes": png(1), "path": "a name, and no path"},
    {"bytes": None, "path": "pictures/2.png"},
    {"bytes": png(3), "path": None},
]


@pytest.mark.parametrize("cells", [STRUCTS, ["pictures/1.png", "pictures/2.png", "pictures/3.png"]])
def test_paths_in_cells_are_read_inside_the_folder(tmp_path, cells):
    (tmp_path / "pictures").mkdir()
    for number in (1, 2, 3):
        (tmp_path / "pictures" / f"{number}.png").write_bytes(png(number))
    dataset = parquet(tmp_path, cells)
    found = read_split(dataset, "train")
    seen = {int(found.image(row)[0, 0, 0]): int(found.labels[row]) for row in range(3)}
    assert seen == {1: 0, 2: 0, 3: 1}
    # The scan watches the named files as well as the table.
    (tmp_path / "pictures" / "2.png").write_bytes(png(200))
    assert read_split(dataset, "train").fingerprint != found.fingerprint


@pytest.mark.parametrize("path", ["../secret.png", "/etc/hostname", "link.png"])
def test_paths_in_cells_that_leave_the_folder_are_refused(tmp_path, path):
    top = tmp_path / "data"
    top.mkdir()
    (tmp_path / "secret.png").write_bytes(png(9))
    (top / "link.png").symlink_to("../secret.png")
    with pytest.raises(Mistake, match="lies outside"):
        read_split(parquet(top, [path, path, path], on_damage="skip"), "train")


def test_null_images_are_damage_that_is_counted(tmp_path):
    images = [{"bytes": png(1), "path": None}, None, {"bytes": None, "path": None}]
    with pytest.raises(Damage, match=r"2 of 3 images .* train/1 \(is null\), train/2 \(is null\)"):
        read_split(parquet(tmp_path, images), "train")
    found = read_split(parquet(tmp_path, images, on_damage="skip"), "train")
    assert (len(found), found.skipped) == (1, 2)


def test_a_column_that_holds_no_images_is_named_with_its_type(tmp_path):
    with pytest.raises(Mistake, match="the column of images holds int64"):
        read_split(parquet(tmp_path, [1, 2, 3]), "train")


@pytest.mark.parametrize("bare", [True, False])
def test_a_column_too_large_for_memory_gives_the_same_split_from_the_cache(
    tmp_path, monkeypatch, empty_home, bare
):
    images = [png(number) for number in range(1, 100)]
    cells = list(images) if bare else [{"bytes": each, "path": None} for each in images]
    cells[40] = None
    labels = [number % 2 for number in range(1, 100)]
    dataset = parquet(tmp_path, cells, labels, on_damage="skip")
    small = read_split(dataset, "train")
    monkeypatch.setattr(cells_module, "IN_MEMORY", 0)
    for file in empty_home.rglob("scans/*/*"):
        file.unlink()
    large = read_split(dataset, "train")
    assert (large.fingerprint, large.skipped, len(large)) == (small.fingerprint, 1, 98)
    rows = range(len(small))
    assert all(np.array_equal(small.image(row), large.image(row)) for row in rows)
    (copy,) = empty_home.glob("tables/*.cells")
    assert copy.stat().st_size == sum(len(each) for each in images) - len(images[40])


def test_a_damaged_copy_of_a_large_column_is_made_again_or_named(
    tmp_path, monkeypatch, empty_home, caplog
):
    monkeypatch.setattr(cells_module, "IN_MEMORY", 0)
    dataset = parquet(tmp_path, [png(number) for number in (1, 2, 3)])
    before = read_split(dataset, "train")
    before.image(0)
    (copy,) = empty_home.glob("tables/*.cells")
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-1])
    assert np.array_equal(read_split(dataset, "train").image(0), before.image(0))
    assert "is copied again" in caplog.text
    assert copy.read_bytes() == whole
    copy.write_bytes(whole[:-1] + b"x")
    after = read_split(dataset, "train")
    with pytest.raises(Damage, match="remove it, and it is made again"):
        [after.image(row) for row in range(3)]


@pytest.mark.parametrize("labels", [[[0], [0, 1], [1]], [{"a": 0}] * 3], ids=str)
def test_several_labels_an_image_are_refused(tmp_path, labels):
    with pytest.raises(Mistake, match="label holds several labels an image"):
        read_split(parquet(tmp_path, [png(1), png(2), png(3)], labels), "train")


# Folders


def folder(tmp_path: Path, policy: str = "error", **fields: object) -> ImageDataset:
    for split, first in (("train", 1), ("test", 101)):
        for place, name in enumerate(NAMES):
            (tmp_path / split / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / split / name / "a.png").write_bytes(png(first + place))
    return declared(FolderSource(path=tmp_path, on_damage=policy), **fields)


def make_broken_link(file: Path) -> None:
    file.symlink_to("gone.png")


def make_circle(file: Path) -> None:
    file.symlink_to("other.png")
    (file.parent / "other.png").symlink_to(file.name)


ODD = {
    "broken link": (make_broken_link, 1, "No such file"),
    "circle of links": (make_circle, 2, "Too many levels of symbolic links"),
    "pipe": (os.mkfifo, 1, "is no plain file"),
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_called_an_image_and_is_no_file_is_counted(tmp_path, what):
    make, count, why = ODD[what]
    dataset = folder(tmp_path)
    make(tmp_path / "train" / "river" / "odd.png")
    with pytest.raises(Damage, match=rf"{count} of {2 + count} images .*river/odd\.png \({why}"):
        read_split(dataset, "train")
    found = read_split(folder(tmp_path, "skip"), "train")
    assert (len(found), found.skipped) == (2, count)


def test_a_linked_folder_in_a_class_is_refused_and_not_left_out(tmp_path):
    dataset = folder(tmp_path)
    (tmp_path / "more").mkdir()
    (tmp_path / "train" / "river" / "more").symlink_to("../../more")
    with pytest.raises(Mistake, match="'train/river/more' is a link to a folder"):
        read_split(dataset, "train")


def test_a_name_that_is_no_utf8_is_read_and_written_with_escapes(tmp_path):
    dataset = folder(tmp_path)
    (tmp_path / "train" / "river" / os.fsdecode(b"caf\xe9.png")).write_bytes(png(7))
    found = read_split(dataset, "train")
    assert set(found.keys) == {
        "train/river/a.png", "train/forest/a.png", r"train/river/caf\xe9.png",
    }  # fmt: skip


def test_a_class_folder_that_is_no_utf8_is_named(tmp_path):
    (tmp_path / os.fsdecode(b"for\xeat")).mkdir()
    with pytest.raises(ValueError, match=r"the folder 'for\\udceat' has a name that cannot be"):
        localised({"source": {"kind": "folder", "path": str(tmp_path)}}, base=tmp_path)


def test_a_class_called_train_is_a_class(tmp_path):
    for place, name in enumerate(("bus", "car", "train")):
        (tmp_path / name).mkdir()
        for number in range(4):
            (tmp_path / name / f"{number}.png").write_bytes(png(10 * place + number))
    table = {"source": {"kind": "folder", "path": str(tmp_path), "test_fraction": 0.25}}
    told = localised(table, base=tmp_path)
    assert told["classes"] == ("bus", "car", "train")
    dataset = ImageDataset.model_validate({"name": "rides", **told})
    assert np.bincount(read_split(dataset, "train").labels).tolist() == [3, 3, 3]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(png(len(name)))
    lines = "".join(f"{name}/a.png\r\n" for name in NAMES)
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbf" + lines.encode())
    source = FolderSource(path=tmp_path, split_file={"train": tmp_path / "train.txt"})
    assert read_split(declared(source), "train").labels.tolist() == [0, 1]


# Arrays


def arrays(tmp_path: Path, name: str = "d.npz") -> ImageDataset:
    return declared(ArraysSource(path=tmp_path / name, splits={"train": ("x", "y")}))


def test_an_empty_archive_of_arrays_is_damage_and_never_an_interruption(tmp_path):
    (tmp_path / "d.npz").touch()
    with pytest.raises(Damage, match=r"d\.npz: cannot be read as \.npz"):
        read_split(arrays(tmp_path), "train")


def test_a_single_array_is_named_where_an_archive_is_expected(tmp_path):
    np.save(tmp_path / "d.npy", np.zeros((4, 8, 8, 3), np.uint8))
    with pytest.raises(Mistake, match=r"d\.npy: is a single array .* holds x and y"):
        read_split(arrays(tmp_path, "d.npy"), "train")


def test_several_labels_an_image_in_an_archive_are_refused(tmp_path):
    """As ChestMNIST has them: a column of 0 and 1 for each of its fourteen findings."""
    images, labels = np.zeros((5, 8, 8), np.uint8), np.zeros((5, 14), np.uint8)
    np.savez(tmp_path / "d.npz", x=images, y=labels)
    told = r"y has 14 columns, several labels an image; .* one class .*, as its number \[5\]"
    with pytest.raises(Mistake, match=told):
        read_split(arrays(tmp_path), "train")


@pytest.mark.parametrize("error", [EOFError(), KeyboardInterrupt()], ids=repr)
def test_only_an_interruption_is_called_one(monkeypatch, error):
    def app(**_: object) -> None:
        raise typer.Abort from error

    monkeypatch.setattr(main, "app", app)
    if isinstance(error, EOFError):
        with pytest.raises(EOFError):
            main._run_app()
    else:
        assert main._run_app() == ExitCode.INTERRUPTED


def features(tmp_path: Path, *, wide: int, text: int, test: int) -> ImageDataset:
    rng = np.random.default_rng(0)
    labels = np.array([0, 1])
    values = {"x": rng.normal(size=(2, wide)), "u": rng.normal(size=(2, test))}
    np.savez(tmp_path / "f.npz", y=labels, v=labels, **values)
    np.save(tmp_path / "t.npy", rng.normal(size=(2, text)))
    source = FeaturesSource(
        path=tmp_path / "f.npz",
        splits={"train": [["x", "y"]], "test": [["u", "v"]]},
        text=tmp_path / "t.npy",
        backbone="ours",
    )
    return declared(source)


@pytest.mark.parametrize(
    ("widths", "told"),
    [
        ({"wide": 8, "text": 6, "test": 8}, "text features are 6 numbers wide, image features 8"),
        ({"wide": 8, "text": 8, "test": 4}, "have one width; got 8 numbers .*, 4 numbers"),
    ],
)
def test_widths_that_differ_are_one_line_with_both(tmp_path, widths, told):
    dataset = features(tmp_path, **widths)
    data = [(dataset, read_split(dataset, split)) for split in ("train", "test")]
    with pytest.raises(Mistake, match=told):
        backbone_for("ours", data)


def test_an_empty_file_of_text_features_is_damage(tmp_path):
    dataset = features(tmp_path, wide=8, text=8, test=8)
    (tmp_path / "t.npy").write_bytes(b"")
    with pytest.raises(Damage, match=r"t\.npy: cannot be read as \.npy"):
        backbone_for("ours", [(dataset, read_split(dataset, "train"))])


# Templates


@pytest.mark.parametrize(
    "template", ["a photo of a {}, {season}.", "a {} of {}", "no field", "a {", "a {:>9}", "a {!r}"]
)
def test_a_template_with_other_fields_than_the_class_is_refused(template):
    with pytest.raises(ValueError, match="templates: got"):
        declared(FolderSource(path="x"), templates=(template,))
    questions = {"name": "mine", "source": {"kind": "vqa_rad"}}
    with pytest.raises(ValueError, match="template"):
        VqaDataset.model_validate({**questions, "template": template})
    assert VqaDataset.model_validate({**questions, "template": "{question} {}"})


# What is no fault of a file


@pytest.mark.parametrize(
    "error",
    [ValueError("shapes differ"), OSError(errno.ENOSPC, "No space left on device"), KeyError("x")],
    ids=repr,
)
def test_what_goes_wrong_behind_the_reading_is_not_said_of_the_file(tmp_path, error):
    with pytest.raises(type(error)), reading("mine", [tmp_path / "a.csv"], again="again"):
        raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (pa.ArrowInvalid("magic bytes\nmore"), "cannot be read as parquet (magic bytes); again"),
        (Unreadable("no rows"), "cannot be read as parquet (no rows); again"),
        (OSError("Couldn't deserialize"), "(Couldn't deserialize); again"),
    ],
)
def test_what_a_reader_says_of_a_file_is_one_line(tmp_path, error, told):
    with pytest.raises(Damage) as caught, reading("mine", [tmp_path / "a.parquet"], again="again"):
        raise error
    assert str(caught.value).endswith(told)


def test_an_image_by_its_whole_path_is_read_and_a_name_with_a_zero_refused(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "elsewhere").mkdir()
    place = cells_module.Place("x", tmp_path / "pictures", tmp_path)
    file = place.file(str(tmp_path / "elsewhere" / "a.png"))
    assert place.name_of(file) == Path("../elsewhere/a.png")
    with pytest.raises(Mistake, match="is the name of no file"):
        place.file("a\0.png")

"""`check --data` finds what a run would find, before it; `--verify` finds what a kept size and time
hide.
"""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clvl_bench.cli.check import check
from clvl_bench.cli.grid import grid
from clvl_bench.core.errors import ClvlError, Damage, Missing, Mistake
from clvl_bench.data.readers import cells
from clvl_bench.data.readers.scan import reading_anew
from clvl_bench.runs.files import load
from clvl_bench.streams.reading import read_slices

BENCHMARK = """version = 1
scenario = "class_incremental"
datasets = ["scenes"]
classes_per_experience = [1, 1]
label_space = "seen"
valid_fraction = 0.0
zeroshot = ["held"]
[dataset.scenes]
classes = ["river", "forest"]
source = { kind = "folder", path = "scenes" }
[dataset.held]
classes = ["cat", "dog"]
splits = { test = 2 }
source = { kind = "arrays", path = "held.npz", splits = { test = ["x", "y"] } }
"""


@pytest.fixture(autouse=True)
def _home_of_its_own(empty_home: Path) -> None:
    """Scans are kept by path and time; pytest reuses paths between sessions."""


def picture(file: Path, colour: int) -> None:
    """A picture whose file has one size, whatever its colour."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), colour, np.uint8)).save(file, "BMP")


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    for number, name in enumerate(("river", "forest")):
        for split in ("train", "test"):
            for each in (1, 2):
                colour = 100 * number + 10 * each + len(split)
                picture(tmp_path / "scenes" / split / name / f"{each}.bmp", colour)
    held = np.arange(2 * 48, dtype=np.uint8).reshape(2, 4, 4, 3)
    np.savez(tmp_path / "held.npz", x=held, y=np.array([0, 1]))
    (tmp_path / "b.toml").write_text(BENCHMARK)
    return tmp_path / "b.toml"


def test_data_that_are_as_declared_are_counted(benchmark, capsys):
    check([benchmark], data=True)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  scenes train: 4 samples", "  scenes test: 4 samples", "  held test: 2 samples",
    ]  # fmt: skip


def without_class(folder: Path) -> None:
    for split in ("train", "test"):
        (folder / "scenes" / split / "forest").rename(folder / "scenes" / split / "wood")


def without_test_images(folder: Path) -> None:
    for file in (folder / "scenes" / "test" / "forest").iterdir():
        file.unlink()


def other_arrays(folder: Path) -> None:
    np.savez(folder / "held.npz", images=np.zeros((2, 4, 4, 3), np.uint8), y=np.array([0, 1]))


def other_size(folder: Path) -> None:
    np.savez(folder / "held.npz", x=np.zeros((3, 4, 4, 3), np.uint8), y=np.array([0, 1, 1]))


def other_held_out_data(folder: Path) -> None:
    text = BENCHMARK.replace('zeroshot = ["held"]', 'zeroshot = ["held", "pathmnist"]')
    (folder / "b.toml").write_text(text)


WRONG: dict[str, tuple] = {
    "no class folder": (without_class, Mistake, "unknown class folder 'forest'"),
    "no test image": (without_test_images, Mistake, r"forest\) has no test image"),
    "array names": (other_arrays, Mistake, "unknown array 'x'"),
    "another size": (other_size, Damage, "has 3 samples, published are 2"),
    "held-out data": (other_held_out_data, Missing, "pathmnist: .* has no pinned download"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_a_run_would_find_is_found_without_one(benchmark, what):
    change, error, told = WRONG[what]
    change(benchmark.parent)
    check([benchmark])  # the file itself is right
    with pytest.raises(error, match=told):
        check([benchmark], data=True)


def test_verify_is_about_data(benchmark):
    with pytest.raises(ClvlError, match="add --data"):
        check([benchmark], verify=True)


def secretly(file: Path, colour: int) -> None:
    """Another picture in a file whose size and time stay."""
    before = file.stat()
    picture(file, colour)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size


def test_a_change_that_kept_size_and_time_is_found_by_verify(benchmark):
    config = load("benchmark", str(benchmark))
    before = read_slices(config)[0].data.fingerprint
    secretly(benchmark.parent / "scenes" / "train" / "river" / "1.bmp", 77)
    assert read_slices(config)[0].data.fingerprint == before
    check([benchmark], data=True, verify=True)
    after = read_slices(config)[0].data.fingerprint
    assert after != before
    with reading_anew():
        assert read_slices(config)[0].data.fingerprint == after


def test_verify_makes_the_copy_of_a_large_table_again(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "IN_MEMORY", 0)
    place = cells.Place("x", tmp_path, tmp_path)
    file = tmp_path / "a.parquet"

    def write(data: bytes) -> None:
        pq.write_table(pa.table({"image": [data]}), file)
        os.utime(file, ns=(10**18, 10**18))

    write(b"before")
    assert cells.parquet_cells([file], "image", place).read(0) == b"before"
    write(b"behind")
    assert cells.parquet_cells([file], "image", place).read(0) == b"before"
    with reading_anew():
        assert cells.parquet_cells([file], "image", place).read(0) == b"behind"
    assert cells.parquet_cells([file], "image", place).read(0) == b"behind"


def test_a_copy_that_a_killed_process_left_half_done_is_removed_by_the_next(
    tmp_path, empty_home, monkeypatch
):
    monkeypatch.setattr(cells, "IN_MEMORY", 0)
    stray = empty_home / "tables" / ".0123456789abcdef.tmp"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"half")
    os.utime(stray, (0, 0))
    pq.write_table(pa.table({"image": [b"whole"]}), tmp_path / "a.parquet")
    place = cells.Place("x", tmp_path, tmp_path)
    assert cells.parquet_cells([tmp_path / "a.parquet"], "image", place).read(0) == b"whole"
    assert {path.suffix for path in stray.parent.iterdir()} == {".cells", ".npy"}


def test_a_grid_that_verifies_decodes_anew_before_its_runs(benchmark, monkeypatch):
    monkeypatch.chdir(benchmark.parent)
    text = 'version = 1\nbenchmarks = ["b.toml"]\nstrategies = ["zeroshot"]\n'
    (benchmark.parent / "e.toml").write_text(text)
    monkeypatch.setattr("clvl_bench.runs.grid.grid", lambda *_, **__: iter(()))
    monkeypatch.setattr("clvl_bench.cli.show.show_finished", lambda *_, **__: None)
    config = load("benchmark", "b.toml")
    before = read_slices(config)[0].data.fingerprint
    secretly(benchmark.parent / "scenes" / "train" / "river" / "1.bmp", 77)
    grid("e.toml", page=False)
    assert read_slices(config)[0].data.fingerprint == before
    grid("e.toml", page=False, verify=True)
    assert read_slices(config)[0].data.fingerprint != before


FEATURES = """version = 1
scenario = "class_incremental"
datasets = ["cracks"]
classes_per_experience = [1, 1]
label_space = "dataset"
valid_fraction = 0.0
[dataset.cracks]
classes = ["crack", "rust"]
[dataset.cracks.source]
kind = "features"
path = "features.npz"
splits = { train = [["x", "y"]], test = [["x", "y"]] }
backbone = "our ViT-B/32"
"""


def test_features_of_a_backbone_of_ones_own_are_checked_as_that_backbones(tmp_path, capsys):
    images = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    np.savez(tmp_path / "features.npz", x=images, y=np.arange(6) % 2)
    (tmp_path / "cracks.toml").write_text(
        FEATURES.replace("cracks]", 'cracks]\non_duplicates = "report"', 1)
    )
    check([tmp_path / "cracks.toml"], data=True)
    assert "cracks train: 6 samples" in capsys.readouterr().out

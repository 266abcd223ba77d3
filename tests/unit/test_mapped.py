"""Large features stay in their file: the same numbers, and no copy."""

from pathlib import Path

import numpy as np
import pytest
import torch

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.readers import features, mapped
from clvl_bench.data.readers.mapped import MappedRows, blocks_of, mapped_array
from clvl_bench.inputs.features import Inputs

WIDTH = 6


@pytest.fixture
def always(monkeypatch):
    """Small arrays are mapped as well, and looked at a few rows at a time."""
    monkeypatch.setattr(mapped, "MAPPED", 0)
    monkeypatch.setattr(mapped, "BLOCK", 7 * WIDTH * 4)


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    return {
        "x": random.normal(size=(40, WIDTH)).astype(np.float32),
        "y": np.arange(40) % 3,
        "half": random.normal(size=(20, WIDTH)).astype(np.float16),
        "half_y": np.arange(20) % 3,
        "columns": np.asfortranarray(random.normal(size=(20, WIDTH))),
    }


@pytest.fixture
def dataset(tmp_path, arrays):
    np.savez(tmp_path / "features.npz", **arrays)

    def declared(parts):
        source = {
            "kind": "features",
            "path": tmp_path / "features.npz",
            "splits": {"train": parts},
            "backbone": "random",
        }
        return ImageDataset(name="d", classes=("a", "b", "c"), templates=("a {}",), source=source)

    return declared


def test_a_mapped_array_is_the_array_that_numpy_reads(tmp_path, arrays, always):
    np.savez(tmp_path / "plain.npz", **arrays)
    for name in ("x", "half"):
        found = mapped_array(tmp_path / "plain.npz", name)
        assert isinstance(found, np.memmap)
        assert found.dtype == arrays[name].dtype
        assert np.array_equal(found, arrays[name])
    assert mapped_array(tmp_path / "plain.npz", "columns") is None, "its rows are not in a row"
    np.savez_compressed(tmp_path / "packed.npz", **arrays)
    assert mapped_array(tmp_path / "packed.npz", "x") is None


def test_a_small_array_is_not_mapped(tmp_path, arrays):
    np.savez(tmp_path / "plain.npz", **arrays)
    assert mapped_array(tmp_path / "plain.npz", "x") is None


@pytest.mark.parametrize(
    "parts", [[["x", "y"]], [["half", "half_y"]], [["x", "y"], ["half", "half_y"]]]
)
def test_a_split_has_one_fingerprint_mapped_or_not(dataset, monkeypatch, parts):
    plain = features.read(dataset(parts), "train")
    monkeypatch.setattr(mapped, "MAPPED", 0)
    monkeypatch.setattr(mapped, "BLOCK", 100)
    there = features.read(dataset(parts), "train")
    assert there.fingerprint == plain.fingerprint
    assert list(there.keys) == list(plain.keys)
    assert np.array_equal(there.features("random"), plain.features("random"))
    assert isinstance(there.features("random"), np.memmap) == (len(parts) == 1)


def test_rows_have_the_names_of_their_arrays(dataset):
    keys = features.read(dataset([["x", "y"], ["half", "half_y"]]), "train").keys
    assert (len(keys), keys[0], keys[39], keys[40], keys[-1]) == (
        60, "x/0", "x/39", "half/0", "half/19",
    )  # fmt: skip
    assert keys[38:42] == ("x/38", "x/39", "half/0", "half/1")
    with pytest.raises(IndexError):
        keys[60]


def test_the_row_that_is_no_feature_is_named_wherever_it_is(tmp_path, arrays, dataset, always):
    arrays["x"][31] = 0
    np.savez(tmp_path / "features.npz", **arrays)
    declared = dataset([["x", "y"]])
    np.savez(tmp_path / "features.npz", **arrays)
    with pytest.raises(Exception, match="row 31 of x is zero"):
        features.read(declared, "train")


class Named:
    name, width = "random", WIDTH


def test_minibatches_of_mapped_features_are_those_of_features_in_memory(dataset, monkeypatch):
    parts = [["x", "y"]], [["half", "half_y"]]
    plain = Inputs(
        "image_features", [features.read(dataset(each), "train") for each in parts], Named()
    )
    monkeypatch.setattr(mapped, "MAPPED", 0)
    there = Inputs(
        "image_features", [features.read(dataset(each), "train") for each in parts], Named()
    )
    assert there._in_memory is None
    ids = torch.tensor([59, 0, 40, 39, 7, 7])
    assert torch.equal(there(ids), plain(ids))
    assert there(ids).dtype == torch.float32
    assert there(ids[:0]).shape == (0, WIDTH)


def test_pages_of_a_mapped_array_are_given_back(tmp_path, monkeypatch):
    """32 MiB are read once, a few rows at a time, and hold no more than a few MiB."""
    rows = np.ones((1 << 14, 512), dtype=np.float32)
    np.save(tmp_path / "rows.npy", rows)
    monkeypatch.setattr(mapped, "BLOCK", 1 << 22)
    there = np.load(tmp_path / "rows.npy", mmap_mode="r")
    before = resident()
    most = [resident() for block in blocks_of(there) if block.sum() == block.size]
    read = MappedRows([there])
    for ids in np.random.default_rng(0).permutation(len(there)).reshape(64, -1):
        assert read(ids).all()
        most.append(resident())
    assert len(most) == 8 + 64
    assert max(most) - before < 24 << 20


def test_what_a_minibatch_mapped_is_given_back_behind_it(tmp_path):
    """Each of 256 rows that lie apart may bring 2 MiB of the file with it."""
    np.save(tmp_path / "rows.npy", np.ones((1 << 13, 512), dtype=np.float32))
    read = MappedRows([np.load(tmp_path / "rows.npy", mmap_mode="r")])
    before = resident()
    assert read(np.arange(0, 1 << 13, 32)).all()
    assert resident() - before < 1 << 20


def resident():
    """Bytes of mapped files that this process holds."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("RssFile"))
    return int(line.split()[1]) * 1024

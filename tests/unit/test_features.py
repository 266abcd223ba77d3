"""The cache: a frozen tower sees an image once, a damaged chunk is made again, and cached features
are the encoded ones.
"""

import io

import numpy as np
import pytest
import torch
from helpers.processes import apart
from PIL import Image

from clvl_bench.core.ticker import Ticker
from clvl_bench.data.readers.encoded import encoded_split
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs import features
from clvl_bench.inputs.features import CHUNK, Inputs, encode


def png(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def split_of(count: int, seed: int = 0) -> Split:
    images = np.random.default_rng(seed).integers(0, 256, (count, 40, 40, 3), dtype=np.uint8)
    return Split(
        np.zeros(count, dtype=np.int64),
        tuple(map(str, range(count))),
        f"{seed:064x}",
        image=lambda row: images[row],
    )


def test_images_under_other_class_names_are_the_same_images_to_the_cache():
    images, labels = (
        np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), dtype=np.uint8),
        np.arange(6),
    )
    splits = [
        encoded_split(
            "birds",
            names,
            list("abcdef"),
            labels,
            lambda row: png(images[row]),
            files=(),
            policy="error",
        )
        for names in (list("ABCDEF"), [f"a kind of {name}" for name in "ABCDEF"])
    ]
    assert splits[0].fingerprint != splits[1].fingerprint
    assert splits[0].content == splits[1].content != splits[0].take(labels[:5], "five").content


@pytest.fixture
def counted(tiny, monkeypatch):
    monkeypatch.setattr(tiny, "images_encoded", 0)
    return tiny


def test_each_image_is_encoded_exactly_once_and_never_again(counted, empty_home):
    split = split_of(CHUNK + 44)
    first = encode(split, counted)
    assert counted.images_encoded == CHUNK + 44
    assert torch.equal(encode(split, counted), first)
    assert counted.images_encoded == CHUNK + 44


def test_cached_features_are_those_of_the_tower(counted, empty_home):
    split = split_of(CHUNK + 44)
    encode(split, counted)
    direct = counted.image_features(
        torch.from_numpy(np.stack([split.image(row) for row in range(7)])).permute(0, 3, 1, 2)
    )
    assert torch.allclose(encode(split, counted)[:7], direct, atol=1e-5)


def test_other_data_weights_or_preprocessing_have_other_keys(tiny, monkeypatch):
    keys = [features.cache_key(split_of(3), tiny), features.cache_key(split_of(3, seed=1), tiny)]
    monkeypatch.setattr(tiny, "files_sha256", "0" * 64)
    keys.append(features.cache_key(split_of(3), tiny))
    monkeypatch.setattr(
        tiny, "preprocessing", tiny.preprocessing.__class__(36, 36, (0.5,) * 3, (0.5,) * 3)
    )
    keys.append(features.cache_key(split_of(3), tiny))
    assert len(set(keys)) == 4


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_a_damaged_chunk_is_found_named_and_made_again(counted, empty_home, damage, caplog):
    split = split_of(CHUNK + 44)
    whole = encode(split, counted)
    chunk = sorted(empty_home.rglob("00001-*.safetensors"))[0]
    data = bytearray(chunk.read_bytes())
    data[-3] ^= 1
    chunk.write_bytes({"flip": bytes(data), "truncate": bytes(data[:-5]), "empty": b""}[damage])
    counted.images_encoded = 0
    assert torch.equal(encode(split, counted), whole)
    assert counted.images_encoded == 44
    assert caplog.messages == [
        f"clvl-bench: {chunk}: is not what was written; its images are encoded again"
    ]


def test_an_interrupted_encoding_goes_on_behind_its_last_chunk(counted, empty_home, monkeypatch):
    split = split_of(3 * CHUNK)

    def stop(ticker, done):
        if done == 2 * CHUNK:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ticker, "__call__", stop)
        with pytest.raises(KeyboardInterrupt):
            encode(split, counted)
    encode(split, counted)
    assert counted.images_encoded == 3 * CHUNK


def test_two_processes_that_build_the_same_features_leave_one_valid_copy(tiny, empty_home):
    def build(rank):
        encode(split_of(2 * CHUNK), tiny)

    assert [process.error for process in apart(2, build)] == [None, None]
    assert len(list(empty_home.rglob("*.safetensors"))) == 2
    assert not list(empty_home.rglob("*.tmp"))
    tiny.images_encoded = 0
    encode(split_of(2 * CHUNK), tiny)
    assert tiny.images_encoded == 0


def test_inputs_are_rows_by_sample_id_over_all_splits(tiny, empty_home):
    splits = [split_of(5), split_of(4, seed=1)]
    for input_kind in ("image_features", "pixels"):
        inputs = Inputs(input_kind, splits, tiny)
        both = inputs(torch.tensor([6, 0, 4]))
        assert torch.equal(both[0], Inputs(input_kind, splits[1:], tiny)(torch.tensor([1]))[0])
        assert torch.equal(both[1:], Inputs(input_kind, splits[:1], tiny)(torch.tensor([0, 4])))


def test_large_pixels_are_decoded_on_demand_and_are_the_same(tiny, empty_home, monkeypatch):
    splits = [split_of(5), split_of(4, seed=1)]
    ids = torch.tensor([8, 0, 5, 4])
    held = Inputs("pixels", splits, tiny)(ids)
    monkeypatch.setattr(features, "SMALL", 0)
    on_demand = Inputs("pixels", splits, tiny)
    assert on_demand._in_memory is None
    assert torch.equal(on_demand(ids), held)
    assert held.dtype == torch.uint8
    assert held.shape == (4, 3, 40, 40)

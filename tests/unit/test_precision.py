"""Half precision for frozen towers, batches cut where memory ends: what changes, what does not, and
what is refused.
"""

import pytest
import torch
from command import RUN, clvl_here

from clvl_bench.backbones.base import in_memory
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.core.errors import Mistake, RunFailed
from clvl_bench.runs.files import run_config

PIXELS = torch.randint(
    0, 256, (10, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


@pytest.fixture(scope="module")
def folder(random_clip):
    return str(random_clip())


@pytest.mark.parametrize(("precision", "bits"), [("bf16", 8), ("fp16", 11)])
def test_half_precision_rounds_features_to_its_bits_and_leaves_the_weights(folder, precision, bits):
    whole, half = load_backbone(folder), load_backbone(folder, precision=precision)
    said, rounded = whole.image_features(PIXELS), half.image_features(PIXELS)
    difference = ((said - rounded).norm() / said.norm()).item()
    assert 2 ** -(bits + 6) < difference < 2 ** -(bits - 4)
    assert rounded.dtype == torch.float32
    assert all(weight.dtype == torch.float32 for weight in half.towers.parameters())
    assert torch.equal(half.towers.image(PIXELS), whole.towers.image(PIXELS)), "what trains is fp32"


def test_precision_is_of_the_run_and_of_the_cache(folder):
    from types import SimpleNamespace

    from clvl_bench.inputs.features import cache_key

    plain, half = (
        run_config("toy_landcover", "zeroshot", precision=precision)
        for precision in ("fp32", "bf16")
    )
    assert plain.id == run_config("toy_landcover", "zeroshot").id != half.id
    split = SimpleNamespace(content="f")
    keys = {
        cache_key(split, load_backbone(folder, precision=precision))
        for precision in ("fp32", "bf16", "fp16")
    }
    assert len(keys) == 3


def test_a_precision_that_nobody_has_is_refused():
    with pytest.raises(Mistake, match=r"precision: got 'bf17'.*did you mean 'bf16'"):
        run_config("toy_landcover", "zeroshot", precision="bf17")


@pytest.mark.skipif(
    torch.cuda.is_available(), reason="there is a GPU, on which half precision is welcome"
)
def test_on_a_cpu_half_precision_is_refused_unless_one_insists(tmp_path):
    done = clvl_here(
        *RUN, "toy_landcover", "zeroshot", "--precision", "bf16", "--limit", "10", cwd=tmp_path
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "insist with --device cpu" in line


def crowded(limit):
    """A tower that has room for so many images at a time."""
    seen = []

    def encode(batch):
        seen.append(len(batch))
        if len(batch) > limit:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return batch.float().mean(dim=(1, 2, 3))[:, None]

    return encode, seen


def test_a_batch_that_does_not_fit_is_halved_and_says_the_same(folder):
    encode, seen = crowded(3)
    expected = PIXELS.float().mean(dim=(1, 2, 3))[:, None]
    assert torch.equal(in_memory(encode, PIXELS, load_backbone(folder)), expected)
    assert seen[0] == 10
    assert max(size for size in seen if size <= 3) >= 2


def test_cut_batches_of_a_real_tower_agree_with_the_whole(folder, monkeypatch):
    backbone = load_backbone(folder)
    whole = backbone.image_features(PIXELS)
    image = backbone.towers.image

    def small(pixels):
        if len(pixels) > 4:
            raise MemoryError("out of memory")
        return image(pixels)

    monkeypatch.setattr(backbone.towers, "image", small)
    assert torch.allclose(backbone.image_features(PIXELS), whole, atol=1e-5 * whole.abs().max())


def test_where_not_one_image_fits_the_message_has_numbers(folder):
    encode, _ = crowded(0)
    with pytest.raises(
        RunFailed,
        match=r"memory: one image of 40x40 pixels .* million parameters, .* GiB\); cpu has .* GiB "
        r"free",
    ):
        in_memory(encode, PIXELS, load_backbone(folder))


def test_another_error_is_not_taken_for_memory(folder):
    def broken(batch):
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        in_memory(broken, PIXELS, load_backbone(folder))

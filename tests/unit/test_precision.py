"""Half precision for frozen towers, batches cut where memory ends: what changes, what does not, and
what is refused.
"""

import pytest
import torch
from command import RUN, clvl_here

from clvl_bench.backbones.base import in_memory
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.backbones.precision import keep_fp32_whole, products_in, refuse_missing_precision
from clvl_bench.core.errors import Mistake, RunFailed
from clvl_bench.runs.devices import choose_device, refuse_missing_device
from clvl_bench.runs.files import run_config
from clvl_bench.runs.setup import encode, prepare
from clvl_bench.training.evaluator import Evaluator
from clvl_bench.training.strategy import AdaptationStrategy, build_strategy

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


def allowed():
    """How matrix products may be rounded, and whether convolutions may."""
    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32


def test_tf32_is_of_the_block_alone():
    keep_fp32_whole()
    with products_in("tf32", "cuda"):
        assert allowed() == ("high", True)
    assert allowed() == ("highest", False)


@pytest.mark.parametrize("begin", [prepare, encode])
def test_a_run_leaves_no_rounding_that_was_allowed_before(begin, shared_home, monkeypatch):
    monkeypatch.setenv("CLVL_HOME", str(shared_home))
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.allow_tf32 = True
    begin(run_config("toy_landcover", "ncm", limit=20))
    assert allowed() == ("highest", False)


def test_a_processor_has_no_tf32_whoever_insists(folder):
    for ask in (
        lambda: load_backbone(folder, precision="tf32"),
        lambda: choose_device("cpu", "tf32"),
        lambda: refuse_missing_device("cpu", "tf32"),
    ):
        with pytest.raises(Mistake, match=r"tf32: .*only .*GPU.*; use fp32"):
            ask()


@pytest.mark.parametrize(("capability", "has"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_tf32_is_of_gpus_since_ampere(monkeypatch, capability, has):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    if has:
        refuse_missing_precision("tf32", "cuda")
        return
    with pytest.raises(Mistake, match="precision tf32: a GPU has none; use fp32 or fp16"):
        refuse_missing_precision("tf32", "cuda")


# --- towers that train ---


@pytest.fixture(scope="module")
def prepared():
    found = prepare(run_config("toy_landcover", "finetune", limit=10))
    found.benchmark.label_store.reveal_all()
    return found


def fine_tuned(prepared, monkeypatch, precision):
    """The losses of some steps of full fine-tuning, and the adapter behind them."""
    losses = []

    def noted(strategy):
        losses.append(strategy.loss.item())
        backward(strategy)

    backward = AdaptationStrategy.backward
    monkeypatch.setattr(AdaptationStrategy, "backward", noted)
    config = prepared.config.strategy_config
    train = config.train.model_copy(
        update={"precision": precision, "lr": 1e-5, "epochs": 6, "warmup_steps": 0}
    )
    strategy = build_strategy(
        config.model_copy(update={"train": train}),
        prepared.backbone,
        prepared.benchmark.view,
        evaluator=Evaluator(loggers=[], collect_all=False),
        seed=0,
    )
    strategy.train(prepared.benchmark.scenario.train_stream[0], eval_streams=[])
    monkeypatch.undo()
    return torch.tensor(losses), strategy.adapter


def test_a_tower_that_trains_in_bf16_has_the_losses_of_fp32_to_its_bits(prepared, monkeypatch):
    whole, _ = fine_tuned(prepared, monkeypatch, "fp32")
    rounded, adapter = fine_tuned(prepared, monkeypatch, "bf16")
    assert rounded.isfinite().all()
    learned = (whole[0] - whole[-1]).item()
    assert 0 < (whole - rounded).abs().max() < 0.1 * learned
    assert all(weight.dtype == torch.float32 for weight in adapter.parameters())


def test_the_precision_of_training_is_recorded_and_asks_for_a_tower():
    rounded = run_config("toy_landcover", "finetune", overrides=["train.precision=bf16"])
    assert rounded.hashed()["strategy_config"]["train"]["precision"] == "bf16"
    with pytest.raises(Mistake, match=r"train\.precision: got 'bf16' .*trains inside of no tower"):
        run_config("toy_landcover", "prompt", overrides=["train.precision=bf16"])

"""open_clip's state dicts become folders in transformers' layout that say the same; whatever else
they hold is refused.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from small_backbones import VIT, open_clip_model

from clvl_bench.backbones.loading import load_backbone
from clvl_bench.core.errors import Damage, Mistake

open_clip = pytest.importorskip(
    "open_clip", reason="open_clip_torch is not installed: the extra 'open-clip'"
)

from clvl_bench.backbones import importing  # noqa: E402 (needs open_clip's vocabulary when it is called)
from clvl_bench.backbones.importing import import_weights  # noqa: E402


@pytest.fixture(autouse=True)
def architectures(monkeypatch):
    """open_clip's table with a small ViT among its own."""
    known = open_clip.get_model_config
    small = {"small": VIT, "small-quickgelu": {**VIT, "quick_gelu": True}}
    monkeypatch.setattr(
        open_clip,
        "get_model_config",
        lambda name: json.loads(json.dumps(small.get(name))) or known(name),
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return open_clip_model(VIT, tmp_path_factory.mktemp("unused"))


@pytest.fixture
def file(model, tmp_path):
    """As RemoteCLIP is published: a plain state dict."""
    torch.save(model.state_dict(), tmp_path / "RemoteCLIP-small.pt")
    return tmp_path / "RemoteCLIP-small.pt"


@torch.no_grad()
def test_the_folder_says_what_the_original_says(file, model, tmp_path):
    assert any(name.startswith("visual.transformer.resblocks.0.") for name in model.state_dict())
    made = import_weights(file, architecture="small", folder=tmp_path / "made", family="RemoteCLIP")
    backbone = load_backbone(str(made.folder))
    pixels = torch.randint(0, 256, (3, 3, 40, 40), dtype=torch.uint8)
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1)
        for v in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    )
    texts = ["a river", "an aerial photo of a lake."]
    images, words = (
        model.encode_image((pixels / 255 - mean) / std),
        model.encode_text(open_clip.tokenize(texts)),
    )
    assert torch.allclose(backbone.image_features(pixels), images, atol=1e-5 * images.abs().max())
    assert torch.allclose(backbone.text_features(texts), words, atol=1e-5 * words.abs().max())
    assert backbone.logit_scale == pytest.approx(float(model.logit_scale.exp()))
    assert backbone.family == "RemoteCLIP"
    assert made.difference < 1e-5


def test_origin_and_hashes_stand_beside_it_and_are_checked(file, tmp_path):
    import hashlib

    made = import_weights(file, architecture="small", folder=tmp_path / "made")
    manifest = json.loads((made.folder / "manifest.json").read_bytes())
    assert manifest["origin"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert manifest["origin"]["architecture"] == "small"
    assert {
        "model.safetensors",
        "config.json",
        "preprocessor_config.json",
        "tokenizer.json",
    } <= set(manifest["files"])
    weights = made.folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(Damage, match=r"model\.safetensors: sha256 is"):
        load_backbone(str(made.folder))


@pytest.mark.parametrize(
    "wrap", [lambda s: {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in s.items()}}, dict]
)
def test_what_training_scripts_wrap_around_it_is_taken_off(model, tmp_path, wrap):
    torch.save(wrap(model.state_dict()), tmp_path / "epoch_3.pt")
    assert (
        import_weights(
            tmp_path / "epoch_3.pt", architecture="small", folder=tmp_path / "made"
        ).difference
        < 1e-5
    )


def test_safetensors_in_half_precision_are_read_as_well(model, tmp_path):
    save_file(
        {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()},
        tmp_path / "a.safetensors",
    )
    assert (
        import_weights(
            tmp_path / "a.safetensors", architecture="small", folder=tmp_path / "made"
        ).difference
        < 1e-5
    )


def test_another_activation_is_another_model(file, tmp_path):
    """Weights do not say which GELU they were trained with: the architecture's name does, and
    decides the features.
    """
    plain = import_weights(file, architecture="small", folder=tmp_path / "plain").folder
    quick = import_weights(file, architecture="small-quickgelu", folder=tmp_path / "quick").folder
    texts = ["a river"]
    a, b = (load_backbone(str(folder)).text_features(texts) for folder in (plain, quick))
    assert (a - b).abs().max() > 1e-4


def test_a_conversion_that_differs_is_not_written(file, tmp_path, monkeypatch):
    right = importing.convert

    def wrong(tensors):
        made = right(tensors)
        name = "vision_model.encoder.layers.0.self_attn.k_proj.weight"
        return {**made, name: made[name.replace("k_proj", "q_proj")]}

    monkeypatch.setattr(importing, "convert", wrong)
    with pytest.raises(Damage, match="converted features differ from open_clip's by"):
        import_weights(file, architecture="small", folder=tmp_path / "made")
    assert not (tmp_path / "made").exists()
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("architecture", "says"),
    [
        ("RN50", "transformers has no such CLIP"),
        ("ViT-B-33", "did you mean 'ViT-B-32'"),
        ("small", "does not hold the"),
    ],
)
def test_what_cannot_be_converted_is_one_line(file, tmp_path, architecture, says):
    if architecture == "small":
        file = tmp_path / "small.pt"
        torch.save({"visual.proj": torch.zeros(2, 2)}, file)
    with pytest.raises((Mistake, Damage), match=says) as refused:
        import_weights(file, architecture=architecture, folder=tmp_path / "made")
    assert len(str(refused.value).splitlines()) == 1


class Evil:
    """Unpickled, it makes the folder of that name."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


@pytest.mark.parametrize("name", ["model.bin", "model.pt", "model.safetensors", "model"])
def test_code_in_weights_is_not_run_whatever_they_are_called(tmp_path, name):
    torch.save({"state_dict": {"logit_scale": Evil(tmp_path / "canary")}}, tmp_path / name)
    with pytest.raises(Damage) as refused:
        import_weights(tmp_path / name, architecture="small", folder=tmp_path / "made")
    assert len(str(refused.value).splitlines()) == 1
    assert not (tmp_path / "canary").exists()
    assert not (tmp_path / "made").exists()

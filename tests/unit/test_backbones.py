"""A CLIP in transformers' layout against transformers' own forward, and each trap of transformers 5
by its name.
"""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPModel

from clvl_bench.backbones.base import Towers, l2_normalize
from clvl_bench.backbones.catalog import assets
from clvl_bench.backbones.clip import ClipTowers
from clvl_bench.backbones.folders import TOKENIZERS
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.backbones.preprocessing import Preprocessing, read_preprocessing
from clvl_bench.core.errors import Damage, Missing, Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.features import cache_key
from clvl_bench.runs.provenance import identity

TEXTS = ["a photo of a forest.", "a river", "an aerial photo of a wheat field from above.", "x"]


@pytest.fixture(scope="module")
def folder(random_clip):
    return random_clip()


@pytest.fixture(scope="module")
def backbone(folder):
    return load_backbone(str(folder))


@pytest.fixture(scope="module", params=["eager", "sdpa"])
def reference(request, folder):
    return CLIPModel.from_pretrained(folder, attn_implementation=request.param).eval()


def ids_of(backbone, texts):
    return backbone._tokenizer(texts, padding=True, return_tensors="pt")


def edited_copy(folder, tmp_path, name, content):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "manifest.json").unlink(missing_ok=True)
    (copy / name).write_text(content)
    return copy


def test_a_folder_without_a_tokenizer_is_refused(folder, tmp_path):
    """transformers 5 builds an empty one: every text becomes start and end."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    for name in TOKENIZERS:
        (copy / name).unlink(missing_ok=True)
    with pytest.raises(Damage, match="no tokenizer, or an empty one"):
        load_backbone(str(copy))


def test_a_tokenizer_of_more_words_than_the_weights_is_refused(folder, tmp_path):
    table = json.loads((folder / "tokenizer.json").read_text())
    words = table["model"]["vocab"]
    words |= {f"word{number}</w>": len(words) + number for number in range(60_000)}
    copy = edited_copy(folder, tmp_path, "tokenizer.json", json.dumps(table))
    with pytest.raises(Damage, match="it is that of another model"):
        load_backbone(str(copy))


def fewer_words(model: dict) -> None:
    """A smaller vocabulary of the same making: its first words, start and end."""
    kept = list(model["vocab"])[:600]
    ends = ["<|startoftext|>", "<|endoftext|>"]
    words = [*(word for word in kept if word not in ends), *ends]
    model["vocab"] = {word: number for number, word in enumerate(words)}
    model["merges"] = [pair for pair in model["merges"] if "".join(pair) in model["vocab"]]


def half_the_merges(model: dict) -> None:
    del model["merges"][len(model["merges"]) // 2 :]


def foreign_merges(model: dict) -> None:
    model["merges"].insert(0, ["x", "y</w>"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (fewer_words, "it is that of another model"),
        (half_the_merges, "are made by none of its merges"),
        (foreign_merges, "holds no tokenizer that fits together"),
    ],
)
@pytest.mark.parametrize("files", ["one", "two"])
def test_a_tokenizer_that_is_cut_or_of_another_model_is_refused(
    folder, tmp_path, change, said, files
):
    """As one tokenizer.json, or as the older vocab.json and merges.txt."""
    table = json.loads((folder / "tokenizer.json").read_text())
    change(table["model"])
    copy = edited_copy(folder, tmp_path, "tokenizer.json", json.dumps(table))
    if files == "two":
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (copy / name).unlink()
        (copy / "vocab.json").write_text(json.dumps(table["model"]["vocab"]))
        merges = ["#version: 0.2", *(" ".join(pair) for pair in table["model"]["merges"]), ""]
        (copy / "merges.txt").write_text("\n".join(merges))
    with pytest.raises(Damage, match=said) as refused:
        load_backbone(str(copy))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "preprocessor_config.json"])
def test_the_same_weights_beside_another_file_are_another_model(folder, tmp_path, name):
    """So that neither its cached features nor a finished run are taken for those of now."""
    backbone = load_backbone(str(folder))
    changed = json.dumps(json.loads((folder / name).read_text()), indent=7)
    other = load_backbone(str(edited_copy(folder, tmp_path, name, changed)))
    assert other.weights_sha256 == backbone.weights_sha256
    assert other.files_sha256 != backbone.files_sha256
    pictures = toy_split()
    assert cache_key(pictures, other) != cache_key(pictures, backbone)
    mine, its = (identity(model)["files_sha256"] for model in (backbone, other))
    assert mine != its


def toy_split():
    return Split(
        labels=np.array([0]),
        keys=("one",),
        fingerprint="of one image",
        image=lambda row: np.zeros((4, 4, 3), np.uint8),
    )


@torch.no_grad()
def test_text_features_equal_transformers_own(backbone, reference):
    expected = reference.get_text_features(**ids_of(backbone, TEXTS)).pooler_output
    assert torch.allclose(backbone.text_features(TEXTS), expected, atol=1e-5)


@torch.no_grad()
def test_image_features_equal_transformers_own(backbone, reference):
    pixels = torch.randint(0, 256, (3, 3, 40, 40), dtype=torch.uint8)
    mean, std = (
        torch.tensor(backbone.preprocessing.mean).view(1, 3, 1, 1),
        torch.tensor(backbone.preprocessing.std).view(1, 3, 1, 1),
    )
    expected = reference.get_image_features(pixel_values=(pixels / 255 - mean) / std).pooler_output
    assert torch.allclose(backbone.image_features(pixels), expected, atol=1e-5)


@torch.no_grad()
def test_logits_equal_transformers_own(backbone, reference):
    pixels = torch.randint(0, 256, (3, 3, 40, 40), dtype=torch.uint8)
    mean, std = (
        torch.tensor(backbone.preprocessing.mean).view(1, 3, 1, 1),
        torch.tensor(backbone.preprocessing.std).view(1, 3, 1, 1),
    )
    expected = reference(
        pixel_values=(pixels / 255 - mean) / std, **ids_of(backbone, TEXTS)
    ).logits_per_image
    images, texts = (
        l2_normalize(backbone.image_features(pixels)),
        l2_normalize(backbone.text_features(TEXTS)),
    )
    assert torch.allclose(backbone.logit_scale * images @ texts.T, expected, atol=1e-5)


@torch.no_grad()
def test_without_the_causal_mask_features_would_be_wrong(backbone, monkeypatch):
    right = backbone.text_features(TEXTS)
    monkeypatch.setattr("clvl_bench.backbones.clip.causal_mask", lambda *_: None)
    assert (backbone.text_features(TEXTS) - right).abs().max() > 1e-2


@torch.no_grad()
def test_features_do_not_depend_on_what_stands_behind_the_end_of_text(backbone):
    together = backbone.text_features(TEXTS)
    alone = torch.cat([backbone.text_features([text]) for text in TEXTS])
    assert torch.allclose(together, alone, atol=1e-5)
    tokens = backbone.tokenize(TEXTS)
    padded = torch.cat(
        [tokens.ids, tokens.ids.new_full((len(TEXTS), 9), backbone._tokenizer.eos_token_id)], dim=1
    )
    uncut = backbone.towers.text(backbone.towers.embed(padded), tokens.ends)
    assert torch.allclose(together, uncut, atol=1e-5)
    junk = padded.clone()
    junk[:, int(tokens.ends.max()) + 1 :] = 7
    assert torch.allclose(
        together, backbone.towers.text(backbone.towers.embed(junk), tokens.ends), atol=1e-5
    )


@torch.no_grad()
def test_rests_packed_behind_one_beginning_say_what_whole_sentences_say(backbone):
    tokens = backbone.tokenize(TEXTS)
    words, cut = backbone.towers.embed(tokens.ids), 2
    assert int(tokens.ends.min()) >= cut
    packed = backbone.towers.text_after(words[:2, :cut], words[:, cut:], tokens.ends - cut)
    for beginning in range(2):
        sentences = torch.cat(
            [words[beginning : beginning + 1, :cut].expand(len(words), -1, -1), words[:, cut:]],
            dim=1,
        )
        assert torch.allclose(
            packed[beginning], backbone.towers.text(sentences, tokens.ends), atol=1e-5
        )
    whole = Towers.text_after(backbone.towers, words[:2, :cut], words[:, cut:], tokens.ends - cut)
    assert torch.allclose(packed, whole, atol=1e-5)


def test_the_end_of_text_is_the_first_of_its_tokens(backbone):
    tokens = backbone.tokenize(TEXTS)
    end = backbone._tokenizer.eos_token_id
    for row, place in zip(tokens.ids.tolist(), tokens.ends.tolist(), strict=True):
        assert row.index(end) == place
    assert tokens.ids.shape[1] == int(tokens.ends.max()) + 1


def test_a_long_text_is_truncated_and_still_ends(backbone):
    tokens = backbone.tokenize(["forest " * 200])
    assert tokens.ids.shape == (1, 77)
    assert tokens.ids[0, -1] == backbone._tokenizer.eos_token_id


@torch.no_grad()
def test_an_old_configuration_with_end_of_text_2_is_pooled_at_the_end(random_clip, backbone):
    """openai's published configurations say eos_token_id = 2; transformers then pools at the
    highest id, which for a tokenizer of another make is a word in the middle.
    """
    folder = random_clip(eos_token_id=2)
    old = load_backbone(str(folder))
    assert json.loads((folder / "config.json").read_text())["text_config"]["eos_token_id"] == 2
    assert torch.allclose(old.text_features(TEXTS), backbone.text_features(TEXTS), atol=1e-5)


def test_the_embedded_tokenizer_ends_on_no_legacy_id(tiny):
    assert tiny._tokenizer.eos_token_id not in (0, 1, 2)
    assert (
        CLIPModel.from_pretrained(assets()).config.text_config.eos_token_id
        == tiny._tokenizer.eos_token_id
    )


def test_the_backbone_never_trains(backbone):
    assert not any(parameter.requires_grad for parameter in backbone.towers.parameters())
    assert not any("logit_scale" in name for name, _ in backbone.towers.named_parameters())


def test_a_random_configuration_has_its_own_logit_scale(backbone):
    assert backbone.logit_scale == pytest.approx(np.exp(2.6592), rel=1e-4)


@torch.no_grad()
def test_class_features_are_unit_means_of_units(backbone):
    candidate = Candidate("annual_crop", "d", ("a photo of {}.", "{} from above."))
    rows = l2_normalize(
        backbone.text_features(["a photo of annual crop.", "annual crop from above."])
    )
    assert torch.allclose(
        backbone.class_features([candidate])[0], l2_normalize(rows.mean(dim=0)), atol=1e-6
    )
    assert torch.allclose(backbone.class_features([candidate], templates=1)[0], rows[0], atol=1e-6)


@torch.no_grad()
def test_copies_of_a_template_change_nothing(backbone):
    once, thrice = (Candidate("lake", "d", ("a {}.",) * times) for times in (1, 3))
    assert torch.allclose(
        backbone.class_features([once]), backbone.class_features([thrice]), atol=1e-6
    )


@pytest.mark.parametrize("size", [(64, 64), (40, 90), (333, 50), (40, 40), (41, 40), (100, 77)])
def test_preprocessing_equals_transformers_own_to_the_byte(folder, backbone, size):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    processor = CLIPImageProcessorPil.from_pretrained(folder)
    expected = processor(
        Image.fromarray(image), do_rescale=False, do_normalize=False, return_tensors="np"
    )["pixel_values"][0]
    assert np.array_equal(backbone.preprocessing(image), expected)


def test_both_published_forms_of_a_preprocessing_file_are_read(tmp_path):
    newer = {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}
    older = {"size": 224, "crop_size": 224}
    common = {
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "resample": 3,
    }
    for content in (newer, older):
        (tmp_path / "p.json").write_text(json.dumps({**content, **common}))
        read = read_preprocessing(tmp_path / "p.json")
        assert read == Preprocessing(
            224, 224, tuple(common["image_mean"]), tuple(common["image_std"])
        )


SETTINGS = {
    "size": {"shortest_edge": 32},
    "crop_size": {"height": 32, "width": 32},
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
    "rescale_factor": 1 / 255,
}


def test_pixels_that_are_not_normalised_equal_transformers_own(folder, tmp_path):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    copy = edited_copy(
        folder, tmp_path, "preprocessor_config.json", json.dumps(SETTINGS | {"do_normalize": False})
    )
    image = np.random.default_rng(0).integers(0, 256, (40, 52, 3), dtype=np.uint8)
    processor = CLIPImageProcessorPil.from_pretrained(copy)
    expected = processor(Image.fromarray(image), return_tensors="pt")["pixel_values"][0]
    own = read_preprocessing(copy / "preprocessor_config.json")
    pixels = torch.from_numpy(own(image)).float() / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (own.mean, own.std))
    assert torch.allclose((pixels - mean) / std, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"do_rescale": False}, "do_rescale is False"),
        ({"do_resize": False}, "do_resize is False"),
        ({"do_center_crop": False}, "do_center_crop is false"),
        ({"rescale_factor": 1 / 127.5}, "rescale_factor is 0.0078"),
        ({"crop_size": {"height": 32, "width": 24}}, "only squares are read"),
    ],
    ids=str,
)
def test_a_step_that_is_not_done_here_is_refused_by_name(tmp_path, changed, told):
    (tmp_path / "p.json").write_text(json.dumps(SETTINGS | changed))
    with pytest.raises(Damage, match=told):
        read_preprocessing(tmp_path / "p.json")


def test_one_flipped_byte_in_the_embedded_weights_is_found_and_named(tmp_path, monkeypatch):
    copy = tmp_path / "tiny-clip"
    shutil.copytree(assets(), copy)
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(bytes(data))
    monkeypatch.setattr("clvl_bench.backbones.catalog.places.assets", lambda: copy)
    with pytest.raises(
        Damage, match=r"model\.safetensors: sha256 is [0-9a-f]{8}, recorded [0-9a-f]{8}"
    ):
        load_backbone("tiny")


def test_names_that_nobody_has_and_folders_that_hold_nothing(tmp_path, monkeypatch):
    with pytest.raises(Mistake, match="did you mean 'tiny'"):
        load_backbone("tinny")
    with pytest.raises(Mistake, match="unknown backbone"):
        load_backbone("x" * 300)  # no file can be called so
    with pytest.raises(Mistake, match="no such folder"):
        load_backbone(str(tmp_path / "nothing"))
    with pytest.raises(Damage, match=r"no config\.json"):
        load_backbone(str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Missing, match="clvl-bench fetch clip-vit-base-patch32"):
        load_backbone("clip-vit-base-patch32")


def test_a_folder_with_a_broken_weights_file_is_one_line(folder, tmp_path):
    copy = tmp_path / "broken"
    shutil.copytree(folder, copy)
    (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:-7])
    with pytest.raises(Damage, match="cannot be read as a CLIP"):
        load_backbone(str(copy))


def test_weights_that_are_not_in_the_file_are_not_made_up(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    copy = tmp_path / "half"
    shutil.copytree(folder, copy)
    weights = load_file(copy / "model.safetensors")
    weights.pop("text_projection.weight")
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        Damage, match=r"lacks 1 weights of a CLIP, for example text_projection\.weight"
    ):
        load_backbone(str(copy))


def test_towers_can_be_copied_and_trained(backbone):
    import copy

    towers = copy.deepcopy(backbone.towers).requires_grad_(True)
    assert isinstance(towers, ClipTowers)
    towers.image(torch.zeros(1, 3, 40, 40, dtype=torch.uint8)).sum().backward()
    assert all(parameter.grad is None for parameter in backbone.towers.parameters())

"""Each family's small random weights, in their published layout, against the forward of the library
that they come from.
"""

import hashlib
import json
import re
import shutil
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from small_backbones import (
    BIOMED,
    COCA_TEXT,
    FAMILIES,
    MOBILE,
    PE_CORE,
    SIGLIP2,
    VARIANTS,
    VIT,
    gemma_ids,
    lite_model,
    open_clip_model,
    siglip_model,
    write_open_clip,
)
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize, sentence_features
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.backbones.padding import padded
from clvl_bench.backbones.photo import LOGIT_SCALE
from clvl_bench.backbones.siglip import SiglipTowers
from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.data.catalog.prompts import prompts_of
from clvl_bench.methods.full.config import FullConfig
from clvl_bench.methods.kgcoop.config import KgCoOpConfig
from clvl_bench.methods.lora.config import LoraConfig
from clvl_bench.methods.lora_merged.config import LoraMergedConfig
from clvl_bench.methods.lora_per_experience.config import LoraPerExperienceConfig
from clvl_bench.methods.olora.config import OLoraConfig
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.registry import build_adapter

TEXTS = ["A photo of a forest.", "a river", "an aerial photo of a lake from above in winter.", "x"]
CANONICAL = [
    "a photo of a forest",
    "a river",
    "an aerial photo of a lake from above in winter",
    "x",
]
"""The same in lower case and without punctuation, as SigLIP's authors clean texts."""
TABLE = tuple(Candidate(name, "d", ("a photo of a {}.",)) for name in ("forest", "lake", "boat"))
CONFIGS = {
    "open_clip_vit": VIT,
    "biomedclip": BIOMED,
    "mobileclip": MOBILE,
    "closed_text": COCA_TEXT,
    "pe_core": PE_CORE,
    "open_clip_siglip2": SIGLIP2,
}
LAYOUTS = {**FAMILIES, **VARIANTS}
TRANSFORMERS = [
    (name, how) for name in ("clip", "legacy_clip", "siglip") for how in ("eager", "sdpa")
]


@dataclass(frozen=True)
class PseudoLabels:
    """What the library says of some pixels and of the texts, and how it names its logits."""

    images: Tensor
    texts: Tensor
    logits: Tensor


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    kept: dict[str, Any] = {}

    def write(name):
        if name not in kept:
            kept[name] = LAYOUTS[name](tmp_path_factory.mktemp("family") / name)
        return kept[name]

    return write


@pytest.fixture(scope="module", params=list(LAYOUTS))
def family(request, written):
    return request.param, written(request.param)


@pytest.fixture(scope="module")
def backbone(family):
    return load_backbone(str(family[1]))


def pixels_for(backbone, count=3):
    size = backbone.preprocessing.crop
    return torch.randint(
        0,
        256,
        (count, 3, size, size),
        dtype=torch.uint8,
        generator=torch.Generator().manual_seed(0),
    )


def normal(backbone, pixels):
    mean, std = (
        torch.tensor(values).view(1, 3, 1, 1)
        for values in (backbone.preprocessing.mean, backbone.preprocessing.std)
    )
    return (pixels / 255 - mean) / std


@torch.no_grad()
def library(name, folder, backbone, pixels, how="sdpa"):
    """Through transformers, open_clip or timm alone; texts padded as each publishes it."""
    inputs = normal(backbone, pixels)
    if name == "photo":
        return assembled(folder, inputs)
    if name in CONFIGS:
        import open_clip

        model = open_clip_model(CONFIGS[name], folder.with_name("bert_config"))
        context = CONFIGS[name]["text_cfg"]["context_length"]
        if name == "open_clip_siglip2":
            ids = gemma_ids(folder, CANONICAL, context)
        elif hasattr(backbone, "_token_ids") and "hf_tokenizer_name" in CONFIGS[name]["text_cfg"]:
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(folder)
            ids = tokenizer(
                TEXTS,
                padding="max_length",
                max_length=context,
                truncation=True,
                return_tensors="pt",
            ).input_ids
        else:
            ids = open_clip.tokenize(TEXTS, context_length=context)
        logits = model.get_logits(inputs, ids)[0]
        return PseudoLabels(model.encode_image(inputs), model.encode_text(ids), logits)
    from transformers import CLIPModel, SiglipModel

    of_siglip = name.startswith("siglip")
    kind, padding = (SiglipModel, "max_length") if of_siglip else (CLIPModel, True)
    model = kind.from_pretrained(folder, attn_implementation=how).eval()
    words = {"max_length": 64} if of_siglip else {}
    if name == "siglip2":
        ids = gemma_ids(folder, [text.lower() for text in TEXTS], 64)
    else:
        ids = backbone._tokenizer(TEXTS, padding=padding, return_tensors="pt", **words).input_ids
    images = model.get_image_features(pixel_values=inputs).pooler_output
    return PseudoLabels(
        images,
        model.get_text_features(input_ids=ids).pooler_output,
        model(input_ids=ids, pixel_values=inputs).logits_per_image,
    )


def assembled(folder, inputs):
    """photo by its formula, from timm's map before pooling and what transformers says of the
    sentences and of ImageNet's names.
    """
    from transformers import BertModel, BertTokenizer

    bert = BertModel.from_pretrained(folder).eval()
    tokenizer = BertTokenizer.from_pretrained(folder)

    def sentences(texts):
        words = tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors="pt")
        seen = words.attention_mask[..., None]
        return l2_normalize((bert(**words).last_hidden_state * seen).sum(1) / seen.sum(1))

    model = lite_model()
    images = model.forward_features(inputs).mean(dim=(2, 3))
    anchors = sentences(list(prompts_of("clip_benchmark", "imagenet").classes.values()))
    middle = anchors.mean(dim=0)
    cosines = torch.nn.functional.cosine_similarity(
        (sentences(TEXTS) - middle)[:, None], (anchors - middle)[None], dim=-1
    )
    rows = model.classifier.weight
    texts = l2_normalize((cosines / 0.1).softmax(dim=-1) @ (rows - rows.mean(dim=0)))
    return PseudoLabels(images, texts, LOGIT_SCALE * l2_normalize(images) @ texts.T)


def near(ours, theirs):
    """To 1e-5 of the largest value."""
    return torch.allclose(ours, theirs, atol=1e-5 * max(1.0, theirs.abs().max().item()))


def agrees(backbone, said, pixels):
    images, texts = backbone.image_features(pixels), backbone.text_features(TEXTS)
    assert near(images, said.images)
    assert near(texts, said.texts)
    assert near(
        backbone.logit_scale * l2_normalize(images) @ l2_normalize(texts).T + backbone.logit_bias,
        said.logits,
    )


def test_the_parts_of_the_image_tower_are_what_images_go_through_and_texts_do_not(backbone):
    towers = deepcopy(backbone.towers).requires_grad_(True)
    parts = tuple(f"{part}." for part in towers.image_parts)
    tokens = backbone.tokenize(TEXTS)
    for features, through_image in (
        (towers.image(pixels_for(backbone)), True),
        (towers.sentences(tokens.ids, tokens.ends), False),
    ):
        towers.zero_grad()
        features.square().sum().backward()
        reached = [name for name, each in towers.named_parameters() if each.grad is not None]
        assert reached
        assert all(name.startswith(parts) == through_image for name in reached)


def test_of_the_image_tower_alone_the_texts_stay_and_nothing_of_them_is_kept(backbone):
    twice = tuple(Candidate(each.name, "d", ("a photo of a {}.", "a {}")) for each in TABLE)
    adapter = build_adapter(FullConfig(towers="image"), backbone, twice, seed=0)
    assert torch.equal(adapter.train().classifier((0, 1, 2)), backbone.class_features(twice))
    adapter.eval()
    with torch.no_grad():
        for weight in adapter.parameters():
            weight.add_(0.01 if weight.requires_grad else 0.0)
    state = {name: value.clone() for name, value in adapter.state().items()}
    other = build_adapter(FullConfig(towers="image"), backbone, twice, seed=0)
    other.load(state)
    pixels = pixels_for(backbone)
    assert torch.equal(other.eval().logits(pixels, (0, 1)), adapter.logits(pixels, (0, 1)))
    both = build_adapter(FullConfig(), backbone, TABLE, seed=0)
    words = both.kept_bytes() - adapter.kept_bytes()
    trained = sum(each.nbytes for each in adapter.parameters() if each.requires_grad)
    assert words > 0
    assert adapter.kept_bytes() >= trained


def test_features_and_logits_are_the_librarys_own(family, backbone):
    pixels = pixels_for(backbone)
    agrees(backbone, library(*family, backbone, pixels), pixels)


@pytest.mark.parametrize(
    ("name", "how"), TRANSFORMERS, ids=[f"{name}-{how}" for name, how in TRANSFORMERS]
)
def test_with_either_attention_of_transformers(name, how, written):
    backbone = load_backbone(str(written(name)))
    for tower in (backbone.towers.vision_model, backbone.towers.text_model):
        tower.set_attn_implementation(how)
    pixels = pixels_for(backbone)
    agrees(backbone, library(name, written(name), backbone, pixels, how=how), pixels)


@torch.no_grad()
def test_the_text_tower_on_embeddings_says_what_it_says_on_ids(family, backbone):
    if not backbone.towers.reads_embeddings:
        pytest.skip("declared: this text tower reads token ids alone")
    tokens = backbone.tokenize(TEXTS)
    said = library(*family, backbone, pixels_for(backbone)).texts
    embeddings = backbone.towers.embed(tokens.ids)
    assert embeddings.shape == (*tokens.ids.shape, backbone.token_width)
    assert near(backbone.towers.text(embeddings, tokens.ends), said)
    places = torch.arange(embeddings.shape[1])
    junk = torch.where(
        (places > tokens.ends[:, None])[..., None], torch.randn_like(embeddings), embeddings
    )
    assert near(backbone.towers.text(junk, tokens.ends), said), (
        "what stands behind the end does not matter"
    )


@torch.no_grad()
def test_cut_texts_say_what_uncut_ones_do(backbone):
    alone = torch.cat([backbone.text_features([text]) for text in TEXTS])
    assert near(backbone.text_features(TEXTS), alone)


@torch.no_grad()
def test_patches_come_with_the_pooled_token_in_one_width(backbone):
    pixels = pixels_for(backbone)
    patches, pooled = backbone.towers.patches(pixels)
    assert patches.shape == (3, patches.shape[1], backbone.width)
    assert patches.shape[1] > 1
    assert near(pooled, backbone.image_features(pixels))
    other = pixels.clone()
    other[:, :, : pixels.shape[2] // 2] = 255 - other[:, :, : pixels.shape[2] // 2]
    assert not near(backbone.towers.patches(other)[0], patches)


@torch.no_grad()
def test_clips_patches_go_through_the_last_norm_and_the_projection(written):
    from transformers import CLIPModel

    folder = written("clip")
    backbone, model = load_backbone(str(folder)), CLIPModel.from_pretrained(folder).eval()
    pixels = pixels_for(backbone)
    hidden = model.vision_model(
        pixel_values=normal(backbone, pixels), output_hidden_states=True
    ).hidden_states[-1]
    expected = model.visual_projection(model.vision_model.post_layernorm(hidden))
    patches, pooled = backbone.towers.patches(pixels)
    assert near(torch.cat([pooled[:, None], patches], dim=1), expected)


@torch.no_grad()
@pytest.mark.parametrize("name", ["mobileclip", "photo"])
def test_an_averaged_map_is_the_mean_of_its_patches(name, written):
    backbone = load_backbone(str(written(name)))
    patches, pooled = backbone.towers.patches(pixels_for(backbone))
    assert near(patches.mean(dim=1), pooled)


def test_the_bias_is_the_published_one_and_softmax_does_not_see_it(written):
    backbone = load_backbone(str(written("siglip")))
    assert backbone.logit_bias == pytest.approx(-12.9)
    logits = torch.randn(4, 5)
    assert torch.allclose(
        (logits + backbone.logit_bias).softmax(dim=-1), logits.softmax(dim=-1), atol=1e-6
    )


@torch.no_grad()
@pytest.mark.parametrize("name", ["siglip2", "open_clip_siglip2"])
def test_capitals_say_nothing_to_siglip_2_whose_files_name_a_tokenizer_that_keeps_them(
    name, written
):
    backbone = load_backbone(str(written(name)))
    assert json.loads((written(name) / "tokenizer_config.json").read_text())["tokenizer_class"] == (
        "GemmaTokenizer"
    )
    said = backbone.text_features(["A Photo of a FOREST", "a photo of a forest"])
    assert torch.equal(said[0], said[1])


def test_a_cleaning_of_texts_that_is_not_known_is_refused(written, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(written("open_clip_siglip2"), copy)
    config = json.loads((copy / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"]["clean"] = "lower"
    (copy / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(Damage, match="read is clean, as 'whitespace' or 'canonicalize'"):
        load_backbone(str(copy))


@torch.no_grad()
def test_siglips_text_tower_without_its_tokenizer():
    """What needs no sentence pieces: the towers alone, on random ids that end in different
    places.
    """
    model = siglip_model()
    towers = SiglipTowers(model, pad=1, mean=(0.5,) * 3, std=(0.5,) * 3).eval()
    ids = torch.randint(3, 60, (3, 9))
    ends = torch.tensor([8, 3, 5])
    whole = torch.ones(3, 64, dtype=torch.long)
    for row, end in enumerate(ends.tolist()):
        whole[row, :end] = ids[row, :end]
        ids[row, end] = 1
    said = model.get_text_features(input_ids=whole).pooler_output
    assert near(towers.sentences(ids, ends), said)


def test_padding_replaces_what_stands_behind_the_end_and_nothing_else():
    embeddings, pad = torch.randn(2, 3, 4), torch.zeros(4)
    whole = padded(embeddings, torch.tensor([0, 2]), pad, 5)
    assert whole.shape == (2, 5, 4)
    assert torch.equal(whole[0, :1], embeddings[0, :1])
    assert torch.equal(whole[1, :3], embeddings[1])
    assert not whole[0, 1:].any()
    assert not whole[1, 3:].any()


@pytest.mark.parametrize("config", [PromptConfig(), KgCoOpConfig()], ids=lambda config: config.kind)
def test_who_learns_words_refuses_a_tower_that_reads_none_in_one_line(config, written):
    backbone = load_backbone(str(written("closed_text")))
    assert backbone.token_width == 0
    with pytest.raises(
        Mistake,
        match=rf"the adapter '{config.kind}' learns words, but the text tower of closed_text",
    ) as refused:
        build_adapter(config, backbone, TABLE, seed=0)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("biomedclip", None),
        ("mobileclip", "use another adapter"),
        ("siglip", None),
        ("photo", "allowed there: adapter.towers = text"),
    ],
)
def test_lora_finds_the_projections_of_each_tower_or_says_which_have_none(name, mend, written):
    backbone = load_backbone(str(written(name)))
    if mend is not None:
        for config in (LoraConfig(), LoraMergedConfig(), OLoraConfig(), LoraPerExperienceConfig()):
            said = (
                f"the adapter '{config.kind}' needs query and value projections, .* has none of "
                f"its own; {mend}"
            )
            with pytest.raises(Mistake, match=said):
                build_adapter(config, backbone, TABLE, seed=0)
        return
    for towers, inside in (("image", r"vis"), ("text", r"text_model|words")):
        adapter = build_adapter(LoraConfig(towers=towers), backbone, TABLE, seed=0)
        names = [name for name, weight in adapter.named_parameters() if weight.requires_grad]
        assert names
        assert all(re.search(inside, name) for name in names)


@pytest.mark.parametrize("size", [(40, 40), (40, 90), (333, 50), (100, 77)])
def test_siglips_preprocessing_is_transformers_own_to_the_byte(size, written):
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    folder = written("siglip")
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    processor = SiglipImageProcessorPil.from_pretrained(folder)
    expected = processor(
        Image.fromarray(image), do_rescale=False, do_normalize=False, return_tensors="np"
    )["pixel_values"][0]
    assert np.array_equal(load_backbone(str(folder)).preprocessing(image), expected)


@pytest.mark.parametrize("name", ["biomedclip", "mobileclip"])
@pytest.mark.parametrize("size", [(64, 64), (160, 190), (333, 50)])
def test_open_clips_preprocessing_is_its_own(name, size, written):
    open_clip = pytest.importorskip(
        "open_clip", reason="open_clip_torch is not installed: the extra 'open-clip'"
    )
    backbone = load_backbone(str(written(name)))
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    told = {"mean": backbone.preprocessing.mean, "std": backbone.preprocessing.std}
    interpolation = "bilinear" if name == "mobileclip" else "bicubic"
    transform = open_clip.image_transform(
        backbone.preprocessing.crop, is_train=False, interpolation=interpolation, **told
    )
    expected = transform(Image.fromarray(image))
    ours = normal(backbone, torch.from_numpy(backbone.preprocessing(image))[None])[0]
    assert torch.allclose(ours, expected, atol=1e-5)


def test_weights_of_another_configuration_are_one_line(written, tmp_path):
    copy = tmp_path / "other"
    shutil.copytree(written("open_clip_vit"), copy)
    config = json.loads((copy / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["layers"] = 3
    (copy / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(Damage, match="its weights are not those of its configuration") as refused:
        load_backbone(str(copy))
    assert len(str(refused.value).splitlines()) == 1


def test_a_copy_with_code_of_its_own_beside_is_read_as_open_clip_published_it(written, tmp_path):
    """BiomedCLIP's repository offers a `config.json` that says CLIP and needs its code, and weights
    of other names.
    """
    copy = tmp_path / "biomedclip"
    shutil.copytree(written("biomedclip"), copy)
    theirs = {
        "model_type": "clip",
        "auto_map": {"AutoModel": "modeling.M"},
        "text_config": {"model_type": "bert"},
    }
    (copy / "config.json").write_text(json.dumps(theirs))
    (copy / "pytorch_model.bin").write_bytes(b"weights of other names")
    (copy / "modeling.py").write_text("raise SystemExit")
    backbone, alone = load_backbone(str(copy)), load_backbone(str(written("biomedclip")))
    assert torch.equal(backbone.text_features(TEXTS), alone.text_features(TEXTS))
    said = hashlib.sha256((copy / "open_clip_model.safetensors").read_bytes()).hexdigest()
    assert backbone.weights_sha256 == said, "the hash on the record is of the file that was read"


def test_unimed_clips_state_dict_is_read_beside_a_configuration(tmp_path):
    """As its authors' code saves and builds it: a plain ViT with OpenAI's activation and a BERT
    that is called `text_encoder`, in a training script's wrapper (mbzuai-oryx/UniMed-CLIP).
    """
    vision = {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
    config = {**BIOMED, "quick_gelu": True, "vision_cfg": vision}
    named_as_open_clips = write_open_clip(tmp_path / "plain", config)
    copy = tmp_path / "unimed"
    shutil.copytree(named_as_open_clips, copy)
    weights = load_file(copy / "open_clip_model.safetensors")
    theirs = {
        f"module.{name.replace('text.', 'text_encoder.', 1)}": tensor
        for name, tensor in weights.items()
    }
    assert "module.text_encoder.proj.0.weight" in theirs
    content = {"epoch": 4, "name": "b16_400m", "state_dict": theirs}
    torch.save(content, copy / "open_clip_pytorch_model.bin")
    (copy / "open_clip_model.safetensors").unlink()
    backbone, plain = load_backbone(str(copy)), load_backbone(str(named_as_open_clips))
    assert torch.equal(backbone.text_features(TEXTS), plain.text_features(TEXTS))
    images = pixels_for(plain)
    assert torch.equal(backbone.image_features(images), plain.image_features(images))


@torch.no_grad()
def test_random_sentences_keep_to_the_vocabulary_whether_or_not_texts_have_a_start(backbone):
    from clvl_bench.methods.lwf.plugin import gibberish

    tokens, edges = gibberish(backbone, 200, 0), backbone.tokenize([""]).ids[0].tolist()
    assert tokens.ids.shape == (200, 10 + len(edges))
    assert [tokens.ids[:, place].unique().tolist() for place in (*range(len(edges) - 1), -1)] == [
        [edge] for edge in edges
    ]
    assert tokens.ends.unique().tolist() == [9 + len(edges)]
    assert torch.isfinite(sentence_features(backbone.towers, tokens)).all()

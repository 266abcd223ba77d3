"""Small random backbones of each family, written in exactly the layout in which such weights are
published.
"""

import json
import string
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CORPUS = [
    "a photo of a forest",
    "an aerial photo of a river",
    "a satellite photo of annual crop land",
    "a chest x-ray of a lung",
    "a drawing of a boat",
    "highway and residential area",
    "pneumonia in the left lobe",
    "the lake from above in winter",
]


def write_clip(
    folder: Path,
    *,
    text: dict[str, Any] | None = None,
    seed: int = 0,
    projection: int = 24,
    **whole: Any,
) -> Path:
    """transformers' CLIP; `text` goes into its text configuration. Towers of different widths, as
    TinyCLIP's are.
    """
    import shutil

    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    from clvl_bench.backbones.catalog import assets

    tokenizer = CLIPTokenizer.from_pretrained(assets())
    words = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    size = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": projection,
    }
    config = CLIPConfig(
        text_config={**size, **words, "max_position_embeddings": 77, **(text or {})},
        vision_config={**size, "hidden_size": 48, "image_size": 40, "patch_size": 8},
        projection_dim=projection,
        **whole,
    )
    torch.manual_seed(seed)
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    shutil.copy(assets() / "preprocessor_config.json", folder)
    return folder


def write_legacy_clip(folder: Path) -> Path:
    """As OpenAI's: weights in pytorch_model.bin with their `position_ids`, `eos_token_id = 2`, the
    older preprocessing.
    """
    import torch
    from safetensors.torch import load_file

    write_clip(
        folder,
        text={"eos_token_id": 2, "bos_token_id": 0, "pad_token_id": 1, "hidden_act": "quick_gelu"},
    )
    weights = load_file(folder / "model.safetensors")
    weights["text_model.embeddings.position_ids"] = torch.arange(40)[None]
    weights["vision_model.embeddings.position_ids"] = torch.arange(26)[None]
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    pixels = {
        "crop_size": 40,
        "size": 40,
        "image_mean": MEAN,
        "image_std": STD,
        "resample": 3,
        "do_center_crop": True,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


def siglip_model(vocabulary: int = 60) -> Any:
    """A small random SigLIP; its bias as far from 0 as the published one's."""
    import torch
    from transformers import SiglipConfig, SiglipModel

    size = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    torch.manual_seed(0)
    model = SiglipModel(
        SiglipConfig(
            text_config={
                **size,
                "vocab_size": vocabulary,
                "max_position_embeddings": 64,
                "projection_size": 32,
            },
            vision_config={**size, "image_size": 40, "patch_size": 8},
        )
    )
    model.logit_bias.data.fill_(-12.9)
    model.logit_scale.data.fill_(4.7)
    return model.eval()


def write_siglip(folder: Path) -> Path:
    """transformers' SigLIP with a sentence-piece vocabulary of its own: pad, end and unknown as
    c4's, no start, no prefix.
    """
    spm = pytest.importorskip(
        "sentencepiece", reason="SigLIP's tokenizer needs sentencepiece: the extra 'siglip'"
    )
    from transformers import SiglipTokenizer

    folder.mkdir(exist_ok=True)
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 20),
        model_prefix=str(folder / "spiece"),
        vocab_size=60,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        add_dummy_prefix=False,
        minloglevel=9,
        hard_vocab_limit=False,
    )
    tokenizer = SiglipTokenizer(str(folder / "spiece.model"), model_max_length=64)
    siglip_model(max(60, len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "spiece.vocab").unlink()
    pixels = {
        "size": {"height": 40, "width": 40},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "resample": 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


def write_gemma_tokenizer(folder: Path) -> None:
    """Gemma's kind of byte pairs as SigLIP 2 publishes them: tokenizer.json with an end and no
    start, and a tokenizer_config.json that names Gemma's class, which keeps capitals.
    """
    from tokenizers import (
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    letters = sorted({*string.ascii_letters, *string.digits, *".,-!?'", "\u2581"})
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=120, special_tokens=special, initial_alphabet=letters, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "add_bos_token": False,
        "add_eos_token": True,
        "bos_token": "<bos>",
        "clean_up_tokenization_spaces": False,
        "eos_token": "<eos>",
        "model_max_length": 1000000000000000019884624838656,
        "pad_token": "<pad>",
        "padding_side": "right",
        "processor_class": "SiglipProcessor",
        "tokenizer_class": "GemmaTokenizer",
        "unk_token": "<unk>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def gemma_ids(folder: Path, texts: list[str], length: int) -> Any:
    """What the tokenizer's file alone makes of texts, padded behind their end."""
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=length, pad_id=0, pad_token="<pad>")
    return torch.tensor([each.ids for each in tokenizer.encode_batch(texts)])


GEMMA_WORDS = 128
"""Rows of words of a small model that reads them: the vocabulary, rounded up."""


def write_siglip2(folder: Path) -> Path:
    """transformers' SigLIP 2 of fixed size: a SigLIP, with Gemma's tokenizer in its place."""
    folder.mkdir(exist_ok=True)
    siglip_model(GEMMA_WORDS).save_pretrained(folder)
    write_gemma_tokenizer(folder)
    pixels = {
        "do_normalize": True,
        "image_processor_type": "SiglipImageProcessor",
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "resample": 2,
        "size": {"height": 40, "width": 40},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


BIOMED: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {
        "timm_model_name": "test_vit",
        "timm_model_pretrained": False,
        "timm_pool": "",
        "timm_proj": "linear",
        "image_size": 160,
    },
    "text_cfg": {
        "hf_model_name": "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract",
        "hf_tokenizer_name": "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract",
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 24,
    },
}
PE_CORE: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {
        "image_size": 64,
        "timm_model_name": "small_pe_core",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": None,
    },
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    "custom_text": True,
}
SIGLIP2: dict[str, Any] = {
    "embed_dim": 64,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 64,
        "timm_model_name": "small_siglip_vit",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": "none",
    },
    "text_cfg": {
        "context_length": 64,
        "vocab_size": GEMMA_WORDS,
        "hf_tokenizer_name": "timm/ViT-B-16-SigLIP2",
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "width": 64,
        "heads": 2,
        "layers": 2,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "norm_kwargs": {"eps": 1e-6},
        "act_kwargs": {"approximate": "tanh"},
    },
}
"""SigLIP 2 as timm's makers publish it: another layout, and texts without their punctuation."""
MOBILE: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {
        "timm_model_name": "fastvit_t8",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": None,
        "timm_drop": 0.0,
        "timm_drop_path": 0.0,
        "image_size": 64,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
        "no_causal_mask": True,
    },
    "custom_text": True,
}
VIT: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 40, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
COCA_TEXT: dict[str, Any] = {
    **VIT,
    "text_cfg": {**VIT["text_cfg"], "embed_cls": True},
    "custom_text": True,
}


def register_small_towers() -> None:
    """timm's Perception Encoder and its SigLIP tower with the settings of
    `vit_pe_core_tiny_patch16_384` and `vit_base_patch16_siglip_224`, but small, by names that a
    configuration can give.
    """
    import torch
    from timm.models import Eva, VisionTransformer, is_model, register_model

    if is_model("small_pe_core"):
        return
    size = {"img_size": 64, "patch_size": 16, "embed_dim": 64, "depth": 2, "num_heads": 2}

    def small_pe_core(pretrained: bool = False, **asked: Any) -> Any:
        return Eva(
            **size,
            global_pool="map",
            attn_type="rope",
            use_pre_transformer_norm=True,
            use_rot_pos_emb=True,
            ref_feat_shape=(4, 4),
            rope_grid_offset=1.0,
            rope_grid_indexing="xy",
            attn_pool_num_heads=2,
            attn_pool_mlp_ratio=4.0,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-5),
            num_classes=asked["num_classes"],
        )

    def small_siglip_vit(pretrained: bool = False, **asked: Any) -> Any:
        return VisionTransformer(**size, class_token=False, global_pool="map", num_classes=0)

    register_model(small_pe_core)
    register_model(small_siglip_vit)


def open_clip_model(config: dict[str, Any], place: Path) -> Any:
    """A small random model as open_clip builds it, its BERT of the shape of `bert_config`."""
    pytest.importorskip(
        "open_clip", reason="open_clip_torch is not installed: the extra 'open-clip'"
    )
    import torch
    from open_clip.model import CLIP, CustomTextCLIP

    if config in (PE_CORE, SIGLIP2):
        register_small_towers()
    text = dict(config["text_cfg"])
    if "hf_model_name" in text:
        place.mkdir(parents=True, exist_ok=True)
        (place / "config.json").write_text(json.dumps(BERT))
        text |= {"hf_model_name": str(place), "hf_model_pretrained": False}
    torch.manual_seed(0)
    kind = CustomTextCLIP if config.get("custom_text") or "hf_model_name" in text else CLIP
    model = kind(
        embed_dim=config["embed_dim"],
        vision_cfg=dict(config["vision_cfg"]),
        text_cfg=text,
        init_logit_bias=config.get("init_logit_bias"),
    )
    return model.eval()


BERT = {
    "model_type": "bert",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 1,
    "intermediate_size": 128,
    "vocab_size": 90,
    "max_position_embeddings": 32,
    "type_vocab_size": 2,
}


def write_open_clip(folder: Path, config: dict[str, Any], **pixels: Any) -> Path:
    """As open_clip publishes to the hub: its configuration, one file of weights, a tokenizer where
    it is not CLIP's.
    """
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    model = open_clip_model(config, folder.with_name("bert_config"))
    preprocess = {
        "mean": MEAN,
        "std": STD,
        "interpolation": "bicubic",
        "resize_mode": "shortest",
        **pixels,
    }
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    )
    weights = {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    if "hf_model_name" in config["text_cfg"]:
        _write_word_pieces(folder)
    elif "hf_tokenizer_name" in config["text_cfg"]:
        write_gemma_tokenizer(folder)
    return folder


def _write_word_pieces(folder: Path) -> None:
    """BERT's tokenizer over the corpus's words and letters."""
    from transformers import BertTokenizer

    words = sorted({word for line in CORPUS for word in line.replace("-", " - ").split()})
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        ".",
        *dict.fromkeys([*words, *letters, *(f"##{c}" for c in letters)]),
    ]
    pieces = pieces[: BERT["vocab_size"]]
    BertTokenizer(
        vocab={piece: number for number, piece in enumerate(pieces)}, do_lower_case=True
    ).save_pretrained(folder)


LITE_STAGES = [
    ["ds_r1_k3_s1_e1_c16"],
    ["ir_r2_k3_s2_e6_c24"],
    ["ir_r2_k5_s2_e6_c40"],
    ["ir_r3_k3_s2_e6_c80"],
    ["ir_r3_k5_s1_e6_c112"],
    ["ir_r4_k5_s2_e6_c192"],
    ["ir_r1_k3_s1_e6_c320"],
]
"""EfficientNet-Lite0 in timm's words: repeats, kernel, stride, expansion, width."""


def lite_model() -> Any:
    """A narrow EfficientNet-Lite0 of timm's: random weights, norms that have seen random pixels.
    (Statistics that fit no activations let rounding grow from layer to layer.)
    """
    timm = pytest.importorskip("timm", reason="timm is not installed: the extra 'open-clip'")
    import torch
    from timm.models._efficientnet_builder import decode_arch_def, round_channels

    torch.manual_seed(0)
    model = timm.models.EfficientNet(
        decode_arch_def(LITE_STAGES),
        num_features=48,
        stem_size=8,
        fix_stem=True,
        pad_type="same",
        act_layer=torch.nn.ReLU6,
        norm_layer=partial(torch.nn.BatchNorm2d, eps=1e-3),
        round_chs_fn=partial(round_channels, multiplier=0.1),
    )
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.randn(8, 3, 64, 64))
    return model.eval()


LITE_NAMES = {
    "depthwise": {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv"},
    "inverted": {
        "conv_pw": "_expand_conv",
        "bn1": "_bn0",
        "conv_dw": "_depthwise_conv",
        "bn2": "_bn1",
        "conv_pwl": "_project_conv",
        "bn3": "_bn2",
    },
    "root": {
        "conv_stem": "_conv_stem",
        "bn1": "_bn0",
        "conv_head": "_conv_head",
        "bn2": "_bn1",
        "classifier": "_fc",
    },
}
"""timm's names of what the published file calls otherwise; a norm of the first block is `_bn2` in
both."""


def lite_weights(model: Any) -> dict[str, Any]:
    """The weights of timm's model under the names of the published file, which counts its blocks
    through.
    """
    blocks = [
        f"{stage}.{number}" for stage, of in enumerate(model.blocks) for number in range(len(of))
    ]
    weights = {}
    for name, tensor in model.state_dict().items():
        parts = name.split(".")
        if parts[0] != "blocks":
            weights[".".join([LITE_NAMES["root"][parts[0]], *parts[1:]])] = tensor
            continue
        number = blocks.index(".".join(parts[1:3]))
        names = LITE_NAMES["inverted" if number else "depthwise"]
        layer = names.get(parts[3], f"_{parts[3]}")
        weights[".".join(["_blocks", str(number), layer, *parts[4:]])] = tensor
    return weights


def write_photo(folder: Path) -> Path:
    """photo: the classifier's state dict as its package has it, beside a sentence encoder as
    sentence-transformers publishes it.
    """
    import torch
    from transformers import BertConfig, BertModel

    folder.mkdir(exist_ok=True)
    torch.save(lite_weights(lite_model()), folder / "efficientnet-lite0-57934424.pth")
    torch.manual_seed(1)
    BertModel(BertConfig(**BERT)).save_pretrained(folder)
    _write_word_pieces(folder)
    pixels = {
        "crop_size": 64,
        "size": 64,
        "image_mean": [127 / 255] * 3,
        "image_std": [128 / 255] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "clip": write_clip,
    "legacy_clip": write_legacy_clip,
    "siglip": write_siglip,
    "open_clip_vit": lambda folder: write_open_clip(folder, VIT),
    "biomedclip": lambda folder: write_open_clip(folder, BIOMED),
    "mobileclip": lambda folder: write_open_clip(
        folder, MOBILE, mean=[0, 0, 0], std=[1, 1, 1], interpolation="bilinear"
    ),
    "photo": write_photo,
    "closed_text": lambda folder: write_open_clip(folder, COCA_TEXT),
}
"""The last has a text tower that cannot be asked about embeddings: it puts a token of its own
behind the text."""
VARIANTS: dict[str, Callable[[Path], Path]] = {
    "siglip2": write_siglip2,
    "pe_core": lambda folder: write_open_clip(
        folder,
        PE_CORE,
        mean=[0.5] * 3,
        std=[0.5] * 3,
        interpolation="bilinear",
        resize_mode="squash",
    ),
    "open_clip_siglip2": lambda folder: write_open_clip(
        folder, SIGLIP2, mean=[0.5] * 3, std=[0.5] * 3, resize_mode="squash"
    ),
}
"""Further layouts that the same code reads; the contract tests walk `FAMILIES` alone, once for each
strategy.
"""

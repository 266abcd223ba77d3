"""Small random BLIP and ViLT for questions, written in exactly the layout in which such weights are
published.
"""

import json
from pathlib import Path
from typing import Any

from small_backbones import MEAN, STD

WORDS = """yes no 0 1 2 3 left right ct mri xray what is shown there how many are the a of in image picture nodule lung forest
river which modality round square bright dark ring disc""".split()  # noqa: SIM905
LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
PIECES = list(
    dict.fromkeys(
        [
            "[PAD]",
            "[UNK]",
            "[CLS]",
            "[SEP]",
            "[MASK]",
            "?",
            ".",
            *WORDS,
            *LETTERS,
            *(f"##{letter}" for letter in LETTERS),
        ]
    )
)
SIZE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


def tokenizer() -> Any:
    from transformers import BertTokenizer

    return BertTokenizer(
        vocab={piece: number for number, piece in enumerate(PIECES)}, do_lower_case=True
    )


def blip_model(*, seed: int = 0) -> Any:
    """A random BLIP whose start of an answer is no piece of the vocabulary, as the published one's
    is not.

    Its last bias favours some words and the end, so that answers are of different lengths.
    """
    import torch
    from transformers import BlipConfig, BlipForQuestionAnswering

    text = {
        **SIZE,
        "vocab_size": len(PIECES) + 2,
        "encoder_hidden_size": 32,
        "bos_token_id": len(PIECES),
        "pad_token_id": 0,
        "sep_token_id": PIECES.index("[SEP]"),
        "eos_token_id": 2,
        "max_position_embeddings": 64,
        "projection_dim": 24,
        "is_decoder": True,
        "label_smoothing": 0.0,
        "initializer_range": 0.4,
    }
    vision = {
        **SIZE,
        "image_size": 32,
        "patch_size": 8,
        "projection_dim": 24,
        "initializer_range": 0.4,
    }
    torch.manual_seed(seed)
    model = BlipForQuestionAnswering(
        BlipConfig(text_config=text, vision_config=vision, projection_dim=24)
    )
    likely = {"[SEP]": 9.5, **dict.fromkeys(("yes", "no", "0", "1", "2", "left", "right"), 6.0)}
    with torch.no_grad():
        for piece, more in likely.items():
            model.text_decoder.cls.predictions.bias[PIECES.index(piece)] += more
    return model.eval()


def write_blip(folder: Path, *, seed: int = 0) -> Path:
    """As Salesforce's: config.json, model.safetensors, BERT's tokenizer with vocab.txt, the
    processing of 2022.
    """
    blip_model(seed=seed).save_pretrained(folder)
    _write_tokenizer(folder)
    pixels = {
        "do_normalize": True,
        "do_pad": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": MEAN,
        "image_processor_type": "BlipImageProcessor",
        "image_std": STD,
        "processor_class": "BlipProcessor",
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": 32, "width": 32},
        "size_divisor": 32,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


ANSWERS = ("no", "yes", "1", "2", "left", "right", "0", "frisbee", "two cats")


def vilt_model(*, seed: int = 0) -> Any:
    import torch
    from transformers import ViltConfig, ViltForQuestionAnswering

    torch.manual_seed(seed)
    config = ViltConfig(
        **SIZE,
        vocab_size=len(PIECES),
        max_position_embeddings=12,
        image_size=32,
        patch_size=8,
        max_image_length=-1,
        initializer_range=0.4,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(ANSWERS)),
        label2id={answer: place for place, answer in enumerate(ANSWERS)},
    )
    return ViltForQuestionAnswering(config).eval()


def write_vilt(folder: Path, *, seed: int = 0) -> Path:
    """As dandelin's: the weights in pytorch_model.bin, the processing of 2021 with one number as
    its size.
    """
    import torch

    model = vilt_model(seed=seed)
    model.save_pretrained(folder)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    _write_tokenizer(folder)
    pixels = {
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "ViltFeatureExtractor",
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "resample": 3,
        "size": 32,
        "size_divisor": 8,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


def _write_tokenizer(folder: Path) -> None:
    tokenizer().save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join([*PIECES, ""]), encoding="utf-8")


WRITERS = {"blip-vqa-base": write_blip, "vilt-b32-finetuned-vqa": write_vilt}
"""Small ones in the place of those that are declared."""

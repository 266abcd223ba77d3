"""Small random BLIP, ViLT and SmolVLM for questions, written in exactly the layout in which such weights are
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


SMOL_SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<end_of_utterance>",
    "<fake_token_around_image>",
    "<global-img>",
    "<image>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
]
CHAT = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
"""The published template of a conversation."""


def _write_smol_tokenizer(folder: Path) -> int:
    """GPT-2's kind of byte pairs with the words for tiles behind it; how many words there are."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=SMOL_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f" {word}" for word in WORDS], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "add_prefix_space": False,
        "additional_special_tokens": SMOL_SPECIAL[4:7],
        "bos_token": "<|im_start|>",
        "eos_token": "<end_of_utterance>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "processor_class": "Idefics3Processor",
        "tokenizer_class": "GPT2Tokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return tokenizer.get_vocab_size()


def write_smolvlm(folder: Path, *, seed: int = 0) -> Path:
    """As HuggingFaceTB's: an Idefics3 of tiles, each of few words; its template of conversations in
    a file of its own.
    """
    import torch
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration

    words = _write_smol_tokenizer(folder)
    size = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "initializer_range": 0.4,
    }
    config = Idefics3Config(
        image_token_id=SMOL_SPECIAL.index("<image>"),
        scale_factor=2,
        tie_word_embeddings=False,
        vision_config={**size, "image_size": 32, "patch_size": 8},
        text_config={
            **size,
            "model_type": "llama",
            "vocab_size": words,
            "num_key_value_heads": 1,
            "max_position_embeddings": 512,
            "pad_token_id": SMOL_SPECIAL.index("<|im_end|>"),
        },
    )
    torch.manual_seed(seed)
    Idefics3ForConditionalGeneration(config).save_pretrained(folder)
    pixels = {
        "do_convert_rgb": True,
        "do_image_splitting": True,
        "do_normalize": True,
        "do_pad": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5] * 3,
        "image_processor_type": "Idefics3ImageProcessor",
        "image_std": [0.5] * 3,
        "max_image_size": {"longest_edge": 32},
        "processor_class": "Idefics3Processor",
        "resample": 1,
        "rescale_factor": 0.00392156862745098,
        "size": {"longest_edge": 64},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    processor = {"image_seq_len": 4, "processor_class": "Idefics3Processor"}
    (folder / "processor_config.json").write_text(json.dumps(processor))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": CHAT}))
    return folder


def _write_tokenizer(folder: Path) -> None:
    tokenizer().save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join([*PIECES, ""]), encoding="utf-8")


WRITERS = {
    "blip-vqa-base": write_blip,
    "vilt-b32-finetuned-vqa": write_vilt,
    "smolvlm-256m-instruct": write_smolvlm,
}
"""Small ones in the place of those that are declared."""

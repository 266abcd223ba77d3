"""Recipe: pre-trains the embedded toy CLIP on captioned toy worlds and writes it where the package
looks for it.

A real transformers `CLIPModel` of 0.8 million parameters, trained with the contrastive loss of
Radford et al. 2021, with one difference: pictures that share a caption are all positives of each
other (as in Yang et al. 2022, UniCL), since the toy worlds have few captions. Run with `make
tiny-clip`: about a quarter of an hour on one free core. The same machine and versions give the same
bytes as long as the tokenizer stays; others land within the bands that the tests check.
"""

import argparse
import json
import math
import shutil
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from clvl_bench.backbones.catalog import assets
from clvl_bench.backbones.folders import file_hashes
from clvl_bench.core.files import to_json
from clvl_bench.core.rng import rng
from clvl_bench.data.toy.canvas import SIZE, Dice
from clvl_bench.data.toy.captions import caption
from clvl_bench.data.toy.index import VERSION, WORLDS

PAIRS: dict[str, int] = {
    "postcards": 22000,
    "shapes": 18000,
    "maps": 3000,
    "drawings": 6000,
    "films": 3000,
}
"""Pictures of each world. The dial rho of the domain shift is the share of maps: top views in
another style."""
SETTINGS: dict[str, Any] = {
    "seed": 0,
    "epochs": 12,
    "batch_size": 256,
    "lr": 1e-3,
    "weight_decay": 0.1,
    "warmup_steps": 200,
    "vocabulary": 1200,
    "width": 96,
    "image_layers": 4,
    "text_layers": 2,
    "heads": 4,
    "projection": 64,
    "patch": 8,
    "context": 77,
    "mean": 0.5,
    "std": 0.25,
}


def paint(world: str, start: int, stop: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Pictures [stop - start, size, size, 3] of the pre-training part of a world, and their
    captions.
    """
    pictures = [WORLDS[world].picture("pretraining", index) for index in range(start, stop)]
    captions = [
        caption(world, picture.facts, Dice("caption", VERSION, world, start + offset))
        for offset, picture in enumerate(pictures)
    ]
    return np.stack([picture.image for picture in pictures]), captions


def pairs(processes: int) -> tuple[Tensor, list[str]]:
    """All pre-training pairs: uint8 pixels [n, 3, size, size] and captions."""
    jobs = []
    for world, n in PAIRS.items():
        starts = range(0, n, 500)
        jobs += [(world, start, min(start + 500, n)) for start in starts]
    with get_context("spawn").Pool(processes) as pool:
        painted = pool.starmap(paint, jobs)
    images = np.concatenate([images for images, _ in painted])
    captions: list[str] = []
    for _, some in painted:
        captions += some
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), captions


def train_tokenizer(captions: list[str]) -> CLIPTokenizer:
    """CLIP's own kind of byte-level BPE, on the captions.

    Its end of text is the last id: id 2 would send transformers into its branch for old
    configurations. The trainer breaks ties between equally frequent pairs at random, so that a
    second training may number some tokens otherwise.
    """
    empty = CLIPTokenizer(
        vocab={"<|startoftext|>": 0, "<|endoftext|>": 1}, merges=[]
    ).backend_tokenizer
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    bpe.normalizer = empty.normalizer
    bpe.pre_tokenizer = empty.pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=SETTINGS["vocabulary"],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    bpe.train_from_iterator(sorted(set(captions)), trainer)
    merges = [tuple(merge) for merge in json.loads(bpe.to_str())["model"]["merges"]]
    tokens = [
        *alphabet,
        *(sign + "</w>" for sign in alphabet),
        *("".join(merge) for merge in merges),
    ]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    vocabulary |= {"<|startoftext|>": len(vocabulary), "<|endoftext|>": len(vocabulary) + 1}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=SETTINGS["context"])


def make_model(tokenizer: CLIPTokenizer) -> CLIPModel:
    """The small CLIP, with random weights."""
    shared = {
        "hidden_size": SETTINGS["width"],
        "intermediate_size": 4 * SETTINGS["width"],
        "num_attention_heads": SETTINGS["heads"],
        "projection_dim": SETTINGS["projection"],
    }
    text = {
        **shared,
        "num_hidden_layers": SETTINGS["text_layers"],
        "max_position_embeddings": SETTINGS["context"],
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        **shared,
        "num_hidden_layers": SETTINGS["image_layers"],
        "image_size": SIZE,
        "patch_size": SETTINGS["patch"],
    }
    return CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=SETTINGS["projection"])
    )


def vary(pixels: Tensor) -> Tensor:
    """Small changes of gain, offset and noise, so that features do not hang on exact colours;
    pixels in [0, 255].
    """
    batch = len(pixels)
    gain = (torch.rand(batch, 3, 1, 1) - 0.5) * 0.3 + 1
    offset = (torch.rand(batch, 3, 1, 1) - 0.5) * 0.2
    noise = torch.randn(pixels.shape) * 0.05 * torch.rand(batch, 1, 1, 1)
    return (pixels.float() * gain + (offset + noise) * 255).clamp(0, 255)


def contrastive_loss(images: Tensor, texts: Tensor, of: Tensor, scale: Tensor) -> Tensor:
    """Symmetric contrastive loss of a batch in which several pictures may share a caption.

    Args:
        images: unit features [batch, width].
        texts: unit features of the distinct captions [captions, width].
        of: each picture's caption [batch].
    """
    scores = scale * images @ texts.T
    count = torch.bincount(of, minlength=len(texts)).float()
    # A caption that stands n times in the batch counts n times, as it would in a batch of pairs.
    to_text = torch.nn.functional.cross_entropy(scores + count.log(), of)
    # All pictures of a caption are positives of it, with equal shares.
    rows = torch.arange(len(images))
    shares = torch.zeros(len(texts), len(images)).index_put((of, rows), 1 / count[of])
    to_image = -((scores.T.log_softmax(dim=1) * shares).sum(dim=1) * count).sum() / len(images)
    return (to_text + to_image) / 2


def train(model: CLIPModel, pixels: Tensor, ids: Tensor, of: Tensor) -> None:
    """Follow the gradient for the epochs of the settings."""
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=SETTINGS["lr"],
        weight_decay=SETTINGS["weight_decay"],
        betas=(0.9, 0.98),
    )
    size = SETTINGS["batch_size"]
    step = 0
    steps = SETTINGS["epochs"] * (len(pixels) // size)
    for epoch in range(SETTINGS["epochs"]):
        generator = rng("pre-training order", SETTINGS["seed"], epoch)
        order = torch.from_numpy(generator.permutation(len(pixels)))
        total = 0.0
        for start in range(0, len(pixels) - size + 1, size):
            rows = order[start : start + size]
            warmup = min(1, (step + 1) / SETTINGS["warmup_steps"])
            optimizer.param_groups[0]["lr"] = SETTINGS["lr"] * warmup * _cosine(step / steps)
            normal = (vary(pixels[rows]) / 255 - SETTINGS["mean"]) / SETTINGS["std"]
            captions, of_batch = torch.unique(of[rows], return_inverse=True)
            images = model.get_image_features(pixel_values=normal).pooler_output
            texts = model.get_text_features(input_ids=ids[captions]).pooler_output
            scale = model.logit_scale.exp().clamp(max=100)
            loss = contrastive_loss(_unit(images), _unit(texts), of_batch, scale)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
            step += 1
        print(
            f"epoch {epoch + 1}/{SETTINGS['epochs']}: loss {total * size / len(pixels):.3f}",
            flush=True,
        )


def _cosine(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))


def _unit(features: Tensor) -> Tensor:
    normalised: Tensor = features / features.norm(dim=-1, keepdim=True)
    return normalised


def write(model: CLIPModel, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """The model as transformers publishes one, with its preprocessing, and a manifest of hashes and
    of this recipe.
    """
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    preprocessing = {
        "crop_size": {"height": SIZE, "width": SIZE},
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [SETTINGS["mean"]] * 3,
        "image_std": [SETTINGS["std"]] * 3,
        "image_processor_type": "CLIPImageProcessor",
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"shortest_edge": SIZE},
    }
    (folder / "preprocessor_config.json").write_bytes(to_json(preprocessing))
    recipe = {
        "pairs": PAIRS,
        "settings": SETTINGS,
        "worlds_version": VERSION,
        "torch": torch.__version__.split("+")[0],
    }
    (folder / "manifest.json").write_bytes(
        to_json({"files": file_hashes(folder), "recipe": recipe})
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Pre-train the embedded toy CLIP.")
    parser.add_argument("--out", type=Path, default=assets(), help="folder to write")
    parser.add_argument("--processes", type=int, default=2, help="processes that paint")
    parser.add_argument(
        "--new-tokenizer", action="store_true", help="do not keep the shipped tokenizer"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SETTINGS["seed"])
    pixels, captions = pairs(options.processes)
    distinct = sorted(set(captions))
    number = {text: row for row, text in enumerate(distinct)}
    if options.new_tokenizer:
        tokenizer = train_tokenizer(captions)
    else:
        tokenizer = CLIPTokenizer.from_pretrained(assets())
    ids = tokenizer(distinct, padding=True, return_tensors="pt")["input_ids"]
    model = make_model(tokenizer)
    print(
        f"{len(captions)} pairs, {len(distinct)} captions, "
        f"{sum(p.numel() for p in model.parameters())} parameters",
        flush=True,
    )
    train(model, pixels, ids, torch.tensor([number[text] for text in captions]))
    write(model, tokenizer, options.out)


if __name__ == "__main__":
    main()

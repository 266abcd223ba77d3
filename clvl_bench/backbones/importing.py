"""Importing: a state dict with open_clip's names -> a folder in transformers' layout, checked
against open_clip's own forward.

RemoteCLIP, GeoRSCLIP and LAION's models are published as such files. open_clip is needed once,
here: it lends the shape of the architecture, the tokenizer's vocabulary, and the forward that the
result must agree with. Origin and hashes are written beside.
"""

import gzip
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clvl_bench.backbones.folders import MANIFEST, file_hashes
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.backbones.open_clip import open_clip
from clvl_bench.backbones.weights import first_line, read_tensors
from clvl_bench.core.errors import Damage, Mistake, unknown
from clvl_bench.core.files import file_sha256, to_json

TOLERANCE = 1e-5
"""Of the features, relative to the largest: what another order of sums may change of them in
fp32."""
MERGES = 49152 - 256 - 2
"""Of CLIP's byte pairs: the published file holds more than the model was trained with."""
PROBES = ("a photo of a cat", "an aerial photo of a river beside a forest.", "x")


@dataclass(frozen=True)
class Imported:
    """What came out: the folder, and by how much the features differ from open_clip's, relative to
    the largest.
    """

    folder: Path
    difference: float


def import_weights(
    file: Path, *, architecture: str, folder: Path, family: str | None = None
) -> Imported:
    """Convert a file of open_clip's names and write the folder, if its features are those of the
    original.

    Raises:
        Mistake: open_clip is not installed, or has no such architecture, or transformers has not;
            or the folder exists.
        Damage: the file cannot be read, holds other weights than the architecture's, or the result
            differs.
    """
    config = _config(architecture)
    if folder.exists():
        raise Mistake(f"--to {folder}: is there already; choose another folder")
    tensors = {name.removeprefix("text."): tensor for name, tensor in read_tensors(file).items()}
    original = _original(config, tensors, file, architecture)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written beside its place and moved there when it has passed: the folder appears whole or not.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        made = Path(beside) / folder.name
        _write(made, config, original)
        difference = self_check(made, original)
        if not difference <= TOLERANCE:
            raise Damage(
                f"{file}: converted features differ from open_clip's by {difference:.1e}; nothing "
                f"was written"
            )
        origin = {
            "file": file.name,
            "sha256": file_sha256(file),
            "from": "open_clip",
            "architecture": architecture,
        }
        manifest = {
            "family": family or f"{file.stem} (imported)",
            "files": file_hashes(made),
            "origin": origin,
            "largest_difference": difference,
            "open_clip": open_clip().__version__,
        }
        (made / MANIFEST).write_bytes(to_json(manifest))
        made.rename(folder)
    return Imported(folder, difference)


def convert(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a ViT CLIP by transformers' names, from open_clip's.

    open_clip keeps query, key and value in one matrix, and projections as matrices that features
    are multiplied with from the left; transformers keeps three, and linear layers.
    """
    made = {
        "logit_scale": tensors["logit_scale"],
        "visual_projection.weight": tensors["visual.proj"].T,
        "text_projection.weight": tensors["text_projection"].T,
        "text_model.embeddings.token_embedding.weight": tensors["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": tensors["positional_embedding"],
        "vision_model.embeddings.class_embedding": tensors["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": tensors["visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": tensors["visual.positional_embedding"],
    }
    norms = {
        "text_model.final_layer_norm": "ln_final",
        "vision_model.pre_layrnorm": "visual.ln_pre",
        "vision_model.post_layernorm": "visual.ln_post",
    }
    for new, old in norms.items():
        for part in ("weight", "bias"):
            made[f"{new}.{part}"] = tensors[f"{old}.{part}"]
    for tower, prefix in (("text_model", "transformer."), ("vision_model", "visual.transformer.")):
        names = [name for name in tensors if name.startswith(prefix)]
        blocks = {name.removeprefix(f"{prefix}resblocks.").split(".")[0] for name in names}
        for block in blocks:
            made |= _layer(tensors, f"{prefix}resblocks.{block}", f"{tower}.encoder.layers.{block}")
    return {name: tensor.float().contiguous() for name, tensor in made.items()}


def _layer(tensors: Mapping[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    same = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "attn.out_proj": "self_attn.out_proj",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
    }
    made = {}
    for part in ("weight", "bias"):
        for a, b in same.items():
            made[f"{new}.{b}.{part}"] = tensors[f"{old}.{a}.{part}"]
        thirds = tensors[f"{old}.attn.in_proj_{part}"].chunk(3)
        for name, third in zip("qkv", thirds, strict=True):
            made[f"{new}.self_attn.{name}_proj.{part}"] = third
    return made


@torch.no_grad()
def self_check(folder: Path, original: Any) -> float:
    """The largest difference between the folder's features of images and texts and the original's,
    relative to the largest.
    """
    ours = load_backbone(str(folder))
    size = ours.preprocessing.crop
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8, generator=generator)
    mean = torch.tensor(ours.preprocessing.mean).view(1, 3, 1, 1)
    std = torch.tensor(ours.preprocessing.std).view(1, 3, 1, 1)
    ids = open_clip().SimpleTokenizer(context_length=ours.context_length)(list(PROBES))
    pairs = (
        (ours.image_features(pixels), original.encode_image((pixels / 255 - mean) / std)),
        (ours.text_features(PROBES), original.encode_text(ids)),
    )
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def write_tokenizer(folder: Path, vocabulary: Path) -> None:
    """CLIP's tokenizer in transformers' layout, from the published byte pairs
    (bpe_simple_vocab_16e6.txt.gz).

    Ids are given as Radford et al.'s code gives them: bytes, bytes that end a word, pairs in the
    order of their merges, start, end.
    """
    from transformers import CLIPTokenizer

    lines = gzip.decompress(vocabulary.read_bytes()).decode("utf-8").split("\n")
    merges: list[tuple[str, str]] = []
    for line in lines[1 : MERGES + 1]:
        left, right = line.split()
        merges.append((left, right))
    letters = _byte_letters()
    pieces = list(letters)
    pieces += [f"{letter}</w>" for letter in letters]
    pieces += ["".join(merge) for merge in merges]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    ids = {piece: number for number, piece in enumerate(pieces)}
    CLIPTokenizer(vocab=ids, merges=merges, model_max_length=77).save_pretrained(folder)


def _byte_letters() -> list[str]:
    """One printable letter for each byte, in the order of Radford et al.'s code: bytes that print
    stand for themselves, the others for the letters behind U+00FF.
    """
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = range(256, 256 + 256 - len(printable))
    return [chr(number) for number in (*printable, *others)]


def _config(architecture: str) -> dict[str, Any]:
    package = open_clip()
    config: dict[str, Any] | None = package.get_model_config(architecture)
    if config is None:
        raise Mistake(f"--arch: {unknown('architecture', architecture, package.list_models())}")
    vision = config["vision_cfg"]
    text = config["text_cfg"]
    plain = (
        isinstance(vision.get("layers", 12), int)
        and "timm_model_name" not in vision
        and "hf_model_name" not in text
    )
    if not plain or config.get("custom_text") or "multimodal_cfg" in config:
        raise Mistake(
            f"--arch {architecture}: transformers has no such CLIP, only those of plain ViT "
            f"towers, such as ViT-B-32; give its folder in open_clip's layout as --backbone"
        )
    return config


def _original(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], file: Path, architecture: str
) -> Any:
    """open_clip's own model with these weights."""
    from open_clip.model import CLIP

    try:
        model = CLIP(**dict(config))
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (RuntimeError, TypeError, KeyError) as error:
        raise Damage(
            f"{file}: does not hold the weights of a {architecture} ({first_line(error)})"
        ) from None
    return model.float().eval()


def _write(folder: Path, config: Mapping[str, Any], original: Any) -> None:
    from transformers import CLIPConfig, CLIPModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    package = open_clip()
    vision = config["vision_cfg"]
    text = config["text_cfg"]
    act = "quick_gelu" if config.get("quick_gelu") else "gelu"
    ends = {"bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407}
    settings = CLIPConfig(
        projection_dim=config["embed_dim"],
        text_config={
            "hidden_size": text["width"],
            "num_attention_heads": text["heads"],
            "num_hidden_layers": text["layers"],
            "intermediate_size": int(text["width"] * text.get("mlp_ratio", 4)),
            "vocab_size": text["vocab_size"],
            "max_position_embeddings": text["context_length"],
            "hidden_act": act,
            "projection_dim": config["embed_dim"],
            **ends,
        },
        vision_config={
            "hidden_size": vision["width"],
            "num_attention_heads": vision["width"] // vision.get("head_width", 64),
            "num_hidden_layers": vision["layers"],
            "intermediate_size": int(vision["width"] * vision.get("mlp_ratio", 4)),
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
            "hidden_act": act,
            "projection_dim": config["embed_dim"],
        },
    )
    model = CLIPModel(settings)
    model.load_state_dict(convert(original.state_dict()))
    model.save_pretrained(folder)
    write_tokenizer(folder, Path(package.__file__).parent / "bpe_simple_vocab_16e6.txt.gz")
    size = vision["image_size"]
    pixels = {
        "size": {"shortest_edge": size},
        "crop_size": {"height": size, "width": size},
        "resample": 3,
        "image_mean": package.OPENAI_DATASET_MEAN,
        "image_std": package.OPENAI_DATASET_STD,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels, indent=1), encoding="utf-8")

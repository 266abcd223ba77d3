"""Weights: files of tensors and folders in transformers' layout, read without executing anything
that is in them.

torch's own files (.bin, .pt) are pickles: they go through its restricted reader, which builds
tensors and nothing else.
"""

import json
from pathlib import Path
from pickle import UnpicklingError  # what torch's restricted reader raises; nothing here unpickles
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from clvl_bench.core.errors import ClvlError, Damage

UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    TypeError,
    SafetensorError,
    StrictDataclassError,  # a field of config.json that is of another type
)
"""What transformers raises about a folder that is no model."""
_WRAPPERS = ("state_dict", "model")
"""Under which names training scripts put the weights, beside their optimiser and clock."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name, without a wrapper and the `module.` of parallel
    training.

    Raises:
        Damage: it cannot be read, or holds more than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise Damage(
            f"{path}: holds more than tensors; get the weights as safetensors, or as a plain state "
            f"dict"
        ) from None
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, SafetensorError) as error:
        raise Damage(f"{path}: cannot be read as weights ({first_line(error)})") from None
    for name in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    values = content.values() if isinstance(content, dict) else [content]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in values):
        raise Damage(f"{path}: holds no state dict, the tensors of a model by their names")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def read_model(kind: Any, folder: Path, what: str, name: str, *, role: str = "backbone") -> Any:
    """A transformers model from a folder, every weight of it from the file, in fp32.

    Raises:
        Damage: the folder cannot be read as one, or lacks weights.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    model, info = read_part(
        kind, folder, what, name, role=role, dtype=torch.float32, output_loading_info=True
    )
    missing = sorted({*info["missing_keys"], *map(str, info["mismatched_keys"])})
    if missing:  # transformers fills these with random numbers and goes on
        raise Damage(
            f"{role} {name}: {folder} lacks {len(missing)} weights of a {what}, for example "
            f"{missing[0]}"
        )
    return model


def read_part(
    kind: Any, folder: Path, what: str, name: str, *, role: str = "backbone", **settings: Any
) -> Any:
    """A transformers model or tokenizer from a folder: no network, and no code from the folder.

    Raises:
        Damage: the folder cannot be read as one.
    """
    try:
        return kind.from_pretrained(folder, local_files_only=True, **settings)
    except UnpicklingError:
        raise Damage(
            f"{role} {name}: the weights in {folder} hold more than tensors; get them as "
            f"safetensors"
        ) from None
    except UNREADABLE as error:
        raise Damage(
            f"{role} {name}: {folder} cannot be read as a {what} ({first_line(error)})"
        ) from None


PROBES = ("a", "water", "forest", "the left lung", "a photo of a river", "0", "yes", "no")
FEWEST = 0.9
"""Share of the embedding's rows that a tokenizer at least has words for: makers round the number of
rows up, and no further."""
END_OF_WORD = "</w>"
SPECIAL = 3
"""Start, end and unknown: all that an empty tokenizer makes of any text."""


def read_tokenizer(
    kind: Any, folder: Path, what: str, name: str, *, rows: int | None, role: str = "backbone"
) -> Any:
    """A transformers tokenizer from a folder, for a text tower with an embedding of so many rows
    (None: not known here).

    transformers answers a folder without a vocabulary with an empty tokenizer: all texts become
    one, and every class gets the same score.

    Raises:
        Damage: the folder has no tokenizer, or that of another model.
    """
    try:
        tokenizer = read_part(kind, folder, what, name, role=role)
    except ClvlError:
        raise
    except Exception as error:  # its Rust half raises nothing more special
        raise Damage(
            f"{role} {name}: {folder} holds no tokenizer that fits together ({first_line(error)}); "
            f"get its files from where the weights are from"
        ) from None
    ids = tokenizer(list(PROBES))["input_ids"]
    if len({one for of_text in ids for one in of_text}) <= SPECIAL:
        raise Damage(
            f"{role} {name}: {folder} has no tokenizer, or an empty one: all texts are the same to "
            f"it; add tokenizer.json, or the vocabulary files, from where the weights are from"
        )
    highest = max(max(of_text) for of_text in ids if of_text)
    if rows is None:
        return tokenizer
    too_many = max(highest, len(tokenizer) - 1) >= rows
    if too_many or len(tokenizer) < FEWEST * rows:
        raise Damage(
            f"{role} {name}: the tokenizer in {folder} knows {len(tokenizer)} words, the weights "
            f"{rows}; it is that of another model"
        )
    return tokenizer


def refuse_lost_merges(tokenizer: Any, folder: Path, name: str) -> None:
    """Raises:
    Damage: words of a vocabulary of byte pairs are made by no merge: the merges were cut, or are
        of another model, and words fall into pieces that no text was trained with.
    """
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    # Older files write a merge as `left right`, newer ones as a pair.
    pairs = [pair.split() if isinstance(pair, str) else pair for pair in model["merges"]]
    made = {"".join(pair) for pair in pairs}
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    rest = set(model["vocab"]) - made - special
    lost = sorted(word for word in rest if len(word.removesuffix(END_OF_WORD)) > 1)
    if lost:
        raise Damage(
            f"backbone {name}: {len(lost)} words of the vocabulary in {folder} are made by none of "
            f"its merges, for example '{lost[0]}'; get tokenizer.json, or vocab.json and "
            f"merges.txt, from where the weights are from"
        )


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its name where it has none."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__

"""The numbers that the authors' released code computed: files of arrays, and how ours are compared
with them.

`data/` holds one file a method: inputs, parameters and outputs of the released code alone, and
settings as JSON. It was run on CPU in single precision, on a small random CLIP (`data/small_clip`)
or on stored features. In the names `X.start` is before training, `X.grad` the gradient of the first
step, `X.after` behind all steps.
"""

import importlib.util
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from clvl_bench.backbones.importing import write_tokenizer
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.losses import TrainingBatch

DATA = Path(__file__).parent / "data"
EMBEDDING = "text_model.embeddings.token_embedding.weight"
VOCABULARY = 49408
TEMPLATE = "a photo of a {}."


class Released:
    """Arrays of one method by name, below a prefix, and the settings that they were made with."""

    def __init__(self, arrays: dict[str, Tensor], settings: dict[str, Any]) -> None:
        self.arrays, self.settings = arrays, settings

    def __getitem__(self, name: str) -> Tensor:
        return self.arrays[name].clone()

    def below(self, prefix: str) -> "Released":
        """The arrays whose name begins so, by the rest of their names."""
        start = f"{prefix}."
        found = {name: value for name, value in self.arrays.items() if name.startswith(start)}
        return Released(
            {name.removeprefix(start): value for name, value in found.items()}, self.settings
        )

    def integers(self, name: str) -> Tensor:
        """Labels, rows or token ids, in torch's kind of integers."""
        return self[name].long()


@cache
def read(method: str) -> Released:
    """The file of a method. An array that another one holds already is not stored twice, but named
    `file:array`.
    """
    with safe_open(DATA / f"{method}.safetensors", "pt") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        notes = file.metadata()
    for name, place in json.loads(notes.get("same", "{}")).items():
        other, _, array = place.partition(":")
        arrays[name] = (arrays if other == method else read(other).arrays)[array]
    return Released(arrays, json.loads(notes["settings"]))


def cases(method: str) -> list[dict[str, Any]]:
    """The cases of a method: each a part of its file, and settings of its own."""
    found: list[dict[str, Any]] = read(method).settings["cases"]
    return found


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, over the largest number of theirs where that is above 1."""
    assert ours.shape == theirs.shape, (
        f"got {tuple(ours.shape)}, and theirs is {tuple(theirs.shape)}"
    )
    away = (ours.detach().double() - theirs.double()).abs().max()
    return float(away / max(1.0, float(theirs.abs().max())))


def assert_equal(ours: Tensor, theirs: Tensor, tolerance: float, what: str = "") -> None:
    """Equal to the released code but for rounding."""
    away = difference(ours, theirs)
    assert away <= tolerance, (
        f"{what}: ours is away from theirs by {away:.2g}, more than {tolerance:.2g}"
    )


def set_to(parameters: Mapping[str, Tensor], case: Released, when: str = "start") -> None:
    """Give what trains the values that it had in the released code, at the start or after."""
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(case[f"{name}.{when}"].reshape(parameter.shape))


def assert_learns(
    parameters: Mapping[str, Tensor],
    logits: Callable[[], Tensor],
    case: Released,
    settings: Mapping[str, Any],
    tolerance: float,
    *,
    weight_decay: float,
) -> None:
    """Logits, the first loss and its gradients, and the parameters behind the steps of SGD."""
    labels = case.integers("labels")
    assert_equal(logits(), case["logits"], tolerance, "logits")
    optimizer = torch.optim.SGD(
        list(parameters.values()), lr=settings["lr"], momentum=0.9, weight_decay=weight_decay
    )
    for step in range(settings["steps"]):
        optimizer.zero_grad()
        loss = cross_entropy(logits(), labels)
        loss.backward()
        if not step:
            assert_equal(loss, case["loss"], tolerance, "loss")
            for name, parameter in parameters.items():
                gradient = parameter.grad
                assert gradient is not None
                assert_equal(gradient, case[f"{name}.grad"], tolerance, f"gradient of {name}")
        optimizer.step()
    for name, parameter in parameters.items():
        assert_equal(parameter, case[f"{name}.after"], tolerance, f"{name} behind the steps")


def step(
    adapter: Adapter, optimizer: torch.optim.Optimizer, inputs: Tensor, labels: Tensor
) -> Tensor:
    """A step of an optimiser on the adapter's own loss, which is given back."""
    optimizer.zero_grad()
    loss = adapter.loss(TrainingBatch(inputs, adapter(inputs), labels))
    loss.backward()
    optimizer.step()
    return loss.detach()


def candidates(names: list[str]) -> tuple[Candidate, ...]:
    """Classes with the one template that all methods were run with."""
    return tuple(Candidate(name, "d", (TEMPLATE,)) for name in names)


def write_small_clip(folder: Path) -> Path:
    """The small random CLIP in transformers' layout.

    Its token embedding is stored as the rows that are not zero, and its tokenizer is made from the
    byte pairs that open_clip carries: they are CLIP's.
    """
    stored = DATA / "small_clip"
    for name in ("config.json", "preprocessor_config.json"):
        (folder / name).write_bytes((stored / name).read_bytes())
    weights = load_file(stored / "weights.safetensors")
    rows, values = weights.pop("token_embedding.rows"), weights.pop("token_embedding.values")
    weights[EMBEDDING] = torch.zeros(VOCABULARY, values.shape[1], dtype=values.dtype)
    weights[EMBEDDING][rows.long()] = values
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_tokenizer(folder, byte_pairs())
    return folder


def byte_pairs() -> Path:
    """CLIP's merges, in the installed package; it is not imported for them."""
    package = importlib.util.find_spec("open_clip")
    assert package is not None, "open_clip_torch is not installed; it is part of the extra 'dev'"
    assert package.origin is not None
    return Path(package.origin).parent / "bpe_simple_vocab_16e6.txt.gz"

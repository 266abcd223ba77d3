"""Training of both towers by the steps that the released code took: its rows, labels and rates, and
losses that plugins add.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import torch
from authors.released import Released, assert_equal, candidates
from torch import Tensor

from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.backbones.tokens import Tokens
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.losses import masked_cross_entropy
from clvl_bench.methods._base.plugin import Plugin
from clvl_bench.methods.full.config import FullConfig
from clvl_bench.methods.registry import build_adapter

Extra = Callable[[SimpleNamespace, int], None]


def student(backbone: TowerBackbone, names: list[str]) -> Adapter:
    """A copy of both towers, all of whose weights train."""
    return build_adapter(FullConfig(), backbone, candidates(names), seed=0).train()


def places_of(released: Released, number: int) -> tuple[int, ...]:
    """The classes of an experience, as places in a table of all of them."""
    sizes = [len(names) for names in released.settings["classes"]]
    first = sum(sizes[:number])
    return tuple(range(first, first + sizes[number]))


def all_names(released: Released) -> list[str]:
    return [name for names in released.settings["classes"] for name in names]


def begin(
    adapter: Adapter, released: Released, number: int, plugins: list[Plugin]
) -> SimpleNamespace:
    """An experience, as plugins see it; they are told that it begins."""
    places = places_of(released, number)
    pixels = released["pixels"]
    experience = SimpleNamespace(
        dataset=[(image, 0) for image in pixels], classes_in_this_experience=places
    )
    clock = SimpleNamespace(train_exp_counter=number, train_exp_epochs=0, train_epoch_iterations=0)
    strategy = SimpleNamespace(experience=experience, clock=clock, device="cpu", adapter=adapter)
    for plugin in plugins:
        plugin.before_training_exp(strategy)
    return strategy


def losses(
    strategy: SimpleNamespace,
    released: Released,
    number: int,
    plugins: list[Plugin],
    extra: Extra | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """Each step and its loss; when the next one is asked for, it has been taken."""
    adapter, places = strategy.adapter, places_of(released, number)
    experience = released.below(f"experience{number}")
    labels, rows = experience.integers("labels"), experience.integers("rows")
    optimizer = torch.optim.AdamW(adapter.parameters(), weight_decay=0.0)
    strategy.train_mb_size = rows.shape[1]
    for step, rate in enumerate(experience["lr"].tolist()):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        strategy.clock.train_epoch_iterations = step
        logits = adapter.logits(released["pixels"][rows[step]], places)
        strategy.loss = masked_cross_entropy(
            logits, labels[step], smoothing=released.settings["label_smoothing"]
        )
        if extra is not None:
            extra(strategy, step)
        for plugin in plugins:
            plugin.before_backward(strategy)
        yield step, strategy.loss.detach()
        strategy.loss.backward()
        optimizer.step()
        for plugin in plugins:
            plugin.after_training_iteration(strategy)


def assert_same_model(
    adapter: Adapter, released: Released, expected: Released, tolerance: float, what: str
) -> None:
    """What the towers say of some pictures and sentences, and some of their weights."""
    probe = released.below("probe")
    with torch.no_grad():
        images = adapter.towers.image(probe["pixels"])
        texts = adapter.text(tokens(probe.integers("token_ids")))
    assert_equal(images, expected["probe_image_features"], tolerance, f"{what}: image features")
    assert_equal(texts, expected["probe_text_features"], tolerance, f"{what}: text features")
    weights = dict(adapter.towers.named_parameters())
    for name, value in expected.below("weights").arrays.items():
        assert_equal(weights[name], value, tolerance, f"{what}: {name}")


def tokens(ids: Tensor) -> Tokens:
    """Token ids that the released code padded with 0: the end of text is the largest id."""
    ends = ids.argmax(dim=-1)
    return Tokens(ids[:, : int(ends.max()) + 1], ends)

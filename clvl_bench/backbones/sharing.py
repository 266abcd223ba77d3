"""Sharing: image batches through a tower that trains, where several processes work on one run.

Each process encodes its part of a batch and gets the features of all of it; what is made of
features (class texts, losses, memories, plugins) every process does with the whole batch, as one
process alone would. Gradients then come out as follows. Every process has the same loss L, and
behind the tower the same dL/d(features). Into its own part of the tower go only the rows that it
encoded, so that a process has one term of the sum over the rows. `_Gathered` multiplies it by the
number of processes and `average_gradients` takes the mean over them: the sum. What does not go
through `shared` has the whole gradient in every process, and its mean is itself.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.functional import dropout
from torch.overrides import TorchFunctionMode

from clvl_bench.core import world

_averaging = False


@contextmanager
def batches_shared() -> Iterator[None]:
    """For the time of the block batches are shared where gradients are asked for, too: whoever
    takes a gradient calls `average_gradients` behind it.
    """
    global _averaging
    before, _averaging = _averaging, True
    try:
        yield
    finally:
        _averaging = before


def shared(encode: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """`encode` of a batch [rows, ...], each process of the run encoding some of its rows.

    Outside of `batches_shared`, where gradients are asked for, and of batches with fewer rows than
    there are processes, each encodes the whole.
    """
    count = world.size()
    partial_gradients = torch.is_grad_enabled() and not _averaging
    if count == 1 or len(batch) < count or partial_gradients:
        return encode(batch)
    own = _part(len(batch), world.rank())
    with _DropoutOfWhole(len(batch), own):
        features = encode(batch[own])
    gathered: Tensor = _Gathered.apply(features, len(batch))  # type: ignore[no-untyped-call]
    return gathered


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """The mean over all processes takes the place of each gradient."""
    if world.size() == 1:
        return
    gradients = [each.grad for each in parameters if each.grad is not None]
    # One message for all of them: a small one takes as long.
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    world.together(distributed.all_reduce, flat)
    flat /= world.size()
    pieces = flat.split([gradient.numel() for gradient in gradients])
    for gradient, piece in zip(gradients, pieces, strict=True):
        gradient.copy_(piece.view_as(gradient))


def _part(rows: int, rank: int) -> slice:
    """The rows of a batch that a process encodes; none has more than one row above another."""
    count = world.size()
    return slice(rank * rows // count, (rank + 1) * rows // count)


class _Gathered(torch.autograd.Function):
    """The features of all processes [rows, ...] from those of this one."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, rows: int) -> Tensor:
        ctx.rows = rows
        parts = [_part(rows, rank) for rank in range(world.size())]
        sizes = [part.stop - part.start for part in parts]
        # Gloo gathers tensors of one size: shorter ones are filled up.
        filled = features.new_zeros(max(sizes), *features.shape[1:])
        filled[: len(features)] = features
        gathered = [torch.empty_like(filled) for _ in parts]
        world.together(distributed.all_gather, gathered, filled)
        return torch.cat([part[:size] for part, size in zip(gathered, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        return world.size() * gradient[_part(ctx.rows, world.rank())], None


class _DropoutOfWhole(TorchFunctionMode):
    """Dropout draws for all rows of a batch and takes those of this process: what is dropped is
    what one process alone would drop, and the generator is where it would be.
    """

    def __init__(self, rows: int, own: slice) -> None:
        super().__init__()
        self._rows = rows
        self._own = own

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is dropout:
            return self._dropped(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _dropped(
        self, hidden: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        if not training:
            return hidden
        # The first axis is that of the batch, in the towers of all families.
        whole = hidden.new_ones(self._rows, *hidden.shape[1:])
        kept: Tensor = hidden * dropout(whole, p, training)[self._own]
        return kept

"""Finite: features that are numbers. One that is none, or has no direction, makes every score of
its sample or class none, and nothing that is trained later can be blamed for it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.catalog import Precision
from clvl_bench.backbones.tokens import shortened
from clvl_bench.core.errors import ClvlError, Damage, RunFailed


def first_without_direction(features: Tensor) -> int | None:
    """The first row of features [rows, ...] that is zero or holds a value that is no number."""
    lengths = features.flatten(1).float().norm(dim=1)
    fit = lengths.isfinite() & (lengths > 0)
    return None if bool(fit.all()) else int((~fit).nonzero()[0])


def refuse_no_numbers(
    features: Tensor,
    names: Sequence[str],
    *,
    what: str,
    backbone: str,
    towers: nn.Module,
    precision: Precision,
) -> None:
    """Raises:
    Damage, RunFailed: towers made something of an input that is no feature. Says of which one,
        and why.

    Args:
        features: [names, ...], before they are normalised.
        what: an input is called so: image, text.
    """
    row = first_without_direction(features)
    if row is None:
        return
    named = f"backbone {backbone}: its feature of the {what} '{shortened(names[row])}' is no number"
    raise _because(named, towers, precision)


def _because(named: str, towers: nn.Module, precision: Precision) -> ClvlError:
    for name, weight in towers.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            return Damage(f"{named}: neither are values of its weights '{name}'; get them anew")
    if precision == "fp32":
        return Damage(f"{named} or zero, though its weights are numbers; get others")
    return RunFailed(f"{named}: precision {precision} does not suffice; use fp32")

"""Index: the table of worlds, and painting part of one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvl_bench.data.toy import canvas, landcover, postcards, scans, shapes
from clvl_bench.data.toy.canvas import Array, Dice

VERSION = 1
"""Raised whenever any picture changes: pictures of another version are other data."""

Facts = dict[str, str | int]


@dataclass(frozen=True)
class Picture:
    """One painted sample: uint8 [SIZE, SIZE, 3], its class, and what else is known about it."""

    image: NDArray[np.uint8]
    label: int
    facts: Facts


@dataclass(frozen=True)
class World:
    """A kind of picture: its classes, and how one of a class is painted."""

    name: str
    classes: tuple[str, ...]
    paint: Callable[[str, Dice], tuple[Array, Facts]]

    def picture(self, part: str, index: int) -> Picture:
        """Sample `index` of a part; classes take turns, so any multiple of their number is
        balanced.
        """
        label = index % len(self.classes)
        image, facts = self.paint(self.classes[label], Dice(VERSION, self.name, part, index))
        return Picture(canvas.to_bytes(image), label, {"class": self.classes[label], **facts})


def _plain(paint: Callable[[str, Dice], Array]) -> Callable[[str, Dice], tuple[Array, Facts]]:
    return lambda name, generator: (paint(name, generator), {})


def _shapes(kind: str, generator: Dice) -> tuple[Array, Facts]:
    count = generator.integer(1, 4)
    ground = generator.choose(tuple(shapes.GROUNDS))
    return shapes.shapes(kind, count, ground, generator), {"count": count, "ground": ground}


def _scans(
    paint: Callable[[scans.Case, Dice], Array],
) -> Callable[[str, Dice], tuple[Array, Facts]]:
    def painted(finding: str, generator: Dice) -> tuple[Array, Facts]:
        case = scans.roll(generator, finding)
        return paint(case, generator), {
            "modality": case.modality,
            "side": case.side,
            "count": case.count,
        }

    return painted


_COVERS = tuple(landcover.COVERS)
_FINDINGS = (*scans.FINDINGS, scans.CLEAR)

WORLDS: dict[str, World] = {
    world.name: world
    for world in (
        World("postcards", tuple(postcards.SCENES), _plain(postcards.postcard)),
        World("shapes", shapes.KINDS, _shapes),
        World("maps", _COVERS, _plain(landcover.map_print)),
        World("optical", _COVERS, _plain(landcover.optical)),
        World("infrared", _COVERS, _plain(landcover.infrared)),
        World("drawings", _FINDINGS, _scans(scans.drawing)),
        World("films", _FINDINGS, _scans(scans.film)),
        World("scans", _FINDINGS, _scans(scans.scan)),
    )
}

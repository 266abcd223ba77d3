"""Scans: a body section with findings. Modality, finding, side and count are all known, for classes
and for questions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clvl_bench.data.toy import canvas
from clvl_bench.data.toy.canvas import Array, Dice, Point

MODALITIES: tuple[str, ...] = ("ct", "mri", "x-ray")
SIDES: tuple[str, ...] = ("left", "right")
FINDINGS: tuple[str, ...] = ("nodule", "cyst", "fracture", "implant", "effusion")
CLEAR = "no finding"

# Grey levels of (air, body, organ, bright finding, dark finding) in each modality, and in the
# drawing of a textbook.
TONES: dict[str, tuple[float, float, float, float, float]] = {
    "ct": (0.03, 0.38, 0.24, 0.88, 0.07),
    "mri": (0.05, 0.22, 0.46, 0.95, 0.04),
    "x-ray": (0.14, 0.52, 0.32, 0.96, 0.12),
    "drawing": (1.00, 0.80, 0.66, 0.30, 0.97),
}


@dataclass(frozen=True)
class Case:
    """What a scan shows. `finding` is "no finding" exactly when `count` is 0."""

    modality: str
    finding: str
    side: str
    count: int


def roll(generator: Dice, finding: str) -> Case:
    """A case with the given finding, all else by chance."""
    return Case(
        modality=generator.choose(MODALITIES),
        finding=finding,
        side=generator.choose(SIDES),
        count=0 if finding == CLEAR else generator.integer(1, 3),
    )


def _nodule(at: Point, bright: Array, dark: Array, generator: Dice) -> list[tuple[Array, Array]]:
    return [(canvas.disk(at, generator.uniform(0.05, 0.065)), bright)]


def _cyst(at: Point, bright: Array, dark: Array, generator: Dice) -> list[tuple[Array, Array]]:
    radius = generator.uniform(0.06, 0.075)
    return [(canvas.disk(at, radius), bright), (canvas.disk(at, radius - 0.028), dark)]


def _fracture(at: Point, bright: Array, dark: Array, generator: Dice) -> list[tuple[Array, Array]]:
    x, y = at
    return [
        (
            canvas.line(
                [
                    (x - 0.085, y + 0.04),
                    (x - 0.02, y - 0.03),
                    (x + 0.02, y + 0.03),
                    (x + 0.085, y - 0.04),
                ],
                0.03,
            ),
            dark,
        )
    ]


def _implant(at: Point, bright: Array, dark: Array, generator: Dice) -> list[tuple[Array, Array]]:
    return [(canvas.box(at, (0.085, 0.022)), bright), (canvas.box(at, (0.022, 0.085)), bright)]


def _effusion(at: Point, bright: Array, dark: Array, generator: Dice) -> list[tuple[Array, Array]]:
    return [(canvas.disk(at, 0.055, stretch=1.9) * (at[1] < canvas.Y), bright)]


_MARKS: dict[str, Callable[[Point, Array, Array, Dice], list[tuple[Array, Array]]]] = {
    "nodule": _nodule,
    "cyst": _cyst,
    "fracture": _fracture,
    "implant": _implant,
    "effusion": _effusion,
}


def _body(case: Case, tones: tuple[float, ...], generator: Dice) -> Array:
    """Grey picture [SIZE, SIZE, 3]: a body with two organs; findings lie in the organ of the case's
    side.
    """

    def grey(level: float) -> Array:
        return np.full(3, level + generator.uniform(-0.03, 0.03))

    picture = canvas.fill((tones[0],) * 3)
    centre = (0.5 + generator.uniform(-0.03, 0.03), 0.5 + generator.uniform(-0.03, 0.03))
    picture = canvas.paint(
        picture, canvas.disk(centre, generator.uniform(0.42, 0.46), stretch=1.08), grey(tones[1])
    )
    organ = grey(tones[2])
    middles = {"left": (centre[0] - 0.22, centre[1]), "right": (centre[0] + 0.22, centre[1])}
    for x, y in middles.values():
        picture = canvas.paint(picture, canvas.disk((x, y), 0.33, stretch=0.56), organ)
    x, y = middles[case.side]
    rows = {0: (), 1: (generator.uniform(-0.18, 0.18),), 2: (-0.12, 0.12), 3: (-0.2, 0.0, 0.2)}[
        case.count
    ]
    for row in rows:
        at = (x + generator.uniform(-0.05, 0.05), y + row + generator.uniform(-0.02, 0.02))
        for mask, tone in _MARKS[case.finding](at, grey(tones[3]), grey(tones[4]), generator):
            picture = canvas.paint(picture, mask, tone)
    return picture


def drawing(case: Case, generator: Dice) -> Array:
    """The case as a textbook draws it: the same in every modality, dark on white."""
    return _body(case, TONES["drawing"], generator)


def film(case: Case, generator: Dice) -> Array:
    """The case as an old printed film: the modality's grey levels, pale, posterised, without
    grain.
    """
    picture = _body(case, TONES[case.modality], generator) * 0.7 + 0.25
    posterised: Array = np.floor(picture * 10.0 + 0.5) / 10.0
    return posterised


def scan(case: Case, generator: Dice) -> Array:
    """The case as its scanner shows it: the modality's grey levels, uneven gain, noise."""
    picture = _body(case, TONES[case.modality], generator)
    picture = picture * (0.85 + 0.3 * canvas.clouds(generator, 2))[..., None]
    draws = generator.field(3, canvas.SIZE, canvas.SIZE)
    grain = {"ct": 0.10, "mri": 0.16, "x-ray": 0.06}[case.modality]
    return canvas.shade(picture, (draws[0] + draws[1] + draws[2] - 1.5) * grain)

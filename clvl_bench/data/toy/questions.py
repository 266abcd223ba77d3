"""Questions: what can be asked about a toy picture whose facts are known, and the answer that is
true of it.

The wording is that of the captions from which the embedded CLIP learned its words. Within a type
the answers are balanced, so that a model that does not look at the picture does no better than
chance among the answers of that type.
"""

from collections.abc import Callable
from dataclasses import dataclass

from clvl_bench.data.toy import landcover, scans
from clvl_bench.data.toy.canvas import Dice
from clvl_bench.data.toy.captions import NUMBERS
from clvl_bench.data.toy.index import VERSION, Facts

ZERO = "zero"


@dataclass(frozen=True)
class ToyQuestion:
    """One question about one picture. `closed` is whether yes and no, or the choices in the
    question, are all there is.
    """

    type: str
    question: str
    answer: str
    closed: bool


def of_scan(facts: Facts, generator: Dice) -> list[ToyQuestion]:
    """Presence, count and modality of every scan; finding, side and comparison where there is
    something to see.
    """
    finding = str(facts["class"])
    count = int(facts["count"])
    # A clear scan shows nothing, one in six scans is clear: half of all answers are yes.
    present = count > 0 and generator.chance(0.6)
    other = generator.choose(tuple(each for each in scans.FINDINGS if each != finding))
    named = finding if present else other
    number = NUMBERS[count] if count else ZERO
    about_every_scan = [
        ToyQuestion("presence", f"is there {_a(named)}?", _yes(present), True),
        ToyQuestion("count", "how many findings are there?", number, False),
        ToyQuestion("modality", "what modality is this?", str(facts["modality"]), False),
    ]
    if not count:
        return about_every_scan
    left = generator.chance(0.5)
    sides = ("left", "right") if left else ("right", "left")
    comparison = f"are there more findings on the {sides[0]} than on the {sides[1]}?"
    return [
        *about_every_scan,
        ToyQuestion("finding", "what is the finding?", _a(finding), False),
        ToyQuestion("side", "on which side is the finding?", str(facts["side"]), True),
        ToyQuestion("comparison", comparison, _yes(facts["side"] == sides[0]), True),
    ]


def of_landcover(facts: Facts, generator: Dice) -> list[ToyQuestion]:
    """What is shown, whether a kind is there, and which of two kinds it is."""
    cover = str(facts["class"])
    others = tuple(each for each in landcover.COVERS if each != cover)
    # The order of these draws decides the questions of every picture: it stays as it is.
    present = generator.chance(0.5)
    first = generator.chance(0.5)
    absent = generator.choose(others)
    compared = generator.choose(others)
    named = cover if present else absent
    pair = (cover, compared) if first else (compared, cover)
    return [
        ToyQuestion("cover", "what is shown?", _a(cover), False),
        ToyQuestion("presence", f"is there {_a(named)}?", _yes(present), True),
        ToyQuestion("comparison", f"is there more {pair[0]} than {pair[1]}?", _yes(first), True),
    ]


QUESTIONS_ABOUT: dict[str, Callable[[Facts, Dice], list[ToyQuestion]]] = {
    "scans": of_scan,
    "optical": of_landcover,
    "infrared": of_landcover,
}
"""The worlds about which there are questions, and the function that makes them."""


def questions(world: str, part: str, index: int, facts: Facts) -> list[ToyQuestion]:
    """All questions about picture `index` of a part; which kinds they name is decided by this key
    alone.
    """
    return QUESTIONS_ABOUT[world](facts, Dice(VERSION, world, "questions", part, index))


def _a(thing: str) -> str:
    return f"a {thing}"


def _yes(true: bool) -> str:
    return "yes" if true else "no"

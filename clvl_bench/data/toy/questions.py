"""Questions: what can be asked about a toy picture whose facts are known, and the answer that is
true of it.

The wording is that of the captions from which the embedded CLIP learned its words. Within a type
the answers are balanced, so that whoever does not look at the picture can do no better than chance
among the answers of that type.
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
    finding, count = str(facts["class"]), int(facts["count"])
    present = count > 0 and generator.chance(
        0.6
    )  # a clear scan has nothing: half of all answers are yes
    other = generator.choose(tuple(each for each in scans.FINDINGS if each != finding))
    asked = [
        ToyQuestion(
            "presence", f"is there {_a(finding if present else other)}?", _yes(present), True
        ),
        ToyQuestion(
            "count", "how many findings are there?", NUMBERS[count] if count else ZERO, False
        ),
        ToyQuestion("modality", "what modality is this?", str(facts["modality"]), False),
    ]
    if not count:
        return asked
    left = generator.chance(0.5)
    sides = ("left", "right") if left else ("right", "left")
    comparison = f"are there more findings on the {sides[0]} than on the {sides[1]}?"
    return [
        *asked,
        ToyQuestion("finding", "what is the finding?", _a(finding), False),
        ToyQuestion("side", "on which side is the finding?", str(facts["side"]), True),
        ToyQuestion("comparison", comparison, _yes(facts["side"] == sides[0]), True),
    ]


def of_landcover(facts: Facts, generator: Dice) -> list[ToyQuestion]:
    """What is shown, whether a kind is there, and which of two kinds it is."""
    shown = str(facts["class"])
    present, first = generator.chance(0.5), generator.chance(0.5)
    other, strange = (
        generator.choose(tuple(each for each in landcover.COVERS if each != shown))
        for _ in range(2)
    )
    pair = (shown, strange) if first else (strange, shown)
    return [
        ToyQuestion("cover", "what is shown?", _a(shown), False),
        ToyQuestion(
            "presence", f"is there {_a(shown if present else other)}?", _yes(present), True
        ),
        ToyQuestion("comparison", f"is there more {pair[0]} than {pair[1]}?", _yes(first), True),
    ]


QUESTION_INPUTS: dict[str, Callable[[Facts, Dice], list[ToyQuestion]]] = {
    "scans": of_scan, "optical": of_landcover, "infrared": of_landcover,
}  # fmt: skip
"""The worlds that can be asked about."""


def questions(world: str, part: str, index: int, facts: Facts) -> list[ToyQuestion]:
    """All questions about picture `index` of a part; which kinds they name is decided by this key
    alone.
    """
    return QUESTION_INPUTS[world](facts, Dice(VERSION, world, "questions", part, index))


def _a(thing: str) -> str:
    return f"a {thing}"


def _yes(true: bool) -> str:
    return "yes" if true else "no"

"""Captions: the sentences that the embedded CLIP learns from, one for each picture of its pre-training.

A third of those about scans and shapes are questions with their answers, so that the embedded model can rank answers.
"""

from clvl_bench.worlds import scans
from clvl_bench.worlds.canvas import Dice
from clvl_bench.worlds.index import Facts

_SENTENCES: dict[str, tuple[str, ...]] = {
    "postcards": (
        "a photo of {a_class}.", "a picture of {a_class}.", "a postcard of {a_class}.", "{a_class}.",
        "{a_class} seen from the side.", "a side view of {a_class}.",
    ),
    "maps": (
        "a map of {a_class}.", "a top view of {a_class}.", "an aerial photo of {a_class}.",
        "a photo of {a_class} from above.", "{a_class} seen from above.",
    ),
    "shapes": (
        "a photo of {things}.", "a picture of {things} on {ground} ground.", "{things}.", "{things} on {ground} ground.",
        "question: how many shapes are there? answer: {number}.",
        "question: what colour are the shapes? answer: {colour}.",
    ),
    "drawings": (
        "a drawing of a scan with {report}.", "a drawing of {report}.", "a scan with {report}.", "{report}.",
        "question: how many findings are there? answer: {number}.", "question: is there {asked}? answer: {yes_or_no}.",
    ),
    "films": (
        "a {modality} scan with {report}.", "a {modality} film of {report}.", "a {modality} scan.", "{report}.",
        "question: what kind of scan is this? answer: {modality}.", "question: which side is affected? answer: {affected}.",
    ),
}  # fmt: skip
NUMBERS = ("no", "one", "two", "three", "four")


def caption(world: str, facts: Facts, dice: Dice) -> str:
    """A sentence that is true of a picture with these facts."""
    name, count = str(facts["class"]), int(facts.get("count", 1))
    asked = name if dice.chance(0.5) and count else dice.choose(scans.FINDINGS)
    words = {
        **facts,
        "a_class": with_article(name),
        "things": counted(count, name),
        "number": NUMBERS[count],
        "colour": name.split(" ")[0],
        "report": f"{counted(count, name)} on the {facts.get('side')}" if count else scans.CLEAR,
        "asked": with_article(asked),
        "yes_or_no": "yes" if asked == name else "no",
        "affected": facts.get("side") if count else "none",
    }
    sentence: str = dice.choose(_SENTENCES[world])
    return sentence.format(**words)


def with_article(thing: str) -> str:
    """`a nodule`, `an implant`."""
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def counted(count: int, thing: str) -> str:
    """`a nodule`, `two crosses`."""
    if count == 1:
        return with_article(thing)
    return f"{NUMBERS[count]} {thing}{'es' if thing.endswith('s') else 's'}"

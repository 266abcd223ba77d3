"""Captions: the sentences that the embedded CLIP learns from, one for each picture of its
pre-training.

Some are a question with its answer, so that the text tower knows the words of questions before
visual question answering asks any. The article is always "a", as it is in published prompt
templates, which do not look at vowels.
"""

from clvl_bench.data.toy import scans
from clvl_bench.data.toy.canvas import Dice
from clvl_bench.data.toy.index import Facts

_SENTENCES: dict[str, tuple[str, ...]] = {
    "postcards": (
        "a photo of {a_class}.",
        "a picture of {a_class}.",
        "a postcard of {a_class}.",
        "{a_class}.",
        "{a_class} seen from the side.",
        "a side view of {a_class}.",
        "is there {a_class}? yes.",
        "what is shown? {a_class}.",
    ),
    "maps": (
        "a map of {a_class}.",
        "a top view of {a_class}.",
        "an aerial photo of {a_class}.",
        "a photo of {a_class} from above.",
        "{a_class} seen from above.",
        "is there {a_class}? yes.",
        "what is shown? {a_class}.",
    ),
    "shapes": (
        "a photo of {things}.",
        "a picture of {things} on {ground} ground.",
        "{things}.",
        "{things} on {ground} ground.",
        "is there {a_class}? yes.",
        "how many {plural} are there? {number}.",
    ),
    "drawings": (
        "a drawing of a scan with {report}.",
        "a drawing of {report}.",
        "a scan with {report}.",
        "{report}.",
    ),
    "films": (
        "a {modality} scan with {report}.",
        "a {modality} film of {report}.",
        "a {modality} scan.",
        "{report}.",
        "what modality is this? {modality}.",
    ),
}
_ABOUT_FINDINGS = (
    "is there {a_class}? yes.",
    "what is the finding? {a_class}.",
    "how many findings are there? {number}.",
    "on which side is the finding? {side}.",
)
_ABOUT_CLEAR_SCANS = (
    "is there a finding? no.",
    "how many findings are there? zero.",
    "what is the finding? no finding.",
)
NUMBERS = ("no", "one", "two", "three", "four")


def caption(world: str, facts: Facts, generator: Dice) -> str:
    """A sentence that is true of a picture with these facts."""
    name = str(facts["class"])
    count = int(facts.get("count", 1))
    words = {
        **facts,
        "a_class": f"a {name}",
        "plural": plural(name),
        "number": NUMBERS[count],
        "things": counted(count, name),
        "report": f"{counted(count, name)} on the {facts.get('side')}" if count else scans.CLEAR,
    }
    sentences = _SENTENCES[world]
    if "side" in facts:
        sentences += _ABOUT_FINDINGS if count else _ABOUT_CLEAR_SCANS
    sentence: str = generator.choose(sentences)
    return sentence.format(**words)


def counted(count: int, thing: str) -> str:
    """`a nodule`, `two crosses`."""
    if count == 1:
        return f"a {thing}"
    return f"{NUMBERS[count]} {plural(thing)}"


def plural(thing: str) -> str:
    return f"{thing}{'es' if thing.endswith('s') else 's'}"

"""Prompt sets: class names and templates as they were published, under the name of their
publishers.

They decide a zero-shot number as much as the weights do, so a set is data with a name, one JSON
file each, and the name stands in the record of a run: `openai` (Radford et al. 2021, CLIP's
`data/prompts.md`), `coop` (Zhou et al. 2022: one template a dataset, and names of its own),
`clip_benchmark` (LAION's CLIP_benchmark), `mteb` (the zero-shot tasks of MTEB: one template each,
and names that mostly are the labels of the data, misspelt where these are), `rs_106` (El Khoury et
al. 2025, RS-TransCLIP: 106 templates for images from the air, and names for ten sets of them),
`proof` (Zhou et al. 2025, PROOF: the names of its samples of general datasets), `unimed` (Khattak
et al. 2024, UniMed-CLIP: histopathology). A set that changes gets a new name.
"""

import json
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

from clvl_bench.core.errors import unknown

OWN = "own"
"""The name for prompts of no set: those that a declaration or a table in a benchmark file writes
out itself."""

SOURCES = {
    "openai": "Radford et al. 2021, CLIP's data/prompts.md",
    "coop": "Zhou et al. 2022, CoOp's split files and trainers/zsclip.py",
    "clip_benchmark": "LAION's CLIP_benchmark, en_classnames.json and templates",
    "mteb": "MTEB, mteb/tasks/Image/ZeroShotClassification",
    "rs_106": "El Khoury et al. 2025, RS-TransCLIP at commit a766b4d",
    "proof": "Zhou et al. 2025, PROOF's utils/labels.json and templates.json at commit 0bb20520",
    "unimed": "Khattak et al. 2024, UniMed-CLIP's constants.py at commit 6f09177",
}
"""Who published each set, and where."""

_FOLDER = Path(__file__).parent / "prompt_sets"


class Prompts(NamedTuple):
    """The prompts of one dataset in a set: the name of each class by its label, in the order of the
    labels, and templates.
    """

    classes: dict[str, str]
    templates: tuple[str, ...]


def fields_of(template: str) -> list[str]:
    """The names of a template's fields; that of `{}` is empty.

    Raises:
        ValueError: its braces do not fit, or a field says how to format it.
    """
    fields = []
    try:
        for _, name, form, conversion in Formatter().parse(template):
            if form or conversion:
                raise ValueError("a field holds no more than its name")
            if name is not None:
                fields.append(name)
    except ValueError as error:
        raise ValueError(f"templates: got '{template}'; {error}") from None
    return fields


def names() -> tuple[str, ...]:
    """The sets that there are."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.json")))


@cache
def read_set(name: str) -> dict[str, Prompts]:
    """A set: dataset -> prompts.

    Raises:
        ValueError: there is no such set.
    """
    if name not in names():
        raise ValueError(f"prompts: {unknown('set', name, names())}")
    content: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    found = {}
    for dataset, entry in content.items():
        templates = entry["templates"]
        # The name of another dataset of the set stands for its templates.
        if isinstance(templates, str):
            templates = content[templates]["templates"]
        found[dataset] = Prompts(entry["classes"], tuple(templates))
    return found


def prompts_of(name: str, dataset: str) -> Prompts:
    """The prompts of a dataset in a set.

    Raises:
        ValueError: there is no such set, or it does not know the dataset.
    """
    found = read_set(name)
    if dataset not in found:
        raise ValueError(
            f"prompts: the set '{name}' has none for {dataset}; it has some for: {', '.join(found)}"
        )
    return found[dataset]


def aliases(dataset: str) -> list[dict[str, str]]:
    """The names of a dataset's classes in every set that knows it: label -> name."""
    sets = [read_set(name) for name in names()]
    return [prompts[dataset].classes for prompts in sets if dataset in prompts]

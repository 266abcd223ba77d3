"""Class names as data write them: matched with the declared classes by every name under which a
class is known.
"""

import re

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.prompts import aliases


def plain(name: str) -> str:
    """A name without case, spaces and marks: `Annual_Crop` and `AnnualCrop` are one class."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def known_names(dataset: ImageDataset) -> dict[str, int]:
    """Plain name -> label number; labels come before names in prompts, and those before the names
    in other published sets.
    """
    labels = dataset.labels or dataset.classes
    numbers = {label: number for number, label in enumerate(labels)}
    own_names = dict(zip(labels, labels, strict=True))
    prompt_names = dict(zip(labels, dataset.classes, strict=True))
    known: dict[str, int] = {}
    for names in (own_names, prompt_names, *aliases(dataset.known_as)):
        for label, name in names.items():
            if label in numbers:
                known.setdefault(plain(name), numbers[label])
    return known

"""Class names as data write them: matched with the declared classes by every name under which a
class is known.
"""

import re
import unicodedata
from dataclasses import dataclass

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.prompts import aliases


def plain(name: str) -> str:
    """A name without case, spaces and marks: `Annual_Crop` and `AnnualCrop` are one class. Letters
    of all scripts stay.
    """
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name).casefold())


@dataclass(frozen=True)
class KnownNames:
    """Label numbers by name. A name is looked up as it stands first. Its plain form counts only
    where it means one class: `HER2+` and `HER2-` are both `her2`.
    """

    exact: dict[str, int]
    plain: dict[str, int]

    def label(self, name: str) -> int | None:
        """The number of the class of this name; None where no class, or more than one, may be
        meant.
        """
        if name in self.exact:
            return self.exact[name]
        return self.plain.get(plain(name))


def known_names(dataset: ImageDataset) -> KnownNames:
    """The names of a dataset's classes; labels come before names in prompts, and those before the
    names in other published sets.
    """
    labels = dataset.labels or dataset.classes
    numbers = {label: number for number, label in enumerate(labels)}
    own_names = dict(zip(labels, labels, strict=True))
    prompt_names = dict(zip(labels, dataset.classes, strict=True))
    exact: dict[str, int] = {}
    meant: dict[str, set[int]] = {}
    for names in (own_names, prompt_names, *aliases(dataset.known_as)):
        of_these: dict[str, set[int]] = {}
        for label, name in names.items():
            if label not in numbers:
                continue
            exact.setdefault(name, numbers[label])
            of_these.setdefault(plain(name), set()).add(numbers[label])
        for form, found in of_these.items():
            meant.setdefault(form, found)
    unique = {form: min(found) for form, found in meant.items() if form and len(found) == 1}
    return KnownNames(exact, unique)

"""Precomputed: a backbone of which only the features of images and classes are here, not the towers
that computed them.
"""

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.backbones.catalog import BACKBONES
from clvl_bench.backbones.class_tables import ClassTables
from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.data.catalog.candidate import Candidate


class ClassTexts:
    """Unit text features of a dataset's classes.

    Args:
        features: [templates, classes, width].
        templates: the sentences that they are of; None where the one row there is stands for
            whatever templates a class has.
    """

    def __init__(
        self, classes: Sequence[str], features: Tensor, templates: Sequence[str] | None = None
    ) -> None:
        self.classes = tuple(classes)
        self.features = features
        self._class_rows = {name: row for row, name in enumerate(classes)}
        self._template_rows = {template: row for row, template in enumerate(templates or ())}

    def of(self, candidate: Candidate, templates: Sequence[str]) -> Tensor:
        """The features of a class in some templates [templates, width].

        Raises:
            Mistake: there is no feature of a template.
        """
        of_class = self.features[:, self._class_rows[candidate.name]]
        if not self._template_rows:
            return of_class
        for template in templates:
            if template not in self._template_rows:
                found = unknown("template with text features", template, self._template_rows)
                raise Mistake(f"{candidate.dataset}: {found}")
        return of_class[[self._template_rows[template] for template in templates]]


class PrecomputedBackbone(Backbone):
    """Text features by dataset, class name and template.

    Args:
        text: of each dataset that has some.
        images_sha256: maps a dataset to the hash of its image features, where no fingerprint of a
            split tells it.
        gives_unit_images: whether image features are unit as they come.
    """

    def __init__(
        self,
        *,
        name: str,
        logit_scale: float,
        width: int,
        text: Mapping[str, ClassTexts],
        images_sha256: Mapping[str, str] | None = None,
        gives_unit_images: bool = False,
    ) -> None:
        self.name = name
        self.family = _family(name)
        self.logit_scale = logit_scale
        self.width = width
        self.gives_unit_images = gives_unit_images
        self._text = text
        self._class_features: dict[tuple[str, str, tuple[str, ...]], Tensor] = {}
        self._tables = ClassTables()
        digest = hashlib.sha256(name.encode())
        keys = [(dataset, label) for dataset, known in text.items() for label in known.classes]
        for dataset, label in sorted(keys):
            rows = text[dataset].features[:, text[dataset].classes.index(label)]
            digest.update(repr((dataset, label)).encode() + rows.numpy().tobytes())
        for dataset, sha256 in sorted((images_sha256 or {}).items()):
            digest.update(f"{dataset} {sha256}".encode())
        self.weights_sha256 = self.files_sha256 = digest.hexdigest()

    def class_features(
        self, candidates: Sequence[Candidate], *, templates: int | None = None
    ) -> Tensor:
        return self._tables.load_or_compute(candidates, templates, self._table)

    def _table(self, candidates: Sequence[Candidate], templates: int | None) -> Tensor:
        found = []
        for candidate in candidates:
            sentences = candidate.templates[:templates]
            key = (candidate.dataset, candidate.name, sentences)
            if key not in self._class_features:
                self._class_features[key] = self._feature(candidate, sentences)
            found.append(self._class_features[key])
        return torch.stack(found)

    def _feature(self, candidate: Candidate, templates: Sequence[str]) -> Tensor:
        """The text feature of a class in some templates [width]."""
        known = self._text.get(candidate.dataset)
        if known is None or candidate.name not in known.classes:
            return torch.full((self.width,), float("nan"))
        rows = known.of(candidate, templates)
        # A single feature is unit as it was stored: made unit once more, in another precision,
        # half-precision features would give other accuracies.
        return rows[0] if len(rows) == 1 else l2_normalize(rows.mean(dim=0))


def _family(name: str) -> str:
    """Who pre-trained the backbone of that name, where the catalogue has it; else the name."""
    return next((each.family for each in BACKBONES if each.name == name), name)

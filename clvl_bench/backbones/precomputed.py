"""Precomputed: a backbone of which only the features of images and classes are here, not the towers
that computed them.
"""

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate


class PrecomputedBackbone(Backbone):
    """Text features by dataset and class name.

    Args:
        text: maps a dataset to its class names and their unit features [templates, classes, width],
            or None. One row of templates stands for whatever templates a class has.
        images_sha256: maps a dataset to the hash of its image features, where no fingerprint of a
            split tells it.
    """

    def __init__(
        self,
        *,
        name: str,
        logit_scale: float,
        width: int,
        text: Mapping[str, tuple[Sequence[str], Tensor] | None],
        images_sha256: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.family = name
        self.logit_scale = logit_scale
        self.width = width
        self._features: dict[tuple[str, str], Tensor] = {}
        for dataset, known in text.items():
            if known is None:
                continue
            classes, features = known
            for label, rows in zip(classes, features.float().unbind(dim=1), strict=True):
                self._features[dataset, label] = rows
        digest = hashlib.sha256(name.encode())
        for key in sorted(self._features):
            digest.update(repr(key).encode() + self._features[key].numpy().tobytes())
        for dataset, sha256 in sorted((images_sha256 or {}).items()):
            digest.update(f"{dataset} {sha256}".encode())
        self.weights_sha256 = self.files_sha256 = digest.hexdigest()

    def class_features(
        self, candidates: Sequence[Candidate], *, templates: int | None = None
    ) -> Tensor:
        missing = torch.full((1, self.width), float("nan"))
        found = []
        for candidate in candidates:
            rows = self._features.get((candidate.dataset, candidate.name), missing)[:templates]
            # A single feature is unit as it was stored: made unit once more, in another precision,
            # half-precision features would give other accuracies.
            found.append(rows[0] if len(rows) == 1 else l2_normalize(rows.mean(dim=0)))
        return torch.stack(found)

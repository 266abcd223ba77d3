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
    """Text features by dataset and class name; `text` maps a dataset to its class names and their
    features, or None.
    """

    def __init__(
        self,
        *,
        name: str,
        logit_scale: float,
        width: int,
        text: Mapping[str, tuple[Sequence[str], Tensor] | None],
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
            for label, row in zip(classes, features.float(), strict=True):
                self._features[dataset, label] = l2_normalize(row)
        digest = hashlib.sha256(name.encode())
        for key in sorted(self._features):
            digest.update(repr(key).encode() + self._features[key].numpy().tobytes())
        self.weights_sha256 = self.files_sha256 = digest.hexdigest()

    def class_features(
        self, candidates: Sequence[Candidate], *, templates: int | None = None
    ) -> Tensor:
        missing = torch.full((self.width,), float("nan"))
        keys = [(candidate.dataset, candidate.name) for candidate in candidates]
        return torch.stack([self._features.get(key, missing) for key in keys])

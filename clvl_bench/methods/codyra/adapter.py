"""CoDyRA: low-rank updates of all linear layers of both towers, with a learned gate for each rank.

Lu et al. 2024, Adaptive rank, reduced forgetting: knowledge retention in continual learning
vision-language models with dynamic rank-selective LoRA (arXiv:2412.01004): W + B diag(g) A on
queries, keys, values, outputs and both layers of the feed-forward part; after an experience it is
merged into W, and a fresh one begins. Which ranks stay is decided by the plugin `gate_threshold`,
which closes gates while it trains; without it all stay. The loss is the cross-entropy of images
among the texts of the experience and, as released, one of texts among the images of the batch: the
sum over images of -log of the share that the text of its class gives it, by the number of classes
seen so far, those that are absent from the batch included.

Equal to the released code (tests/authors/test_codyra.py), from which it differs in this: fp32;
AdamW's second beta is 0.999, there 0.9999; class texts in testing are of all templates; samples
whose label has not arrived are left out of the batch that texts choose from. Merged at an
experience's end, there at the start of the next one, which is the same function. What is kept are
the merged weights, whose size does not grow with the experiences.
"""

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.layers import with_layers
from clvl_bench.core.rng import keyed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.losses import TrainingBatch
from clvl_bench.methods._base.towers import TrainedTowers
from clvl_bench.methods.codyra.config import CodyraConfig
from clvl_bench.methods.codyra.gated import GatedLinear

UPDATED = re.compile(r".*\.layers\.\d+\.(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])")
"""Names of the linear layers that have updates, as transformers calls them."""


class Codyra(TrainedTowers):
    """Towers of its own in which each linear layer of each transformer layer is a `GatedLinear`."""

    def __init__(
        self, config: CodyraConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found, _ = with_layers(backbone, wanted_by=config.title)
        # Weights are shared but for those that are merged, of which a GatedLinear has copies.
        super().__init__(config, found, classes, share_weights=True)
        self._start = int(torch.randint(2**31, ()))
        self._merged = 0
        self.seen: ClassIds = ()
        for name, module in list(self.towers.named_modules()):
            if isinstance(module, nn.Linear) and UPDATED.fullmatch(name):
                self.towers.set_submodule(name, GatedLinear(module, config.rank))

    @property
    def updates(self) -> list[GatedLinear]:
        """The layers that have updates."""
        return [module for module in self.towers.modules() if isinstance(module, GatedLinear)]

    def begin(self, class_ids: ClassIds) -> None:
        self.seen = tuple(dict.fromkeys((*self.seen, *class_ids)))

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Images among texts, and texts among images."""
        return super().loss(batch) + text_loss(batch.logits, batch.labels, len(self.seen))

    @torch.no_grad()
    def end(self) -> None:
        """Merge, and begin a fresh update."""
        self._merged += 1
        with keyed("fresh update", self._start, self._merged):
            for update in self.updates:
                update.merge()
                update.reset()
        self.forget_classifiers()

    def state(self) -> State:
        return {"merged": self._merged, "seen": list(self.seen), **self._kept()}

    def load(self, state: State) -> None:
        self._merged = state["merged"]
        self.seen = tuple(state["seen"])
        for name, tensor in self._kept().items():
            tensor.copy_(state[name])
        self.forget_classifiers()

    def _kept(self) -> dict[str, Tensor]:
        """Updates and merged weights by name. These are not copies: to write into them is to
        load.
        """
        kept = {}
        for number, update in enumerate(self.updates):
            for part in ("weight", "down", "up", "gate"):
                kept[f"updates.{number}.{part}"] = getattr(update, part).detach()
        return kept


def text_loss(logits: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Cross-entropy of each class's text among the images of a batch whose label is known, targets
    1 for all images of the class, the mean over that many classes.

    Args:
        logits: [batch, classes], minus infinity where a class is no candidate.
        labels: [batch], -1 where the label has not arrived.
    """
    known = labels >= 0
    if not bool(known.any()):
        return logits[torch.isfinite(logits)].sum() * 0.0
    # Only classes that are there: the row of another may be all minus infinity, and has no target.
    present, place = labels[known].unique(return_inverse=True)
    logs = logits[known][:, present].log_softmax(dim=0)
    return -logs.gather(1, place[:, None]).sum() / classes

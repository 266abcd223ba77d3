"""L2P: a pool of prompts, of which each sample takes those whose keys are nearest to its query.

Wang et al. 2022, Learning to prompt for continual learning (arXiv:2112.08654), in the form of the
CODA-Prompt repository ("L2P++"): prefixes instead of tokens. Differs from that code: its key loss
indexes [batch, batch, selected], every sample's keys against every other's queries; here a sample's
own, as in l2p-pytorch (JH-LEE-KR), whose `reduce_sim` is the number of selected keys minus this
loss. Prompts and keys start as U(0, 1) as in the CODA-Prompt repository, or with `init =
"symmetric"` as U(-1, 1), as in l2p-pytorch. See `_base/prefixes.py` for what all three methods
share.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.prefixes import PrefixTuned
from clvl_bench.methods.l2p.config import L2PConfig


class L2P(PrefixTuned):
    """`prompts` [layers, pool, length, tower width] and `keys` [pool, width]."""

    def __init__(self, config: L2PConfig, backbone: Backbone, classes: Sequence[Candidate]) -> None:
        super().__init__(config, backbone, classes)
        depth = min(config.depth, self.layers)
        self.prompts = self.start(
            depth, config.pool_size, config.length, self.tower_width, init=config.init
        )
        self.prompts.requires_grad_(not config.frozen)
        self.keys = self.start(config.pool_size, backbone.width, init=config.init)
        self._selected = config.selected
        self._key_weight = config.key_weight

    def nearest(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines of the selected keys with unit queries, and their rows in the pool, both
        [batch, selected].
        """
        cosines, rows = (queries @ l2_normalize(self.keys).T).topk(self._selected, dim=1)
        return cosines, rows

    def prefixes(self, queries: Tensor) -> dict[int, Tensor]:
        _, rows = self.nearest(queries)
        found = {}
        for layer, pool in enumerate(self.prompts):
            # Half of each prompt are keys, half values: the keys of all selected ones go together.
            keys, values = pool[rows].chunk(2, dim=2)
            found[layer] = torch.cat([keys.flatten(1, 2), values.flatten(1, 2)], dim=1)
        return found

    def penalty(self, inputs: Tensor) -> Tensor:
        """`key_weight` times 1 - cosine of a sample and its keys, summed over the keys, the mean
        over samples.
        """
        cosines, _ = self.nearest(self.queries(inputs))
        return self._key_weight * (1 - cosines).sum(dim=1).mean()

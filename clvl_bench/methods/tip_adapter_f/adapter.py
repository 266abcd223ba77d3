"""Tip-Adapter-F: Tip-Adapter whose keys follow the gradient, from the training features on.

Zhang et al. 2022, Tip-Adapter: training-free adaption of CLIP for few-shot classification
(arXiv:2207.09519). Differs from the released code as `tip_adapter` does, and: it keeps the epoch
that is best on the test data, here it is the last; queries are the features themselves and not
fresh crops, so that a kept sample votes for itself at full strength from the start and those that
were not kept teach more. The released AdamW has eps = 1e-4, which a strategy file says as
`train.eps`. Keys of earlier experiences are parameters as well; among the classes of an experience
alone they have no gradient.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, with_texts
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods.tip_adapter.adapter import TipAdapter
from clvl_bench.methods.tip_adapter_f.config import TipAdapterFConfig


class TipAdapterF(TipAdapter):
    """`keys` [kept, width] are parameters, not made unit vectors again; as published, what they
    vote for stays.

    Raises:
        Mistake: a class has no text.
    """

    learns = "gradient"
    observes_first = True

    def __init__(
        self, config: TipAdapterFConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_texts(backbone, classes, wanted_by=config.title)
        super().__init__(config, found, classes)

    def _hold(self, keys: Tensor, classes: Tensor, draws: Tensor) -> None:
        self.keys = nn.Parameter(keys)
        self.register_buffer("key_classes", classes)
        self.register_buffer("draws", draws)

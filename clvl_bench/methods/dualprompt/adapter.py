"""DualPrompt: a general prompt in the first layers, and for each experience an expert prompt in the
next ones.

Wang et al. 2022, DualPrompt: complementary prompting for rehearsal-free continual learning
(arXiv:2204.04799). Training uses the experience's own expert, testing the one whose key is nearest
to the sample's query. Differs from the released code: one key an expert, as in the paper, not one a
layer; experts are added as experiences come, their number need not be known; a batch's key loss is
a mean instead of a sum (nothing else moves the keys, so Adam does not see the factor); a tower with
fewer layers leaves out what is behind its last, but keeps one for the expert. See
`_base/prefixes.py` for the rest.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.core.rng import keyed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.prefixes import PrefixTuned
from clvl_bench.methods.dualprompt.config import DualPromptConfig


class DualPrompt(PrefixTuned):
    """`general` [layers, length, tower width]; for each experience an expert of the same form and a
    key [width].
    """

    config: DualPromptConfig

    def __init__(
        self, config: DualPromptConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        first = min(config.general_depth, self.layers - 1)
        self._expert_layers = range(first, min(first + config.expert_depth, self.layers))
        self.general = self.start(first, config.general_length, self.tower_width, init=config.init)
        self.general.requires_grad_(not config.frozen)
        self.experts = nn.ParameterList()
        self.keys = nn.ParameterList()
        self._start = int(torch.randint(2**31, ()))
        self._begun = 0
        self._add()

    def begin(self, class_ids: ClassIds) -> None:
        if self._begun:  # the first expert has been there from the start
            self._add()
        self._begun += 1

    def choices(self, inputs: Tensor) -> Tensor:
        return self._nearest(self.queries(inputs))

    def prefixes(self, queries: Tensor) -> dict[int, Tensor]:
        """While training, samples rehearsed from earlier experiences go through the expert that
        trains as well.
        """
        batch = len(queries)
        if self.training:
            experts = self.experts[-1].expand(batch, -1, -1, -1)
        else:
            experts = torch.stack(list(self.experts))[self._nearest(queries)]
        found = {layer: prompt.expand(batch, -1, -1) for layer, prompt in enumerate(self.general)}
        for row, layer in enumerate(self._expert_layers):
            found[layer] = experts[:, row]  # of [batch, layers, length, tower width]
        return found

    def penalty(self, inputs: Tensor) -> Tensor:
        """`key_weight` times the mean of 1 - cosine between the samples and the expert's key."""
        cosines = self.queries(inputs) @ l2_normalize(self.keys[-1])
        return self.config.key_weight * (1 - cosines).mean()

    def state(self) -> State:
        return {"begun": self._begun, **super().state()}

    def load(self, state: State) -> None:
        self._begun = state["begun"]
        while len(self.experts) < self._begun:
            self._add()
        super().load({name: value for name, value in state.items() if name != "begun"})

    def _nearest(self, queries: Tensor) -> Tensor:
        """The expert of the nearest key [batch]."""
        keys = l2_normalize(torch.stack(list(self.keys)))
        return (queries @ keys.T).argmax(dim=1)

    def _add(self) -> None:
        for past in (*self.experts, *self.keys):
            past.requires_grad_(False)
        with keyed("expert", self._start, len(self.experts)):
            shape = (len(self._expert_layers), self.config.expert_length, self.tower_width)
            self.experts.append(self.start(*shape, init=self.config.init))
            self.keys.append(self.start(self.backbone.width, init=self.config.init))

"""AttriCLIP: a bank of prompts with keys; each image chooses some, which stand before the class
name.

Wang et al. 2023, AttriCLIP: a non-incremental learner for incremental knowledge learning
(arXiv:2305.11488). Not reproduced by others: a public suite lists it so. Differs from the released
code, whose optimiser receives the text tower as well and trains it within an experience: here the
towers are frozen; keys have the width of image features, not of words; every context that a batch
chose is encoded once. Batch x classes sentences at worst, `chunk` in the text tower at a time.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize, with_embeddings
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.sentences import Sentences, noise
from clvl_bench.methods.attriclip.config import AttriClipConfig

NAMELESS = Candidate("", "", ("{}.",))
"""What a prompt says by itself, before no name; in the released code before 24 words "x"."""


class AttriClip(Adapter):
    """`keys` [bank, width] and `prompts` [bank, context, token width].

    Prompts of noise stand in the place of words, so that the first logits are not zero-shot's.
    """

    starts_as_zeroshot = False

    def __init__(
        self, config: AttriClipConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found = with_embeddings(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        keys = torch.randn(config.bank_size, found.width, device=found.device) * 0.02
        self.keys = nn.Parameter(keys)
        self.prompts = nn.Parameter(noise(found, config.bank_size, config.context_length))
        self._chosen = config.chosen
        self._chunk = config.chunk
        self._key_weight = config.key_weight
        self._diversity_weight = config.diversity_weight
        self.sentences = Sentences(found, classes, length=config.chosen * config.context_length)
        self._nameless = Sentences(found, [NAMELESS], length=config.context_length)

    def choose(self, images: Tensor) -> Tensor:
        """The keys [batch, chosen] of the largest products with unit images, the largest first."""
        return (images @ self.keys.T).topk(self._chosen, dim=1).indices

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        images = l2_normalize(inputs)
        choices, choice_of = self.choose(images).unique(dim=0, return_inverse=True)
        contexts = self.prompts[choices].flatten(1, 2)  # [choices, chosen * context, token width]
        return self.backbone.logit_scale * self.sentences.cosines(
            images, candidates, contexts, choice_of, chunk=self._chunk
        )

    def penalty(self, inputs: Tensor) -> Tensor:
        """Keys come near the images that chose them, and prompts say different things."""
        images = l2_normalize(inputs)
        chosen = l2_normalize(self.keys)[self.choose(images)]  # [batch, chosen, width]
        near = (images[:, None] * chosen).sum(dim=-1).mean()
        loss: Tensor = self._key_weight * (1 - near)
        if len(self.prompts) == 1:
            return loss
        # Each prompt by itself, as the sentence of the one nameless class, which has the id 0.
        said = self._nameless.features((0,) * len(self.prompts), self.prompts)
        others = ~torch.eye(len(said), dtype=torch.bool, device=said.device)
        return loss + self._diversity_weight * (said @ said.T)[others].abs().mean()

"""PromptSRC: deep prompts in both towers, independent of each other, that are held near what the
untouched towers say.

Khattak et al. 2023, Self-regulating prompts: foundational model adaptation without forgetting
(arXiv:2307.06948), section 3: beside the cross-entropy stand the mean absolute differences of unit
class texts and of unit image features from the untouched ones, and the divergence KL(untouched ||
learned) of predictions. As released it is the sum over a batch by the number of logits, and so
shrinks as classes come. The mean of the prompts over epochs, weighed by a Gaussian, is the plugin
`gaussian_average`.

Differs from the released code: fp32; widths from the backbone; a tower with fewer layers than
`depth` has a prompt in each. The untouched class texts are of the dataset's own templates, each
made unit before their mean, where the release takes a list for ImageNet and its raw features. Open
in the paper, which has one task: one set of prompts learns all experiences, and it is held for the
classes that training compares at the time. The tokens in the image tower take attention from the
patches, so that no start is exactly zero-shot.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.backbones.layers import with_layers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds
from clvl_bench.methods._base.selector import FrozenFeatures
from clvl_bench.methods._base.sentences import Sentences, leading_words, noise
from clvl_bench.methods.maple.adapter import DeepPrompts
from clvl_bench.methods.promptsrc.config import PromptSrcConfig


class PromptSrc(Adapter):
    """`context` [length, token width] enters the text, `deep` [depth - 1, length, token width] its
    later layers; `image_prompts` [depth, image length, image tower width].
    """

    start_templates = 1
    starts_as_zeroshot = False

    def __init__(
        self, config: PromptSrcConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found, towers = with_layers(backbone, wanted_by=config.title)
        super().__init__(config, found, classes)
        self._config = config
        start, kept = leading_words(
            found, classes, config.context_length, template=config.context_init == "template"
        )
        self.context = nn.Parameter(start)
        self.deep = nn.Parameter(
            noise(found, min(config.depth, towers.text_layers) - 1, len(start))
        )
        depth = min(config.depth, towers.image_layers)
        self.image_prompts = nn.Parameter(
            0.02 * torch.randn(depth, config.image_length, towers.image_width, device=found.device)
        )
        self._sentences = Sentences(found, classes, length=len(start), kept=kept, text=self._encode)
        self._learned = torch.empty(0)
        """Class texts [scored, width] of the last training batch."""
        # Bound methods: the frozen towers must not become a part of the module.
        self._image = towers.image_through
        self._text = towers.text_through
        self._frozen = FrozenFeatures(found, pixels=True, wanted_by=config.title)

    def classifier(self, candidates: ClassIds) -> Tensor:
        texts = self._sentences.features(candidates, self.context)
        if self.training:
            self._learned = texts
        return texts

    def image(self, inputs: Tensor) -> Tensor:
        return self._image(inputs, DeepPrompts(self.image_prompts, at=None))

    def _encode(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        prompts = torch.cat([self.context[None], self.deep])
        return self._text(embeddings, ends, DeepPrompts(prompts, at=1))

    def penalty(self, inputs: Tensor) -> Tensor:
        """What holds the prompts, of the batch that the last forward pass saw."""
        assert self.encoded is not None, "a training batch has been seen"
        texts = self.class_texts(self.scored)
        images = l2_normalize(self._frozen(inputs))
        config = self._config
        held = held_near(self.encoded, self._learned, images, texts, self.backbone.logit_scale)
        text, image, logits = held
        return (
            config.text_weight * text + config.image_weight * image + config.logit_weight * logits
        )

    def train(self, mode: bool = True) -> "PromptSrc":
        self._frozen.forget()
        super().train(mode)
        return self


def held_near(
    images: Tensor, texts: Tensor, images_before: Tensor, texts_before: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """How far unit images [batch, width] and texts [classes, width] went from those before: mean
    absolute differences of texts and of images, and KL(before || now) of predictions by the number
    of logits (equations 4 to 6).
    """
    now = (scale * images @ texts.T).log_softmax(dim=1)
    before = (scale * images_before @ texts_before.T).log_softmax(dim=1)
    divergence = (before.exp() * (before - now)).mean()
    text = (texts - texts_before).abs().mean()
    image = (images - images_before).abs().mean()
    return text, image, divergence

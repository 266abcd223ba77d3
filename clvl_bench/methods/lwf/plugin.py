"""LwF: the model that learns an experience is held near the one from before it, on the experience's
own images.

Li & Hoiem 2016, Learning without forgetting (arXiv:1606.09282), in the form that Zheng et al. 2023
(ZSCL, arXiv:2303.06628) give it for CLIP: their two losses on an independent batch of the
experience's images and the texts of its classes, or on random sentences (LwF-VR: Ding et al. 2022,
arXiv:2207.09248), 1000 of ten tokens each, drawn once for each experience. Both sides use the
teacher's texts, as in the released code, or the student's side its own. Differs: what the teacher
says is encoded once for each experience, so that no copy of the model is kept.

Found in the released code: the class-incremental version builds the teacher on the student's own
storage, so that it follows every step and its loss has no gradient; LwF and LwF-VR run as released
equal plain fine-tuning. The teacher here is the model before the experience, as the papers have it.
"""

from typing import Any

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import TowerBackbone, l2_normalize, with_towers
from clvl_bench.backbones.tokens import Tokens
from clvl_bench.core.errors import Mistake
from clvl_bench.core.rng import rng
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.memory import reader
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.strategy_protocol import StrategyLike, iteration_key
from clvl_bench.methods._base.weights import without_dropout
from clvl_bench.methods.distillation.plugin import both_directions
from clvl_bench.methods.lwf.config import LwfConfig

FROZEN = (
    "plugin 'lwf' compares with the teacher's texts, and this adapter does not learn image "
    "features; "
    'set plugins.lwf.texts = "student"'
)
CHUNK = 64
"""Images that the teacher encodes together."""


class Lwf(Plugin):
    """Adds a loss to any supervised Avalanche strategy whose model is an adapter.

    Raises:
        Mistake: the student's images are to be compared with the teacher's texts, and the adapter
            learns nothing about images.
    """

    def __init__(self, config: LwfConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.adapter = context.adapter
        # Only a method that makes both itself has image features that its class texts can be
        # compared with.
        method = type(self.adapter)
        has_image = method.image is not Adapter.image
        has_classifier = method.classifier is not Adapter.classifier
        if config.texts == "teacher" and not (has_image and has_classifier):
            raise Mistake(FROZEN)
        self._seed = context.seed
        self._classes: tuple[int, ...] = ()
        self._teacher_texts = torch.empty(0)
        self._noted = torch.empty(0)
        """The teacher's logits of the experience [samples, texts]."""

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        """The teacher is the model as it is now; what it says of the experience is all that is
        needed of it.
        """
        if not self.config.weight:
            return
        dataset = strategy.experience.dataset
        read = reader(dataset)
        self._classes = tuple(strategy.experience.classes_in_this_experience)
        with without_dropout(self.adapter), torch.no_grad():
            if self.config.texts == "teacher":
                self._teacher_texts = self._texts(strategy.clock.train_exp_counter)
            noted = []
            for rows in torch.arange(len(dataset)).split(CHUNK):
                inputs = read(rows)[0].to(strategy.device)
                noted.append(self._logits(inputs).cpu())
        self._noted = torch.cat(noted)

    def before_backward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if not self.config.weight:
            return
        count = min(self.config.batch_size or strategy.train_mb_size, len(self._noted))
        generator = rng("lwf", self._seed, *iteration_key(strategy))
        rows = torch.from_numpy(generator.choice(len(self._noted), size=count, replace=False))
        inputs = reader(strategy.experience.dataset)(rows)[0].to(strategy.device)
        student = self._logits(inputs)
        # An adapter may have an `image` through which nothing that is learned passes; it shows
        # here first.
        if not student.requires_grad:
            raise Mistake(FROZEN)
        teacher = self._noted[rows].to(student.device)
        loss = both_directions(teacher, student, self.config.temperature)
        strategy.loss = strategy.loss + self.config.weight * loss

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        self._classes = ()
        self._teacher_texts = torch.empty(0)
        self._noted = torch.empty(0)

    def _logits(self, inputs: Tensor) -> Tensor:
        """[batch, texts], of the adapter as it is now."""
        if self.config.texts == "student":
            return self.adapter.logits(inputs, self._classes)
        images = l2_normalize(self.adapter.image(inputs))
        return self.adapter.backbone.logit_scale * images @ self._teacher_texts.T

    def _texts(self, experience: int) -> Tensor:
        """Unit rows [texts, width]."""
        if self.config.sentences == "classes":
            return self.adapter.classifier(self._classes)
        towers = with_towers(
            self.adapter.backbone, wanted_by="the plugin 'lwf' with random sentences"
        )
        sentences = gibberish(towers, self.config.random_sentences, self._seed, experience)
        return self.adapter.encode_sentences(sentences)


def gibberish(backbone: TowerBackbone, count: int, *key: object, length: int = 10) -> Tokens:
    """Sentences of `length` token ids [count, ...] drawn uniformly from the vocabulary, between the
    start of text, where the tokenizer has one, and its end.
    """
    *start, end = backbone.tokenize([""]).ids[0].tolist()
    generator = rng("gibberish", *key)
    drawn = torch.from_numpy(generator.integers(_vocabulary(backbone), size=(count, length)))
    starts = [torch.full((count, 1), token) for token in start]
    ends = torch.full((count, 1), end)
    ids = torch.cat([*starts, drawn, ends], dim=1).to(backbone.device)
    last = torch.full((count,), ids.shape[1] - 1, device=backbone.device)
    return Tokens(ids, last)


def _vocabulary(backbone: TowerBackbone) -> int:
    """How many tokens the text tower knows: the largest table, those of positions apart."""
    tables = (part for name, part in backbone.towers.named_modules() if "position" not in name)
    return max(part.num_embeddings for part in tables if isinstance(part, nn.Embedding))

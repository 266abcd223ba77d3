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

from typing import Any, Literal

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Tokens, TowerBackbone, l2_normalize, with_towers
from clvl_bench.core.errors import Mistake
from clvl_bench.core.rng import rng
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.memory import reader
from clvl_bench.methods._base.plugin import Plugin, PluginContext, refuse_without_gradient
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

    Args:
        weight: of the loss; 0 leaves training as it is.
        temperature: of both softmaxes; the loss is scaled by its square.
        batch_size: images a step; as many as a training batch has if None.
        texts: whose texts the student's images are compared with.
        sentences: texts of the experience's classes, or random ones.
        random_sentences: how many of these.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        weight: float = 1.0,
        temperature: float = 2.0,
        batch_size: int | None = None,
        texts: Literal["student", "teacher"] = "teacher",
        sentences: Literal["classes", "random"] = "classes",
        random_sentences: int = 1000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.adapter, self.weight, self.temperature, self.batch_size = (
            adapter,
            weight,
            temperature,
            batch_size,
        )
        self.texts, self.sentences, self.random_sentences, self._seed = (
            texts,
            sentences,
            random_sentences,
            seed,
        )
        self._classes: tuple[int, ...] = ()
        self._teacher_texts = self._said = torch.empty(0)

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        """The teacher is the model as it is now; what it says of the experience is all that is
        needed of it.
        """
        if not self.weight:
            return
        self._classes = tuple(strategy.experience.classes_in_this_experience)
        dataset, adapter = strategy.experience.dataset, self.adapter
        chunks = torch.arange(len(dataset)).split(CHUNK)
        with without_dropout(adapter), torch.no_grad():
            if self.texts == "teacher":
                self._teacher_texts = self._texts(strategy.clock.train_exp_counter)
            said = [
                self._logits(reader(dataset)(rows)[0].to(strategy.device)).cpu() for rows in chunks
            ]
        self._said = torch.cat(said)

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        if not self.weight:
            return
        clock = strategy.clock
        key = (clock.train_exp_counter, clock.train_exp_epochs, clock.train_epoch_iterations)
        count = min(self.batch_size or strategy.train_mb_size, len(self._said))
        rows = torch.from_numpy(
            rng("lwf", self._seed, *key).choice(len(self._said), size=count, replace=False)
        )
        student = self._logits(reader(strategy.experience.dataset)(rows)[0].to(strategy.device))
        if (
            not student.requires_grad
        ):  # an image of its own that nothing learned passes through: no step before shows it
            raise Mistake(FROZEN)
        loss = both_directions(self._said[rows].to(student.device), student, self.temperature)
        strategy.loss = strategy.loss + self.weight * loss

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        self._classes = ()
        self._teacher_texts = self._said = torch.empty(0)

    def _logits(self, inputs: Tensor) -> Tensor:
        """[batch, texts], of the adapter as it is now."""
        if self.texts == "student":
            return self.adapter.logits(inputs, self._classes)
        return (
            self.adapter.backbone.logit_scale
            * l2_normalize(self.adapter.image(inputs))
            @ self._teacher_texts.T
        )

    def _texts(self, experience: int) -> Tensor:
        """Unit rows [texts, width]."""
        if self.sentences == "classes":
            return self.adapter.classifier(self._classes)
        towers = with_towers(
            self.adapter.backbone, wanted_by="the plugin 'lwf' with random sentences"
        )
        return self.adapter.encode_sentences(
            gibberish(towers, self.random_sentences, self._seed, experience)
        )


def gibberish(backbone: TowerBackbone, count: int, *key: object, length: int = 10) -> Tokens:
    """Sentences of `length` token ids [count, ...] drawn uniformly from the vocabulary, between the
    start of text, where the tokeniser has one, and its end.
    """
    *start, end = backbone.tokenize([""]).ids[0].tolist()
    drawn = torch.from_numpy(
        rng("gibberish", *key).integers(_vocabulary(backbone), size=(count, length))
    )
    edges = [torch.full((count, 1), token) for token in (*start, end)]
    ids = torch.cat([*edges[:-1], drawn, edges[-1]], dim=1).to(backbone.device)
    return Tokens(ids, torch.full((count,), ids.shape[1] - 1, device=backbone.device))


def _vocabulary(backbone: TowerBackbone) -> int:
    """How many tokens the text tower knows: the largest table, those of positions apart."""
    tables = (part for name, part in backbone.towers.named_modules() if "position" not in name)
    return max(part.num_embeddings for part in tables if isinstance(part, nn.Embedding))


def build(config: LwfConfig, context: PluginContext) -> Lwf:
    adapter = context.adapter
    refuse_without_gradient(config.kind, adapter)
    own = (
        type(adapter).image is not Adapter.image
        and type(adapter).classifier is not Adapter.classifier
    )
    if config.texts == "teacher" and not own:
        raise Mistake(FROZEN)
    return Lwf(
        adapter,
        weight=config.weight,
        temperature=config.temperature,
        batch_size=config.batch_size,
        texts=config.texts,
        sentences=config.sentences,
        random_sentences=config.random_sentences,
        seed=context.seed,
    )

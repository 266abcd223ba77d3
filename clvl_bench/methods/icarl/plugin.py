"""iCaRL: herded exemplars, distillation of the model before the experience, classification by the
nearest exemplar mean.

Rebuffi et al. 2017, iCaRL: incremental classifier and representation learning (arXiv:1611.07725).
As published, what the model says of the samples in hand and of the exemplars is noted before the
first update (algorithm 3), so that no copy of it is kept. Differs, being for CLIP: softmax
cross-entropy over the classes seen and softened distillation over the old ones, where the paper has
a sigmoid for each class; each batch is joined by exemplars where the paper mixes both sets; no
flipped images in the means. Classes without an exemplar are scored by the model, and so is a sample
whose best class by the model is one of these. In label space `dataset` a sample is distilled among
the old classes of its own dataset.
"""

from typing import Any

import torch
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.memory import CHUNK, Memory, features_by, insert_labelled, reader
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.rehearsal import Rehearsal
from clvl_bench.methods._base.strategy_protocol import StrategyLike
from clvl_bench.methods._base.weights import without_dropout
from clvl_bench.methods.distillation.plugin import distillation_loss
from clvl_bench.methods.icarl.config import IcarlConfig

NEVER = -1e4
"""In the place of minus infinity where softmaxes are compared: 0 times infinity is not a number."""


class Icarl(Rehearsal):
    """For any supervised Avalanche strategy whose model is an adapter and whose minibatch is
    (inputs, labels, ids, task). The samples of the memory are the exemplars.
    """

    def __init__(self, config: IcarlConfig, context: PluginContext) -> None:
        self._features = features_by(context.adapter)
        memory = Memory(
            config.samples,
            "herding",
            seed=context.seed,
            max_bytes=config.memory_bytes,
            features=self._features,
        )
        super().__init__(memory, config.batch_size)
        self.config = config
        self.adapter = context.adapter
        self.seen: ClassIds = ()
        self._noted = torch.empty(0)
        """Logits [samples, seen] from before the experience, and of each sample its row."""
        self._row_of: dict[int, int] = {}
        self._means: tuple[list[int], Tensor] | None = None

    def before_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        """Note what the model says of all that will be trained on, before it changes."""
        self._means = None
        self._row_of = {}
        if not self.seen or not self.config.weight:
            return
        dataset = strategy.experience.dataset
        read = reader(dataset)
        chunks = [read(rows) for rows in torch.arange(len(dataset)).split(CHUNK)]
        exemplars = [column.split(CHUNK) for column in self.memory.columns]
        chunks += list(zip(*exemplars, strict=True))
        # As in training: a trained text tower scores a class by its first template there, by all of
        # them in testing.
        with without_dropout(self.adapter), torch.no_grad():
            noted = [
                self.adapter.logits(inputs.to(strategy.device), self.seen) for inputs, *_ in chunks
            ]
        ids = torch.cat([ids for _, _, ids, *_ in chunks])
        self._noted = torch.cat(noted)
        self._row_of = {sample: row for row, sample in enumerate(ids.tolist())}

    def before_backward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if not self._row_of:
            return
        rows = [self._row_of[sample] for sample in strategy.mbatch[2].tolist()]
        now = strategy.mb_output[:, list(self.seen)]
        distilled = self.distilled(self._noted[rows], now)
        strategy.loss = strategy.loss + self.config.weight * distilled

    def distilled(self, noted: Tensor, now: Tensor) -> Tensor:
        """Softened cross-entropy [] of logits [batch, seen] against those noted, where today's are
        candidates.
        """
        left_out = torch.isneginf(now)
        teacher = noted.masked_fill(left_out, NEVER)
        student = now.masked_fill(left_out, NEVER)
        return distillation_loss(teacher, student, self.config.temperature)

    def after_training_exp(self, strategy: StrategyLike, **kwargs: Any) -> None:
        insert_labelled(self.memory, strategy.experience.dataset)
        arrived = strategy.experience.classes_in_this_experience
        self.seen = tuple(dict.fromkeys((*self.seen, *arrived)))
        self._noted = torch.empty(0)
        self._row_of = {}

    def after_eval_forward(self, strategy: StrategyLike, **kwargs: Any) -> None:
        if self.config.classify == "exemplars" and len(self.memory):
            strategy.mb_output = self.by_means(strategy.mb_x, strategy.mb_output)

    def means(self) -> tuple[list[int], Tensor]:
        """Classes with exemplars, and the unit mean of each one's unit features [classes, width] by
        the model as it is.
        """
        if self._means is None:
            labels = self.memory.labels
            class_ids = labels.unique().tolist()
            features = self._features(self.memory.columns[0])
            means = [features[labels == class_id].mean(dim=0) for class_id in class_ids]
            self._means = class_ids, l2_normalize(torch.stack(means))
        return self._means

    def by_means(self, inputs: Tensor, scores: Tensor) -> Tensor:
        """Scores [batch, classes], by exemplar means in the rows whose best class has one."""
        class_ids, means = self.means()
        cosines = self._features(inputs).to(scores.device) @ means.T.to(scores.device)
        own = torch.full_like(scores, -torch.inf)
        own[:, class_ids] = (self.adapter.backbone.logit_scale * cosines).to(scores.dtype)
        own = own.masked_fill(torch.isneginf(scores), -torch.inf)
        best = scores.argmax(dim=1, keepdim=True)
        best_has_exemplars = torch.isfinite(own.gather(1, best))
        return torch.where(best_has_exemplars, own, scores)

    def state(self) -> State:
        return {"seen": list(self.seen), **super().state()}

    def load(self, state: State) -> None:
        self.seen = tuple(state["seen"])
        self._means = None
        super().load(state)

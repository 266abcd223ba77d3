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
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State
from clvl_bench.methods._base.memory import CHUNK, features_by, reader
from clvl_bench.methods._base.plugin import PluginContext, refuse_without_gradient
from clvl_bench.methods._base.weights import without_dropout
from clvl_bench.methods.distillation.plugin import distillation_loss
from clvl_bench.methods.icarl.config import IcarlConfig
from clvl_bench.methods.replay.plugin import Replay

NEVER = -1e4
"""In the place of minus infinity where softmaxes are compared: 0 times infinity is not a number."""


class Icarl(Replay):
    """For any supervised Avalanche strategy whose model is an adapter and whose minibatch is
    (inputs, labels, ids, task).

    Args:
        adapter: the model.
        memory_size: exemplars kept, over all classes.
        memory_bytes: if given, bytes kept in place of a number of exemplars.
        batch_size: exemplars rehearsed a step; as many as the batch holds if None.
        weight: of the distillation; 0 leaves it out.
        temperature: of its softmaxes.
        nearest_mean: classify by exemplar means; else by the model's own logits.
    """

    def __init__(
        self,
        adapter: Adapter,
        memory_size: int = 500,
        *,
        memory_bytes: int | None = None,
        batch_size: int | None = None,
        weight: float = 1.0,
        temperature: float = 2.0,
        nearest_mean: bool = True,
        seed: int = 0,
    ) -> None:
        self._features = features_by(adapter)
        super().__init__(
            memory_size,
            memory_bytes=memory_bytes,
            policy="herding",
            batch_size=batch_size,
            seed=seed,
            features=self._features,
        )
        self.adapter = adapter
        self.weight, self.temperature, self.nearest_mean = weight, temperature, nearest_mean
        self.seen: ClassIds = ()
        self._said = torch.empty(0)
        self._row_of: dict[int, int] = {}
        self._means: tuple[list[int], Tensor] | None = None

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        """What the model says of all that will be trained on, before it changes: logits [samples,
        seen] by sample id.
        """
        self._means, self._row_of = None, {}
        if not self.seen or not self.weight:
            return
        read, count = reader(strategy.experience.dataset), len(strategy.experience.dataset)
        parts = [read(rows) for rows in torch.arange(count).split(CHUNK)]
        parts += list(zip(*(column.split(CHUNK) for column in self.memory.columns), strict=True))
        # As in training: a trained text tower scores a class by its first template there, by all of
        # them in testing.
        with without_dropout(self.adapter), torch.no_grad():
            said = [self.adapter.logits(part[0].to(strategy.device), self.seen) for part in parts]
        self._said = torch.cat(said)
        self._row_of = {
            sample: row
            for row, sample in enumerate(torch.cat([part[2] for part in parts]).tolist())
        }

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        if self._row_of:
            said = self._said[[self._row_of[sample] for sample in strategy.mbatch[2].tolist()]]
            strategy.loss = strategy.loss + self.weight * self.distilled(
                said, strategy.mb_output[:, list(self.seen)]
            )

    def distilled(self, said: Tensor, now: Tensor) -> Tensor:
        """Softened cross-entropy [] of logits [batch, seen] against those noted, where today's are
        candidates.
        """
        left_out = torch.isneginf(now)
        return distillation_loss(
            said.masked_fill(left_out, NEVER), now.masked_fill(left_out, NEVER), self.temperature
        )

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        super().after_training_exp(strategy, **kwargs)
        self.seen = tuple(
            dict.fromkeys((*self.seen, *strategy.experience.classes_in_this_experience))
        )
        self._said, self._row_of = torch.empty(0), {}

    def after_eval_forward(self, strategy: Any, **kwargs: Any) -> None:
        if self.nearest_mean and len(self.memory):
            strategy.mb_output = self.by_means(strategy.mb_x, strategy.mb_output)

    def means(self) -> tuple[list[int], Tensor]:
        """Classes with exemplars, and the unit mean of each one's unit features [classes, width] by
        the model as it is.
        """
        if self._means is None:
            features, labels = self._features(self.memory.columns[0]), self.memory.labels
            classes = labels.unique().tolist()
            self._means = (
                classes,
                l2_normalize(
                    torch.stack([features[labels == place].mean(dim=0) for place in classes])
                ),
            )
        return self._means

    def by_means(self, inputs: Tensor, scores: Tensor) -> Tensor:
        """Scores [batch, table], by exemplar means in the rows whose best class has one."""
        classes, means = self.means()
        cosines = self._features(inputs).to(scores.device) @ means.T.to(scores.device)
        own = torch.full_like(scores, -torch.inf)
        own[:, classes] = (self.adapter.backbone.logit_scale * cosines).to(scores.dtype)
        own = own.masked_fill(torch.isneginf(scores), -torch.inf)
        return torch.where(
            torch.isfinite(own.gather(1, scores.argmax(dim=1, keepdim=True))), own, scores
        )

    def state(self) -> State:
        return {"seen": list(self.seen), **super().state()}

    def load(self, state: State) -> None:
        self.seen, self._means = tuple(state["seen"]), None
        super().load(state)


def build(config: IcarlConfig, context: PluginContext) -> Icarl:
    refuse_without_gradient(config.kind, context.adapter)
    return Icarl(
        context.adapter,
        config.samples,
        memory_bytes=config.memory_bytes,
        batch_size=config.batch_size,
        weight=config.weight,
        temperature=config.temperature,
        nearest_mean=config.classify == "exemplars",
        seed=context.seed,
    )

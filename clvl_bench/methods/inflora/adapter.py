"""InfLoRA: each experience moves keys and values of the image tower in a few directions, which its
own inputs have and those of earlier experiences have not.

Liang and Li 2024, InfLoRA: interference-free low-rank adaptation for continual learning (CVPR,
arXiv:2404.00228): W + B A in each layer's keys and values. Before an experience its inputs are
looked at once; A is the largest directions of what of them is left beside the directions that were
used, and stays; B is learned, from 0. Behind it the inputs are looked at once more, as the tower
sees them now, their directions join the used ones until these hold a share of them that rises from
experience to experience, and B A is added to W.

Differs from the released code, which has a vision transformer of ImageNet and a linear head for
each experience: CLIP's image tower, and classes are scored by their frozen texts, so that every
class has a score and the start is zero-shot; cross-entropy stays among the experience's own classes
(`train.classes`). Statistics are float64; updates are added to W, there kept side by side, which is
the same sum. The number of experiences over which the share rises is a setting, there it is the
stream's length. The rate falls from the second epoch on, there from the third, by a count that
begins twice. As released, a first experience that uses more than half of all directions stops at
an assertion; here the free ones are kept from then on, as the release does later. Where fewer
directions are left than A has rows, the others are 0, there arbitrary ones.
"""

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.layers import with_layers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.towers import TrainedTowers
from clvl_bench.methods.inflora.branch import Branch
from clvl_bench.methods.inflora.config import InfloraConfig
from clvl_bench.methods.inflora.directions import Directions, largest, none_used

UPDATED = re.compile(r"vision_model\..*\.layers\.\d+\.self_attn\.(k|v)_proj")
"""Names of the projections that have updates, as transformers calls them."""


class Inflora(TrainedTowers):
    """An image tower of its own in which keys and values are a `Branch` each; of each layer the
    `Directions` that were used.
    """

    observes_first = True
    observes_again = True

    def __init__(
        self, config: InfloraConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        found, _ = with_layers(backbone, wanted_by=config.title)
        # Weights are shared but for those that are merged, of which a Branch has copies.
        super().__init__(config, found, classes, share_weights=True)
        self._config = config
        self._learned = 0
        self._chosen = False
        for name, module in list(self.towers.named_modules()):
            if isinstance(module, nn.Linear) and UPDATED.fullmatch(name):
                self.towers.set_submodule(name, Branch(module, config.rank))
        self._used = [none_used(key.weight) for key, _ in self.layers]

    @property
    def layers(self) -> list[tuple[Branch, Branch]]:
        """Keys and values of each layer; both see the same inputs."""
        branches = [module for module in self.towers.modules() if isinstance(module, Branch)]
        return list(zip(branches[::2], branches[1::2], strict=True))

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self.class_texts(candidates)

    def begin(self, class_ids: ClassIds) -> None:
        self._chosen = False

    @torch.no_grad()
    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        for key, _ in self.layers:
            if key.gram is None:
                key.watch()
        # Not `image`, of which several processes encode their part each: all is to be seen.
        self.towers.image(inputs)

    def observed(self) -> None:
        """Before the first step directions are chosen, behind the last one they count as used."""
        for number, (key, value) in enumerate(self.layers):
            gram = key.watched()
            if self._chosen:
                self._used[number] = self._used[number].after(gram, self._threshold())
            else:
                rows = largest(self._used[number].left_of(gram), len(key.down))
                key.down.copy_(rows)
                value.down.copy_(rows)
        self._chosen = True

    def end(self) -> None:
        self._learned += 1
        for branch in self._branches():
            branch.merge()
        self.forget_classifiers()

    def _threshold(self) -> float:
        config = self._config
        risen = min(1.0, self._learned / config.experiences)
        return config.first_threshold + (config.last_threshold - config.first_threshold) * risen

    def _branches(self) -> list[Branch]:
        return [branch for layer in self.layers for branch in layer]

    def state(self) -> State:
        state: State = {"learned": self._learned}
        for number, branch in enumerate(self._branches()):
            state[f"weights.{number}"] = branch.weight.detach()
        for number, used in enumerate(self._used):
            state[f"directions.{number}"] = used.basis
        state["free"] = [used.free for used in self._used]
        return state

    def load(self, state: State) -> None:
        self._learned = state["learned"]
        for number, branch in enumerate(self._branches()):
            branch.weight.copy_(state[f"weights.{number}"])
        for number, free in enumerate(state["free"]):
            basis = state[f"directions.{number}"].to(self._used[number].basis.device)
            self._used[number] = Directions(basis, free)
        self.forget_classifiers()

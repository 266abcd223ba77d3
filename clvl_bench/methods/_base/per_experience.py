"""Per experience: an adapter of its own for each experience, and a selector that sends each sample
to one of them.

What S-Prompts does with prompts (Wang et al. 2022, arXiv:2207.12819) for any adapter: they are
trained independently, those of earlier experiences stay as they are, and what belongs to no
experience yet is scored by the untouched backbone, so that the start is zero-shot.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.core.rng import keyed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import Adapter, ClassIds, State
from clvl_bench.methods._base.config import AdapterConfig
from clvl_bench.methods._base.losses import TrainingBatch
from clvl_bench.methods._base.selector import NOBODY, Chooser, FrozenFeatures


class PerExperience(Adapter):
    """`members`, one an experience; the last one trains.

    Args:
        member: makes an untrained one.
        selector: makes who sends each sample to one of them, from the seed of what is random in it.
        features: the frozen backbone's, which decide where a sample belongs.
    """

    observes_first = True

    def __init__(
        self,
        config: AdapterConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
        *,
        member: Callable[[], Adapter],
        selector: Callable[[int], Chooser],
        features: FrozenFeatures,
    ) -> None:
        super().__init__(config, backbone, classes)
        self._start = int(torch.randint(2**31, ()))
        self.selector = selector(self._start)
        self.members = nn.ModuleList()
        self._member = member
        self._features = features
        self._begun = 0
        self._add()

    @property
    def current(self) -> Adapter:
        """The member that trains."""
        return self._each()[-1]

    def begin(self, class_ids: ClassIds) -> None:
        # The first member has been there from the start, so that there is one to score with before
        # any experience has begun.
        if self._begun:
            self._add()
        self._begun += 1
        self.current.begin(class_ids)

    def end(self) -> None:
        self.current.end()
        self.selector.close(self._begun - 1)

    def observe(self, inputs: Tensor, targets: Tensor) -> None:
        self.selector.observe(self._features(inputs), targets)

    def choices(self, inputs: Tensor) -> Tensor:
        return self.selector.choices(self._features(inputs))

    def image(self, inputs: Tensor) -> Tensor:
        return self.current.image(inputs)

    def classifier(self, candidates: ClassIds) -> Tensor:
        return self.current.classifier(candidates)

    def loss(self, batch: TrainingBatch) -> Tensor:
        return self.current.loss(batch)

    def penalty(self, inputs: Tensor) -> Tensor | None:
        return self.current.penalty(inputs)

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        """Training goes through the member that trains; otherwise each sample through the member
        chosen for it.
        """
        if self.training:
            return self.current.logits(inputs, candidates)
        chosen = self.choices(inputs)
        scores = self.untouched(inputs, candidates)
        members = self._each()
        for experience in chosen.unique().tolist():
            if experience == NOBODY:
                continue
            rows = torch.nonzero(chosen == experience).flatten()
            own = members[experience].logits(inputs[rows], candidates)
            scores = scores.index_put((rows,), own)
        return scores

    def untouched(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        """Zero-shot logits [batch, candidates]."""
        texts = self.class_texts(candidates)
        return self.backbone.logit_scale * l2_normalize(self._features(inputs)) @ texts.T

    def train(self, mode: bool = True) -> "PerExperience":
        self._features.forget()
        super().train(mode)
        return self

    def state(self) -> State:
        state: State = {"begun": self._begun}
        for number, member in enumerate(self._each()):
            state.update(prefixed(member.state(), f"members.{number}."))
        state.update(prefixed(self.selector.state_dict(), "selector."))
        return state

    def load(self, state: State) -> None:
        self._begun = state["begun"]
        while len(self.members) < self._begun:
            self._add()
        for number, member in enumerate(self._each()):
            member.load(below(state, f"members.{number}."))
        self.selector.load_state_dict(below(state, "selector."))
        self.forget_classifiers()

    def _each(self) -> list[Adapter]:
        return list(self.members)  # type: ignore[arg-type]  # a ModuleList forgets of what it is

    def _add(self) -> None:
        """A fresh member. Its start depends on its number alone, not on what was drawn before it;
        those that are there train no more.
        """
        self.members.requires_grad_(False)
        with keyed("member", self._start, len(self.members)):
            self.members.append(self._member().train(self.training))


def prefixed(state: State, prefix: str) -> State:
    """A part's state under names of the whole."""
    return {f"{prefix}{name}": value for name, value in state.items()}


def below(state: State, prefix: str) -> State:
    """A part's state out of that of the whole."""
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }

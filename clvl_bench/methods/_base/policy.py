"""Policy: which class is chosen where only the choice is rewarded, and with which probability it
was.

The probability (propensity) is that of the moment of choosing; a learner that corrects for it must
not compute it later, with a model that has changed or among more classes.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from clvl_bench.core.rng import rng


@dataclass(frozen=True)
class Policy:
    """greedy: the class of the highest score. epsilon_greedy: with probability epsilon any
    candidate, else that class. sampling: a class by its softmax probability.
    """

    kind: Literal["greedy", "epsilon_greedy", "sampling"] = "greedy"
    epsilon: float = 0.0

    def probabilities(self, scores: Tensor) -> Tensor:
        """[batch, classes] from scores of which those of no candidate are minus infinity."""
        if self.kind == "sampling":
            return scores.softmax(dim=1)
        best = torch.nn.functional.one_hot(scores.argmax(dim=1), scores.shape[1]).to(scores.dtype)
        if self.kind == "greedy":
            return best
        candidates = torch.isfinite(scores).to(scores.dtype)
        any_candidate = self.epsilon * candidates / candidates.sum(dim=1, keepdim=True)
        return (1 - self.epsilon) * best + any_candidate

    def act(self, scores: Tensor, *key: object) -> tuple[Tensor, Tensor]:
        """Chosen classes [batch] and their propensities [batch]; what is random is decided by the
        key.
        """
        probabilities = self.probabilities(scores)
        if self.kind == "greedy":
            actions = scores.argmax(dim=1)
        else:
            # By the inverse of the cumulated probabilities. Their sum is 1 but for rounding, so
            # that a draw is scaled by it.
            draws = torch.from_numpy(rng("act", *key).random(len(scores))).to(scores.device)
            edges = probabilities.double().cumsum(dim=1)
            scaled = (draws * edges[:, -1])[:, None]
            actions = torch.searchsorted(edges, scaled, right=True).squeeze(1)
        return actions, probabilities.gather(1, actions[:, None]).squeeze(1)

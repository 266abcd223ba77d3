"""Feedback: learning from whether the chosen class was right, and from nothing else.

Three losses on (x, a, p, r), with pi the softmax of the model over the candidates:
- likelihood: -r log pi(a) - (1 - r) log(1 - pi(a)), the log-likelihood of the observed bit; what
  was wrong counts as well.
- ips: -min(1 / p, clip) r log pi(a), whose expectation is the cross-entropy with full information
  (Horvitz & Thompson 1952;
  for learning from logged choices Swaminathan & Joachims 2015, arXiv:1502.02362).
- reinforce: -(r - b) log pi(a) for a ~ pi (Williams 1992), b a moving average of rewards, with the
  weight pi(a) / p, not above
  `clip`, where the model has changed since it chose; an entropy bonus keeps it from being sure too
  early.
Of its own: a memory of such tuples, rehearsed beside the newest ones. Where labels arrive instead
of rewards they count as chosen with certainty and right, so that the same file is its own
full-information twin.
"""

from typing import Any

import torch
from torch import Tensor

from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.memory import Memory
from clvl_bench.methods._base.plugin import Plugin, PluginContext
from clvl_bench.methods._base.policy import Policy
from clvl_bench.methods._base.strategy_protocol import FeedbackLike, OnlineStrategyLike
from clvl_bench.methods.feedback.config import FeedbackConfig

SUREST = 1 - 1e-6
"""The largest probability that log(1 - pi) is taken of."""


def likelihood(scores: Tensor, actions: Tensor, rewards: Tensor) -> Tensor:
    """The feedback likelihood of each row [batch], from scores [batch, classes] (minus infinity: no
    candidate).
    """
    chosen = scores.log_softmax(dim=1).gather(1, actions[:, None]).squeeze(1)
    wrong = torch.log1p(-chosen.exp().clamp(max=SUREST))
    return -(rewards * chosen + (1 - rewards) * wrong)


def ips(
    scores: Tensor, actions: Tensor, propensities: Tensor, rewards: Tensor, *, clip: float
) -> Tensor:
    """The inverse-propensity cross-entropy of each row [batch]; unbiased while no propensity is
    below 1 / clip.
    """
    chosen = scores.log_softmax(dim=1).gather(1, actions[:, None]).squeeze(1)
    return -(rewards / propensities).clamp(max=clip) * chosen


def reinforce(
    scores: Tensor,
    actions: Tensor,
    propensities: Tensor,
    rewards: Tensor,
    *,
    baseline: float,
    clip: float,
    entropy: float,
) -> Tensor:
    """REINFORCE with a baseline, for each row [batch]; its expected gradient does not depend on the
    baseline.
    """
    logs = scores.log_softmax(dim=1)
    chosen = logs.gather(1, actions[:, None]).squeeze(1)
    weights = (chosen.detach().exp() / propensities).clamp(max=clip)
    spread = -(logs.exp() * logs.masked_fill(torch.isneginf(logs), 0.0)).sum(dim=1)
    return -weights * (rewards - baseline) * chosen - entropy * spread


class Feedback(Plugin):
    """For the online strategy: chooses classes by its policy, and learns from the rewards."""

    def __init__(self, config: FeedbackConfig, context: PluginContext) -> None:
        super().__init__()
        self.config = config
        self.policy = Policy(config.policy, config.epsilon)
        self.memory = Memory(config.memory_size, "reservoir", seed=context.seed)
        self.baseline = 0.0
        self._scored: ClassIds = ()
        self._rows: tuple[Tensor, ...] = ()

    @property
    def remembers(self) -> bool:
        return len(self.memory) > 0

    def before_training_iteration(self, strategy: OnlineStrategyLike, **kwargs: Any) -> None:
        """The newest tuples and rehearsed ones make the minibatch, all of them without a label."""
        if strategy.adapter.learns != "gradient":  # a closed form takes what was right as labelled
            return
        rows = _columns(strategy.feedback)
        if len(self.memory):
            clock = strategy.clock
            count = len(rows[1]) or strategy.train_mb_size
            past = self.memory.draw(count, clock.train_exp_counter, clock.train_epoch_iterations)
            joined = zip(rows, past, strict=True)
            rows = tuple(torch.cat([now, then.to(now.device)]) for now, then in joined)
        inputs, actions, propensities, rewards, ids, tasks = rows
        self._rows = (actions, propensities, rewards)
        strategy.mbatch = [inputs, torch.full_like(actions, -1), ids, tasks]
        # A rehearsed action may be outside the classes of now, and needs a probability as well.
        self._scored = tuple(dict.fromkeys((*self._scored, *strategy.prediction.candidates)))
        strategy.adapter.scored = self._scored

    def before_backward(self, strategy: OnlineStrategyLike, **kwargs: Any) -> None:
        own = self.loss(strategy.mb_output, *self._rows, rewarding=strategy.rewarding)
        strategy.loss = strategy.loss + own

    def loss(
        self,
        scores: Tensor,
        actions: Tensor,
        propensities: Tensor,
        rewards: Tensor,
        *,
        rewarding: bool,
    ) -> Tensor:
        """The mean over tuples."""
        config = self.config
        if config.loss == "likelihood" or not rewarding:
            return likelihood(scores, actions, rewards).mean()
        if config.loss == "ips":
            return ips(scores, actions, propensities, rewards, clip=config.clip).mean()
        losses = reinforce(
            scores,
            actions,
            propensities,
            rewards,
            baseline=self.baseline,
            clip=config.clip,
            entropy=config.entropy,
        )
        return losses.mean()

    def after_training_exp(self, strategy: OnlineStrategyLike, **kwargs: Any) -> None:
        rows = _columns(strategy.feedback)
        _, actions, _, rewards, *_ = rows
        for reward in rewards.tolist():
            self.baseline += (1 - self.config.baseline_momentum) * (reward - self.baseline)

        def read(chosen: Tensor) -> tuple[Tensor, ...]:
            return tuple(column.cpu()[chosen] for column in rows)

        self.memory.insert(actions.cpu(), read)

    def state(self) -> State:
        return {**self.memory.state(), "baseline": self.baseline, "scored": list(self._scored)}

    def load(self, state: State) -> None:
        self.memory.load(state)
        self.baseline = state["baseline"]
        self._scored = tuple(state["scored"])

    def kept_bytes(self) -> int:
        return self.memory.kept_bytes()


def _columns(feedback: FeedbackLike) -> tuple[Tensor, ...]:
    """As the memory keeps them."""
    return (
        feedback.inputs,
        feedback.actions,
        feedback.propensities,
        feedback.rewards,
        feedback.ids,
        feedback.tasks,
    )

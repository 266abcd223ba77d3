"""Settings of `feedback`."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class FeedbackConfig(PluginConfig):
    """Learns from rewards for the chosen class; where labels arrive, from these (likelihood, IPS or
    REINFORCE). Online.
    """

    input_kind: ClassVar[InputKind] = "image_features"
    needs_gradient: ClassVar[bool] = False
    needs_online: ClassVar[bool] = True
    kind: str = "feedback"
    loss: Literal["likelihood", "ips", "reinforce"] = "likelihood"
    policy: Literal["greedy", "epsilon_greedy", "sampling"] = "greedy"
    epsilon: float = Field(
        0.0, ge=0, le=1, description="epsilon_greedy: share of choices among all candidates alike"
    )
    clip: float = Field(50.0, gt=0, description="the largest weight of ips and reinforce")
    baseline_momentum: float = Field(
        0.99, ge=0, lt=1, description="reinforce: of the average reward that is its baseline"
    )
    entropy: float = Field(0.01, ge=0, description="reinforce: weight of the bonus on entropy")
    memory_size: int = Field(500, ge=0, description="choices kept with their rewards")

    @model_validator(mode="after")
    def _can_be_unbiased(self) -> Self:
        if self.policy == "epsilon_greedy" and not self.epsilon:
            raise ValueError(
                'epsilon: is 0 beside policy = "epsilon_greedy"; set it, or policy = "greedy"'
            )
        if self.policy != "epsilon_greedy" and self.epsilon:
            raise ValueError(
                f'epsilon: is for policy = "epsilon_greedy", not for "{self.policy}"; remove it'
            )
        if self.loss != "likelihood" and self.policy == "greedy":
            raise ValueError(
                f"policy: got 'greedy' beside loss = \"{self.loss}\", which needs every class to "
                f"be chosen at times"
            )
        return self

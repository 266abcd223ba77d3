"""Settings of `gaussian_average`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class GaussianAverageConfig(PluginConfig):
    """PromptSRC's aggregation: the mean of the weights at the ends of epochs, weighed by a Gaussian
    (Khattak et al. 2023, arXiv:2307.06948).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    compares_weights: ClassVar[bool] = True
    kind: str = "gaussian_average"
    mean: float = Field(
        15.0, description="epoch of the largest weight, the first one is 1; published of 20 epochs"
    )
    deviation: float = Field(1.0, gt=0, description="in epochs; the larger, the more epochs count")

    @property
    def needs_experiences(self) -> bool:
        return True

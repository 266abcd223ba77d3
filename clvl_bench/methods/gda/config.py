"""Settings of `gda`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class GdaConfig(AdapterConfig):
    """GDA: Gaussian discriminant analysis beside the class texts (Wang et al. 2024,
    arXiv:2402.04087).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "gda"
    alpha: float = Field(1.0, gt=0, description="weight of the discriminant beside zero-shot")

"""Settings of `iwms`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import PluginConfig


class IwmsConfig(PluginConfig):
    """IWMS: rehearsal of what resembles the unlabelled samples of now (Csaba et al. 2024,
    arXiv:2312.00923). Online.
    """

    input_kind: ClassVar[InputKind] = "image_features"
    needs_online: ClassVar[bool] = True
    rehearses: ClassVar[bool] = True
    joins_batch: ClassVar[bool] = True
    kind: str = "iwms"
    memory_size: int = Field(
        65536, ge=1, description="samples kept, over all classes, the newest of each"
    )
    temperature: float = Field(
        1.0, gt=0, description="tau, of the probabilities from which a sample's class is drawn"
    )

"""Settings of `none`."""

from typing import Annotated, ClassVar

from pydantic import Field

from clvl_bench.core.schema import Since
from clvl_bench.data.catalog.candidate import Template
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class NoneConfig(AdapterConfig):
    """Nothing is trained: the untouched backbone with the class names seen so far (zero-shot)."""

    input_kind: ClassVar[InputKind] = "image_features"
    trains: ClassVar[bool] = False
    learns_from_labels: ClassVar[bool] = False
    kind: str = "none"
    template: Annotated[Template | None, Since(before=None)] = Field(
        None, description="one template for all classes, in the place of the mean over a class's"
    )

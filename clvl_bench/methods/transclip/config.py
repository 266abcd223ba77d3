"""Settings of `transclip`."""

from typing import ClassVar

from pydantic import Field

from clvl_bench.data.catalog.candidate import Template
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.config import AdapterConfig


class TransClipConfig(AdapterConfig):
    """TransCLIP: all unlabelled images of a set are predicted together (Zanella et al. 2024,
    arXiv:2406.01837).
    """

    input_kind: ClassVar[InputKind] = "image_features"
    kind: str = "transclip"
    template: Template | None = Field(
        None, description="one template for all classes, in the place of the mean over a class's"
    )
    rounds: int = Field(10, ge=0, description="rounds of assignments, means and variance")
    assignments: int = Field(5, ge=1, description="updates of the assignments in a round")
    neighbours: int = Field(3, ge=0, description="nearest images that draw an image to their class")
    confident: int = Field(8, ge=1, description="images a class from which its first mean is made")
    text: float = Field(1.0, ge=0, description="lambda: power of the text's prediction")
    text_beside_shots: float = Field(
        0.5, ge=0, description="lambda where some images have labels, as published"
    )
    shots: float = Field(
        0.02, gt=0, description="gamma: weight of labelled images in means and variance"
    )

    @property
    def transductive(self) -> bool:
        return True

"""Settings of a selector: which experience a test sample belongs to."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.methods._base.config import AdapterConfig


class SelectorConfig(AdapterConfig):
    """Which experience a test sample belongs to, by frozen image features (Wang et al. 2022,
    S-Prompts).
    """

    adds_parts: ClassVar[bool] = True
    selector: Literal["kmeans", "class_mean"] = Field(
        "kmeans", description="centroids of an experience, or one mean a class"
    )
    centroids: int = Field(5, ge=1, description="K-means centroids an experience")
    distance: Literal["l1", "l2"] = Field(
        "l1", description="l1 as in the released code of S-Prompts"
    )
    radius: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of an experience's samples within its reach; what no experience reaches "
        "is left to the untouched "
        "backbone. Left out, every sample is sent to an experience, as published",
    )

    @property
    def needs_experiences(self) -> bool:
        return True

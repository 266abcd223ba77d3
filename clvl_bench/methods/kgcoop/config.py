"""Settings of `kgcoop`."""

from pydantic import Field

from clvl_bench.methods.prompt.config import PromptConfig


class KgCoOpConfig(PromptConfig):
    """KgCoOp: CoOp whose class texts are held near those of the template (Yao et al. 2023,
    arXiv:2303.13283).
    """

    kind: str = "kgcoop"
    anchor_weight: float = Field(
        8.0, ge=0, description="lambda, on the mean of 1 - cosine (the released code's form)"
    )

"""What a strategy file may say about its adapter: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict


class NoneAdapter(Strict):
    """Nothing is trained: the untouched backbone with the class names seen so far (zero-shot)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["none"] = "none"


class FullAdapter(Strict):
    """Both towers are trained, the logit scale is not (Zheng et al. 2023, continual fine-tuning)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["full"] = "full"


class LoraAdapter(Strict):
    """LoRA: a low-rank update of the attention of both towers (Hu et al. 2022, arXiv:2106.09685)."""

    reads: ClassVar[Reads] = "pixels"
    kind: Literal["lora"] = "lora"
    rank: int = Field(8, ge=1)
    alpha: float = Field(16.0, gt=0, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1)
    towers: Literal["both", "image", "text"] = "both"


class LinearAdapter(Strict):
    """A linear head on frozen image features, each row starting as its class's text (Radford et al. 2021)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["linear"] = "linear"


class PromptAdapter(Strict):
    """CoOp: learned context words, everything else frozen (Zhou et al. 2022, arXiv:2109.01134)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["prompt"] = "prompt"
    context_init: Literal["template", "random"] = Field(
        "template", description="start as the words of the dataset's first template, or as noise of deviation 0.02"
    )
    context_length: int = Field(16, ge=1, le=64, description="number of context vectors for a random start")
    position: Literal["end", "middle", "front"] = Field("end", description="where the class name stands after a random start")
    class_specific: bool = Field(False, description="a context for each class: cannot score classes that were never trained")

    @model_validator(mode="after")
    def _position_fits(self) -> Self:
        if self.context_init == "template" and self.position != "end":
            raise ValueError(
                "position: a context that starts as a template stands where the template's words stand; "
                'set position = "end", or context_init = "random"'
            )
        return self


class KgCoOpAdapter(PromptAdapter):
    """KgCoOp: CoOp whose class texts are held near those of the template (Yao et al. 2023, arXiv:2303.13283)."""

    kind: Literal["kgcoop"] = "kgcoop"  # type: ignore[assignment]
    anchor_weight: float = Field(8.0, ge=0, description="lambda, on the mean of 1 - cosine (the released code's form)")


class SldaAdapter(Strict):
    """SLDA: streaming linear discriminant analysis, exact (Hayes & Kanan 2020, arXiv:1909.01520)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["slda"] = "slda"
    shrinkage: float = Field(1e-4, gt=0, le=1, description="epsilon: share of the identity in the covariance")
    unseen: Literal["zeroshot", "never"] = Field("zeroshot", description="who scores classes that were not learned yet")


class RanPacAdapter(Strict):
    """RanPAC: ridge regression on random features (McDonnell et al. 2023, arXiv:2307.02251)."""

    reads: ClassVar[Reads] = "image_features"
    kind: Literal["ranpac"] = "ranpac"
    random_features: int = Field(10000, ge=1, description="M, the width of the random projection")
    ridge: float | None = Field(None, gt=0, description="lambda; chosen on a fifth of each experience if left out")
    unseen: Literal["zeroshot", "never"] = Field("zeroshot", description="who scores classes that were not learned yet")


Adapter = Annotated[
    NoneAdapter | FullAdapter | LoraAdapter | LinearAdapter | PromptAdapter | KgCoOpAdapter | SldaAdapter | RanPacAdapter,
    Field(discriminator="kind"),
]

"""Answers: what is learned to answer questions about images, on frozen features of both; and nothing at all."""

from typing import ClassVar, Literal

from pydantic import Field

from clvl_bench.config.adapters.towers import LowRank
from clvl_bench.config.reads import Reads
from clvl_bench.strict import Strict

Sees = Literal["both", "question"]
Unseen = Literal["scored", "apart", "never"]
_UNSEEN = (
    "answers that never came: scored by their texts, though nothing was learned against them; scored only where none of the "
    "candidates came, as in a held-out dataset; or never given, held-out datasets being left to the frozen backbone"
)


class RankingAdapter(Strict):
    """Nothing is trained: the answer whose sentence behind the question is nearest to the image (zero-shot)."""

    reads: ClassVar[Reads] = "questions"
    kind: Literal["answer_ranking"] = "answer_ranking"
    remove_prior: bool = Field(
        False, description="take off what a sentence scores on the mean image of the stream so far, whatever is on the image"
    )


class MajorityAdapter(Strict):
    """The commonest answer among the questions of a type, whatever image and question say: a baseline that sees no picture."""

    reads: ClassVar[Reads] = "questions"
    kind: Literal["answer_majority"] = "answer_majority"


class GivenAdapter(Strict):
    """Nothing is trained: another model (BLIP, ViLT) answers in its own words; what is no candidate counts as wrong."""

    reads: ClassVar[Reads] = "given_answers"
    trains: ClassVar[bool] = False
    kind: Literal["answer_given"] = "answer_given"
    answerer: str = Field("blip-vqa-base", description="the model: a name of list answerers, or a folder of its weights")


class ConcatAdapter(Strict):
    """A linear layer on image and question features side by side, a row for each answer."""

    reads: ClassVar[Reads] = "questions"
    kind: Literal["answer_concat"] = "answer_concat"
    sees: Sees = Field("both", description="question: the blind baseline, which sees no image")


class ProductAdapter(Strict):
    """A gated product of image and question features, scored against the texts of answers: unseen ones have a score."""

    reads: ClassVar[Reads] = "questions"
    kind: Literal["answer_product"] = "answer_product"
    sees: Sees = Field("both", description="question: the blind baseline, which sees no image")
    unseen: Unseen = Field("scored", description=_UNSEEN)
    hidden: int = Field(512, ge=1, description="H, the width of both projections")
    dropout: float = Field(0.3, ge=0, lt=1)


class AttentionAdapter(Strict):
    """Cross-attention: the question looks at the patches of the image, answers are text embeddings (fp16 patches in memory)."""

    reads: ClassVar[Reads] = "question_patches"
    kind: Literal["answer_attention"] = "answer_attention"
    unseen: Unseen = Field("scored", description=_UNSEEN)
    layers: int = Field(2, ge=1)
    heads: int = Field(8, ge=1, description="must divide the width of the backbone's features")
    dropout: float = Field(0.1, ge=0, lt=1)
    patch_dropout: float = Field(0.1, ge=0, lt=1, description="share of the patches that a training step hides from a question")


class AnswerRanPacAdapter(Strict):
    """RanPAC on the product of image and question features: exact, whatever the order."""

    reads: ClassVar[Reads] = "questions"
    kind: Literal["answer_ranpac"] = "answer_ranpac"
    random_features: int = Field(2000, ge=1, description="M, the width of the random projection")
    ridge: float | None = Field(None, gt=0, description="lambda; chosen on a fifth of each experience if left out")

    @property
    def needs_experiences(self) -> bool:
        """As RanPAC's: to choose its ridge on."""
        return self.ridge is None


class AnswerPromptAdapter(Strict):
    """Learned words before the question and before the answer of a ranked sentence (CoOp in two places)."""

    reads: ClassVar[Reads] = "questions"
    kind: Literal["answer_prompt"] = "answer_prompt"
    context_length: int = Field(4, ge=1, description="learned words in each of the two places")


class AnswerLoraAdapter(LowRank):
    """LoRA in the text tower, which learns what a question with an answer behind it looks like."""

    reads: ClassVar[Reads] = "questions"
    kind: Literal["answer_lora"] = "answer_lora"

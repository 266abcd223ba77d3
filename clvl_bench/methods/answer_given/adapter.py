"""Given answers: the row of a frozen model that answers in its own words, BLIP (Li et al. 2022,
arXiv:2201.12086), ViLT (Kim et al. 2021, arXiv:2102.03334) or SmolVLM (Marafioti et al. 2025,
arXiv:2504.05299): what a model knows that was trained on many questions and on nothing of the
stream.

It cannot start at zero-shot, being another model than the backbone. An answer that is no candidate
is wrong: the nearest candidate is not taken for it. With `choice = "likelihood"` no answer is
written, and the candidate that the model would most likely write is taken (as Li et al. 2022 rank a
list of answers): that is told the list, and is a row of another kind.
"""

from torch import Tensor

from clvl_bench.methods._base.adapter import Adapter, ClassIds


class AnswerGiven(Adapter):
    """Nothing is trained. Inputs are the scores of all candidates [batch, classes], as
    `inputs/answerer_scores.py` reads them.
    """

    learns = "nothing"
    starts_as_zeroshot = False
    abstains = True

    def logits(self, inputs: Tensor, candidates: ClassIds) -> Tensor:
        return inputs[:, list(candidates)]

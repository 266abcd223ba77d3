"""Given answers: the row of a frozen model that answers in its own words, BLIP (Li et al. 2022,
arXiv:2201.12086) or ViLT (Kim et al. 2021, arXiv:2102.03334): what a model knows that was trained
on many questions and on nothing of the stream.

It cannot start at zero-shot, being another model than the backbone. An answer that is no candidate
is wrong: the nearest candidate is not taken for it.
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

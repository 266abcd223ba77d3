"""CPL: a set of candidate labels for each sample in the place of one pseudo-label.

Zhang et al. 2024, Candidate pseudolabel learning: enhancing vision-language models by prompt tuning
with unlabeled data (arXiv:2406.10502). A class is a candidate of a sample if it belongs to the
shortest prefix of the sample's sorted probabilities whose sum reaches theta, the quantile `within`
of all samples' highest probabilities, and if its probability is at least the quantile `across` of
all samples' probabilities of that class. Samples without a candidate are left out.

Sets are made anew in every round, by the model of the round before, and each round trains a fresh
start, as long as a whole training, with more samples than the last: as many of each class as GRIP
has, dealt out by the probabilities of candidates; a sample that is taken has its whole set. As
released, the first round's candidates count with their share of the set's zero-shot probabilities,
and later ones alike. Of the paper's losses the partial-label one of Feng et al. 2020 (CC); labelled
and pseudo-labelled samples have one mean each. Differs: the samples are an experience's, "fresh" is
as at its start, so that the past of the stream stays; labelled samples come in the same batches
(there in batches of their own); the strategy file trains a linear head, the paper a context.
"""

import torch
from torch import Tensor

from clvl_bench.methods._base.candidate_labels import FreshRounds, shared_out
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.cpl.config import CplConfig


class Cpl(FreshRounds):
    """With `within` = 1 and a most confident sample that is certain, and `across` = 0, every class
    is a candidate.
    """

    def __init__(self, config: CplConfig, context: PluginContext) -> None:
        super().__init__(config, context, rounds=config.rounds)
        self.config = config

    def candidates(self, probabilities: Tensor) -> Tensor:
        """[n, classes], of all samples, those included that have no room in a round."""
        highest = probabilities.max(dim=1).values
        theta = float(torch.quantile(highest, self.config.within))
        least = torch.quantile(probabilities, self.config.across, dim=0)
        return likely(probabilities, theta) & (probabilities >= least)

    def sets(self, probabilities: Tensor, number: int) -> Tensor:
        candidates = self.candidates(probabilities)
        pairs = probabilities.masked_fill(~candidates, -1.0)
        taken = shared_out(pairs, self.room(probabilities, number)).any(dim=1, keepdim=True)
        if number > 1:
            return candidates & taken
        among = probabilities * candidates
        shares: Tensor = among / among.sum(dim=1, keepdim=True)
        return torch.where(taken, shares, 0.0)


def likely(probabilities: Tensor, theta: float) -> Tensor:
    """[n, classes]: the shortest prefix of each row, sorted down, whose sum reaches theta."""
    ordered, order = probabilities.sort(dim=1, descending=True, stable=True)
    before = ordered.cumsum(dim=1) - ordered
    return torch.zeros_like(probabilities, dtype=torch.bool).scatter(1, order, before < theta)

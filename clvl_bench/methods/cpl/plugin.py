"""CPL: a set of candidate labels for each sample in the place of one pseudo-label.

Zhang et al. 2024, Candidate pseudolabel learning: enhancing vision-language models by prompt tuning
with unlabeled data (arXiv:2406.10502). A class is a candidate of a sample if it belongs to the
shortest prefix of the sample's sorted probabilities whose sum reaches theta, the quantile `within`
of all samples' highest probabilities, and if its probability is at least the quantile `across` of
all samples' probabilities of that class. Samples without a candidate are left out; sets are made
anew in every tenth of the training. Of the paper's losses the partial-label one of Feng et al. 2020
(CC). Differs: the samples are an experience's, and those with a label are learned from as well; the
strategy file trains a linear head, the paper a context.
"""

import torch
from torch import Tensor

from clvl_bench.methods._base.candidate_labels import Candidates
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.cpl.config import CplConfig


class Cpl(Candidates):
    """With `within` = 1 and a most confident sample that is certain, and `across` = 0, every class
    is a candidate.
    """

    def __init__(self, config: CplConfig, context: PluginContext) -> None:
        super().__init__(config, context, rounds=config.rounds)
        self.config = config

    def sets(self, probabilities: Tensor, number: int) -> Tensor:
        highest = probabilities.max(dim=1).values
        theta = float(torch.quantile(highest, self.config.within))
        least = torch.quantile(probabilities, self.config.across, dim=0)
        return likely(probabilities, theta) & (probabilities >= least)


def likely(probabilities: Tensor, theta: float) -> Tensor:
    """[n, classes]: the shortest prefix of each row, sorted down, whose sum reaches theta."""
    ordered, order = probabilities.sort(dim=1, descending=True, stable=True)
    before = ordered.cumsum(dim=1) - ordered
    return torch.zeros_like(probabilities, dtype=torch.bool).scatter(1, order, before < theta)

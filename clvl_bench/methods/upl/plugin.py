"""UPL: of each class that zero-shot predicts, the most confident samples become pseudo-labels,
without a threshold.

Huang, Chu & Wei 2022, Unsupervised prompt learning for vision-language models (arXiv:2204.03649):
the top K of each predicted class, chosen once; cross-entropy. Differs: one backbone, no ensemble of
them; the samples are an experience's, and those with a label are learned from as well; the strategy
file trains a linear head, the paper a context (the adapter is the file's choice).
"""

import torch
from torch import Tensor

from clvl_bench.methods._base.candidate_labels import Candidates
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.upl.config import UplConfig


class Upl(Candidates):
    """`top` samples a class; all are taken for what is most probable where it is as many as there
    are.
    """

    def __init__(self, config: UplConfig, context: PluginContext) -> None:
        super().__init__(config, context, rounds=1)
        self.config = config

    def sets(self, probabilities: Tensor, number: int) -> Tensor:
        return most_confident(probabilities, self.config.top)


def most_confident(probabilities: Tensor, top: int) -> Tensor:
    """[n, classes]: of the samples that are taken for a class, the `top` surest. Of equals the
    first.
    """
    confidence, labels = probabilities.max(dim=1)
    sets = torch.zeros_like(probabilities, dtype=torch.bool)
    for label in labels.unique().tolist():
        rows = torch.nonzero(labels == label).flatten()
        surest_first = confidence[rows].argsort(descending=True, stable=True)
        sets[rows[surest_first[:top]], label] = True
    return sets

"""Experts, routers, and how they work beside the layers of a tower (Yu et al. 2024,
arXiv:2403.11549).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from clvl_bench.backbones.layers import Insert
from clvl_bench.methods.moe_adapters.config import MoeAdaptersConfig

LEAST_NOISE = 0.01
"""Added to the learned deviation of a router's noise while it trains."""


class Expert(nn.Module):
    """0.1 * W_up ReLU(W_down x), W_up = 0 at the start; dropout between."""

    def __init__(self, width: int, bottleneck: int, dropout: float) -> None:
        super().__init__()
        self.down = nn.Linear(width, bottleneck)
        self.up = nn.Linear(bottleneck, width)
        self._dropout = nn.Dropout(dropout)
        nn.init.kaiming_uniform_(self.down.weight, a=5**0.5)
        for start in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(start)

    def forward(self, hidden: Tensor) -> Tensor:
        branch: Tensor = self.up(self._dropout(torch.relu(self.down(hidden))))
        return 0.1 * branch


class Experts(nn.Module):
    """The experts of one tower, [layers][experts], and how often the experience used each [layers,
    experts].
    """

    frozen: Tensor

    def __init__(self, layers: int, width: int, config: MoeAdaptersConfig) -> None:
        super().__init__()
        self.width = width
        self.layers = layers
        self._selected = config.selected
        # The same experts twice: a list that types know, and the modules that torch knows.
        self._experts: list[list[Expert]] = []
        self.by_layer = nn.ModuleList()
        for _ in range(layers):
            row = [Expert(width, config.bottleneck, config.dropout) for _ in range(config.experts)]
            self._experts.append(row)
            self.by_layer.append(nn.ModuleList(row))
        self.register_buffer("frozen", torch.zeros(layers, config.experts, dtype=torch.bool))
        self._used = torch.zeros(layers, config.experts)

    def mixed(self, layer: int, hidden: Tensor, gates: Tensor) -> Tensor:
        """Sum of what the experts say of hidden [batch, tokens, width], weighed by gates [batch,
        experts].
        """
        total = torch.zeros_like(hidden)
        for number, expert in enumerate(self._experts[layer]):
            rows = torch.nonzero(gates[:, number]).flatten()
            if len(rows):
                said = gates[rows, number, None, None] * expert(hidden[rows])
                total = total.index_add(0, rows, said)
        if self.training:
            self._used[layer] += (gates.detach() > 0).sum(dim=0).cpu()
        return total

    def mark_most_used(self) -> None:
        """To be frozen from the next experience on: of each layer as many as a sample is routed to,
        if they were used.
        """
        for layer, used in enumerate(self._used):
            most = used.topk(self._selected)
            ever_used = most.indices[most.values > 0]
            self.frozen[layer, ever_used] = True
        self._used.zero_()

    def hold_frozen(self) -> None:
        """What was marked trains no more."""
        for layer, experts in enumerate(self._experts):
            for number, expert in enumerate(experts):
                expert.requires_grad_(not bool(self.frozen[layer, number]))


class Router(nn.Module):
    """Routes of one tower for one experience: `weight` and `noise` [layers, width, experts], both 0
    at the start.
    """

    def __init__(self, experts: Experts, count: int, selected: int, device: torch.device) -> None:
        super().__init__()
        self._selected = selected
        self.weight = nn.Parameter(torch.zeros(experts.layers, experts.width, count, device=device))
        self.noise = nn.Parameter(torch.zeros_like(self.weight))

    def gates(self, layer: int, hidden: Tensor) -> Tensor:
        """[batch, experts]: a softmax over the highest few of each sample, 0 for the rest. Noisy
        while training.
        """
        first = hidden[:, 0]
        scores = first @ self.weight[layer]
        if self.training:
            draws = torch.randn_like(scores)
            scores = scores + draws * (softplus(first @ self.noise[layer]) + LEAST_NOISE)
        highest = scores.topk(self._selected, dim=1)
        shares = highest.values.softmax(dim=1)
        return torch.zeros_like(scores).scatter(1, highest.indices, shares)


class Branches(Insert):
    """Experts beside every layer, as a router sends each sample."""

    def __init__(self, experts: Experts, router: Router) -> None:
        self._experts = experts
        self._router = router

    def beside(self, layer: int, hidden: Tensor) -> Tensor:
        return self._experts.mixed(layer, hidden, self._router.gates(layer, hidden))

"""MoE-Adapters: experts beside the feed-forward part of every layer of both towers, a router for
each experience.

Yu et al. 2024, Boosting continual learning of vision-language models via mixture-of-experts
adapters (arXiv:2403.11549). The first token of a sample (start of text, in a sentence) routes it to
two experts; the two that an experience used most are frozen behind it. Without a task id a selector
finds the router, and leaves what is strange to it to the untouched backbone. Differs from the
released code: **each sample is routed by itself** (there, by the mean over a test batch that comes
from one dataset, which gives the dataset away); a sample's experience is found among centroids of
the backbone's own features instead of by auto-encoders on AlexNet's; no load-balancing term (there
it is computed and never added).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from clvl_bench.backbones.base import Backbone, Tokens, TowerBackbone
from clvl_bench.backbones.layers import Insert, LayeredTowers, with_layers
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.per_experience import PerExperience
from clvl_bench.methods._base.selector import FrozenFeatures
from clvl_bench.methods._base.towers import MovingTexts
from clvl_bench.methods.moe_adapters.config import MoeAdaptersConfig

LEAST_NOISE = 0.01


class Expert(nn.Module):
    """0.1 * W_up ReLU(W_down x), W_up = 0 at the start; dropout between."""

    def __init__(self, width: int, bottleneck: int, dropout: float) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, bottleneck), nn.Linear(bottleneck, width)
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
        self.width, self.layers = width, layers
        self._selected = config.selected
        self._experts = [
            [Expert(width, config.bottleneck, config.dropout) for _ in range(config.experts)]
            for _ in range(layers)
        ]
        self.by_layer = nn.ModuleList(nn.ModuleList(row) for row in self._experts)
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
                total = total.index_add(
                    0, rows, gates[rows, number, None, None] * expert(hidden[rows])
                )
        if self.training:
            self._used[layer] += (gates.detach() > 0).sum(dim=0).cpu()
        return total

    def mark_most_used(self) -> None:
        """To be frozen from the next experience on: of each layer as many as a sample is routed to,
        if they were used.
        """
        for layer, used in enumerate(self._used):
            most = used.topk(self._selected)
            self.frozen[layer, most.indices[most.values > 0]] = True
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
            scores = scores + torch.randn_like(scores) * (
                softplus(first @ self.noise[layer]) + LEAST_NOISE
            )
        highest = scores.topk(self._selected, dim=1)
        return torch.zeros_like(scores).scatter(1, highest.indices, highest.values.softmax(dim=1))


class Branches(Insert):
    """Experts beside every layer, as a router sends each sample."""

    def __init__(self, experts: Experts, router: Router) -> None:
        self._experts, self._router = experts, router

    def beside(self, layer: int, hidden: Tensor) -> Tensor:
        return self._experts.mixed(layer, hidden, self._router.gates(layer, hidden))


class Route(MovingTexts):
    """The routers of one experience through experts that all of them share."""

    def __init__(
        self,
        config: MoeAdaptersConfig,
        backbone: TowerBackbone,
        towers: LayeredTowers,
        table: Sequence[Candidate],
        experts: tuple[Experts, Experts],
    ) -> None:
        super().__init__(backbone, table)
        self._embed, self._image, self._text = (
            towers.embed,
            towers.image_through,
            towers.text_through,
        )
        self._experts = experts  # a tuple: they are no part of this module
        self.routers = nn.ModuleList(
            Router(each, config.experts, config.selected, backbone.device) for each in experts
        )

    def image(self, inputs: Tensor) -> Tensor:
        return self._image(inputs, self._branches(0))

    def text(self, tokens: Tokens) -> Tensor:
        return self._text(self._embed(tokens.ids), tokens.ends, self._branches(1))

    def _branches(self, tower: int) -> Branches:
        router: Router = self.routers[tower]  # type: ignore[assignment]
        return Branches(self._experts[tower], router)


class MoeAdapters(PerExperience):
    """Shared `experts` of the image and of the text tower; a `Route` for each experience."""

    def __init__(
        self,
        config: MoeAdaptersConfig,
        backbone: TowerBackbone,
        towers: LayeredTowers,
        table: Sequence[Candidate],
    ) -> None:
        image = Experts(towers.image_layers, towers.image_width, config).to(backbone.device)
        text = Experts(towers.text_layers, backbone.token_width, config).to(backbone.device)
        features = FrozenFeatures(backbone, pixels=True, wanted_by="the adapter 'moe_adapters'")
        super().__init__(
            config,
            backbone,
            table,
            member=lambda: Route(config, backbone, towers, table, (image, text)),
            features=features,
        )
        self.experts = nn.ModuleList([image, text])

    def begin(self, classes: ClassIds) -> None:
        super().begin(classes)
        for tower in self._towers():
            tower.hold_frozen()

    def end(self) -> None:
        super().end()
        for tower in self._towers():
            tower.mark_most_used()

    def state(self) -> State:
        experts = {
            f"experts.{name}": value.detach() for name, value in self.experts.state_dict().items()
        }
        return {**super().state(), **experts}

    def load(self, state: State) -> None:
        super().load(state)
        prefix = "experts."
        self.experts.load_state_dict(
            {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}
        )

    def _towers(self) -> list[Experts]:
        return list(self.experts)  # type: ignore[arg-type]


def build(config: MoeAdaptersConfig, backbone: Backbone, table: Sequence[Candidate]) -> MoeAdapters:
    found, towers = with_layers(backbone, wanted_by="the adapter 'moe_adapters'")
    return MoeAdapters(config, found, towers, table)

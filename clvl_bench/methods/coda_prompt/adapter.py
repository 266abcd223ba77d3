"""CODA-Prompt: prompts put together from components, each weighed by how much its key resembles the
attended query.

Smith et al. 2023, CODA-Prompt: continual decomposed attention-based prompting (arXiv:2211.13218).
An experience adds components, orthogonal to those before at their start; earlier ones are frozen
but still take part. Differs from the released code: a fixed number of components an experience, so
that the number of experiences need not be known; new components are orthogonal to the span of the
earlier ones (there to each in turn, which is the same only while these are orthogonal themselves);
the published orthogonality loss, which a later version of the code switches off; in the shipped
strategy the rate falls step by step along half a cosine, there epoch by epoch along a quarter of
one (`train.schedule`, docs/howto/recipes.md). See `_base/prefixes.py` for the rest.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import Backbone, l2_normalize
from clvl_bench.core.errors import RunFailed
from clvl_bench.core.rng import keyed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds, State
from clvl_bench.methods._base.prefixes import PrefixTuned
from clvl_bench.methods.coda_prompt.config import CodaPromptConfig


class CodaPrompt(PrefixTuned):
    """For each experience `components` [layers, n, length * tower width], `keys` and `attention`
    [layers, n, width].
    """

    config: CodaPromptConfig

    def __init__(
        self, config: CodaPromptConfig, backbone: Backbone, classes: Sequence[Candidate]
    ) -> None:
        super().__init__(config, backbone, classes)
        self._depth = min(config.depth, self.layers)
        self.components = nn.ParameterList()
        self.keys = nn.ParameterList()
        self.attention = nn.ParameterList()
        self._start = int(torch.randint(2**31, ()))
        self._begun = 0
        self._add()

    def begin(self, class_ids: ClassIds) -> None:
        """More components, unless these are the first.

        Raises:
            RunFailed: there are no more orthogonal directions left.
        """
        if self._begun:
            self._add()
        self._begun += 1

    def weights(self, queries: Tensor) -> Tensor:
        """alpha [batch, layers, components]: cosines of keys and of queries times attention."""
        attention = torch.cat(list(self.attention), dim=1)  # those of all experiences
        keys = l2_normalize(torch.cat(list(self.keys), dim=1))
        attended = l2_normalize(queries[:, None, None] * attention)
        return torch.einsum("blkw,lkw->blk", attended, keys)

    def prefixes(self, queries: Tensor) -> dict[int, Tensor]:
        components = torch.cat(list(self.components), dim=1)
        mixed = torch.einsum("blk,lkd->bld", self.weights(queries), components)
        prompts = mixed.unflatten(-1, (self.config.length, self.tower_width))
        return {layer: prompts[:, layer] for layer in range(self._depth)}

    def penalty(self, inputs: Tensor) -> Tensor:
        """`orthogonality` times the mean squared difference of U U' from the identity, over layers
        and kinds of U.
        """
        squares = []
        for parts in (self.components, self.keys, self.attention):
            rows = torch.cat(list(parts), dim=1)
            identity = torch.eye(rows.shape[1], device=rows.device)
            difference = rows @ rows.transpose(1, 2) - identity
            squares.append(difference.square().mean(dim=(1, 2)).sum())
        return self.config.orthogonality * torch.stack(squares).sum()

    def state(self) -> State:
        return {"begun": self._begun, **super().state()}

    def load(self, state: State) -> None:
        self._begun = state["begun"]
        while len(self.keys) < self._begun:
            self._add()
        super().load({name: value for name, value in state.items() if name != "begun"})

    def _add(self) -> None:
        """An experience's components, keys and attention; those that are there train no more."""
        for past in (*self.components, *self.keys, *self.attention):
            past.requires_grad_(False)
        prompt_width = self.config.length * self.tower_width
        query_width = self.backbone.width
        # The order of the three draws decides the numbers.
        with keyed("components", self._start, len(self.keys)):
            components = self._fresh(self.components, prompt_width)
            keys = self._fresh(self.keys, query_width)
            attention = self._fresh(self.attention, query_width)
        components.requires_grad_(not self.config.frozen)
        self.components.append(components)
        self.keys.append(keys)
        self.attention.append(attention)

    def _fresh(self, past: nn.ParameterList, width: int) -> nn.Parameter:
        """[layers, n, width] new rows, a layer's own orthogonal to each other and to those before,
        or U(0, 1).
        """
        count = self.config.components
        if self.config.init == "uniform":
            return self.start(self._depth, count, width, init="uniform")
        rows = []
        for layer in range(self._depth):
            earlier = torch.zeros(0, width)
            if len(past):
                earlier = torch.cat([part.detach()[layer] for part in past])
            rows.append(orthonormal(earlier, count, width))
        return nn.Parameter(torch.stack(rows).to(self.device))


def orthonormal(past: Tensor, count: int, width: int) -> Tensor:
    """Unit rows [count, width], orthogonal to each other and to the rows of `past` [held, width],
    of which there may be none.

    Raises:
        RunFailed: so many directions do not fit into the width.
    """
    held = len(past)
    if held + count > width:
        raise RunFailed(
            f"coda_prompt: got {count} components an experience and {held} from before, but only "
            f"{width} directions are orthogonal in features of this width; set adapter.components "
            "to a smaller number, or adapter.init to uniform"
        )
    fresh = torch.randn(width, count, dtype=torch.float64)
    if held:
        # The rows of the past need not be orthogonal to each other: a basis of their span is taken
        # off.
        basis = torch.linalg.qr(past.double().cpu().T).Q
        fresh = fresh - basis @ (basis.T @ fresh)
    rows: Tensor = torch.linalg.qr(fresh).Q.T.float()
    return rows

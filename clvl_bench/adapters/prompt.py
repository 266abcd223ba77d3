"""CoOp: learned context words before the class name, everything else frozen.

Zhou et al. 2022, Learning to prompt for vision-language models (arXiv:2109.01134). One context is shared by all classes
and all experiences, or each class has its own. Differs from the released code: fp32, text cut behind its last token; the
context starts by default as the words before the name in the first dataset's first template, so that it starts at
zero-shot; what stands behind the name stays each dataset's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clvl_bench.adapters.base import Adapter, Classes
from clvl_bench.backbones import Backbone, TowerBackbone, unit, with_embeddings
from clvl_bench.config.adapters import PromptAdapter
from clvl_bench.datasets import Candidate


@dataclass(frozen=True)
class Layout:
    """Sentences with gaps: token ids [rows, length], the gaps' places [rows, context], and each row's end of text [rows]."""

    ids: Tensor
    gaps: Tensor
    ends: Tensor


class Prompt(Adapter):
    """Context vectors [context, token width], or [classes, context, token width], in the place of words."""

    start_templates = 1

    def __init__(self, config: PromptAdapter, backbone: TowerBackbone, table: Sequence[Candidate]) -> None:
        super().__init__(backbone, table)
        self.towers_of = backbone
        self.starts_as_zeroshot = config.context_init == "template"
        self._position = config.position
        self._words = backbone.tokenise
        if config.context_init == "template":
            start = self._embed(table[0].templates[0].partition("{}")[0])
            if not len(start):  # the template begins with the class name: there is no word to start from
                start = self._noise(1)
        else:
            start = self._noise(config.context_length)
        self.context = nn.Parameter(start.expand(len(table), -1, -1).clone() if config.class_specific else start.clone())
        self._layouts: dict[Classes, tuple[Layout, Tensor]] = {}

    def classifier(self, candidates: Classes) -> Tensor:
        if candidates not in self._layouts:
            layout = self._layout(candidates)
            with torch.no_grad():
                self._layouts = {candidates: (layout, self.towers_of.towers.embed(layout.ids))}
        layout, words = self._layouts[candidates]
        context = self.context if self.context.ndim == 2 else self.context[list(candidates)]
        rows = torch.arange(len(words), device=words.device)[:, None]
        embeddings = words.index_put((rows, layout.gaps), context.expand(len(words), -1, -1))
        return unit(self.towers_of.towers.text(embeddings, layout.ends))

    def _layout(self, candidates: Classes) -> Layout:
        """`[prefix] context name suffix [end]`, the context all before the name, half of it, or all behind.

        The suffix is what follows the name in the first template of the class's own dataset.
        """
        classes = [self.table[place] for place in candidates]
        names = [self._ids(candidate.name.replace("_", " ")) for candidate in classes]
        suffixes = [self._ids(candidate.templates[0].partition("{}")[2]) for candidate in classes]
        length = self.context.shape[-2]
        before = {"end": length, "middle": length // 2, "front": 0}[self._position]
        prefix, end = self.towers_of.prefix, self.towers_of.end
        gap, first = end, len(prefix)  # any id may stand in a gap: its embedding is replaced
        rows = [
            [*prefix, *[gap] * before, *name, *[gap] * (length - before), *suffix, end]
            for name, suffix in zip(names, suffixes, strict=True)
        ]
        ends = [len(row) - 1 for row in rows]
        padded = [row + [end] * (max(ends) + 1 - len(row)) for row in rows]
        gaps = [
            [*range(first, first + before), *range(first + before + len(name), first + length + len(name))] for name in names
        ]
        device = self.context.device
        return Layout(*(torch.tensor(values, device=device) for values in (padded, gaps, ends)))

    def _ids(self, text: str) -> list[int]:
        """Token ids of a text without what stands before and behind every text."""
        tokens = self._words([text])
        ids: list[int] = tokens.ids[0, len(self.towers_of.prefix) : int(tokens.ends[0])].tolist()
        return ids

    def _embed(self, text: str) -> Tensor:
        with torch.no_grad():
            ids = torch.tensor(self._ids(text), dtype=torch.long, device=self.towers_of.device)
            return self.towers_of.towers.embed(ids)

    def _noise(self, length: int) -> Tensor:
        return torch.randn(length, self.towers_of.token_width, device=self.towers_of.device) * 0.02


def build(config: PromptAdapter, backbone: Backbone, table: Sequence[Candidate]) -> Prompt:
    return Prompt(config, with_embeddings(backbone, wanted_by="the adapter 'prompt'"), table)

"""Sentences: class prompts with gaps for learned words, and their way through the frozen text
tower.

What all learned contexts share: where the words of a sentence stand, and how little must be encoded
for them. Equal sentences are encoded once, sentences that go together are cut behind the longest of
them. Where every image has a context of its own, what stands before the class name is encoded once
for a pack of classes, and at most `chunk` sentences are in memory at a time, in training as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from clvl_bench.backbones.base import TowerBackbone, l2_normalize
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.context_config import ContextConfig

PACK = 16
"""Sentences that share one encoded beginning. More of them save little and make attention
longer."""


@dataclass(frozen=True)
class Layout:
    """Distinct sentences, shortest first: word embeddings [rows, length, token width], the gaps'
    places [rows, context], each row's end of text [rows]; and which of them each class has
    [classes].
    """

    words: Tensor
    gaps: Tensor
    ends: Tensor
    row_of: Tensor

    def rows(self, which: Tensor) -> "Layout":
        """Some rows, cut anew: the text tower is causal, so nothing behind the last end of text
        matters.
        """
        ends = self.ends[which]
        return Layout(self.words[which, : int(ends.max()) + 1], self.gaps[which], ends, self.row_of)


class Sentences:
    """`[start] context name suffix [end]` for each class, the context all before the name, half of
    it, or all behind.

    The suffix is what follows the name in the first template of the class's own dataset.

    Args:
        kept: token ids that stand, unlearned, between the context and each name.
        text: what takes embeddings and ends to features; the frozen text tower if None.

    Raises:
        Mistake: a sentence is longer than the backbone's text tower reads.
    """

    def __init__(
        self,
        backbone: TowerBackbone,
        table: Sequence[Candidate],
        *,
        length: int,
        position: str = "end",
        kept: Sequence[int] = (),
        text: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self._backbone, self._length = backbone, length
        self._text = text or backbone.towers.text
        self._before = {"end": length, "middle": length // 2, "front": 0}[position]
        self._words = []
        for candidate in table:
            name, suffix = name_and_suffix(backbone, candidate)
            self._words.append(((*kept, *name), suffix))
        longest = (
            len(backbone.prefix)
            + length
            + 1
            + max(len(name) + len(suffix) for name, suffix in self._words)
        )
        if longest > backbone.context_length:
            raise Mistake(
                f"the longest class sentence has {longest} tokens, {length} of them learned, but "
                f"{backbone.name} reads "
                f"{backbone.context_length}; learn {longest - backbone.context_length} fewer"
            )
        self._layouts: dict[ClassIds, Layout] = {}

    def features(self, candidates: ClassIds, context: Tensor) -> Tensor:
        """Unit text features [candidates, width] with one context [length, token width], or one for
        each candidate.
        """
        layout = self._layout(candidates)
        if context.ndim == 2:
            return self._encode(layout, context.expand(len(layout.ends), -1, -1))[layout.row_of]
        return self._encode(layout.rows(layout.row_of), context)

    def cosines(
        self,
        images: Tensor,
        candidates: ClassIds,
        contexts: Tensor,
        context_of: Tensor,
        *,
        chunk: int,
    ) -> Tensor:
        """Cosines [batch, candidates] of unit features [batch, width], each image with one of some
        contexts.

        Every sentence goes through the tower with every context, at most `chunk` of these pairs at
        a time. With a gradient and more pairs than that, activations are computed anew on the way
        back, so that those of one chunk at most are held.

        Args:
            contexts: [contexts, length, token width].
            context_of: each image's context [batch].
        """
        layout, device = self._layout(candidates), images.device
        pieces = torch.arange(len(layout.ends), device=device).split(min(PACK, chunk))
        groups = torch.arange(len(contexts), device=device).split(max(1, chunk // len(pieces[0])))
        encode = partial(self._pairs, layout, contexts)
        if torch.is_grad_enabled() and len(contexts) * len(layout.ends) > chunk:
            encode = partial(checkpoint, encode, use_reentrant=False, preserve_rng_state=False)
        order = context_of.argsort(stable=True)
        images, context_of = images[order], context_of[order]
        members = [
            (group, (context_of >= group[0]) & (context_of <= group[-1])) for group in groups
        ]
        columns = [
            torch.cat(
                [
                    _cosines(images[mine], encode(rows, group), context_of[mine] - group[0])
                    for group, mine in members
                ]
            )
            for rows in pieces
        ]
        return torch.cat(columns, dim=1)[order.argsort()][:, layout.row_of]

    def _pairs(self, layout: Layout, contexts: Tensor, rows: Tensor, group: Tensor) -> Tensor:
        """Unit text features [rows, group, width] of some sentences, each with each context of a
        group.
        """
        part, contexts = layout.rows(rows), contexts[group]
        if (
            self._before == self._length
        ):  # the context stands before the name, and begins all sentences alike
            first = len(self._backbone.prefix)
            behind = first + self._length
            beginnings = torch.cat(
                [part.words[:1, :first].expand(len(group), -1, -1), contexts], dim=1
            )
            towers = self._backbone.towers
            return l2_normalize(
                towers.text_after(beginnings, part.words[:, behind:], part.ends - behind)
            ).transpose(0, 1)
        repeated = layout.rows(rows.repeat_interleave(len(group)))
        return self._encode(repeated, contexts.repeat(len(rows), 1, 1)).view(
            len(rows), len(group), -1
        )

    def _encode(self, layout: Layout, contexts: Tensor) -> Tensor:
        """Unit text features of rows, each with its context [rows, length, token width]."""
        rows = torch.arange(len(layout.ends), device=contexts.device)[:, None]
        embeddings = layout.words.index_put((rows, layout.gaps), contexts)
        return l2_normalize(self._text(embeddings, layout.ends))

    def _layout(self, candidates: ClassIds) -> Layout:
        """The sentences of some classes; those of the last ones asked for are kept."""
        if candidates not in self._layouts:
            self._layouts = {candidates: self._laid_out(candidates)}
        return self._layouts[candidates]

    def _laid_out(self, candidates: ClassIds) -> Layout:
        prefix, end = self._backbone.prefix, self._backbone.end
        first = len(prefix)
        before, behind = self._before, self._length - self._before
        rows, gaps = [], []
        for name, suffix in (
            self._words[place] for place in candidates
        ):  # any id will do in a gap: it is replaced
            rows.append((*prefix, *[end] * before, *name, *[end] * behind, *suffix, end))
            after = first + before + len(name)
            gaps.append((*range(first, first + before), *range(after, after + behind)))
        distinct = sorted(
            dict.fromkeys(zip(rows, gaps, strict=True)), key=lambda sentence: len(sentence[0])
        )
        number = {sentence: place for place, sentence in enumerate(distinct)}
        ends = [len(row) - 1 for row, _ in distinct]
        padded = [row + (end,) * (ends[-1] + 1 - len(row)) for row, _ in distinct]
        device = self._backbone.device
        with torch.no_grad():
            words = self._backbone.towers.embed(torch.tensor(padded, device=device))
        gap_places = torch.tensor(
            [places for _, places in distinct], dtype=torch.long, device=device
        )
        row_of = torch.tensor(
            [number[sentence] for sentence in zip(rows, gaps, strict=True)], device=device
        )
        return Layout(words, gap_places, torch.tensor(ends, device=device), row_of)


def _cosines(images: Tensor, texts: Tensor, context_of: Tensor) -> Tensor:
    """[batch, rows] from unit images [batch, width], texts [rows, contexts, width] and each image's
    context [batch].
    """
    all_pairs = (images @ texts.flatten(0, 1).T).view(len(images), *texts.shape[:2])
    cosines: Tensor = all_pairs.gather(
        2, context_of[:, None, None].expand(-1, len(texts), 1)
    ).squeeze(2)
    return cosines


def name_and_suffix(
    backbone: TowerBackbone, candidate: Candidate
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Token ids of a class name, and of what follows it in the first template of the class.

    Both are tokenised as one text, and a space stands before it, as in the released code of CoOp:
    CLIP's tokenizer joins a mark that ends a name with the full stop behind it ("kite (bird of
    prey)." ends in the one token ").") and this token is then the name's. The name is as many
    tokens long as it is by itself (there: `name_len`).
    """
    name = candidate.words
    behind = candidate.templates[0].partition("{}")[2]
    whole = word_ids(backbone, name + behind)
    length = len(word_ids(backbone, name))
    return whole[:length], whole[length:]


def word_ids(backbone: TowerBackbone, text: str) -> tuple[int, ...]:
    """Token ids of a text without what stands before and behind every text."""
    tokens = backbone.tokenize([text])
    return tuple(tokens.ids[0, len(backbone.prefix) : int(tokens.ends[0])].tolist())


def word_embeddings(backbone: TowerBackbone, text: str) -> Tensor:
    """Embeddings [tokens, token width] of a text's words."""
    with torch.no_grad():
        return backbone.towers.embed(
            torch.tensor(word_ids(backbone, text), dtype=torch.long, device=backbone.device)
        )


def noise(backbone: TowerBackbone, *shape: int) -> Tensor:
    """Words [*shape, token width] drawn with the deviation 0.02 of CoOp; from the global
    generator.
    """
    return torch.randn(*shape, backbone.token_width, device=backbone.device) * 0.02


def first_words(table: Sequence[Candidate]) -> str:
    """The words before the name in the first dataset's first template."""
    return table[0].templates[0].partition("{}")[0]


def first_context(
    config: ContextConfig, backbone: TowerBackbone, table: Sequence[Candidate]
) -> Tensor:
    """What a context [context, token width] starts as: the words before the name in the first
    template, or noise.
    """
    if config.context_init == "random":
        return noise(backbone, config.context_length)
    words = word_embeddings(backbone, first_words(table))
    # A template that begins with the class name has no word to start from.
    return words if len(words) else noise(backbone, 1)

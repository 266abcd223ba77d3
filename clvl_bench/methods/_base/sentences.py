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

Sentence = tuple[tuple[int, ...], tuple[int, ...]]
"""Token ids of a sentence, and at which of them the learned words stand."""

PACK = 16
"""Sentences that share one encoded beginning. More of them save little and make attention
longer."""


@dataclass(frozen=True)
class Layout:
    """Distinct sentences, shortest first: word embeddings [rows, length, token width], where
    the gaps stand [rows, context], each row's end of text [rows]; and which of them each class has
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
        classes: Sequence[Candidate],
        *,
        length: int,
        position: str = "end",
        kept: Sequence[int] = (),
        text: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self._backbone = backbone
        self._length = length
        self._text = text or backbone.towers.text
        self._before = {"end": length, "middle": length // 2, "front": 0}[position]
        self._words = []
        for candidate in classes:
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
        if context.ndim == 3:  # classes with equal sentences have contexts of their own
            return self._encode(layout.rows(layout.row_of), context)
        distinct = self._encode(layout, context.expand(len(layout.ends), -1, -1))
        return distinct[layout.row_of]

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
        layout = self._layout(candidates)
        # A chunk is a pack of sentences with as many contexts as fit beside it.
        sentences = torch.arange(len(layout.ends), device=images.device)
        packs = sentences.split(min(PACK, chunk))
        numbers = torch.arange(len(contexts), device=images.device)
        groups = numbers.split(max(1, chunk // len(packs[0])))
        encode = partial(self._pairs, layout, contexts)
        if torch.is_grad_enabled() and len(contexts) * len(layout.ends) > chunk:
            # The tower is frozen and draws nothing, so that no random state need be restored.
            encode = partial(checkpoint, encode, use_reentrant=False, preserve_rng_state=False)
        # Images sorted by their context: those of a group of contexts stand together, and the
        # groups' parts, one below the other, are in that order again.
        order = context_of.argsort(stable=True)
        images = images[order]
        context_of = context_of[order]
        members = [(context_of >= group[0]) & (context_of <= group[-1]) for group in groups]
        columns = []
        for pack in packs:
            parts = []
            for group, mine in zip(groups, members, strict=True):
                texts = encode(pack, group)
                parts.append(_cosines(images[mine], texts, context_of[mine] - group[0]))
            columns.append(torch.cat(parts))
        sorted_cosines = torch.cat(columns, dim=1)
        return sorted_cosines[order.argsort()][:, layout.row_of]

    def _pairs(self, layout: Layout, contexts: Tensor, rows: Tensor, group: Tensor) -> Tensor:
        """Unit text features [rows, group, width] of some sentences, each with each context of a
        group.
        """
        contexts = contexts[group]
        if self._before < self._length:
            repeated = layout.rows(rows.repeat_interleave(len(group)))
            features = self._encode(repeated, contexts.repeat(len(rows), 1, 1))
            return features.view(len(rows), len(group), -1)
        # The whole context stands before the name: all sentences begin alike, and the tower, which
        # is causal, goes through each beginning once.
        part = layout.rows(rows)
        first = len(self._backbone.prefix)
        starts = part.words[:1, :first].expand(len(group), -1, -1)
        beginnings = torch.cat([starts, contexts], dim=1)
        behind = first + self._length
        towers = self._backbone.towers
        features = towers.text_after(beginnings, part.words[:, behind:], part.ends - behind)
        return l2_normalize(features).transpose(0, 1)

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
        sentences = [self._sentence(class_id) for class_id in candidates]
        # Shortest first: neighbours, which are encoded together, need little padding.
        distinct = sorted(dict.fromkeys(sentences), key=_length)
        number = {sentence: row for row, sentence in enumerate(distinct)}
        longest = _length(distinct[-1])
        end = self._backbone.end
        padded = [ids + (end,) * (longest - len(ids)) for ids, _ in distinct]
        device = self._backbone.device
        with torch.no_grad():
            words = self._backbone.towers.embed(torch.tensor(padded, device=device))
        gaps = torch.tensor([gaps for _, gaps in distinct], dtype=torch.long, device=device)
        ends = torch.tensor([len(ids) - 1 for ids, _ in distinct], device=device)
        row_of = torch.tensor([number[sentence] for sentence in sentences], device=device)
        return Layout(words, gaps, ends, row_of)

    def _sentence(self, class_id: int) -> Sentence:
        """A class's sentence with gaps for the context."""
        name, suffix = self._words[class_id]
        prefix = self._backbone.prefix
        end = self._backbone.end
        before = self._before
        behind = self._length - before
        # Any id will do in a gap: its embedding is replaced.
        ids = (*prefix, *[end] * before, *name, *[end] * behind, *suffix, end)
        first = len(prefix)
        after = first + before + len(name)
        gaps = (*range(first, first + before), *range(after, after + behind))
        return ids, gaps


def _length(sentence: Sentence) -> int:
    return len(sentence[0])


def _cosines(images: Tensor, texts: Tensor, context_of: Tensor) -> Tensor:
    """[batch, rows] from unit images [batch, width], texts [rows, contexts, width] and each image's
    context [batch].
    """
    # One product of every image with every text, of which each image's own context is picked: this
    # is cheaper than a copy of the texts for each image.
    all_pairs = (images @ texts.flatten(0, 1).T).view(len(images), *texts.shape[:2])
    own = context_of[:, None, None].expand(-1, len(texts), 1)
    return all_pairs.gather(2, own).squeeze(2)


def name_and_suffix(
    backbone: TowerBackbone, candidate: Candidate
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Token ids of a class name, and of what follows it in the first template of the class.

    Both are tokenized as one text, and a space stands before it, as in the released code of CoOp:
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


def first_words(classes: Sequence[Candidate]) -> str:
    """The words before the name in the first dataset's first template."""
    return classes[0].templates[0].partition("{}")[0]


def first_context(
    config: ContextConfig, backbone: TowerBackbone, classes: Sequence[Candidate]
) -> Tensor:
    """What a context [context, token width] starts as: the words before the name in the first
    template, or noise.
    """
    if config.context_init == "random":
        return noise(backbone, config.context_length)
    words = word_embeddings(backbone, first_words(classes))
    # A template that begins with the class name has no word to start from.
    return words if len(words) else noise(backbone, 1)


def leading_words(
    backbone: TowerBackbone, classes: Sequence[Candidate], length: int, *, template: bool
) -> tuple[Tensor, tuple[int, ...]]:
    """What a context of at most `length` words [context, token width] starts as, and the token ids
    of the words that stay, unlearned, behind it: the first dataset's first template is learned in
    its first words alone. Without a template it starts as noise, and nothing stands behind it.
    """
    words = word_embeddings(backbone, first_words(classes)) if template else noise(backbone, length)
    # A template that begins with the class name has no word to start from.
    start = words if len(words) else noise(backbone, 1)
    kept = word_ids(backbone, first_words(classes)) if template else ()
    return start[:length].clone(), kept[length:]

"""Limit cases of what supplements frozen features: CLIP-Adapter (Gao et al. 2021), Tip-Adapter
(Zhang et al. 2022), heads.
"""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods.clip_adapter.config import ClipAdapterConfig
from clvl_bench.methods.cosine.config import CosineConfig
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.tip_adapter.config import TipAdapterConfig
from clvl_bench.methods.tip_adapter_f.config import TipAdapterFConfig

WIDTH, CLASSES = 12, 5
TABLE = tuple(Candidate(f"c{number}", "d", ("{}",)) for number in range(CLASSES))
ALL = tuple(range(CLASSES))
TEXT = torch.from_numpy(np.random.default_rng(9).normal(size=(CLASSES, WIDTH))).float()
SCALE = 10.0


def known(*, without=0):
    """A backbone that knows the texts of all classes but the last few."""
    names = [candidate.name for candidate in TABLE][: CLASSES - without]
    return PrecomputedBackbone(
        name="x",
        logit_scale=SCALE,
        width=WIDTH,
        text={"d": ClassTexts(names, l2_normalize(TEXT[: len(names)])[None])},
    )


def build(config, backbone=None):
    return build_adapter(config, backbone or known(), TABLE, seed=0)


def pictures(count=20, seed=0):
    generator = np.random.default_rng(seed)
    return torch.from_numpy(3 * generator.normal(size=(count, WIDTH))).float(), torch.arange(
        count
    ) % CLASSES


FEATURES, LABELS = pictures()
ZEROSHOT = SCALE * l2_normalize(FEATURES) @ l2_normalize(TEXT).T


# --- CLIP-Adapter ---


def test_clip_adapter_with_nothing_adapted_is_zero_shot():
    assert torch.allclose(
        build(ClipAdapterConfig(ratio=0)).logits(FEATURES, ALL), ZEROSHOT, atol=1e-5
    )


def test_clip_adapter_with_a_last_layer_of_zeros_is_zero_shot_whatever_the_ratio():
    adapter = build(ClipAdapterConfig(ratio=0.6))
    torch.nn.init.zeros_(adapter.bottleneck[2].weight)
    assert torch.allclose(adapter.logits(FEATURES, ALL), ZEROSHOT, atol=1e-5)


@torch.no_grad()
def test_clip_adapter_is_the_published_formula_on_features_of_any_length():
    adapter = build(ClipAdapterConfig(ratio=0.2))
    first, last = (adapter.bottleneck[layer].weight.numpy() for layer in (0, 2))
    assert (first.shape, last.shape) == ((WIDTH // 4, WIDTH), (WIDTH, WIDTH // 4))
    x = FEATURES.numpy()
    mixed = 0.2 * np.maximum(np.maximum(x @ first.T, 0) @ last.T, 0) + 0.8 * x
    expected = (
        SCALE
        * (mixed / np.linalg.norm(mixed, axis=1, keepdims=True))
        @ l2_normalize(TEXT).numpy().T
    )
    for scale in (1.0, 0.1, 30.0):
        assert np.allclose(adapter.logits(scale * FEATURES, ALL).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("config", [ClipAdapterConfig(), TipAdapterFConfig()])
def test_a_learner_that_needs_texts_is_refused_where_a_class_has_none(config):
    with pytest.raises(
        Mistake,
        match=rf"the adapter '{config.kind}' compares .* 2 of 5 classes have none, for example "
        rf"'c3'",
    ):
        build(config, known(without=2))


# --- Tip-Adapter ---


def filled(config, *, order=range(20), size=7, backbone=None):
    adapter = build(config, backbone)
    adapter.begin(ALL)
    for rows in torch.tensor(list(order)).split(size):
        adapter.observe(FEATURES[rows], LABELS[rows])
    return adapter


@torch.no_grad()
def test_tip_adapter_is_the_published_formula():
    adapter, (queries, _) = filled(TipAdapterConfig(alpha=1.7, beta=3.0)), pictures(9, seed=1)
    z, keys = l2_normalize(queries).double().numpy(), l2_normalize(FEATURES).double().numpy()
    values = np.eye(CLASSES)[LABELS.numpy()]
    expected = (
        SCALE * z @ l2_normalize(TEXT).double().numpy().T
        + 1.7 * np.exp(-3.0 * (1 - z @ keys.T)) @ values
    )
    assert np.allclose(adapter.logits(queries, ALL).numpy(), expected, atol=1e-4)
    assert np.allclose(adapter.logits(queries, (3, 0)).numpy(), expected[:, [3, 0]], atol=1e-4)


@pytest.mark.parametrize("kind", [TipAdapterConfig, TipAdapterFConfig])
def test_a_cache_that_does_not_count_is_zero_shot(kind):
    assert torch.allclose(filled(kind(alpha=0)).logits(FEATURES, ALL), ZEROSHOT, atol=1e-5)


@torch.no_grad()
def test_a_query_that_is_a_key_gets_alpha_from_it():
    adapter = build(
        TipAdapterConfig(alpha=2.5, beta=400.0)
    )  # so sharp that no other key says anything
    adapter.begin(ALL)
    adapter.observe(FEATURES, LABELS)
    votes = adapter.logits(FEATURES, ALL) - ZEROSHOT
    assert torch.allclose(votes.gather(1, LABELS[:, None]), torch.tensor(2.5), atol=1e-3)
    assert votes.sum().item() == pytest.approx(2.5 * len(FEATURES), rel=1e-3)


@torch.no_grad()
def test_neither_the_order_of_keys_nor_their_batches_matter():
    one = filled(TipAdapterConfig()).logits(FEATURES, ALL)
    other = filled(TipAdapterConfig(), order=reversed(range(20)), size=1).logits(FEATURES, ALL)
    assert torch.allclose(one, other, atol=1e-5)


def test_each_class_keeps_as_many_as_it_may_and_labels_that_did_not_come_nothing():
    adapter = build(TipAdapterConfig(shots=3))
    adapter.begin(ALL)
    labels = torch.tensor([0] * 9 + [1] * 2 + [-1] * 6 + [4] * 3)
    for rows in torch.arange(20).split(6):
        adapter.observe(FEATURES[rows], labels[rows])
    assert torch.bincount(adapter.key_classes, minlength=CLASSES).tolist() == [3, 2, 0, 0, 3]
    assert all(
        any(torch.equal(key, image) for image in l2_normalize(FEATURES[labels >= 0]))
        for key in adapter.keys
    )
    assert adapter.kept_bytes() == 8 * (WIDTH * 4 + 8 + 8)


def test_which_samples_of_a_class_are_kept_is_a_uniform_choice_of_all_that_came():
    times, marks = np.zeros(12), torch.eye(WIDTH)
    torch.manual_seed(0)
    for _ in range(200):
        adapter = build(TipAdapterConfig(shots=3))
        for rows in torch.arange(12).split(5):
            adapter.observe(marks[rows], torch.zeros(len(rows), dtype=torch.long))
        times[adapter.keys.argmax(dim=1).numpy()] += 1
    assert times.sum() == 200 * 3
    assert chisquare(times).pvalue > 1e-3


@torch.no_grad()
def test_where_a_class_has_no_text_its_keys_alone_score_it_and_without_keys_nothing_does():
    adapter = build(TipAdapterConfig(alpha=1.0, beta=3.0), known(without=2))
    adapter.begin((3,))
    adapter.observe(FEATURES[LABELS == 3], LABELS[LABELS == 3])
    scores = adapter.logits(FEATURES, ALL)
    expected = torch.exp(
        -3.0 * (1 - l2_normalize(FEATURES) @ l2_normalize(FEATURES[LABELS == 3]).T)
    ).sum(dim=1)
    assert torch.allclose(scores[:, 3], expected, atol=1e-5)
    assert torch.allclose(scores[:, :3], ZEROSHOT[:, :3], atol=1e-5)
    assert scores[:, 4].isnan().all()


def test_tip_adapter_f_starts_as_tip_adapter():
    torch.manual_seed(0)
    fixed = filled(TipAdapterConfig(shots=2))
    torch.manual_seed(0)
    trained = filled(TipAdapterFConfig(shots=2))
    assert torch.allclose(trained.logits(FEATURES, ALL), fixed.logits(FEATURES, ALL), atol=1e-5)


def test_tip_adapter_f_trains_the_keys_of_scored_classes_and_nothing_else():
    adapter = filled(TipAdapterFConfig())
    torch.nn.functional.cross_entropy(adapter.logits(FEATURES[:2], (0, 1)), LABELS[:2]).backward()
    assert [name for name, weight in adapter.named_parameters() if weight.requires_grad] == ["keys"]
    moved = adapter.keys.grad.abs().sum(dim=1) > 0
    assert torch.equal(moved, adapter.key_classes < 2)


# --- heads ---


@pytest.mark.parametrize("config", [CosineConfig(), LinearConfig()])
def test_a_head_starts_at_the_class_texts_and_new_classes_leave_old_rows(config):
    head = build(config)
    head.begin((1, 3))
    with torch.no_grad():
        head.weight.mul_(2).add_(0.1)
    learned = head.weight.detach().clone()
    head.begin((0, 3))
    assert head.seen_classes == (1, 3, 0)
    assert torch.equal(head.weight[:2], learned)
    assert torch.allclose(head.weight[2], l2_normalize(TEXT)[0])
    assert torch.allclose(head.logits(FEATURES, (0, 2)), ZEROSHOT[:, [0, 2]], atol=1e-5)


@torch.no_grad()
def test_cosine_rows_score_by_their_direction_alone():
    head = build(CosineConfig())
    head.begin(ALL)
    head.weight.copy_(torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(1)))
    pairs = torch.nn.functional.cosine_similarity(FEATURES[:, None], head.weight[None], dim=2)
    assert torch.allclose(head.logits(FEATURES, ALL), SCALE * pairs, atol=1e-5)
    head.weight.mul_(torch.tensor([5.0, 0.1, 1.0, 30.0, 2.0])[:, None])
    assert torch.allclose(head.logits(FEATURES, ALL), SCALE * pairs, atol=1e-5)


def test_a_row_that_starts_without_a_text_learns_too():
    head = build(CosineConfig(), known(without=2))
    head.begin(ALL)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(head.logits(FEATURES, ALL), LABELS).backward()
        optimizer.step()
    scores = head.logits(FEATURES, ALL)
    assert torch.isfinite(scores).all()
    assert (scores.argmax(dim=1) == LABELS)[LABELS >= 3].float().mean() > 0.5

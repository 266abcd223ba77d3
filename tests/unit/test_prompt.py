"""CoOp's limit cases (Zhou et al. 2022) on a small random CLIP."""

import pytest
import torch
from pydantic import ValidationError

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.sentences import word_embeddings
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.registry import build_adapter

NAMES = ("forest", "wheat field", "annual_crop_land", "x")
ABOVE = tuple(Candidate(name, "d", ("a photo of a {} from above.", "a {}.")) for name in NAMES)
PLAIN = tuple(Candidate(name, "h", ("a photo of a {}.",)) for name in ("boat", "red circle"))
ALL = tuple(range(len(ABOVE)))


def build(backbone, table=ABOVE, seed=0, **settings):
    return build_adapter(PromptConfig(**settings), backbone, table, seed=seed)


@pytest.fixture
def features(backbone):
    torch.manual_seed(0)
    return torch.randn(5, backbone.width)


def test_a_context_that_starts_as_the_template_is_zero_shot_with_it(backbone, features):
    prompt = build(backbone)
    expected = (
        backbone.logit_scale
        * l2_normalize(features)
        @ backbone.class_features(ABOVE, templates=1).T
    )
    assert torch.allclose(prompt.logits(features, ALL), expected, atol=1e-5)


def test_a_dataset_with_the_same_words_before_the_name_starts_at_zero_shot_too(backbone, features):
    prompt = build(backbone, table=ABOVE + PLAIN)
    held = (len(ABOVE), len(ABOVE) + 1)
    expected = (
        backbone.logit_scale
        * l2_normalize(features)
        @ backbone.class_features(PLAIN, templates=1).T
    )
    assert torch.allclose(prompt.logits(features, held), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("position", "sentence"),
    [("end", "w w w w {} ."), ("middle", "w w {} w w ."), ("front", "{} w w w w .")],
)
def test_each_layout_equals_the_sentence_in_that_order(backbone, features, position, sentence):
    prompt = build(backbone, PLAIN, context_init="random", context_length=4, position=position)
    word = word_embeddings(backbone, "w")
    with torch.no_grad():
        prompt.context.copy_(word.expand(4, -1))
    texts = [sentence.format(candidate.name) for candidate in PLAIN]
    expected = (
        backbone.logit_scale
        * l2_normalize(features)
        @ l2_normalize(backbone.text_features(texts)).T
    )
    assert torch.allclose(prompt.logits(features, (0, 1)), expected, atol=1e-5)


@pytest.mark.parametrize("settings", [{"context_length": 4}, {"position": "front"}])
def test_a_template_has_its_own_length_and_place(settings):
    with pytest.raises(ValidationError, match=r"context_init = .random."):
        PromptConfig(**settings)


def test_only_the_context_has_a_gradient(backbone, features):
    prompt = build(backbone).train()
    prompt.logits(features, ALL).sum().backward()
    assert [name for name, parameter in prompt.named_parameters()] == ["context"]
    assert prompt.context.grad is not None
    assert all(parameter.grad is None for parameter in backbone.towers.parameters())


def test_class_specific_contexts_start_alike_and_learn_apart(backbone, features):
    shared, own = build(backbone), build(backbone, class_specific=True)
    assert torch.allclose(shared.logits(features, ALL), own.logits(features, ALL), atol=1e-6)
    own.train().logits(features, (1, 3))[:, 0].sum().backward()
    assert own.context.grad[1].abs().sum() > 0
    assert own.context.grad[[0, 2]].abs().sum() == 0


def test_a_subset_of_classes_scores_as_it_does_among_all(backbone, features):
    prompt = build(backbone)
    assert torch.allclose(
        prompt.logits(features, (2, 0)), prompt.logits(features, ALL)[:, [2, 0]], atol=1e-5
    )


def test_a_random_start_depends_on_the_seed_alone(backbone):
    one, same, other = (build(backbone, seed=seed, context_init="random") for seed in (1, 1, 2))
    assert torch.equal(one.context, same.context)
    assert not torch.equal(one.context, other.context)
    assert one.context.std().item() == pytest.approx(0.02, rel=0.2)
    assert not one.starts_as_zeroshot


def test_what_it_keeps_is_its_context(backbone):
    prompt = build(backbone, context_init="random", context_length=8)
    assert prompt.kept_bytes() == 8 * 32 * 4


@torch.no_grad()
def test_equal_sentences_are_encoded_once(backbone, features, monkeypatch):
    encoded, text = [], backbone.towers.text
    monkeypatch.setattr(
        backbone.towers, "text", lambda words, ends: encoded.append(len(words)) or text(words, ends)
    )
    table = ABOVE + tuple(
        Candidate(candidate.name, "other", candidate.templates) for candidate in ABOVE
    )
    scores = build(backbone, table=table).logits(features, tuple(range(len(table))))
    assert encoded == [len(ABOVE)]
    assert torch.equal(scores[:, : len(ABOVE)], scores[:, len(ABOVE) :])


def test_precomputed_features_are_refused_in_one_line():
    from clvl_bench.backbones.precomputed import PrecomputedBackbone

    with pytest.raises(Mistake, match="the adapter 'prompt' needs the text or image tower"):
        build(PrecomputedBackbone(name="x", logit_scale=100.0, width=8, text={}))

"""What every adapter promises, whichever way it learns: each kind in all its configurations on a
small random CLIP.
"""

import sys

import pytest
import torch
from contract.tables import configurations, label
from helpers.learning import ALL, FIRST, SECOND, TABLE, learn, logits, pictures, table_of, zeroshot

from clvl_bench.backbones.loading import load_backbone
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods.registry import build_adapter
from clvl_bench.runs import checkpoint

CONFIGURATIONS = configurations()


@pytest.fixture(scope="module")
def backbone(random_clip):
    return load_backbone(str(random_clip()))


@pytest.fixture(
    scope="module", params=CONFIGURATIONS, ids=[label(config) for config in CONFIGURATIONS]
)
def config(request):
    return request.param


@pytest.fixture
def adapter(config, backbone):
    return build_adapter(config, backbone, table_of(config.input_kind), seed=0).eval()


@pytest.fixture(scope="module")
def inputs(config, backbone):
    return pictures(backbone, config.input_kind)


@pytest.fixture(scope="module")
def learned(config, backbone, inputs):
    """After an experience with some of the classes; the others are still scored where the label
    space says so. Only looked at: many tests share it.
    """
    adapter = build_adapter(config, backbone, table_of(config.input_kind), seed=0).eval()
    learn(adapter, inputs, FIRST)
    return adapter


def bits(module):
    """The bytes of every parameter and buffer, those that no state holds included."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.detach().numpy().tobytes() for name, tensor in tensors}


def test_at_first_the_logits_are_the_backbones_own_or_the_text_says_why_not(
    adapter, backbone, config, inputs
):
    if adapter.starts_as_zeroshot:
        expected = zeroshot(backbone, config.input_kind, inputs, templates=adapter.start_templates)
        assert torch.allclose(logits(adapter, inputs), expected, atol=1e-4)
    else:
        kinds = [
            kind
            for kind in type(adapter).__mro__
            if issubclass(kind, Adapter) and kind is not Adapter
        ]
        said = [
            text for kind in kinds for text in (kind.__doc__, sys.modules[kind.__module__].__doc__)
        ]
        assert any("zero-shot" in text for text in said), (
            "an adapter that does not start at zero-shot says why"
        )


def test_to_begin_an_experience_is_not_to_learn(adapter, inputs):
    before = logits(adapter, inputs)
    adapter.begin(FIRST)
    assert torch.allclose(logits(adapter, inputs), before, atol=1e-4)


def test_a_samples_logits_depend_on_its_neighbours_where_it_is_declared_and_nowhere_else(
    learned, backbone, config, inputs
):
    # Half of them are strange: of as few as were learned each may fit as well as the others.
    asked = torch.cat([inputs[:6], pictures(backbone, config.input_kind, seed=1)[:6]])
    together = logits(learned, asked)
    alone = torch.cat([logits(learned, asked[row : row + 1]) for row in range(len(asked))])
    agree = torch.allclose(together, alone, atol=1e-5 * learned.backbone.logit_scale)
    assert agree != learned.config.transductive
    assert torch.allclose(
        together.flip(0), logits(learned, asked.flip(0)), atol=1e-5 * learned.backbone.logit_scale
    )


def test_every_sample_has_a_score_or_the_adapter_says_that_it_may_have_none(learned, inputs):
    scored = torch.isfinite(logits(learned, inputs)).any(dim=1)
    assert bool(scored.all()) != learned.abstains


def test_permuted_candidates_have_permuted_logits(learned, inputs):
    together = logits(learned, inputs)
    for order in (ALL[::-1], (4, 0, 2, 5, 1, 3)):
        permuted = together[:, list(order)]
        assert torch.allclose(
            logits(learned, inputs, order), permuted, atol=1e-5 * learned.backbone.logit_scale
        )


def test_what_it_learned_goes_through_a_checkpoint_and_on(
    adapter, backbone, config, inputs, tmp_path
):
    learn(adapter, inputs, FIRST)
    checkpoint.write(tmp_path, checkpoint.Checkpoint(1, {"adapter": adapter.state()}, {}))
    other = build_adapter(config, backbone, table_of(config.input_kind), seed=0).eval()
    logits(other, inputs)
    other.load(checkpoint.latest(tmp_path).state["adapter"])
    assert torch.equal(logits(other, inputs), logits(adapter, inputs))
    for each in (adapter, other):
        learn(each, pictures(backbone, config.input_kind, seed=1), SECOND, key="second")
    assert torch.equal(logits(other, inputs), logits(adapter, inputs))


def test_it_keeps_the_bytes_of_its_state(learned):
    held = [value for value in learned.state().values() if isinstance(value, torch.Tensor)]
    assert learned.kept_bytes() == sum(len(tensor.detach().numpy().tobytes()) for tensor in held)


def test_training_moves_its_parameters_and_no_other_weight(adapter, backbone, inputs):
    frozen = {name for name, weight in adapter.named_parameters() if not weight.requires_grad}
    before, towers, scale = bits(adapter), bits(backbone.towers), backbone.logit_scale
    learn(adapter, inputs, FIRST)
    after = bits(adapter)
    moved = {name for name in before if name in after and after[name] != before[name]}
    weights = dict(adapter.named_parameters())
    if adapter.learns == "gradient":
        assert moved, "nothing was learned"
        assert all(weight.requires_grad for name, weight in weights.items() if name in moved)
    else:
        assert not any(weight.requires_grad for weight in weights.values())
    assert not moved & frozen
    assert bits(backbone.towers) == towers
    assert all(weight.grad is None for weight in backbone.towers.parameters())
    assert backbone.logit_scale == scale


def test_the_logit_scale_is_not_trained(learned):
    assert not [
        name
        for name, weight in learned.named_parameters()
        if "logit_scale" in name and weight.requires_grad
    ]


def test_it_learns_something(adapter, inputs):
    before = logits(adapter, inputs)
    learn(adapter, inputs, ALL)
    assert torch.equal(logits(adapter, inputs), before) == (adapter.learns == "nothing")


def test_its_start_and_what_it_learns_depend_on_the_seed_alone(adapter, backbone, config, inputs):
    torch.manual_seed(5)
    again = build_adapter(config, backbone, table_of(config.input_kind), seed=0).eval()
    for each in (adapter, again):
        learn(each, inputs, FIRST)
    assert torch.equal(logits(adapter, inputs), logits(again, inputs))


def test_forward_scores_the_scored_classes_and_no_other(learned, inputs, monkeypatch):
    monkeypatch.setattr(learned, "scored", (4, 1))
    with torch.no_grad():
        scores = learned(inputs)
    assert scores.shape == (len(inputs), len(TABLE))
    assert torch.isneginf(scores[:, [0, 2, 3, 5]]).all()
    assert torch.equal(scores[:, [4, 1]], logits(learned, inputs, (4, 1)))

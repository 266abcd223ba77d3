"""Prompts inside the image tower: S-Prompts, CODA-Prompt, DualPrompt, L2P, beside the code that
their authors released.
"""

import pytest
import torch
from authors.released import assert_equal, assert_learns, candidates, read, set_to
from torch.nn.functional import cross_entropy

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.layers import _attend
from clvl_bench.methods._base.selector import lloyd
from clvl_bench.methods.coda_prompt.config import CodaPromptConfig
from clvl_bench.methods.dualprompt.config import DualPromptConfig
from clvl_bench.methods.l2p.config import L2PConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.sprompts.config import SPromptsConfig

NAMES = ["forest", "lake"]
ALL = (0, 1)


def with_queries(adapter, queries):
    """The adapter, to which every batch has these queries [batch, width], whatever its pixels."""
    adapter.queries = lambda inputs: l2_normalize(queries)
    return adapter


# --- prefixes of keys and values ---


def test_attention_with_a_prefix_is_the_released_one(small_clip):
    released = read("prefix_attention")
    attention = small_clip.towers.vision_model.encoder.layers[0].self_attn
    hidden, keys, values = (
        released[name].requires_grad_() for name in ("hidden", "keys", "values")
    )
    output = _attend(attention, hidden, None, (keys, values))
    assert_equal(output, released["output"], 5e-6, "output")
    (output * released["direction"]).sum().backward()
    for name, tensor in (("hidden", hidden), ("keys", keys), ("values", values)):
        assert_equal(tensor.grad, released[f"{name}.grad"], 5e-6, f"gradient of {name}")


def test_attention_without_a_prefix_is_the_released_one(small_clip):
    released = read("prefix_attention")
    attention = small_clip.towers.vision_model.encoder.layers[0].self_attn
    assert_equal(
        _attend(attention, released["hidden"], None, None), released["output_without_prefix"], 5e-6
    )


# --- CODA-Prompt ---


@pytest.fixture
def coda(small_clip):
    settings = read("coda_prompt").settings
    config = CodaPromptConfig(
        components=settings["components_a_task"],
        length=settings["length"],
        depth=settings["layers"],
        orthogonality=settings["mu"],
    )
    return build_adapter(config, small_clip, candidates(NAMES), seed=0).train()


def fill(parts, values):
    """Components of all experiences so far [layers, components, ...] into the parameters of
    each.
    """
    with torch.no_grad():
        for part, own in zip(parts, values.split(parts[0].shape[1], dim=1), strict=True):
            part.copy_(own)


def test_coda_mixes_its_components_as_released_and_past_ones_have_no_gradient(coda):
    released = read("coda_prompt")
    kinds = {"components": coda.components, "keys": coda.keys, "attention": coda.attention}
    queries = released["queries"]
    for number in range(released.settings["tasks"]):
        coda.begin(ALL)
        task = released.below(f"task{number}")
        for name, parts in kinds.items():
            fill(parts, task[name])
        coda.zero_grad()
        found = coda.prefixes(l2_normalize(queries))
        prefix = torch.stack([found[layer] for layer in range(released.settings["layers"])])
        assert_equal(prefix, task["prefix"], 1e-6, "prefix")
        penalty = coda.penalty(queries)
        assert_equal(penalty, task["penalty"], 1e-6, "penalty")
        (penalty + (prefix * released["direction"]).sum()).backward()
        for name, (*past, new) in kinds.items():
            assert_equal(new.grad, task[f"{name}.grad_of_new"], 1e-6, f"gradient of new {name}")
            assert task[f"{name}.grad_of_past_max"] == 0
            assert all(part.grad is None for part in past)


# --- DualPrompt ---


@pytest.fixture
def dual(small_clip):
    """All experiences begun, with the released values; the key of an expert is one for all of its
    layers.
    """
    released = read("dualprompt")
    config = DualPromptConfig(
        general_length=released.settings["general_length"],
        general_depth=len(released.settings["general_layers"]),
        expert_length=released.settings["expert_length"],
        expert_depth=len(released.settings["expert_layers"]),
    )
    return build_adapter(config, small_clip, candidates(NAMES), seed=0)


def begin_dual(dual, released, number):
    dual.begin(ALL)
    with torch.no_grad():
        dual.general.copy_(released["general"])
        dual.experts[number].copy_(released["experts"][number])
        dual.keys[number].copy_(released["keys"][number])


def test_dualprompt_trains_the_released_prompts_and_its_key_loss_is_the_mean_of_theirs(dual):
    released = read("dualprompt")
    queries = released["queries"]
    general, experts = (released.settings[f"{kind}_layers"] for kind in ("general", "expert"))
    for number in range(released.settings["tasks"]):
        begin_dual(dual, released, number)
        task = released.below(f"train.task{number}")
        found = with_queries(dual.train(), queries).prefixes(l2_normalize(queries))
        assert sorted(found) == [*general, *experts]
        for layers, name in (
            (general, "general_of_each_sample"),
            (experts, "expert_of_each_sample"),
        ):
            for row, layer in enumerate(layers):
                for sample in found[layer]:
                    assert_equal(sample, task[name][row], 0.0, f"{name} of layer {layer}")
        dual.zero_grad()
        penalty = dual.penalty(queries)
        penalty.backward()
        assert_equal(len(queries) * penalty, task["key_loss_of_one_layer"], 5e-7, "key loss")
        theirs = task["key_grad_of_one_layer"]
        assert_equal(
            len(queries) * dual.keys[number].grad, theirs[number], 5e-7, "gradient of the key"
        )
        others = [row for row in range(len(theirs)) if row != number]
        assert not theirs[others].any()


def test_dualprompt_tests_with_the_expert_whose_key_is_nearest_as_released(dual):
    released = read("dualprompt")
    for number in range(released.settings["tasks"]):
        begin_dual(dual, released, number)
    found = dual.eval().prefixes(l2_normalize(released["queries"]))
    experts = torch.stack([found[layer] for layer in released.settings["expert_layers"]])
    assert_equal(experts, released["eval.expert"], 0.0)


# --- L2P ---


@pytest.fixture
def l2p(small_clip):
    released = read("l2p")
    settings = released.settings
    config = L2PConfig(
        pool_size=settings["pool"],
        length=settings["length"],
        selected=settings["selected"],
        depth=settings["layers"],
    )
    adapter = build_adapter(config, small_clip, candidates(NAMES), seed=0).train()
    with torch.no_grad():
        adapter.prompts.copy_(released["prompts"])
        adapter.keys.copy_(released["keys"])
    return with_queries(adapter, released["queries"])


def test_l2p_takes_the_released_prompts_of_its_pool(l2p):
    released = read("l2p")
    queries = l2_normalize(released["queries"])
    cosines, places = l2p.nearest(queries)
    assert torch.equal(places, released.integers("l2p_pytorch.selected"))
    assert_equal(cosines, released["l2p_pytorch.similarity"].gather(1, places), 2e-6, "cosines")
    found = l2p.prefixes(queries)
    assert_equal(
        torch.stack([found[layer] for layer in range(released.settings["layers"])]),
        released["prefix"],
        0.0,
        "prefix",
    )


def test_the_key_loss_of_l2p_is_that_of_l2p_pytorch_from_the_number_of_keys_down(l2p):
    released = read("l2p")
    penalty = l2p.penalty(released["queries"])
    penalty.backward()
    selected = released.settings["selected"]
    assert_equal(selected - penalty, released["l2p_pytorch.reduce_sim"], 2e-6, "key loss")
    assert_equal(
        -l2p.keys.grad, released["l2p_pytorch.reduce_sim.key_grad"], 2e-6, "gradient of the keys"
    )


def test_the_key_loss_of_the_coda_repository_pairs_every_query_with_every_samples_keys(l2p):
    """The whole difference: indexed [batch, batch, selected] and summed there, a sample's own keys
    and the mean here.
    """
    released = read("l2p")
    queries = l2_normalize(released["queries"])
    _, places = l2p.nearest(queries)
    away = 1 - queries @ l2_normalize(l2p.keys).T
    pairs = away[:, places]
    assert_equal(pairs.sum(), released["published_key_loss_of_one_layer"], 2e-6, "all pairs")
    own = torch.stack([pairs[row, row] for row in range(len(queries))])
    assert_equal(
        own.sum(dim=1).mean(), l2p.penalty(released["queries"]).detach(), 2e-6, "own pairs"
    )


# --- S-Prompts ---


def test_sprompts_learns_each_domain_as_released_and_sends_test_samples_to_the_released_ones(
    small_clip,
):
    released = read("sprompts")
    settings = released.settings
    places = tuple(range(len(settings["names"])))
    config = SPromptsConfig(
        context_length=settings["context_length"],
        image_length=settings["image_tokens"],
        centroids=settings["centroids"],
    )
    adapter = build_adapter(config, small_clip, candidates(settings["names"]), seed=0)
    centroids = []
    for number in range(2):
        session = released.below(f"session{number}")
        adapter.begin(places)
        learn_domain(adapter.train(), session, settings)
        centroids.append(session["centroids"])
    owners = torch.arange(2).repeat_interleave(settings["centroids"])
    found = {
        "centroids": torch.cat(centroids),
        "owners": owners,
        "reaches": torch.full((len(owners),), torch.inf),
    }
    adapter.selector.load_state_dict(found)
    adapter.eval()
    pixels = released["test.pixels"]
    with torch.no_grad():
        assert_equal(
            l2_normalize(small_clip.image_features(pixels)),
            l2_normalize(released["test.features"]),
            2e-6,
            "features of the test",
        )
        assert torch.equal(adapter.choices(pixels), released.integers("test.selected_session"))
        assert_equal(
            adapter.logits(pixels, places), released["test.logits"], 1e-5, "logits of the test"
        )


def learn_domain(adapter, session, settings):
    """The prompts of one domain: logits, gradients and steps."""
    places = tuple(range(len(settings["names"])))
    member = adapter.current
    parameters = {"context": member.context, "image_tokens": member.tokens}
    set_to(parameters, session)
    pixels, labels = session["pixels"], session.integers("labels")
    assert_learns(
        parameters,
        lambda: adapter.logits(pixels, places),
        session,
        settings,
        2e-4,
        weight_decay=2e-4,
    )
    assert_equal(
        cross_entropy(adapter.logits(pixels, places), labels),
        session["loss_after"],
        2e-4,
        "loss behind the steps",
    )
    # Tests go on from theirs: rounding of the steps is no part of them.
    set_to(parameters, session, "after")


@pytest.mark.parametrize("number", [0, 1])
def test_the_released_centroids_of_a_domain_are_a_rest_of_lloyds_rounds(small_clip, number):
    """K-means starts otherwise here; where theirs has come to rest, ours stays."""
    session = read("sprompts").below(f"session{number}")
    features = l2_normalize(small_clip.image_features(session["pixels"]))
    assert_equal(lloyd(features, session["centroids"]), session["centroids"], 2e-6)

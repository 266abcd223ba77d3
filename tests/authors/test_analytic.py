"""Learners in closed form: RanPAC, SLDA, FeCAM, GDA and RAIL in both forms, beside the code that
their authors released.
"""

import math

import pytest
import torch
from authors.released import assert_equal, candidates, read

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.methods.fecam.config import FecamConfig
from clvl_bench.methods.gda.config import GdaConfig
from clvl_bench.methods.rail.config import RailConfig
from clvl_bench.methods.rail_dual.config import RailDualConfig
from clvl_bench.methods.ranpac.config import RanPacConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.slda.config import SldaConfig

SCALE = 100.0


def build(config, released):
    """The adapter on a backbone that says of texts what the released code was given."""
    names, texts = released.settings["names"], released["texts"]
    backbone = PrecomputedBackbone(
        name="stored",
        logit_scale=SCALE,
        width=texts.shape[1],
        text={"d": ClassTexts(names, l2_normalize(texts)[None])},
    )
    return build_adapter(config, backbone, candidates(names), seed=0)


def learned(adapter, released):
    """Learns one experience after the other; after each of them its number and the classes learned
    so far.
    """
    seen = 0
    for number in range(3):
        experience = released.below(f"experience{number}")
        labels = experience.integers("labels")
        before, seen = seen, int(labels.max()) + 1
        adapter.begin(tuple(range(before, seen)))
        adapter.observe(experience["features"], labels)
        adapter.end()
        yield experience, tuple(range(seen))


def own_scores(adapter, features, classes):
    """Scores of the statistics alone, in the order of classes."""
    scores = adapter.scores(torch.nn.functional.normalize(features.double(), dim=1))
    return scores[:, [adapter.seen_classes.index(place) for place in classes]].float()


def test_ranpac_chooses_the_released_ridge_and_scores_as_released_whatever_the_batches():
    released = read("ranpac")
    adapter = build(
        RanPacConfig(random_features=released.settings["random_features"], unseen="never"), released
    )
    adapter.projection.copy_(released["projection"])
    for experience, classes in learned(adapter, released):
        assert float(adapter.ridge) == float(experience["ridge"])
        scores = adapter.logits(released["test.features"], classes)
        assert_equal(scores, experience["scores"], 2e-5, f"scores of {len(classes)} classes")


def test_slda_in_its_published_form_has_the_released_means_covariance_and_scores():
    released = read("slda")
    config = SldaConfig(form="published", shrinkage=released.settings["shrinkage"], unseen="never")
    adapter = build(config, released)
    for experience, classes in learned(adapter, released):
        scores = adapter.logits(released["test.features"], classes)
        assert_equal(scores, experience["scores"], 1e-5, f"scores of {len(classes)} classes")
    order = [adapter.seen_classes.index(place) for place in range(len(released.settings["names"]))]
    assert_equal(adapter.means[order], released["means"], 1e-5, "means")
    assert_equal(adapter.covariance(), released["covariance"], 1e-5, "covariance")


def test_slda_in_its_exact_form_differs_from_the_released_one_in_the_covariance_alone():
    """The released recursion weighs a sample by how many came before, of whatever class: its means
    are the same.
    """
    released = read("slda")
    adapter = build(SldaConfig(shrinkage=released.settings["shrinkage"], unseen="never"), released)
    for experience, classes in learned(adapter, released):
        expected = experience["scores"].argmax(dim=1)
        agreed = adapter.logits(released["test.features"], classes).argmax(dim=1) == expected
        assert 0.95 <= float(agreed.float().mean()) <= 1.0
    order = [adapter.seen_classes.index(place) for place in range(len(released.settings["names"]))]
    assert_equal(adapter.means[order], released["means"], 1e-5, "means")
    assert float((adapter.covariance() - released["covariance"]).abs().max()) > 1e-5


def test_fecam_has_the_released_distances_of_each_class():
    released = read("fecam")
    settings = released.settings
    config = FecamConfig(diagonal=settings["alpha1"], off_diagonal=settings["alpha2"])
    adapter = build(config, released)
    for experience, classes in learned(adapter, released):
        distances = -own_scores(adapter, released["test.features"], classes)
        assert_equal(distances, experience["distances"], 1e-5, f"{len(classes)} classes")


def test_gda_adds_the_released_discriminant_of_all_data_so_far_to_zero_shot():
    """Theirs is fitted on all data at once, and adds the log of equal priors to every class."""
    released = read("gda")
    alpha = released.settings["alpha"]
    adapter = build(GdaConfig(alpha=alpha), released)
    for experience, classes in learned(adapter, released):
        logits = adapter.logits(released["test.features"], classes)
        prior = math.log(1 / len(classes))
        assert_equal(logits + alpha * prior, experience["logits"], 1e-5, f"{len(classes)} classes")


def rail_primal(released):
    settings = released.settings
    config = RailConfig(
        random_features=settings["random_features"],
        ridge=settings["ridge"],
        fusion=settings["fusion"],
    )
    adapter = build(config, released)
    adapter.projection.copy_(released["projection"])
    return adapter


def rail_dual(released):
    settings = released.settings
    return build(
        RailDualConfig(gamma=settings["gamma"], ridge=settings["ridge"], fusion=settings["fusion"]),
        released,
    )


@pytest.mark.parametrize("method", [rail_primal, rail_dual])
def test_rail_regresses_and_fuses_as_released_where_zero_shots_class_was_learned(method):
    released = read(method.__name__)
    adapter = method(released)
    everything = tuple(range(len(released.settings["names"])))
    features = released["test.features"]
    zeroshot = adapter.logits(features, everything)
    for experience, classes in learned(adapter, released):
        own = own_scores(adapter, features, classes)
        assert_equal(own, experience["own_scores"], 1e-4, f"scores of {len(classes)} classes")
        adapted = experience["adapted_rows"].bool()
        best = zeroshot.argmax(dim=1)
        assert torch.equal(best < len(classes), adapted)
        logits = adapter.logits(features, everything)
        assert_equal(
            logits[adapted],
            experience["fused"][adapted],
            1e-4,
            f"fused scores, {len(classes)} classes",
        )
        assert torch.equal(logits[~adapted], zeroshot[~adapted])
        assert torch.equal(experience["fused"][~adapted], released["zeroshot"][~adapted])
    assert_equal(zeroshot.softmax(dim=1), released["zeroshot"], 1e-4, "zero-shot")

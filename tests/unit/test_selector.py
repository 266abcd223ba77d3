"""Who sends a sample to its experience (Wang et al. 2022): exact K-means, nearest of all, and
nobody beyond every reach.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.learning import ALL, TABLE, learn, logits
from sklearn.cluster import KMeans

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.methods._base.selector import NOBODY, Selector, kmeans, lloyd
from clvl_bench.methods.prompt_per_experience.config import PromptPerExperienceConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.training.evaluation import SelectorAccuracy


def groups(count=3, size=40, spread=0.05, width=8):
    """Samples around as many axes, one group an axis."""
    noise = torch.randn(count, size, width, generator=torch.Generator().manual_seed(0))
    return torch.eye(width)[:count, None] + spread * noise


def learned(data, **settings):
    selector = Selector(PromptPerExperienceConfig(**settings), data.shape[-1])
    for experience, samples in enumerate(data):
        selector.observe(3 * samples, torch.arange(len(samples)) % 2)
        selector.close(experience)
    return selector


def test_lloyd_reaches_the_centroids_of_scikit_learn_from_the_same_start():
    samples = groups().flatten(0, 1)
    start = samples[[0, 50, 90]]
    expected = (
        KMeans(3, init=start.numpy(), n_init=1, algorithm="lloyd", tol=0)
        .fit(samples.numpy())
        .cluster_centers_
    )
    assert torch.allclose(lloyd(samples, start), torch.from_numpy(expected), atol=1e-5)


def test_the_start_spreads_over_separate_groups():
    data = groups(spread=0.01)
    found = kmeans(data.flatten(0, 1), 3, np.random.default_rng(0))
    assert torch.allclose(found[found.argmax(dim=1).argsort()], data.mean(dim=1), atol=1e-5)


class Draws:
    """A generator that draws given rows, and notes the chances that it was asked to draw with."""

    def __init__(self, rows):
        self._rows = iter(rows)
        self.chances = []

    def choice(self, count, p):
        self.chances.append(p)
        return next(self._rows)


def test_a_start_is_drawn_by_the_squared_distance_to_the_nearest_before():
    """D^2 weighting (Arthur & Vassilvitskii 2007), on a circle, where it is 2 - 2 cos(angle): up to
    4 for unit features that point away from each other.
    """
    angles = np.deg2rad([0, 60, 90, 180, 270])
    samples = torch.from_numpy(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    draws = Draws([0, 3, 2])
    kmeans(samples, 3, draws)
    first, second, third = draws.chances
    assert np.allclose(first, 1 / 5)
    assert np.allclose(second, np.array([0, 1, 2, 4, 2]) / 9)
    assert np.allclose(third, np.array([0, 1, 2, 0, 2]) / 5)


def test_where_centroids_begin_depends_on_the_seed():
    samples, found = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)), []
    for seed in (0, 0, 1):
        selector = Selector(PromptPerExperienceConfig(), 6, seed=seed)
        selector.observe(samples, torch.zeros(200, dtype=torch.long))
        selector.close(0)
        found.append(selector.centroids)
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2])


def test_fewer_samples_than_centroids_are_their_own_centroids():
    samples = torch.eye(3)
    found = kmeans(samples, 5, np.random.default_rng(0))
    assert torch.equal(found[found.argmax(dim=1).argsort()], samples)
    assert len(kmeans(torch.ones(4, 3), 2, np.random.default_rng(0))) == 2


@pytest.mark.parametrize("selector", ["kmeans", "class_mean"])
@pytest.mark.parametrize("distance", ["l1", "l2"])
def test_separate_experiences_are_told_apart(selector, distance):
    data = groups()
    chosen = learned(data, selector=selector, distance=distance).choices(7 * data.flatten(0, 1))
    assert torch.equal(chosen, torch.arange(3).repeat_interleave(40))


def test_class_means_are_the_means_of_what_has_a_label():
    data = groups(count=1)
    selector = Selector(PromptPerExperienceConfig(selector="class_mean"), 8)
    labels = torch.tensor([4, 2, -1, 4] * 10)
    selector.observe(data[0], labels)
    selector.close(0)
    expected = torch.stack([l2_normalize(data[0])[labels == label].mean(dim=0) for label in (2, 4)])
    assert torch.allclose(selector.centroids, expected, atol=1e-6)


def test_l1_and_l2_may_choose_otherwise():
    """Differences [3, 0] and [2, 2]: 3 < 4 as sums, 9 > 8 as squares."""
    for distance, expected in (("l1", 0), ("l2", 1)):
        selector = Selector(PromptPerExperienceConfig(distance=distance), 2)
        selector.centroids, selector.owners = (
            torch.tensor([[4.0, 0.0], [3.0, 2.0]]),
            torch.tensor([0, 1]),
        )
        selector.reaches = torch.full((2,), torch.inf)
        assert int(selector.choices(torch.tensor([[1.0, 0.0]]))) == expected


def test_nobody_is_chosen_before_an_experience_has_ended():
    assert Selector(PromptPerExperienceConfig(), 8).choices(torch.ones(2, 8)).tolist() == [
        NOBODY,
        NOBODY,
    ]


def test_a_radius_covers_its_share_of_the_experience_and_leaves_the_strange_to_nobody():
    data = groups(count=1)
    for radius, reached in (
        (0.5, 20),
        (0.9, 36),
    ):  # by linear interpolation between the samples' distances
        selector = learned(data, radius=radius, centroids=1)
        assert (selector.choices(data[0]) == 0).sum() == reached
    assert int(selector.choices(torch.eye(8)[7:])) == NOBODY
    assert int(learned(data).choices(torch.eye(8)[7:])) == 0


def test_a_context_of_the_own_experience_scores_a_sample(backbone):
    """Each sample's logits are those of the member chosen for it, alone."""
    adapter = build_adapter(PromptPerExperienceConfig(), backbone, TABLE, seed=0).eval()
    generator = torch.Generator().manual_seed(0)
    near = [
        torch.eye(backbone.width)[axis]
        + 0.05 * torch.randn(12, backbone.width, generator=generator)
        for axis in (0, 1)
    ]
    learn(adapter, near[0], (0, 1, 2))
    first = adapter.members[0].context.detach().clone()
    learn(adapter, near[1], (3, 4, 5), key="second")
    assert torch.equal(adapter.members[0].context, first)
    assert adapter.choices(torch.cat(near)).tolist() == [0] * 12 + [1] * 12
    with torch.no_grad():
        expected = torch.cat(
            [member.logits(part, ALL) for member, part in zip(adapter.members, near, strict=True)]
        )
    assert torch.allclose(logits(adapter, torch.cat(near)), expected, atol=1e-5)


def test_with_one_experience_it_is_the_adapter_that_trained(backbone):
    adapter = build_adapter(PromptPerExperienceConfig(), backbone, TABLE, seed=0)
    inputs = torch.randn(6, backbone.width, generator=torch.Generator().manual_seed(0))
    learn(adapter, inputs, ALL)
    with torch.no_grad():
        assert torch.equal(logits(adapter, inputs), adapter.members[0].logits(inputs, ALL))


def test_what_nobody_is_chosen_for_is_zero_shot(backbone):
    adapter = build_adapter(
        PromptPerExperienceConfig(radius=0.9, context_init="random"), backbone, TABLE, seed=0
    )
    learn(adapter, torch.eye(backbone.width)[0] + 0.01 * torch.rand(8, backbone.width), ALL)
    strange = torch.eye(backbone.width)[5:7]
    expected = backbone.logit_scale * strange @ backbone.class_features(TABLE).T
    assert torch.allclose(logits(adapter, strange), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("stream", "index", "learned", "trainings", "expected"),
    [
        ("test", 1, 2, 2, 0.5),
        ("valid", 1, 2, 2, 0.5),
        ("test", 2, 2, 2, None),
        ("zeroshot", 1, 2, 2, None),
        ("test", 1, 5, 1, None),
    ],
)
def test_the_share_sent_to_the_own_experience_is_measured_once_that_is_learned(
    stream, index, learned, trainings, expected
):
    experience = SimpleNamespace(
        origin_stream=SimpleNamespace(name=stream), current_experience=index
    )
    model = SimpleNamespace(choices=lambda inputs: torch.tensor([1, 0, 1, NOBODY]))
    clock = SimpleNamespace(train_exp_counter=trainings)
    strategy = SimpleNamespace(
        experience=experience, model=model, clock=clock, n_experiences=learned, mb_x=None
    )
    metric = SelectorAccuracy()
    metric.before_eval_exp(strategy)
    metric.after_eval_iteration(strategy)
    value = metric.after_eval_exp(strategy)
    assert (
        (value is None) if expected is None else (value.value == expected and value.measured.n == 4)
    )


def test_together_all_go_where_they_are_nearest_in_the_mean_or_nowhere_beyond_its_reach():
    data = groups()
    settings = PromptPerExperienceConfig(centroids=1, distance="l2", radius=1.0)
    selector = Selector(settings, data.shape[-1], together=True)
    for experience, samples in enumerate(data):
        selector.observe(samples, torch.zeros(len(samples)))
        selector.close(experience)
    mixed = torch.cat([data[1], data[2][:2]])
    assert selector.choices(mixed).tolist() == [1] * 42
    assert selector.choices(data[2][:5]).tolist() == [2] * 5
    assert selector.choices(-data[0]).tolist() == [NOBODY] * 40

"""Rewards for the chosen class: estimates are right on average, whatever was chosen."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cross_entropy

from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.policy import Policy
from clvl_bench.methods.feedback.config import FeedbackConfig
from clvl_bench.methods.feedback.plugin import Feedback, ips, likelihood, reinforce

CLASSES, LABEL = 5, 2


@pytest.fixture
def scores():
    return torch.randn(
        1, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()


def gradient(loss, scores):
    return torch.autograd.grad(loss, scores)[0]


def expected_gradient(scores, probabilities, loss):
    """Over all actions, each weighed by its probability: loss(action, propensity, reward) ->
    [1].
    """
    found = torch.zeros_like(scores)
    for action in range(CLASSES):
        p = probabilities[0, action].detach()
        if p > 0:
            reward = torch.tensor([float(action == LABEL)], dtype=torch.float64)
            found = found + p * gradient(
                loss(torch.tensor([action]), p[None], reward).sum(), scores
            )
    return found


@pytest.mark.parametrize(
    "policy", [Policy("epsilon_greedy", 0.1), Policy("epsilon_greedy", 1.0), Policy("sampling")]
)
def test_ips_has_the_gradient_of_full_information(scores, policy):
    full = gradient(cross_entropy(scores, torch.tensor([LABEL])), scores)
    found = expected_gradient(
        scores, policy.probabilities(scores), lambda a, p, r: ips(scores, a, p, r, clip=1e9)
    )
    assert torch.allclose(found, full, atol=1e-10, rtol=0)


@pytest.mark.parametrize("baseline", [0.0, 0.7, -3.0])
@pytest.mark.parametrize("policy", [Policy("epsilon_greedy", 0.3), Policy("sampling")])
def test_reinforce_follows_the_probability_of_being_right_whatever_its_baseline(
    scores, policy, baseline
):
    full = gradient(-scores.softmax(dim=1)[0, LABEL], scores)

    def loss(action, propensity, reward):
        return reinforce(
            scores, action, propensity, reward, baseline=baseline, clip=1e9, entropy=0.0
        )

    assert torch.allclose(
        expected_gradient(scores, policy.probabilities(scores), loss), full, atol=1e-10, rtol=0
    )


def test_no_choice_weighs_more_than_the_clip_allows(scores):
    """A right choice of propensity 0.01 counts as one of 0.25 where 4 is the most; REINFORCE's
    weight has no gradient.
    """
    action, rare, right = (
        torch.tensor([LABEL]),
        torch.tensor([0.01], dtype=torch.float64),
        torch.ones(1, dtype=torch.float64),
    )
    full = gradient(cross_entropy(scores, action), scores)
    assert torch.allclose(
        gradient(ips(scores, action, rare, right, clip=4.0).sum(), scores), 4 * full
    )
    assert scores.softmax(dim=1)[0, LABEL] / rare > 1
    settings = {"baseline": 0.0, "clip": 1.0, "entropy": 0.0}
    assert torch.allclose(
        gradient(reinforce(scores, action, rare, right, **settings).sum(), scores), full
    )


def test_the_baseline_is_a_moving_average_of_rewards_one_by_one():
    plugin = Feedback(
        FeedbackConfig(loss="reinforce", policy="sampling", baseline_momentum=0.75, memory_size=0),
        PluginContext(),
    )
    rewards = torch.tensor([1.0, 0.0, 1.0])
    like = {name: torch.zeros(3, dtype=torch.long) for name in ("actions", "ids", "tasks")}
    feedback = SimpleNamespace(
        inputs=torch.zeros(3, 2), propensities=torch.ones(3), rewards=rewards, **like
    )
    plugin.after_training_exp(SimpleNamespace(feedback=feedback))
    assert plugin.baseline == pytest.approx(0.25 * (0.75**2 * 1 + 0.75 * 0 + 1))


def test_an_entropy_bonus_pulls_towards_even_probabilities():
    scores = torch.tensor([[2.0, 0.0, -torch.inf]], requires_grad=True)
    nothing = torch.zeros(1)
    loss = reinforce(
        scores, torch.tensor([0]), torch.ones(1), nothing, baseline=0.0, clip=1.0, entropy=1.0
    )
    push = gradient(loss.sum(), scores)
    assert push[0, 0] > 0 > push[0, 1]
    assert push[0, 2] == 0


@pytest.mark.parametrize("action", [0, 1])
def test_of_two_classes_the_feedback_likelihood_is_full_information(action):
    scores = torch.tensor([[0.3, -1.1]], dtype=torch.float64)
    label = 1
    reward = torch.tensor([float(action == label)], dtype=torch.float64)
    expected = cross_entropy(scores, torch.tensor([label]))
    assert likelihood(scores, torch.tensor([action]), reward).item() == pytest.approx(
        expected.item(), abs=1e-12
    )


def test_always_right_is_always_labelled(scores):
    actions = torch.tensor([3])
    found = likelihood(scores, actions, torch.ones(1))
    assert found.item() == pytest.approx(cross_entropy(scores, actions).item(), abs=1e-12)


def test_being_wrong_and_sure_has_a_finite_loss():
    scores = torch.tensor([[100.0, -100.0, -torch.inf]], requires_grad=True)
    loss = likelihood(scores, torch.tensor([0]), torch.zeros(1)).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(scores.grad).all()


@pytest.mark.parametrize("policy", [Policy(), Policy("epsilon_greedy", 0.2), Policy("sampling")])
def test_choices_are_candidates_as_often_as_their_propensity_says(policy):
    one = torch.tensor([0.0, 1.0, -torch.inf, 0.5])
    actions, propensities = policy.act(one.expand(20_000, -1), 0, "key")
    assert torch.equal(*(policy.act(one.expand(20_000, -1), 0, "key")[0] for _ in range(2)))
    expected = policy.probabilities(one[None])[0]
    assert expected.sum().item() == pytest.approx(1)
    assert expected[2] == 0
    shares = torch.bincount(actions, minlength=4) / len(actions)
    assert torch.allclose(shares, expected, atol=0.015)
    assert torch.equal(propensities, expected[actions])

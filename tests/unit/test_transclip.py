"""TransCLIP on made-up features: closed forms, the published updates in plain numpy, and what does
not depend on the order of images.
"""

import numpy as np
import pytest
import torch

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.core.errors import Mistake
from clvl_bench.core.schema import parse
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.transclip.config import TransClipConfig

WIDTH = 6
NAMES = ("a", "b", "c", "d")
TEMPLATES = ("an {}.", "the {}.")
CLASSES = tuple(Candidate(name, "d", TEMPLATES) for name in NAMES)
ALL = (0, 1, 2, 3)


def random(*shape: int, seed: int) -> torch.Tensor:
    drawn = np.random.default_rng(seed).normal(size=shape)
    return l2_normalize(torch.from_numpy(drawn).float())


TEXTS = random(2, 4, WIDTH, seed=0)
IMAGES = random(30, WIDTH, seed=1)


def build(**settings):
    backbone = PrecomputedBackbone(
        name="x", logit_scale=10.0, width=WIDTH, text={"d": ClassTexts(NAMES, TEXTS, TEMPLATES)}
    )
    return build_adapter(TransClipConfig(**settings), backbone, CLASSES, seed=0)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def said_by_texts(template: int) -> np.ndarray:
    return softmax(10.0 * IMAGES.double().numpy() @ TEXTS[template].double().numpy().T)


def sure_means(said: np.ndarray, confident: int) -> np.ndarray:
    """Of each class the mean of the surest images, weighted by how sure."""
    images, means = IMAGES.double().numpy(), []
    for label in range(4):
        surest = np.argsort(-said[:, label])[:confident]
        means.append((said[surest, label][:, None] * images[surest]).mean(axis=0))
    return unit(np.array(means))


def distances(means: np.ndarray, variance: np.ndarray) -> np.ndarray:
    apart = IMAGES.double().numpy()[:, None] - means[None]
    return -0.5 * (apart**2 / variance).sum(axis=2)


def test_without_text_neighbours_and_rounds_it_is_a_gaussian_around_the_surest_images():
    adapter = build(text=0.0, neighbours=0, rounds=0, template=TEMPLATES[0])
    means = sure_means(said_by_texts(0), 8)
    expected = softmax(distances(means, np.full(WIDTH, 1 / WIDTH)) / 50)
    np.testing.assert_allclose(adapter.logits(IMAGES, ALL).exp().numpy(), expected, atol=1e-6)


def test_a_huge_power_of_the_text_is_the_text():
    found = build(text=1e4, template=TEMPLATES[1]).logits(IMAGES, ALL).argmax(dim=1)
    assert found.tolist() == said_by_texts(1).argmax(axis=1).tolist()


def test_two_rounds_are_the_published_updates():
    """Image by image and class by class, as the paper writes them."""
    images, said = IMAGES.double().numpy(), said_by_texts(0)
    affinity = np.zeros((30, 30))
    cosines = images @ images.T
    np.fill_diagonal(cosines, -np.inf)
    for row in range(30):
        for column in np.argsort(-cosines[row])[:3]:
            affinity[row, column] = cosines[row, column]
    found, means, variance = said, sure_means(said, 8), np.full(WIDTH, 1 / WIDTH)
    for number in range(3):
        fit = distances(means, variance)
        for _ in range(5):
            drawn = 50 / 6 * (affinity.T @ found + affinity @ found)
            exponent = fit + drawn
            power = said * np.exp((exponent - exponent.max(axis=1, keepdims=True)) / 50)
            found = power / power.sum(axis=1, keepdims=True)
        if number < 2:
            means = unit(found.T @ images / found.sum(axis=0)[:, None])
            apart = (images[:, None] - means[None]) ** 2
            variance = np.einsum("ik,ikd->d", found, apart) / found.sum()
    adapter = build(rounds=2, template=TEMPLATES[0])
    np.testing.assert_allclose(adapter.logits(IMAGES, ALL).exp().numpy(), found, atol=1e-5)


def test_images_in_another_order_have_the_same_assignments():
    order = torch.from_numpy(np.random.default_rng(2).permutation(30))
    adapter = build()
    adapter.observe(random(5, WIDTH, seed=3), torch.tensor([0, 1, -1, 3, 3]))
    together = adapter.logits(IMAGES, ALL)
    assert torch.allclose(adapter.logits(IMAGES[order], ALL), together[order], atol=1e-4)


def test_labelled_images_are_kept_and_draw_their_like():
    adapter = build(text_beside_shots=0.0)
    adapter.observe(IMAGES[:1], torch.tensor([2]))
    adapter.observe(random(3, WIDTH, seed=4), torch.tensor([-1, 0, 1]))
    assert adapter.kept_samples() == 3, "what has no label is not kept"
    assert int(adapter.logits(IMAGES, ALL)[0].argmax()) == 2


def test_labels_of_classes_that_are_no_candidates_count_nothing():
    adapter, other = build(), build()
    adapter.observe(random(3, WIDTH, seed=4), torch.tensor([3, 0, 1]))
    other.observe(random(3, WIDTH, seed=4), torch.tensor([-1, 0, 1]))
    assert torch.equal(adapter.logits(IMAGES, (0, 1, 2)), other.logits(IMAGES, (0, 1, 2)))


@pytest.mark.parametrize("images", [1, 2, 5])
def test_fewer_images_than_neighbours_are_assigned(images):
    found = build().logits(IMAGES[:images], ALL).exp()
    assert torch.allclose(found.sum(dim=1), torch.ones(images), atol=1e-5)


def test_a_template_that_has_no_text_features_and_one_without_a_place_are_refused():
    with pytest.raises(Mistake, match=r"unknown template with text features 'those \{\}\.'"):
        build(template="those {}.")
    with pytest.raises(Mistake, match=r"template: got 'an x'; a template holds \{\} once"):
        parse(TransClipConfig, {"template": "an x"}, file="x.toml")

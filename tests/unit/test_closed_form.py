"""SLDA and RanPAC against batch formulas and scikit-learn, whatever the order and batching."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from clvl_bench.adapters import build_adapter
from clvl_bench.adapters.ranpac import solve_ridge
from clvl_bench.backbones import PrecomputedBackbone, unit
from clvl_bench.config.adapters import RanPacAdapter, SldaAdapter
from clvl_bench.datasets import Candidate

WIDTH, CLASSES = 12, 5
TABLE = tuple(Candidate(f"c{number}", "d", ("{}",)) for number in range(CLASSES))
ALL = tuple(range(CLASSES))


def data(seed: int = 0, n: int = 200):
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(n) % CLASSES)
    features = generator.normal(size=(n, WIDTH)) + 1.5 * generator.normal(size=(CLASSES, WIDTH))[labels]
    return torch.from_numpy(features).float(), torch.from_numpy(labels)


@pytest.fixture(scope="module")
def backbone():
    text = torch.from_numpy(np.random.default_rng(9).normal(size=(CLASSES, WIDTH))).float()
    return PrecomputedBackbone(name="x", logit_scale=10.0, width=WIDTH, text={"d": ([c.name for c in TABLE], text)})


def learn(adapter, features, labels, *, order, sizes, groups=(ALL,)):
    """One pass: experiences of `groups` of classes, batches of cycling `sizes`, samples in `order`."""
    for group in groups:
        adapter.begin(group)
        rows = [row for row in order if int(labels[row]) in group]
        start, turn = 0, 0
        while start < len(rows):
            batch = rows[start : start + sizes[turn % len(sizes)]]
            adapter.observe(features[batch], labels[batch])
            start, turn = start + len(batch), turn + 1
        adapter.end()
    return adapter


ORDERS = [
    (list(range(200)), (200,), (ALL,)),
    (list(range(199, -1, -1)), (1,), (ALL,)),
    (np.random.default_rng(1).permutation(200).tolist(), (7, 33, 2), ((3, 1), (0,), (2, 4))),
]


@pytest.mark.parametrize(("order", "sizes", "groups"), ORDERS)
def test_slda_is_batch_lda(backbone, order, sizes, groups):
    features, labels = data()
    slda = learn(
        build_adapter(SldaAdapter(), backbone, TABLE, seed=0), features, labels, order=order, sizes=sizes, groups=groups
    )
    x = unit(features.double())
    means = torch.stack([x[labels == place].mean(dim=0) for place in slda.learned])
    centred = x - torch.stack([x[labels == place].mean(dim=0) for place in ALL])[labels]
    assert torch.allclose(slda.means, means, atol=1e-10)
    assert torch.allclose(slda.covariance(), centred.T @ centred / len(x), atol=1e-10)


def test_slda_predicts_what_scikit_learn_does(backbone):
    features, labels = data()
    slda = learn(
        build_adapter(SldaAdapter(shrinkage=1e-9), backbone, TABLE, seed=0), features, labels, order=range(200), sizes=(16,)
    )
    x = unit(features.double()).numpy()
    lda = LinearDiscriminantAnalysis(solver="lsqr", priors=[1 / CLASSES] * CLASSES).fit(x, labels.numpy())
    fresh, _ = data(seed=8)
    expected = lda.predict(unit(fresh.double()).numpy())
    assert slda.logits(fresh, ALL).argmax(dim=1).tolist() == expected.tolist()


@pytest.mark.parametrize(("order", "sizes", "groups"), ORDERS)
def test_ranpac_is_ridge_regression_on_all_data(backbone, order, sizes, groups):
    features, labels = data()
    config = RanPacAdapter(random_features=40, ridge=0.3)
    ranpac = learn(build_adapter(config, backbone, TABLE, seed=0), features, labels, order=order, sizes=sizes, groups=groups)
    hidden = torch.relu(unit(features.double()) @ ranpac.projection.double())
    targets = torch.nn.functional.one_hot(labels, CLASSES).double()[:, list(ranpac.learned)]
    weights = torch.linalg.solve(hidden.T @ hidden + 0.3 * torch.eye(40, dtype=torch.float64), hidden.T @ targets)
    assert torch.allclose(ranpac.scores(unit(features.double())), hidden @ weights, atol=1e-10)


@pytest.mark.parametrize("width", [30, 300], ids=["more samples than features", "more features than samples"])
def test_ranpac_chooses_the_ridge_of_the_smallest_error_on_the_last_fifth(backbone, width):
    features, labels = data()
    ranpac = learn(
        build_adapter(RanPacAdapter(random_features=width), backbone, TABLE, seed=0),
        features,
        labels,
        order=range(200),
        sizes=(50,),
    )
    hidden = ranpac.expand(unit(features.double()))
    targets = torch.nn.functional.one_hot(labels, CLASSES).double()
    fit, judge = slice(0, 160), slice(160, 200)

    def error(ridge: float) -> float:
        gram = hidden[fit].T @ hidden[fit] + ridge * torch.eye(width, dtype=torch.float64)
        weights = torch.linalg.solve(gram, hidden[fit].T @ targets[fit])
        return float((hidden[judge] @ weights - targets[judge]).square().mean())

    candidates = [10.0**exponent for exponent in range(-4, 9)]  # smaller ones are singular for a plain solve
    assert float(ranpac.ridge) == pytest.approx(min(candidates, key=error))


def test_a_singular_gram_matrix_is_solved_all_the_same():
    gram = torch.zeros(3, 3, dtype=torch.float64)
    gram[0, 0] = 1.0
    weights = solve_ridge(gram, torch.eye(3, dtype=torch.float64)[:, :1], 1e-30)
    assert torch.allclose(weights[:, 0], torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))


@pytest.mark.parametrize("config", [SldaAdapter(), RanPacAdapter(random_features=40, ridge=0.3)], ids=["slda", "ranpac"])
def test_what_zero_shot_gives_to_unseen_classes_stays_zero_shots(backbone, config):
    features, labels = data()
    learner = learn(
        build_adapter(config, backbone, TABLE, seed=0), features, labels, order=range(200), sizes=(20,), groups=((0, 1),)
    )
    zeroshot = 10.0 * unit(features) @ backbone.class_features(TABLE).T
    unseen = zeroshot.argmax(dim=1) >= 2
    scores = learner.logits(features, ALL)
    assert unseen.any()
    assert torch.equal(scores[unseen], zeroshot[unseen])
    assert bool((scores[~unseen].argmax(dim=1) < 2).all())


@pytest.mark.parametrize("kind", [SldaAdapter, RanPacAdapter])
def test_as_published_an_unseen_class_is_never_predicted(backbone, kind):
    features, labels = data()
    learner = learn(
        build_adapter(kind(unseen="never"), backbone, TABLE, seed=0),
        features,
        labels,
        order=range(200),
        sizes=(20,),
        groups=((0, 1),),
    )
    assert bool((learner.logits(features, ALL).argmax(dim=1) < 2).all())

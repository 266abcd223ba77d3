"""Analytic learners against batch formulas and scikit-learn, whatever the order and batching."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.neighbors import NearestCentroid

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.ridge import solve_ridge
from clvl_bench.methods.fecam.config import FecamConfig
from clvl_bench.methods.gda.config import GdaConfig
from clvl_bench.methods.ncm.config import NcmConfig
from clvl_bench.methods.rail.config import RailConfig
from clvl_bench.methods.rail_dual.config import RailDualConfig
from clvl_bench.methods.ranpac.config import RanPacConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.slda.config import SldaConfig

WIDTH, CLASSES = 12, 5
METRICS = ("cosine", "euclidean")
TABLE = tuple(Candidate(f"c{number}", "d", ("{}",)) for number in range(CLASSES))
ALL = tuple(range(CLASSES))


def data(seed: int = 0, n: int = 200):
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(n) % CLASSES)
    features = (
        generator.normal(size=(n, WIDTH)) + 1.5 * generator.normal(size=(CLASSES, WIDTH))[labels]
    )
    return torch.from_numpy(features).float(), torch.from_numpy(labels)


@pytest.fixture(scope="module")
def backbone():
    text = torch.from_numpy(np.random.default_rng(9).normal(size=(CLASSES, WIDTH))).float()
    return PrecomputedBackbone(
        name="x",
        logit_scale=10.0,
        width=WIDTH,
        text={"d": ClassTexts([c.name for c in TABLE], l2_normalize(text)[None])},
    )


def learn(adapter, features, labels, *, order, sizes, groups=(ALL,)):
    """One pass: experiences of `groups` of classes, batches of cycling `sizes`, samples in
    `order`.
    """
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
        build_adapter(SldaConfig(), backbone, TABLE, seed=0),
        features,
        labels,
        order=order,
        sizes=sizes,
        groups=groups,
    )
    x = l2_normalize(features.double())
    means = torch.stack([x[labels == place].mean(dim=0) for place in slda.seen_classes])
    centred = x - torch.stack([x[labels == place].mean(dim=0) for place in ALL])[labels]
    assert torch.allclose(slda.means, means, atol=1e-10)
    assert torch.allclose(slda.covariance(), centred.T @ centred / len(x), atol=1e-10)


def test_slda_predicts_what_scikit_learn_does(backbone):
    features, labels = data()
    slda = learn(
        build_adapter(SldaConfig(shrinkage=1e-9), backbone, TABLE, seed=0),
        features,
        labels,
        order=range(200),
        sizes=(16,),
    )
    x = l2_normalize(features.double()).numpy()
    lda = LinearDiscriminantAnalysis(solver="lsqr", priors=[1 / CLASSES] * CLASSES).fit(
        x, labels.numpy()
    )
    fresh, _ = data(seed=8)
    expected = lda.predict(l2_normalize(fresh.double()).numpy())
    assert slda.logits(fresh, ALL).argmax(dim=1).tolist() == expected.tolist()


@pytest.mark.parametrize(("order", "sizes", "groups"), ORDERS)
def test_ranpac_is_ridge_regression_on_all_data(backbone, order, sizes, groups):
    features, labels = data()
    config = RanPacConfig(random_features=40, ridge=0.3)
    ranpac = learn(
        build_adapter(config, backbone, TABLE, seed=0),
        features,
        labels,
        order=order,
        sizes=sizes,
        groups=groups,
    )
    hidden = torch.relu(l2_normalize(features.double()) @ ranpac.projection.double())
    targets = torch.nn.functional.one_hot(labels, CLASSES).double()[:, list(ranpac.seen_classes)]
    weights = torch.linalg.solve(
        hidden.T @ hidden + 0.3 * torch.eye(40, dtype=torch.float64), hidden.T @ targets
    )
    assert torch.allclose(
        ranpac.scores(l2_normalize(features.double())), hidden @ weights, atol=1e-10
    )


@pytest.mark.parametrize(
    "width", [30, 300], ids=["more samples than features", "more features than samples"]
)
@pytest.mark.parametrize(
    "seed", [0, 5]
)  # of the second, other shares than four fifths choose another one
def test_ranpac_chooses_the_ridge_of_the_smallest_error_on_the_last_fifth(backbone, width, seed):
    features, labels = data(seed)
    ranpac = learn(
        build_adapter(RanPacConfig(random_features=width), backbone, TABLE, seed=0),
        features,
        labels,
        order=range(200),
        sizes=(50,),
    )
    hidden = ranpac.expand(l2_normalize(features.double()))
    targets = torch.nn.functional.one_hot(labels, CLASSES).double()
    fit, judge = slice(0, 160), slice(160, 200)

    def error(ridge: float) -> float:
        gram = hidden[fit].T @ hidden[fit] + ridge * torch.eye(width, dtype=torch.float64)
        weights = torch.linalg.solve(gram, hidden[fit].T @ targets[fit])
        return float((hidden[judge] @ weights - targets[judge]).square().mean())

    candidates = [
        10.0**exponent for exponent in range(-4, 9)
    ]  # smaller ones are singular for a plain solve
    assert float(ranpac.ridge) == pytest.approx(min(candidates, key=error))


def test_directions_of_a_gram_matrix_that_rounding_left_below_zero_are_divided_by_the_ridge():
    gram, sums = (
        torch.diag(torch.tensor([4.0, 1.0, -1e-9], dtype=torch.float64)),
        torch.ones(3, 1, dtype=torch.float64),
    )
    assert solve_ridge(gram, sums, 1e-10).flatten().tolist() == pytest.approx([0.25, 1.0, 1e10])


def test_a_singular_gram_matrix_is_solved_all_the_same():
    gram = torch.zeros(3, 3, dtype=torch.float64)
    gram[0, 0] = 1.0
    weights = solve_ridge(gram, torch.eye(3, dtype=torch.float64)[:, :1], 1e-30)
    assert torch.allclose(weights[:, 0], torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))


def test_the_published_recursion_of_slda_depends_on_the_order_and_is_not_batch_lda(backbone):
    features, labels = data()
    x = l2_normalize(features.double())

    def covariance(form, order):
        slda = build_adapter(SldaConfig(form=form), backbone, TABLE, seed=0)
        return learn(slda, features, labels, order=order, sizes=(16,)).covariance()

    centred = x - torch.stack([x[labels == place].mean(dim=0) for place in ALL])[labels]
    batch = centred.T @ centred / len(x)
    there, back = covariance("published", range(200)), covariance("published", range(199, -1, -1))
    assert (there - back).norm() / batch.norm() > 0.01
    assert (there - batch).norm() / batch.norm() > 0.01
    assert torch.allclose(covariance("exact", range(199, -1, -1)), batch, atol=1e-10)


def test_the_published_recursion_of_slda_is_that_of_the_paper(backbone):
    """Equation 3 of the paper as its code has it, written out once more: N counts all samples
    before this one.
    """
    features, labels = data()
    slda = build_adapter(SldaConfig(form="published"), backbone, TABLE, seed=0)
    learn(slda, features, labels, order=range(200), sizes=(16,))
    means, counts, sigma = np.zeros((CLASSES, WIDTH)), np.zeros(CLASSES), np.zeros((WIDTH, WIDTH))
    for n, (x, y) in enumerate(
        zip(l2_normalize(features.double()).numpy(), labels.numpy(), strict=True)
    ):
        sigma = (n * sigma + n / (n + 1) * np.outer(x - means[y], x - means[y])) / (n + 1)
        means[y] += (x - means[y]) / (counts[y] + 1)
        counts[y] += 1
    assert np.allclose(slda.covariance().numpy(), sigma, atol=1e-12)


def test_the_nearest_class_mean_is_scikit_learns_on_unit_features(backbone):
    features, labels = data()
    ncm = learn(
        build_adapter(NcmConfig(), backbone, TABLE, seed=0),
        features,
        labels,
        order=range(200),
        sizes=(16,),
    )
    fresh, _ = data(seed=8)
    expected = (
        NearestCentroid()
        .fit(l2_normalize(features.double()).numpy(), labels.numpy())
        .predict(l2_normalize(fresh.double()).numpy())
    )
    assert ncm.logits(fresh, ALL).argmax(dim=1).tolist() == expected.tolist()


def test_simplecil_is_the_largest_cosine_to_the_mean_of_unit_features(backbone):
    """By hand in numpy; it is not the nearest mean, since means differ in length."""
    features, labels = data()
    built = [build_adapter(NcmConfig(metric=m), backbone, TABLE, seed=0) for m in METRICS]
    cosine, euclidean = (learn(a, features, labels, order=range(200), sizes=(16,)) for a in built)
    x = l2_normalize(features.double()).numpy()
    means = np.stack([x[labels.numpy() == class_id].mean(axis=0) for class_id in ALL])
    fresh = data(seed=8)[0]
    lengths = np.linalg.norm(means, axis=1)
    expected = (l2_normalize(fresh.double()).numpy() @ means.T / lengths).argmax(axis=1)
    assert cosine.logits(fresh, ALL).argmax(dim=1).tolist() == expected.tolist()
    assert not torch.equal(cosine.logits(fresh, ALL), euclidean.logits(fresh, ALL))


def turned_classes(seed: int = 3, n: int = 40):
    """Classes whose covariances are turned copies of one: their determinants are equal."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=(n, WIDTH))
    noise = noise - noise.mean(axis=0)
    white = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise.T)).T)
    spread = white * np.linspace(0.2, 1.5, WIDTH)
    parts = []
    for _ in ALL:
        turn, _ = np.linalg.qr(generator.normal(size=(WIDTH, WIDTH)))
        parts.append(spread @ turn + generator.normal(size=WIDTH))
    return np.concatenate(parts), np.repeat(np.arange(CLASSES), n)


def test_fecam_is_scikit_learns_quadratic_discriminant_where_determinants_are_equal(backbone):
    """There its log-determinants and priors tell no class from another, and distances are left."""
    features, labels = turned_classes()
    fecam = build_adapter(FecamConfig(diagonal=0, correlations=False), backbone, TABLE, seed=0)
    fecam.grow(CLASSES)
    for batch in np.random.default_rng(0).permutation(len(features)).reshape(-1, 8):
        fecam.accumulate(torch.from_numpy(features[batch]), torch.from_numpy(labels[batch]))
    qda = QuadraticDiscriminantAnalysis(priors=[1 / CLASSES] * CLASSES).fit(features, labels)
    fresh = turned_classes(seed=4)[0]
    n = len(features) // CLASSES
    theirs = 2 * (n - 1) / n * qda.decision_function(fresh)  # it divides a scatter by n
    away = theirs - fecam.scores(torch.from_numpy(fresh)).numpy()
    assert np.allclose(away, away[:, :1], atol=1e-8)


def test_fecam_shrunk_without_end_is_the_nearest_class_mean(backbone):
    features, labels = data()
    fresh = data(seed=8)[0]
    predicted = []
    for config in (FecamConfig(diagonal=1e9), NcmConfig()):
        adapter = build_adapter(config, backbone, TABLE, seed=0)
        learn(adapter, features, labels, order=range(200), sizes=(16,))
        predicted.append(adapter.logits(fresh, ALL).argmax(dim=1).tolist())
    assert predicted[0] == predicted[1]


def test_gda_with_almost_no_weight_is_zero_shot_and_with_much_the_discriminant(backbone):
    features, labels = data()
    fresh = data(seed=8)[0]
    slight, strong = (
        learn(
            build_adapter(GdaConfig(alpha=alpha), backbone, TABLE, seed=0),
            features,
            labels,
            order=range(200),
            sizes=(16,),
        )
        for alpha in (1e-9, 1e6)
    )
    zeroshot = build_adapter(NcmConfig(), backbone, TABLE, seed=0).logits(fresh, ALL)
    assert torch.allclose(slight.logits(fresh, ALL), zeroshot, atol=1e-5)
    by_class = [strong.seen_classes.index(class_id) for class_id in ALL]
    own = strong.scores(l2_normalize(fresh.double()))[:, by_class].argmax(dim=1)
    assert strong.logits(fresh, ALL).argmax(dim=1).tolist() == own.tolist()


@pytest.mark.parametrize(("order", "sizes", "groups"), ORDERS)
def test_rail_is_joint_ridge_regression_on_its_random_features(backbone, order, sizes, groups):
    features, labels = data()
    rail = build_adapter(RailConfig(random_features=40), backbone, TABLE, seed=0)
    learn(rail, features, labels, order=order, sizes=sizes, groups=groups)
    hidden = torch.relu(l2_normalize(features.double()) @ rail.projection.double())
    targets = torch.nn.functional.one_hot(labels, CLASSES).double()[:, list(rail.seen_classes)]
    weights = torch.linalg.solve(
        hidden.T @ hidden + 0.1 * torch.eye(40, dtype=torch.float64), hidden.T @ targets
    )
    assert torch.allclose(
        rail.scores(l2_normalize(features.double())), hidden @ weights, atol=1e-10
    )


@pytest.mark.parametrize(("order", "sizes", "groups"), ORDERS)
def test_the_dual_with_a_linear_kernel_is_the_primal(backbone, order, sizes, groups):
    """(X'X + lambda I)^-1 X'Y, on unit features themselves, from the other side."""
    features, labels = data()
    dual = build_adapter(RailDualConfig(kernel="linear", ridge=0.1), backbone, TABLE, seed=0)
    learn(dual, features, labels, order=order, sizes=sizes, groups=groups)
    x, targets = (
        l2_normalize(features.double()),
        torch.nn.functional.one_hot(labels, CLASSES).double()[:, list(dual.seen_classes)],
    )
    weights = torch.linalg.solve(
        x.T @ x + 0.1 * torch.eye(WIDTH, dtype=torch.float64), x.T @ targets
    )
    fresh = l2_normalize(data(seed=8)[0].double())
    assert torch.allclose(dual.scores(fresh), fresh @ weights, atol=1e-10)


def test_the_dual_is_scikit_learns_kernel_ridge(backbone):
    from sklearn.kernel_ridge import KernelRidge

    features, labels = data()
    dual = build_adapter(RailDualConfig(), backbone, TABLE, seed=0)
    learn(dual, features, labels, order=range(200), sizes=(16,))
    targets = np.eye(CLASSES)[labels.numpy()][:, list(dual.seen_classes)]
    theirs = KernelRidge(alpha=1e-3, kernel="rbf", gamma=0.1).fit(
        l2_normalize(features.double()).numpy(), targets
    )
    fresh = l2_normalize(data(seed=8)[0].double())
    assert np.allclose(dual.scores(fresh).numpy(), theirs.predict(fresh.numpy()), atol=1e-8)


EXACT = [
    SldaConfig(),
    NcmConfig(),
    FecamConfig(),
    GdaConfig(),
    RanPacConfig(random_features=40, ridge=0.3),
    RailConfig(random_features=40),
    RailDualConfig(),
]
KINDS = [config.kind for config in EXACT]


@pytest.mark.parametrize("config", EXACT, ids=KINDS)
def test_the_final_state_does_not_depend_on_the_order(backbone, config):
    features, labels = data()
    fresh, _ = data(seed=8)
    scores = []
    for order, sizes, groups in ORDERS:
        adapter = build_adapter(config, backbone, TABLE, seed=0)
        learner = learn(adapter, features, labels, order=order, sizes=sizes, groups=groups)
        by_class = [learner.seen_classes.index(place) for place in ALL]
        scores.append(learner.scores(l2_normalize(fresh.double()))[:, by_class])
    for other in scores[1:]:
        assert torch.allclose(other, scores[0], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    "config", [*EXACT, SldaConfig(form="published")], ids=[*KINDS, "published"]
)
def test_a_class_keeps_its_zero_shot_score_until_its_first_labelled_sample(backbone, config):
    features, labels = data()
    adapter = learn(
        build_adapter(config, backbone, TABLE, seed=0),
        features,
        labels,
        order=range(200),
        sizes=(20,),
        groups=((0, 1),),
    )
    before = adapter.logits(features, ALL)
    adapter.begin((2,))
    adapter.observe(features[:4], torch.full((4,), -1))
    adapter.end()
    assert torch.equal(adapter.logits(features, ALL), before)
    adapter.begin((3,))
    adapter.observe(features[labels == 2], labels[labels == 2])
    assert set(adapter.seen_classes) == {0, 1, 2}, "the label of an earlier experience arrived"
    assert not torch.equal(adapter.logits(features, ALL), before)


@pytest.mark.parametrize("config", EXACT, ids=KINDS)
def test_weights_are_solved_once_between_two_changes(backbone, config, monkeypatch):
    features, labels = data()
    adapter = build_adapter(config, backbone, TABLE, seed=0)
    solved, solve = [], type(adapter).solve
    monkeypatch.setattr(type(adapter), "solve", lambda self: solved.append(1) or solve(self))
    adapter.observe(features[:50], labels[:50])
    for _ in range(3):
        first = adapter.logits(features, ALL)
    assert len(solved) == 1
    adapter.observe(features[50:], labels[50:])
    assert not torch.equal(adapter.logits(features, ALL), first)
    assert len(solved) == 2


@pytest.mark.parametrize("config", EXACT, ids=KINDS)
def test_what_zero_shot_gives_to_unseen_classes_stays_zero_shots(backbone, config):
    features, labels = data()
    learner = learn(
        build_adapter(config, backbone, TABLE, seed=0),
        features,
        labels,
        order=range(200),
        sizes=(20,),
        groups=((0, 1),),
    )
    zeroshot = 10.0 * l2_normalize(features) @ backbone.class_features(TABLE).T
    unseen = zeroshot.argmax(dim=1) >= 2
    scores = learner.logits(features, ALL)
    assert unseen.any()
    assert torch.equal(scores[unseen], zeroshot[unseen])
    assert bool((scores[~unseen].argmax(dim=1) < 2).all())


@pytest.mark.parametrize("config", EXACT[:3], ids=KINDS[:3])
def test_as_published_an_unseen_class_is_never_predicted(backbone, config):
    features, labels = data()
    learner = learn(
        build_adapter(config.model_copy(update={"unseen": "never"}), backbone, TABLE, seed=0),
        features,
        labels,
        order=range(200),
        sizes=(20,),
        groups=((0, 1),),
    )
    assert bool((learner.logits(features, ALL).argmax(dim=1) < 2).all())


RAILS = [RailConfig, RailDualConfig]


def railed(backbone, kind, fusion):
    features, labels = data()
    small = {"random_features": 40} if kind is RailConfig else {}
    adapter = build_adapter(kind(fusion=fusion, **small), backbone, TABLE, seed=0)
    return learn(
        adapter, features, labels, order=range(200), sizes=(20,), groups=((0, 1, 2),)
    ), features


@pytest.mark.parametrize("kind", RAILS)
def test_without_a_share_for_the_regression_rail_predicts_as_zero_shot(backbone, kind):
    rail, features = railed(backbone, kind, 0.0)
    zeroshot = features @ backbone.class_features(TABLE).T
    assert torch.equal(rail.logits(features, ALL).argmax(dim=1), zeroshot.argmax(dim=1))


@pytest.mark.parametrize("kind", RAILS)
def test_rail_scores_are_the_published_mixture(backbone, kind):
    rail, features = railed(backbone, kind, 0.8)
    zeroshot = 10.0 * l2_normalize(features) @ backbone.class_features(TABLE).T
    routed = zeroshot.argmax(dim=1) < 3
    regression = torch.zeros(len(features), CLASSES, dtype=torch.float64)
    regression[:, list(rail.seen_classes)] = rail.scores(l2_normalize(features.double()))
    expected = 0.2 * zeroshot.double().softmax(dim=1) + 0.8 * regression
    assert routed.any()
    assert torch.allclose(rail.logits(features, ALL)[routed].double(), expected[routed], atol=1e-5)


@pytest.mark.parametrize("kind", RAILS)
def test_rail_without_texts_is_a_mistake_unless_the_regression_stands_alone(kind):
    bare = PrecomputedBackbone(name="x", logit_scale=10.0, width=WIDTH, text={})
    with pytest.raises(Mistake, match=r"adapter\.fusion: got 0\.8, .* use fusion = 1\.0"):
        build_adapter(kind(), bare, TABLE, seed=0)
    rail, features = railed(bare, kind, 1.0)
    assert set(rail.logits(features, ALL).argmax(dim=1).tolist()) <= {0, 1, 2}


def test_the_dual_counts_what_it_keeps(backbone):
    rail, _ = railed(backbone, RailDualConfig, 0.8)
    kept = 3 * 200 // CLASSES
    assert rail.kept_samples() == kept
    assert rail.kept_bytes() == kept * (WIDTH + 1) * 8

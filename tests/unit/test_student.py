"""Limit cases of CLIP-KD (Yang et al. 2024), affinity mimicking (Wu et al. 2023) and the student
that they teach.
"""

import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.clip_kd.config import ClipKdConfig
from clvl_bench.methods.clip_kd.plugin import (
    ClipKd,
    affinity_mimicking,
    feature_distillation,
    interactive,
    relational,
)
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.registry import build_adapter, build_plugin
from clvl_bench.methods.student.config import StudentConfig

TABLE = tuple(
    Candidate(name, "d", ("a photo of a {}.", "{}.")) for name in ("forest", "lake", "boat", "car")
)
ALL = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def pixels():
    return torch.randint(
        0, 256, (4, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def student(backbone, **settings):
    return build_adapter(StudentConfig(**settings), backbone, TABLE, seed=0)


def test_where_student_and_teacher_agree_no_loss_has_a_gradient_but_that_of_the_labels(
    backbone, pixels
):
    texts = backbone.class_features(TABLE, templates=1)
    features = l2_normalize(backbone.image_features(pixels)).requires_grad_()
    labels = torch.tensor([-1, -1, -1, -1])
    plugin = ClipKd(
        ClipKdConfig(fd=2000, icl=1, crd=1, affinity=1),
        PluginContext(student(backbone), teacher=lambda ids: features),
    )
    (gradient,) = torch.autograd.grad(
        plugin.loss(features, features.detach(), texts, labels), [features]
    )
    assert gradient.abs().max() < 1e-5
    assert feature_distillation(features, features.detach()).item() == 0.0
    scores = torch.randn(5, 4)
    assert relational(scores, scores).item() == pytest.approx(0.0, abs=1e-6)


def test_relations_are_a_divergence_in_both_directions_and_affinity_is_its_cross_entropy():
    ours, theirs = torch.randn(5, 4), torch.randn(5, 4)
    rows = kl_div(
        log_softmax(ours, -1), log_softmax(theirs, -1), log_target=True, reduction="batchmean"
    )
    columns = kl_div(
        log_softmax(ours.T, -1), log_softmax(theirs.T, -1), log_target=True, reduction="batchmean"
    )
    assert relational(ours, theirs).item() == pytest.approx(((rows + columns) / 2).item(), rel=1e-4)
    expected = (
        cross_entropy(ours, softmax(theirs, -1)) + cross_entropy(ours.T, softmax(theirs.T, -1))
    ) / 2
    assert affinity_mimicking(ours, theirs).item() == pytest.approx(expected.item(), rel=1e-5)


def test_with_one_image_a_class_icl_is_the_papers_loss_over_pairs():
    scores = torch.randn(4, 4)
    pairs = torch.arange(4)
    expected = (cross_entropy(scores, pairs) + cross_entropy(scores.T, pairs)) / 2
    assert interactive(scores, pairs).item() == pytest.approx(expected.item(), rel=1e-5)
    order = torch.tensor([2, 0, 3, 1])
    assert interactive(scores[order], pairs[order]).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_the_loss_is_the_weighted_sum_of_its_four_parts(backbone, pixels):
    texts = backbone.class_features(TABLE, templates=1)
    teacher, labels = l2_normalize(backbone.image_features(pixels)), torch.tensor([0, 1, -1, 3])
    own = l2_normalize(
        teacher + 0.5 * torch.randn(teacher.shape, generator=torch.Generator().manual_seed(1))
    )
    parts = [
        ClipKd(
            ClipKdConfig(
                **{each: float(each == name) for each in ("fd", "icl", "crd", "affinity")}
            ),
            PluginContext(student(backbone), teacher=backbone.image_features),
        )
        .loss(own, teacher, texts, labels)
        .item()
        for name in ("fd", "icl", "crd", "affinity")
    ]
    assert all(part > 0 for part in parts)
    whole = ClipKd(
        ClipKdConfig(fd=2000.0, icl=3.0, crd=0.5, affinity=7.0),
        PluginContext(student(backbone), teacher=backbone.image_features),
    ).loss(own, teacher, texts, labels)
    expected = sum(
        weight * part for weight, part in zip((2000.0, 3.0, 0.5, 7.0), parts, strict=True)
    )
    assert whole.item() == pytest.approx(expected, rel=1e-5)


def test_icl_learns_from_known_labels_alone():
    scores = torch.randn(4, 3, requires_grad=True)
    labels = torch.tensor([0, -1, 2, -1])
    assert interactive(scores, labels).item() == pytest.approx(
        interactive(scores[[0, 2]], labels[[0, 2]]).item()
    )
    assert interactive(scores, torch.full((4,), -1)).item() == 0.0


def test_feature_distillation_does_not_see_lengths(backbone, pixels):
    learned = student(backbone).image(pixels)
    teacher = l2_normalize(backbone.image_features(pixels))
    once, again = (
        feature_distillation(l2_normalize(learned), teacher),
        feature_distillation(l2_normalize(7 * learned), teacher),
    )
    assert once.item() == pytest.approx(again.item(), rel=1e-5)


def test_a_student_that_inherits_every_layer_is_the_teacher(backbone, pixels):
    whole, half = (
        student(backbone, tower="inherited", layers=2).eval(),
        student(backbone, tower="inherited", layers=1).eval(),
    )
    with torch.no_grad():
        assert torch.allclose(whole.image(pixels), backbone.image_features(pixels), atol=1e-5)
        assert not torch.allclose(half.image(pixels), backbone.image_features(pixels), atol=1e-2)
    with pytest.raises(Mistake, match="layers"):
        student(backbone, tower="inherited", layers=3)
    trained = [weight for weight in half.parameters() if weight.requires_grad]
    assert sum(map(torch.numel, trained)) < sum(map(torch.numel, backbone.towers.parameters()))


def test_a_student_trains_by_the_first_template_and_is_tested_by_all(backbone):
    one = student(backbone)
    assert torch.equal(one.train().classifier(ALL), backbone.class_features(TABLE, templates=1))
    assert torch.equal(one.eval().classifier(ALL), backbone.class_features(TABLE))
    assert not torch.allclose(
        backbone.class_features(TABLE), backbone.class_features(TABLE, templates=1), atol=1e-3
    )


def test_fused_what_was_never_learned_is_the_teachers_and_what_was_is_a_mean(backbone, pixels):
    fused, alone = student(backbone, fusion=0.25).eval(), student(backbone).eval()
    teacher = (
        backbone.logit_scale
        * l2_normalize(backbone.image_features(pixels))
        @ backbone.class_features(TABLE).T
    )
    with torch.no_grad():
        assert torch.allclose(fused.logits(pixels, ALL), teacher, atol=1e-4)
        fused.begin((1, 2))
        scores, own = fused.logits(pixels, ALL), alone.logits(pixels, ALL)
    assert torch.allclose(scores[:, [0, 3]], teacher[:, [0, 3]], atol=1e-4)
    assert torch.allclose(scores[:, [1, 2]], (0.75 * own + 0.25 * teacher)[:, [1, 2]], atol=1e-4)


def test_clip_kd_wants_a_student_with_an_image_tower_and_a_teacher(backbone):
    head = build_adapter(LinearConfig(), backbone, TABLE, seed=0)
    for adapter, teacher in ((head, backbone.image_features), (student(backbone), None)):
        with pytest.raises(Mistake, match="clip_kd"):
            build_plugin(ClipKdConfig(), PluginContext(adapter, teacher=teacher))

"""Limit cases of distillation on a reference set (Zheng et al. 2023), LoRA (Hu et al. 2022) and
KgCoOp (Yao et al. 2023).
"""

import pytest
import torch

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.teacher import Teacher
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.plugin import PluginContext, Reference
from clvl_bench.methods.distillation.config import DistillationConfig
from clvl_bench.methods.distillation.plugin import Distillation, distillation_loss
from clvl_bench.methods.full.config import FullConfig
from clvl_bench.methods.kgcoop.config import KgCoOpConfig
from clvl_bench.methods.lora.adapter import Lora
from clvl_bench.methods.lora.config import LoraConfig
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.runs.files import run_config
from clvl_bench.runs.runner import run

TABLE = tuple(
    Candidate(name, "d", ("a photo of a {}.",)) for name in ("forest", "lake", "boat", "car")
)
ALL = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def reference(backbone):
    pixels = torch.randint(
        0, 256, (10, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    features = backbone.image_features(pixels)
    return Reference(
        torch.arange(10),
        lambda ids: pixels[ids],
        features,
        (2, 3),
        Teacher(backbone, features.__getitem__),
        features,
    )


@pytest.mark.parametrize("texts", ["student", "teacher"])
def test_at_the_teacher_the_gradient_is_zero(backbone, reference, texts):
    student = build_adapter(FullConfig(), backbone, TABLE, seed=0).train()
    Distillation(DistillationConfig(texts=texts), PluginContext(student, reference)).loss(
        torch.arange(10)
    ).backward()
    assert max(p.grad.abs().max().item() for p in student.parameters() if p.grad is not None) < 1e-5


def test_away_from_the_teacher_it_is_not(backbone, reference):
    student = build_adapter(FullConfig(), backbone, TABLE, seed=0).train()
    with torch.no_grad():
        student.towers.visual_projection.weight.add_(
            0.5 * torch.randn_like(student.towers.visual_projection.weight)
        )
    Distillation(DistillationConfig(), PluginContext(student, reference)).loss(
        torch.arange(10)
    ).backward()
    assert student.towers.visual_projection.weight.grad.abs().max() > 1e-3


def test_its_floor_is_the_squared_temperature_times_the_entropy():
    scores = torch.randn(5, 7)
    softened = (scores / 2).softmax(dim=-1)
    entropy = -(softened * softened.log()).sum(dim=-1).mean()
    assert distillation_loss(scores, scores, 2.0).item() == pytest.approx(
        4 * entropy.item(), rel=1e-5
    )


def test_with_the_teachers_texts_the_text_tower_is_free(backbone, reference):
    student = build_adapter(FullConfig(), backbone, TABLE, seed=0).train()
    Distillation(DistillationConfig(texts="teacher"), PluginContext(student, reference)).loss(
        torch.arange(10)
    ).backward()
    assert all(p.grad is None for p in student.towers.text_model.parameters())


@pytest.mark.parametrize(
    ("adapter", "texts", "says"),
    [
        ("linear", "student", "leave the plugin out"),
        ("cosine", "student", "leave the plugin out"),
        ("prompt", "teacher", r'set plugins.distillation.texts = "student"'),
        ("slda", "student", "learns without a gradient"),
    ],
)
def test_where_it_could_hold_nothing_it_is_refused(adapter, texts, says, tmp_path):
    """A head has no row for the reference's classes, a context no part in the image's features: the
    loss is a constant.
    """
    plugin = f'[[plugins]]\nkind = "distillation"\ntexts = "{texts}"\n'
    (tmp_path / "held.toml").write_text(f'version = 1\n[adapter]\nkind = "{adapter}"\n{plugin}')
    config = run_config(
        "toy_landcover", str(tmp_path / "held.toml"), limit=20, overrides=["benchmark.zeroshot=[]"]
    )
    with pytest.raises(Mistake, match=says):
        run(config, results=tmp_path, progress=False)


def test_reference_bytes_are_its_images_and_the_teachers_features(backbone, reference):
    assert reference.kept_bytes() == 10 * 3 * 40 * 40 + 10 * backbone.width * 4


@pytest.mark.parametrize(("towers", "expected"), [("both", 16), ("image", 8), ("text", 8)])
def test_lora_trains_two_matrices_a_projection_of_the_named_towers(backbone, towers, expected):
    """Two matrices x two projections x two layers a tower."""
    lora = build_adapter(LoraConfig(rank=2, towers=towers), backbone, TABLE, seed=0)
    trained = [name for name, p in lora.named_parameters() if p.requires_grad]
    assert len(trained) == expected
    assert all("lora_" in name for name in trained)
    assert len(lora.state()) == expected


def test_lora_merged_equals_lora_beside_the_weights(backbone):
    lora = Lora(LoraConfig(rank=2, dropout=0.0), backbone, TABLE, share_weights=False).eval()
    with torch.no_grad():
        for name, parameter in lora.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.1)
    pixels = torch.randint(0, 256, (3, 3, 40, 40), dtype=torch.uint8)
    with torch.no_grad():
        beside = lora.image(pixels)
        for module in list(lora.modules()):
            if hasattr(module, "lora_A") and hasattr(module, "merge"):
                module.merge()
        assert torch.allclose(lora.image(pixels), beside, atol=1e-5)
        assert not torch.allclose(beside, backbone.image_features(pixels), atol=1e-3)


def test_trained_towers_train_by_the_first_template_and_are_tested_by_all(backbone):
    table = tuple(
        Candidate(each.name, "d", (*each.templates, "a bad drawing of a {}.")) for each in TABLE
    )
    towers = build_adapter(FullConfig(), backbone, table, seed=0)
    with torch.no_grad():
        assert torch.allclose(
            towers.train().classifier(ALL), backbone.class_features(table, templates=1), atol=1e-5
        )
        assert torch.allclose(
            towers.eval().classifier(ALL), backbone.class_features(table), atol=1e-5
        )
    assert not torch.allclose(
        backbone.class_features(table), backbone.class_features(table, templates=1), atol=1e-3
    )


def test_kgcoop_without_weight_is_coop_and_its_penalty_starts_at_zero(backbone):
    features = torch.randn(4, backbone.width)
    coop, kgcoop = (
        build_adapter(kind(), backbone, TABLE, seed=0).train()
        for kind in (PromptConfig, KgCoOpConfig)
    )
    kgcoop.begin(ALL)
    assert torch.allclose(kgcoop.logits(features, (0, 1)), coop.logits(features, (0, 1)), atol=1e-5)
    assert kgcoop.penalty(features).item() == pytest.approx(0.0, abs=1e-5)


def test_kgcoop_holds_every_class_so_far_near_its_first_template(backbone):
    table = tuple(
        Candidate(each.name, "d", (*each.templates, "a bad drawing of a {}.")) for each in TABLE
    )
    kgcoop = build_adapter(KgCoOpConfig(anchor_weight=1.0), backbone, table, seed=0).train()
    kgcoop.begin((0, 1))
    kgcoop.begin((2, 3))
    kgcoop.logits(torch.randn(2, backbone.width), (2, 3))
    assert kgcoop.penalty(torch.empty(0)).item() == pytest.approx(0.0, abs=1e-5)
    with torch.no_grad():
        kgcoop.context.add_(torch.randn_like(kgcoop.context))
    kgcoop.logits(torch.randn(2, backbone.width), (2, 3))
    anchors = l2_normalize(backbone.text_features([each.prompts[0] for each in table]))
    expected = (
        1 - torch.nn.functional.cosine_similarity(kgcoop.eval().classifier(ALL), anchors)
    ).mean()
    assert kgcoop.penalty(torch.empty(0)).item() == pytest.approx(expected.item(), rel=1e-4)


def test_kgcoop_penalises_the_mean_of_one_minus_cosine(backbone):
    kgcoop = build_adapter(KgCoOpConfig(anchor_weight=3.0), backbone, TABLE, seed=0).train()
    kgcoop.begin(ALL)
    with torch.no_grad():
        kgcoop.context.add_(torch.randn_like(kgcoop.context))
    learned = kgcoop.classifier(ALL)
    anchors = l2_normalize(backbone.text_features([candidate.prompts[0] for candidate in TABLE]))
    expected = 3.0 * (1 - torch.nn.functional.cosine_similarity(learned, anchors)).mean()
    assert kgcoop.penalty(torch.empty(0)).item() == pytest.approx(expected.item(), rel=1e-5)
    assert expected > 0.01

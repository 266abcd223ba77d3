"""A teacher that is not the backbone: other weights, another width; what it says carries no
gradient, and is on the record.
"""

import pytest
import torch
from small_backbones import VIT, open_clip_model, write_clip

from clvl_bench.audits.kept_sources import KeptSources
from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.backbones.teacher import Projection, Teacher
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.plugin import PluginContext, Reference
from clvl_bench.methods.distillation.config import DistillationConfig
from clvl_bench.methods.distillation.plugin import Distillation
from clvl_bench.methods.full.config import FullConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.report.runs import Origin, Run
from clvl_bench.report.summary import mixture
from clvl_bench.runs.files import run_config
from clvl_bench.runs.provenance import STANDS_ON

TABLE = tuple(
    Candidate(name, "d", ("a photo of a {}.",)) for name in ("forest", "lake", "boat", "car")
)


@pytest.fixture(scope="module")
def student_backbone(random_clip):
    return load_backbone(str(random_clip()))


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Another CLIP, whose features have another width."""
    return load_backbone(str(write_clip(tmp_path_factory.mktemp("wide"), seed=1, projection=40)))


def taught(student, teacher):
    pixels = torch.randint(
        0, 256, (12, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    said = Teacher(teacher, teacher.image_features(pixels).__getitem__)
    ids = torch.arange(12)
    return Reference(
        ids,
        lambda ids: pixels[ids],
        said.features(ids),
        (1, 2, 3),
        said,
        student.image_features(pixels),
    )


def check_losses(backbone, teacher, texts):
    """Losses are finite and away from 0, gradients are in the student and nowhere else."""
    student = build_adapter(FullConfig(), backbone, TABLE, seed=0).train()
    plugin = Distillation(
        DistillationConfig(texts=texts), PluginContext(student, taught(backbone, teacher))
    )
    loss = plugin.loss(torch.arange(12))
    assert torch.isfinite(loss)
    loss.backward()
    gradients = [weight.grad for weight in student.parameters() if weight.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert max(gradient.abs().max().item() for gradient in gradients) > 1e-6
    for frozen in (backbone, teacher):
        assert all(weight.grad is None for weight in frozen.towers.parameters())
    assert plugin._projection.weight.grad is None
    assert not list(plugin._projection.parameters())


@pytest.mark.parametrize("texts", ["student", "teacher"])
def test_a_teacher_of_another_width_teaches_the_student_and_moves_nothing_else(
    student_backbone, wide, texts
):
    assert student_backbone.width != wide.width
    check_losses(student_backbone, wide, texts)


@pytest.mark.parametrize("texts", ["student", "teacher"])
def test_a_teacher_in_remoteclips_layout_teaches_a_clip(
    student_backbone, tmp_path, monkeypatch, texts
):
    open_clip = pytest.importorskip(
        "open_clip", reason="open_clip_torch is not installed: the extra 'open-clip'"
    )
    from clvl_bench.backbones.importing import import_weights

    config = {**VIT, "embed_dim": 40}
    torch.save(
        open_clip_model(config, tmp_path / "unused").state_dict(), tmp_path / "RemoteCLIP-small.pt"
    )
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: config)
    folder = import_weights(
        tmp_path / "RemoteCLIP-small.pt", architecture="small", folder=tmp_path / "remote"
    ).folder
    teacher = load_backbone(str(folder))
    assert teacher.width == 40 != student_backbone.width
    check_losses(student_backbone, teacher, texts)


def test_where_widths_agree_there_is_no_projection():
    features = torch.randn(7, 5)
    projection = Projection(torch.randn(9, 5), torch.randn(9, 5))
    assert projection(features) is features


def test_the_projection_is_ridge_regression_on_unit_features():
    from sklearn.linear_model import Ridge

    generator = torch.Generator().manual_seed(0)
    student, teacher = (
        torch.randn(50, 6, generator=generator),
        torch.randn(50, 9, generator=generator),
    )
    expected = (
        Ridge(alpha=1e-3 * 50 / 6, fit_intercept=False)
        .fit(l2_normalize(student).double(), l2_normalize(teacher).double())
        .coef_.T
    )
    projection = Projection(student, teacher)
    assert torch.allclose(projection.weight.double(), torch.from_numpy(expected), atol=1e-5)
    assert torch.allclose(projection(student), l2_normalize(student) @ projection.weight)


def test_a_linear_map_between_widths_is_found():
    student = l2_normalize(torch.randn(200, 4))
    teacher = l2_normalize(student @ torch.linalg.qr(torch.randn(9, 4))[0].T)
    assert torch.allclose(
        l2_normalize(Projection(student, teacher, ridge=1e-9)(student)), teacher, atol=1e-4
    )


def test_a_run_names_its_teacher_and_the_report_says_that_weights_differ(
    tmp_path, student_backbone, wide
):
    from clvl_bench.runs import setup

    sources = KeptSources(student_backbone, teacher=wide)
    overrides = ('plugins.distillation.teacher="tiny"', "train.epochs=1")
    config = run_config("toy_landcover", "finetune_distill", limit=10, overrides=overrides)
    assert config.strategy_config.teacher == "tiny"
    prepared = setup.prepare(config, sources=sources)
    assert prepared.teacher.width == wide.width
    assert prepared.provenance["teacher"]["weights_sha256"] == wide.weights_sha256
    assert "teacher" in STANDS_ON
    plain = run_config("toy_landcover", "finetune_distill", limit=10)
    assert "teacher" not in setup.prepare(plain, sources=sources).provenance


def test_a_teacher_in_another_folder_is_the_same_choice(tmp_path):
    ids = set()
    for place in ("a", "b"):
        folder = tmp_path / place / "remoteclip"
        folder.mkdir(parents=True)
        overrides = (f'plugins.distillation.teacher="{folder}"',)
        config = run_config("toy_landcover", "finetune_distill", overrides=overrides)
        ids.add(str(config.hashed()["strategy_config"]["plugins"]))
    assert len(ids) == 1
    with pytest.raises(Mistake, match="did you mean 'tiny'"):
        load_backbone("tinny")


def test_several_weights_are_named_in_a_line_and_one_in_none():
    def of(backbone, family, teacher=""):
        where = {
            "run": backbone,
            "benchmark": "b",
            "label_space": "seen",
            "strategy": "s",
            "seed": 0,
            "class_order": 0,
        }
        return Run(
            Origin(
                **where,
                backbone=backbone,
                state="done",
                weights_sha256="ab" * 8,
                family=family,
                teacher=teacher,
            ),
            (),
        )

    assert mixture([of("a", "OpenAI"), of("a", "OpenAI")]) == ""
    assert "a (OpenAI) abababab; b (LAION-2B) abababab" in mixture(
        [of("a", "OpenAI"), of("b", "LAION-2B")]
    )
    assert "RemoteCLIP" in mixture([of("a", "OpenAI", teacher="r (RemoteCLIP) 1234")])

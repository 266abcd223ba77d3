"""Cross-attention over patches: which way its mask points, what the tokens are, and the memory that
they take.
"""

import pytest
import torch

from clvl_bench.cli.estimate import estimate, patch_bytes
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import QuestionInputs
from clvl_bench.methods.answer_attention.config import AttentionConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.runs.files import run_config
from clvl_bench.runs.toml_files import shipped
from clvl_bench.streams.reading import read_slices

TABLE = tuple(Candidate(name, "d", ("{question} {}.",)) for name in ("yes", "no"))


@pytest.fixture
def head(backbone):
    return build_adapter(AttentionConfig(heads=4), backbone, TABLE, seed=0).eval()


@pytest.fixture
def scene(backbone):
    generator = torch.Generator().manual_seed(0)
    question = torch.randn(3, backbone.width, generator=generator)
    return question, torch.randn(3, backbone.patch_tokens, backbone.width, generator=generator)


@torch.no_grad()
def test_hidden_patches_do_not_change_the_answer_and_kept_ones_do(head, scene):
    question, patches = scene
    keep = torch.zeros(patches.shape[:2], dtype=torch.bool)
    keep[:, :5] = True
    found = head.look(question, patches, keep)
    hidden, shown = patches.clone(), patches.clone()
    hidden[:, 5:] += 3.0
    shown[:, :5] += torch.randn(shown[:, :5].shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(head.look(question, hidden, keep), found)
    assert not torch.allclose(head.look(question, shown, keep), found, atol=1e-3)


@torch.no_grad()
def test_the_mask_equals_leaving_the_hidden_patches_out(head, scene):
    question, patches = scene
    keep = torch.zeros(patches.shape[:2], dtype=torch.bool)
    keep[:, ::3] = True
    short = patches[:, ::3]
    alone = head.look(question, short, torch.ones(short.shape[:2], dtype=torch.bool))
    assert torch.allclose(head.look(question, patches, keep), alone, atol=1e-5)


@torch.no_grad()
def test_the_order_of_patches_does_not_matter_to_a_head_without_positions(head, scene):
    question, patches = scene
    keep = torch.ones(patches.shape[:2], dtype=torch.bool)
    order = torch.randperm(patches.shape[1], generator=torch.Generator().manual_seed(2))
    assert torch.allclose(
        head.look(question, patches[:, order], keep), head.look(question, patches, keep), atol=1e-5
    )


def test_the_first_token_is_the_image_feature(backbone):
    pixels = torch.randint(
        0, 256, (2, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    tokens = backbone.patch_features(pixels)
    assert tokens.dtype == torch.float16
    assert tokens.shape == (2, backbone.patch_tokens, backbone.width) == (2, 26, 24)
    assert torch.allclose(tokens[:, 0].float(), backbone.image_features(pixels), atol=2e-3)


def test_patches_in_memory_are_as_a_dry_run_says(tiny):
    config = run_config(
        "toy_scans_vqa", "answers_attention", overrides=['benchmark.zeroshot=["toy_shapes"]']
    )
    parts = read_slices(config.benchmark_config)
    held = QuestionInputs("question_patches", [part.data for part in parts], tiny).patch_bytes
    assert patch_bytes(config) == pytest.approx(held, rel=0.1)
    (line,) = [
        line for line in estimate([config], shipped() / "results") if line.startswith("Patches")
    ]
    assert f"{held / 2**20:.1f} MiB" in line


def test_patches_of_a_limited_run_are_those_of_an_image_a_question_at_most(tiny):
    whole = run_config("toy_scans_vqa", "answers_attention")
    limited = run_config("toy_scans_vqa", "answers_attention", limit=40)
    parts = read_slices(limited.benchmark_config, limit=40)
    held = QuestionInputs("question_patches", [part.data for part in parts], tiny).patch_bytes
    assert held <= patch_bytes(limited) < patch_bytes(whole) / 2


def test_heads_that_do_not_divide_the_width_are_refused(backbone):
    with pytest.raises(Mistake, match="divisor"):
        build_adapter(AttentionConfig(heads=7), backbone, TABLE, seed=0)

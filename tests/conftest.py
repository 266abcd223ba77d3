"""Fixtures shared by all tests: one thread, no network, a home of their own, small backbones written in published layouts."""

import os
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest

import clvl_bench  # noqa: F401 (before torchvision: see clvl_bench/torchvision_pair.py)

ROOT = Path(__file__).parent.parent
"""The checkout."""


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for painted pictures and features, for all worker processes of a session."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "home"


@pytest.fixture(autouse=True)
def _home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLVL_HOME", str(shared_home))


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with nothing in it yet."""
    monkeypatch.setenv("CLVL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data for testing (CLVL_TEST_DATA, or ../shared/data beside the checkout)."""
    folder = Path(os.environ.get("CLVL_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data for testing at {folder}; set CLVL_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny():  # type: ignore[no-untyped-def]
    """The embedded backbone."""
    from clvl_bench.backbones import load_backbone

    return load_backbone("tiny")


@pytest.fixture(scope="session")
def random_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a small random CLIP in transformers' published layout; keyword arguments go into its text configuration."""

    def write(**text: int) -> Path:
        import shutil

        import torch
        from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

        from clvl_bench.config.backbones import assets

        folder = tmp_path_factory.mktemp("clip")
        tokenizer = CLIPTokenizer.from_pretrained(assets())
        words = {"vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
        size = {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "projection_dim": 24,
        }
        config = CLIPConfig(
            text_config={**size, **words, "max_position_embeddings": 77, **text},
            vision_config={**size, "hidden_size": 48, "image_size": 40, "patch_size": 8},
            projection_dim=24,
        )
        torch.manual_seed(0)
        CLIPModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        shutil.copy(assets() / "preprocessor_config.json", folder)
        return folder

    return write

"""The backbone that the released code was run on."""

import pytest
from authors.released import write_small_clip

from clvl_bench.backbones.loading import load_backbone


@pytest.fixture(scope="session")
def small_clip_folder(tmp_path_factory):
    """The small random CLIP in transformers' layout, written once a session."""
    return write_small_clip(tmp_path_factory.mktemp("small_clip"))


@pytest.fixture(scope="session")
def small_clip(small_clip_folder):
    """The small random CLIP. Its weights are never moved: what trains them trains a copy."""
    return load_backbone(str(small_clip_folder))

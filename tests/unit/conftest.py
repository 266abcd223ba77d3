"""What most limit cases begin with: a small random CLIP, a few pictures, a few questions."""

import pytest
from asked import asked
from helpers.learning import pictures

from clvl_bench.backbones.loading import load_backbone


@pytest.fixture(scope="module")
def backbone(random_clip):
    """A small random CLIP in transformers' layout; a module that moves its weights moves its
    own.
    """
    return load_backbone(str(random_clip()))


@pytest.fixture
def pixels(backbone):
    """Six random pictures [6, 3, 40, 40]."""
    return pictures(backbone, "pixels", count=6)


@pytest.fixture
def inputs(backbone):
    """Three random image features with the questions of `asked.QUESTIONS` in turn [3, packed]."""
    return asked(backbone)

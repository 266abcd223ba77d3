"""Settings of `prompt`."""

from pydantic import Field

from clvl_bench.methods._base.context_config import ContextConfig


class PromptConfig(ContextConfig):
    """CoOp: learned context words, everything else frozen (Zhou et al. 2022, arXiv:2109.01134)."""

    kind: str = "prompt"
    class_specific: bool = Field(
        False, description="a context for each class: cannot score classes that were never trained"
    )

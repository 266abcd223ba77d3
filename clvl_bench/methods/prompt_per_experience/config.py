"""Settings of `prompt_per_experience`."""

from clvl_bench.methods._base.selector_config import SelectorConfig
from clvl_bench.methods.prompt.config import PromptConfig


class PromptPerExperienceConfig(PromptConfig, SelectorConfig):
    """CoOp with one context an experience, chosen by a selector (Zhou et al. 2022; Wang et al.
    2022, arXiv:2207.12819).
    """

    kind: str = "prompt_per_experience"

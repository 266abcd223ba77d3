"""Settings of `lora_per_experience`."""

from clvl_bench.methods._base.selector_config import SelectorConfig
from clvl_bench.methods.lora.config import LoraConfig


class LoraPerExperienceConfig(LoraConfig, SelectorConfig):
    """One low-rank update an experience, chosen by a selector (Hu et al. 2022; Wang et al. 2022,
    arXiv:2207.12819).
    """

    kind: str = "lora_per_experience"

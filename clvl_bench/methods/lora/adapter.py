"""LoRA: W + (alpha / rank) B A on the query and value projections of every layer, B = 0 at the
start.

Hu et al. 2022 (arXiv:2106.09685), as peft implements it. One update is trained on from experience
to experience. The paper adapts language models; both towers by default follow common practice with
CLIP.
"""

import warnings
from collections.abc import Sequence
from typing import Any

from peft import LoraConfig as PeftLoraConfig
from peft import inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor

from clvl_bench.backbones.base import Backbone, TowerBackbone, with_towers
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.adapter import State
from clvl_bench.methods._base.low_rank_config import LowRankConfig
from clvl_bench.methods._base.towers import TrainedTowers


class Lora(TrainedTowers):
    """Frozen towers with low-rank updates; only the updates train and are kept."""

    def __init__(
        self,
        config: LowRankConfig,
        backbone: Backbone,
        classes: Sequence[Candidate],
        *,
        share_weights: bool = True,
    ) -> None:
        found = with_towers(backbone, wanted_by=config.title)
        super().__init__(config, found, classes, share_weights=share_weights)
        self._settings = {
            "r": config.rank,
            "lora_alpha": config.alpha,
            "lora_dropout": config.dropout,
            "target_modules": _targets(config, found),
        }
        self.add_update("default")

    def add_update(self, name: str) -> None:
        """One more update of that name beside each projection."""
        settings = PeftLoraConfig(**self._settings)
        with warnings.catch_warnings():
            # peft warns of a second update beside the first, which is what is wanted.
            warnings.filterwarnings("ignore", "Already found a `peft_config`")
            inject_adapter_in_model(settings, self.towers, adapter_name=name)

    @property
    def projections(self) -> list[Any]:
        """The projections that have updates."""
        return [module for module in self.towers.modules() if isinstance(module, LoraLayer)]

    def state(self) -> State:
        return self._updates()

    def load(self, state: State) -> None:
        for name, tensor in self._updates().items():
            tensor.copy_(state[name])
        self.forget_classifiers()

    def _updates(self) -> dict[str, Tensor]:
        """What is learned, by name. These are not copies: to write into them is to load."""
        return {
            name: parameter.detach()
            for name, parameter in self.named_parameters()
            if "lora_" in name
        }


def _targets(config: LowRankConfig, backbone: TowerBackbone) -> str:
    """A regular expression of the modules to adapt. (A suffix alone would match both towers
    whatever was asked for.)
    """
    known = backbone.towers.query_and_value
    missing = [tower for tower in config.updated_towers if tower not in known]
    if missing:
        mend = "use another adapter"
        if known and "towers" in type(config).model_fields:
            mend = f"allowed there: adapter.towers = {' or '.join(known)}"
        raise Mistake(
            f"{config.title} needs query and value projections, and the {missing[0]} tower of "
            f"{backbone.name} has none of its own; {mend}"
        )
    return "|".join(known[tower] for tower in config.updated_towers)

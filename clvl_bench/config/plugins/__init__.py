"""What a strategy file may say about its plugins: one class a kind. The union is the registry; `kind` names the module."""

from typing import Annotated

from pydantic import Field

from clvl_bench.config.plugins.memories import DerppPlugin, GdumbPlugin, IcarlPlugin, IwmsPlugin, MemoryPlugin, ReplayPlugin
from clvl_bench.config.plugins.rewards import FeedbackPlugin
from clvl_bench.config.plugins.teachers import ClipKdPlugin, DistillationPlugin, LwfPlugin
from clvl_bench.config.plugins.unlabelled import (
    AnchoredPlPlugin,
    CplPlugin,
    FixMatchPlugin,
    GripPlugin,
    MeanTeacherPlugin,
    UplPlugin,
)
from clvl_bench.config.plugins.weights import (
    EwcPlugin,
    MasPlugin,
    SiPlugin,
    TaskVectorsPlugin,
    WeightAveragePlugin,
    WeightL2Plugin,
    WiseFtPlugin,
)

Plugin = Annotated[
    ReplayPlugin
    | DerppPlugin
    | IcarlPlugin
    | GdumbPlugin
    | IwmsPlugin
    | DistillationPlugin
    | LwfPlugin
    | ClipKdPlugin
    | WiseFtPlugin
    | WeightAveragePlugin
    | WeightL2Plugin
    | TaskVectorsPlugin
    | EwcPlugin
    | MasPlugin
    | SiPlugin
    | FixMatchPlugin
    | MeanTeacherPlugin
    | AnchoredPlPlugin
    | UplPlugin
    | GripPlugin
    | CplPlugin
    | FeedbackPlugin,
    Field(discriminator="kind"),
]

__all__ = [
    "AnchoredPlPlugin", "ClipKdPlugin", "CplPlugin", "DerppPlugin", "DistillationPlugin", "EwcPlugin", "FeedbackPlugin",
    "FixMatchPlugin", "GdumbPlugin", "GripPlugin", "IcarlPlugin", "IwmsPlugin", "LwfPlugin", "MasPlugin", "MeanTeacherPlugin",
    "MemoryPlugin", "Plugin", "ReplayPlugin", "SiPlugin", "TaskVectorsPlugin", "UplPlugin", "WeightAveragePlugin",
    "WeightL2Plugin", "WiseFtPlugin",
]  # fmt: skip

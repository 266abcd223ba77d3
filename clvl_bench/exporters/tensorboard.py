"""TensorBoard: event files in the run folder; `tensorboard --logdir results/runs` shows them."""

import json
import shutil
from collections.abc import Sequence

from clvl_bench.exporters.base import End, Exporter, Facts, Point

FOLDER = "tensorboard"


class TensorBoard(Exporter):
    """Values keep their 64 bits."""

    def begin(self, facts: Facts, run: str | None) -> str:
        from torch.utils.tensorboard import SummaryWriter

        folder = facts.folder / FOLDER
        if run is None and folder.exists():
            shutil.rmtree(folder)
        self._writer = SummaryWriter(str(folder))
        if run is None:
            told = json.dumps(dict(facts.settings), indent=1, sort_keys=True)
            self._writer.add_text("settings", f"```\n{told}\n```")
        return FOLDER

    def rows(self, points: Sequence[Point]) -> None:
        for point in points:
            # In the old form a value is cut to 32 bits.
            self._writer.add_scalar(
                point.name, point.value, point.step, new_style=True, double_precision=True
            )
        self._writer.flush()

    def end(self, end: End) -> None:
        self._writer.close()

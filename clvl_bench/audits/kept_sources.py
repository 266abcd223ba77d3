"""Data and models that many runs share, handed to them through the runner's own door."""

from collections.abc import Mapping, Sequence

from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.catalog import Precision
from clvl_bench.runs.preparation import samples_key
from clvl_bench.runs.setup import Sources
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.split_slice import SplitSlice


class KeptSources(Sources):
    """Reads the samples of each benchmark once, and gives every run the same models.

    Args:
        backbone: for every run, whatever its configuration names; None: as named.
        teacher, answerers: in the place of those that a configuration names; None: as named.
    """

    def __init__(
        self,
        backbone: Backbone | None = None,
        *,
        teacher: Backbone | None = None,
        answerers: Mapping[str, Answerer] | None = None,
    ) -> None:
        self._backbone, self._teacher, self._answerers = backbone, teacher, answerers
        self._parts: dict[str, tuple[SplitSlice, ...]] = {}
        self._named: dict[str, Backbone] = {}

    def parts(self, config: BenchmarkConfig, *, limit: int | None) -> tuple[SplitSlice, ...]:
        key = f"{samples_key(config)} {limit}"
        if key not in self._parts:
            self._parts[key] = super().parts(config, limit=limit)
        return self._parts[key]

    def backbone(
        self, name: str, parts: Sequence[SplitSlice], *, device: str, precision: Precision
    ) -> Backbone:
        if self._backbone is not None:
            return self._backbone
        key = f"{name} {device} {precision}"
        if key not in self._named:
            self._named[key] = super().backbone(name, parts, device=device, precision=precision)
        return self._named[key]

    def teacher(
        self, name: str, parts: Sequence[SplitSlice], *, device: str, precision: Precision
    ) -> Backbone:
        if self._teacher is not None:
            return self._teacher
        return super().teacher(name, parts, device=device, precision=precision)

    def answerer(self, name: str, *, device: str) -> Answerer:
        if self._answerers is not None:
            return self._answerers[name]
        return super().answerer(name, device=device)

    def on(self, backbone: Backbone) -> "KeptSources":
        """The same samples and other models, for runs on another backbone."""
        other = KeptSources(backbone, teacher=self._teacher, answerers=self._answerers)
        other._parts = self._parts
        return other

"""What the run before read and loaded, kept for the next one of the same worker process.

A grid's runs are ordered by benchmark, so that most of them stand on what the one before stood on.
"""

from collections.abc import Callable, Sequence
from functools import partial

from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.backbones.base import Backbone, TowerBackbone
from clvl_bench.backbones.catalog import Precision
from clvl_bench.inputs.backbone import precomputed_sources
from clvl_bench.runs.preparation import samples_key
from clvl_bench.runs.setup import Sources
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.split_slice import SplitSlice


class LastSources(Sources):
    """Keeps one set of samples, one backbone, one teacher and one answerer: the last.

    A backbone forgets what it was asked, so that a run has the same bytes and the same record
    whatever ran before it. Backbones of precomputed features are put together anew: it costs
    nothing, and what they say depends on the data.
    """

    def __init__(self) -> None:
        self._parts: tuple[str, tuple[SplitSlice, ...]] | None = None
        self._models: dict[str, tuple[str, TowerBackbone]] = {}
        self._answerer: tuple[str, Answerer] | None = None

    def parts(self, config: BenchmarkConfig, *, limit: int | None) -> tuple[SplitSlice, ...]:
        key = f"{samples_key(config)} {limit}"
        if self._parts is None or self._parts[0] != key:
            self._parts = None  # before the next are read: both need not fit into memory
            self._parts = (key, super().parts(config, limit=limit))
        return self._parts[1]

    def backbone(
        self, name: str, parts: Sequence[SplitSlice], *, device: str, precision: Precision
    ) -> Backbone:
        key = f"{name} {device} {precision}"
        load = partial(super().backbone, name, parts, device=device, precision=precision)
        return self._kept_or_loaded("backbone", key, parts, load)

    def teacher(
        self, name: str, parts: Sequence[SplitSlice], *, device: str, precision: Precision
    ) -> Backbone:
        key = f"{name} {device} {precision}"
        load = partial(super().teacher, name, parts, device=device, precision=precision)
        return self._kept_or_loaded("teacher", key, parts, load)

    def answerer(self, name: str, *, device: str) -> Answerer:
        key = f"{name} {device}"
        if self._answerer is None or self._answerer[0] != key:
            self._answerer = None
            self._answerer = (key, super().answerer(name, device=device))
        return self._answerer[1]

    def _kept_or_loaded(
        self, role: str, key: str, parts: Sequence[SplitSlice], load: Callable[[], Backbone]
    ) -> Backbone:
        """The last model in this role, if it is the one asked for and these samples have pixels."""
        known, model = self._models.pop(role, ("", None))
        if model is not None and known == key and not _has_features(parts):
            model.forget()
        else:
            model = None  # before the next is loaded: both need not fit into memory
            loaded = load()
            if not isinstance(loaded, TowerBackbone):
                return loaded
            model = loaded
        self._models[role] = (key, model)
        return model


def _has_features(parts: Sequence[SplitSlice]) -> bool:
    return bool(precomputed_sources([(part.dataset, part.data) for part in parts]))

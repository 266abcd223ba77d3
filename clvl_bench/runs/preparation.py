"""Preparation: what a run reads and encodes before it learns. Runs that have it in common find it
in the cache once the first of them was prepared.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from clvl_bench.core.errors import ClvlError
from clvl_bench.core.files import to_json
from clvl_bench.core.schema import whole
from clvl_bench.data.catalog.sources import OwnCopySource, PrecomputedSource
from clvl_bench.records.segment import SEGMENTS
from clvl_bench.runs.config import RunConfig
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.reading import read_slices


def samples_key(config: BenchmarkConfig) -> str:
    """What decides which samples are read: the splits of which datasets, declared how.

    Label space, supervision and the cut into experiences decide only what is made of them.
    """
    declared = [config.declared(name).model_dump_json() for name in config.named]
    questions = None if config.questions is None else config.questions.split
    return repr((config.splits, declared, questions))


def reading(config: RunConfig) -> bytes:
    """Which data, and which backbone looks at them: equal for runs that read the same."""
    told = {
        "samples": samples_key(config.benchmark_config),
        "backbone": config.backbone,
        "precision": config.precision,
        "limit": config.limit,
    }
    return to_json(told)


def encoding(config: RunConfig) -> bytes:
    """What is encoded of it: equal for runs of which the second finds all in the cache."""
    strategy = config.strategy_config
    kinds = {config.untouched.input_kind, strategy.input_kind} - {"pixels"}
    augmentation = strategy.train.augmentation
    stream: Any = config.benchmark_config
    told = {
        "reading": reading(config).decode(),
        "kinds": sorted(kinds),
        "questions": None if stream.questions is None else whole(stream.questions),
        # Pixels are augmented when they are read; only views of features are kept.
        "views": None
        if augmentation is None or strategy.input_kind == "pixels"
        else whole(augmentation),
        "teacher": strategy.teacher,
        "answerer": strategy.answerer,
        "by_likelihood": strategy.answers_by_likelihood,
    }
    return to_json(told)


def paint(runs: Iterable[RunConfig]) -> None:
    """Paint what the runs read of toy worlds and nobody has painted yet.

    No library of training is needed for it. What fails here will be told by the run that meets it.
    """
    painted = set()
    for config in runs:
        stream = config.benchmark_config
        key = samples_key(stream)
        if stream.is_painted and key not in painted:
            painted.add(key)
            with suppress(ClvlError, OSError):
                read_slices(stream)


def changes_of_reading(runs: Sequence[RunConfig]) -> list[int]:
    """The places in a list at which a run reads other data, or with another backbone, than the run
    before it; the first is 0.
    """
    places = []
    before = None
    for place, config in enumerate(runs):
        now = reading(config)
        if now != before:
            places.append(place)
        before = now
    return places


def to_encode(runs: Iterable[RunConfig], results: Path) -> list[RunConfig]:
    """A run for each encoding of a grid that none of its runs has needed yet, as far as their
    folders say: who has measured anything was prepared. Given features are not encoded.
    """
    first: dict[bytes, RunConfig] = {}
    encoded = set()
    for config in runs:
        if not _reads_images(config):
            continue
        name = encoding(config)
        first.setdefault(name, config)
        if _has_measured(results / "runs" / config.id):
            encoded.add(name)
    return [config for name, config in first.items() if name not in encoded]


def _reads_images(config: RunConfig) -> bool:
    stream = config.benchmark_config
    for name in stream.named:
        source = stream.declared(name).source
        # Of a dataset that everybody brings the declaration says what copies are like.
        like = source.like if isinstance(source, OwnCopySource) else source
        if not isinstance(like, PrecomputedSource):
            return True
    return False


def _has_measured(folder: Path) -> bool:
    return any((folder / SEGMENTS).glob("*.csv"))

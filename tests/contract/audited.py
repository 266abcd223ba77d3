"""Which runs are audited: each strategy at least once, and label spaces, kinds of supervision and
families of backbones in turn, so that every kind of method meets all of them.

A mistake lies in a method or in what all methods share; that each strategy meets each label space
would find no more, for several times as many runs. `python tests/contract/coverage.py` counts.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

from contract.tables import STRATEGIES, small, written
from small_backbones import FAMILIES

from clvl_bench.core.errors import Mistake
from clvl_bench.inputs.kinds import QUESTION_INPUTS
from clvl_bench.methods.registry import adapters, plugins
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import run_config

SMALL = (
    'benchmark.zeroshot=["toy_shapes"]',
    "benchmark.valid_fraction=0.34",
    "train.epochs=1",
    "train.batch_size=6",
)
CLASSES = "benchmark.classes_per_experience=[4, 3, 3]"
STREAMS = {
    "dataset": ("toy_landcover", CLASSES),
    "seen": ("toy_landcover_seen", CLASSES),
    "all": ("toy_sensors", "benchmark.label_space=all"),
}
"""One small stream in each label space: classes arrive in the first two, another sensor in the
third."""
QUESTIONS = {space: ("toy_scans_vqa", f"benchmark.label_space={space}") for space in STREAMS}
"""The same for those who answer questions: types of questions arrive."""
TYPES = (
    'benchmark.questions.groups=[["presence", "finding"], ["count"], '
    '["side", "comparison", "modality"]]'
)
TOGETHER = (
    'benchmark.questions.groups=[["presence", "finding", "count", "side", "comparison", '
    '"modality"]]'
)
"""In three experiences, and in one."""
FEW = ("benchmark.supervision.kind=fraction", "benchmark.supervision.label_fraction=0.5")
SUPERVISED = {"full": (), "fraction": FEW}
"""Of experiences that come as a whole."""
LATE = (
    "benchmark.online.step_size=4",
    "benchmark.supervision.delay=2",
    "benchmark.supervision.label_fraction=0.8",
)
ONLINE = ("toy_online_few", CLASSES, *LATE)
ASKING_ONLINE = ("toy_scans_vqa_delay", 'benchmark.reference="toy_reference"', *LATE)
LABELS_COME = ("delay", "reward")
"""Of a stream in steps."""


@dataclass(frozen=True)
class Audited:
    """One run under the audits.

    Args:
        first: it is the strategy's first; what takes more runs is asked of it alone.
    """

    strategy: Path
    label_space: str = "dataset"
    supervision: str = "full"
    family: str = "tiny"
    first: bool = False

    def __str__(self) -> str:
        words = (self.strategy.stem, self.label_space, self.supervision, self.family)
        return "-".join(words)

    @property
    def config(self) -> RunConfig:
        """Named plainly: the names of all overrides are longer than a file's may be."""
        names = {"benchmark": "small", "strategy": self.strategy.stem}
        return self._config().model_copy(update=names)

    def _config(self) -> RunConfig:
        if self.supervision in LABELS_COME:
            return online_config(self.strategy, self.label_space, self.supervision)
        if self.family != "tiny":
            return family_config(self.strategy)
        return whole_config(self.strategy, self.label_space, self.supervision)


@cache
def answers(strategy: Path) -> bool:
    """Whether it answers questions."""
    (adapter,) = written(strategy, "adapter")
    return adapters()[adapter["kind"]].input_kind in QUESTION_INPUTS


def sizes(strategy: Path) -> list[str]:
    """Overrides that cut what is larger than a test can wait for."""
    (adapter,) = written(strategy, "adapter")
    cut = [f"adapter.{name}={size}" for name, size in small(adapter).items()]
    seen = [
        f"plugins.{plugin['kind']}.samples=4"  # whose gradients are taken one by one
        for plugin in written(strategy, "plugins")
        if "samples" in plugins()[plugin["kind"]].model_fields
    ]
    tables = written(strategy, "train")
    return [*cut, *seen, *("train.iterations=3" for train in tables if "iterations" in train)]


def whole_config(strategy: Path, space: str, supervision: str) -> RunConfig:
    """On the small stream of a label space, three experiences."""
    benchmark, override = (QUESTIONS if answers(strategy) else STREAMS)[space]
    overrides = [*SMALL, override, *SUPERVISED[supervision], *sizes(strategy)]
    if answers(strategy):  # several batches of an experience's few questions: their order counts
        overrides += [TYPES, "train.batch_size=3"]
    return run_config(benchmark, str(strategy), limit=30, overrides=overrides)


def family_config(strategy: Path) -> RunConfig:
    """One experience of all classes, or of all types of questions."""
    if answers(strategy):
        overrides = [*SMALL, TOGETHER, *sizes(strategy)]
        return run_config("toy_scans_vqa", str(strategy), limit=20, overrides=overrides)
    overrides = ["benchmark.classes_per_experience=[10]", *SMALL, *sizes(strategy)]
    (adapter,) = written(strategy, "adapter")
    if adapter["kind"] == "attriclip":  # three contexts before a name; some towers read 24 tokens
        overrides.append("adapter.context_length=1")
    return run_config("toy_landcover", str(strategy), limit=20, overrides=overrides)


def online_config(strategy: Path, space: str, supervision: str, *overrides: str) -> RunConfig:
    """On a stream in steps of four.

    Raises:
        Mistake: the strategy learns from no stream.
    """
    (adapter,) = written(strategy, "adapter")
    benchmark, *stream = ASKING_ONLINE if answers(strategy) else ONLINE
    stream += [f"benchmark.label_space={space}", f"benchmark.supervision.kind={supervision}"]
    seen = [] if adapter["kind"] == "none" else ["train.classes=seen"]
    whole = [*SMALL, *stream, *sizes(strategy), *seen, *overrides]
    return run_config(benchmark, str(strategy), limit=60, overrides=whole)


@cache
def kinds_of(strategy: Path) -> tuple[str, ...]:
    """The kinds of its adapter and plugins."""
    tables = [*written(strategy, "adapter"), *written(strategy, "plugins")]
    return tuple(table["kind"] for table in tables)


def adapter_of(strategy: Path) -> tuple[str, ...]:
    return kinds_of(strategy)[:1]


@dataclass
class Rotation:
    """Values that strategies take in turn."""

    values: Sequence[str]
    met: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    taken: Counter[str] = field(default_factory=Counter)

    def next_for(self, kinds: Iterable[str]) -> str:
        """The value that most of these kinds have not met; of several the one taken least."""

        def wanted(value: str) -> tuple[int, int]:
            return sum(value not in self.met[kind] for kind in kinds), -self.taken[value]

        value = max(self.values, key=wanted)
        self.take(kinds, value)
        return value

    def lacks(self, kinds: Iterable[str], value: str) -> bool:
        return any(value not in self.met[kind] for kind in kinds)

    def take(self, kinds: Iterable[str], value: str) -> None:
        self.taken[value] += 1
        for kind in kinds:
            self.met[kind].add(value)


def rotated(
    strategies: Sequence[Path], values: Sequence[str], *, of: Callable[[Path], tuple[str, ...]]
) -> list[tuple[Path, str]]:
    """Each strategy with a value; then again, until each of the kinds has met all values."""
    rotation = Rotation(values)
    pairs = [(path, rotation.next_for(of(path))) for path in strategies]
    for path in strategies:
        for value in values:
            if rotation.lacks(of(path), value):
                rotation.take(of(path), value)
                pairs.append((path, value))
    return pairs


def learns_from_a_stream(strategy: Path) -> bool:
    """Whether it does; test_protocol.py has what the others say."""
    try:
        online_config(strategy, "seen", "delay")
    except Mistake:
        return False
    return True


NEED_ONLINE = {kind for kind, config in plugins().items() if config.needs_online}
WHOLE = [path for path in STRATEGIES if not NEED_ONLINE & set(kinds_of(path))]
"""Strategies that learn from experiences that come as a whole."""
STREAMING = [path for path in STRATEGIES if learns_from_a_stream(path)]
"""Strategies that learn from a stream in steps."""


def whole_runs() -> list[Audited]:
    """Every strategy; every kind of adapter and plugin in every label space, with all labels and
    with a few.
    """
    few = dict(rotated(WHOLE, list(SUPERVISED), of=kinds_of)[: len(WHOLE)])
    runs = []
    for number, (path, space) in enumerate(rotated(WHOLE, list(STREAMS), of=kinds_of)):
        first = number < len(WHOLE)
        others = [name for name in SUPERVISED if name != few[path]]
        runs.append(Audited(path, space, few[path] if first else others[0], first=first))
    return runs


def family_runs() -> list[Audited]:
    """Every strategy; every kind of adapter on every family of backbones.

    Plugins do not look into towers: each meets the families of the strategies that it is in.
    """
    pairs = rotated(WHOLE, list(FAMILIES), of=adapter_of)
    return [Audited(path, family=family) for path, family in pairs]


def online_runs() -> list[Audited]:
    """Every strategy that learns from a stream; every kind in it with late labels and with rewards,
    and in every label space if it meets no other benchmarks.
    """
    spaces = Rotation(list(STREAMS))
    runs = []
    for path, supervision in rotated(STREAMING, LABELS_COME, of=kinds_of):
        runs.append(Audited(path, spaces.next_for(kinds_of(path)), supervision))
    for path, space in product(STREAMING, STREAMS):
        alone = NEED_ONLINE.intersection(kinds_of(path))
        if spaces.lacks(alone, space):
            spaces.take(alone, space)
            runs.append(Audited(path, space, LABELS_COME[len(runs) % 2]))
    return runs

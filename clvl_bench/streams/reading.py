"""Samples: every sample of a benchmark under one id, which counts through the splits that were
read, in their order.
"""

from collections.abc import Sequence

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.reading import is_here, read_split
from clvl_bench.data.readers.split import Split
from clvl_bench.data.readers.vqa.reading import read_questions
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.duplicates import drop_duplicates
from clvl_bench.streams.split_slice import SplitSlice


def read_parts(config: BenchmarkConfig, *, limit: int | None = None) -> tuple[SplitSlice, ...]:
    """All splits that a benchmark reads, in its order.

    Raises:
        Missing, Mistake, Damage: as `readers.read`; where several datasets are not here, one line
        about all of them.
    """
    _refuse_absent(config)
    found = {
        (name, split): _read(config.declared(name), split, config) for name, split in config.splits
    }
    parts: list[SplitSlice] = []
    start = 0
    for (name, split), data in found.items():
        dataset, train = config.declared(name), found.get((name, "train"))
        if (
            isinstance(dataset, ImageDataset)
            and isinstance(data, Split)
            and isinstance(train, Split)
            and split == "test"
        ):
            data = drop_duplicates(dataset, data, train)
        if limit is not None:
            data = data.first(
                limit, len(dataset.classes) if isinstance(dataset, ImageDataset) else 0
            )
        parts.append(SplitSlice(dataset, split, data, start))
        start += len(data)
    return tuple(parts)


def _refuse_absent(config: BenchmarkConfig) -> None:
    absent = [declared for name in config.named if not is_here(declared := config.declared(name))]
    if len(absent) < 2:  # of one its reader says more
        return
    to_fetch = [each.name for each in absent if isinstance(each.source, HubSource)]
    own = [each.name for each in absent if not isinstance(each.source, HubSource)]
    ways = (
        [f"where there is network, run: clvl-bench fetch {' '.join(to_fetch)}"] if to_fetch else []
    )
    if own:
        table = f"[dataset.{own[0]}]"
        ways.insert(
            0,
            f"get copies of {', '.join(own)} and name each in datasets.toml, in a table such as "
            f"{table}",
        )
    raise Missing(
        f"{len(absent)} datasets of this benchmark are not on this machine; {'; '.join(ways)}"
    )


def captions_of(dataset: ImageDataset | VqaDataset) -> tuple[str, ...]:
    """The sentences that a dataset declares beside its images, none where it declares no file of
    them.

    Raises:
        Damage: the file is not text.
    """
    if isinstance(dataset, VqaDataset) or dataset.captions is None:
        return ()
    try:
        lines = dataset.captions.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Damage(
            f"dataset.{dataset.name}.captions: {dataset.captions} cannot be read as text ({error})"
        ) from None
    return tuple(sentence for line in lines if (sentence := line.partition("\t")[0].strip()))


def _read(
    dataset: ImageDataset | VqaDataset, split: str, config: BenchmarkConfig
) -> Split | QuestionSplit:
    if isinstance(dataset, ImageDataset):
        return read_split(dataset, split)
    assert config.questions is not None
    partition = (
        config.questions.split if config.questions.split in dataset.partitions else "official"
    )
    return read_questions(dataset, split, partition=partition)


def of(parts: Sequence[SplitSlice], name: str, split: str) -> SplitSlice:
    return next(part for part in parts if part.dataset.name == name and part.split == split)

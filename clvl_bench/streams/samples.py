"""Samples: every sample of a benchmark under one id, which counts through the splits that were read, in their order."""

from collections.abc import Sequence

from clvl_bench.config import BenchmarkConfig
from clvl_bench.datasets import ImageDataset, VqaDataset
from clvl_bench.errors import Damage
from clvl_bench.readers import Split, read
from clvl_bench.readers.question_split import QuestionSplit
from clvl_bench.readers.vqa import read_questions
from clvl_bench.streams.duplicates import settled
from clvl_bench.streams.part import Part


def read_parts(config: BenchmarkConfig, *, limit: int | None = None) -> tuple[Part, ...]:
    """All splits that a benchmark reads, in its order.

    Raises:
        Missing, Mistake, Damage: as `readers.read`.
    """
    found = {(name, split): _read(config.declared(name), split, config) for name, split in config.splits}
    parts: list[Part] = []
    start = 0
    for (name, split), data in found.items():
        dataset, train = config.declared(name), found.get((name, "train"))
        if isinstance(dataset, ImageDataset) and isinstance(data, Split) and isinstance(train, Split) and split == "test":
            data = settled(dataset, data, train)
        if limit is not None:
            data = data.first(limit, len(dataset.classes) if isinstance(dataset, ImageDataset) else 0)
        parts.append(Part(dataset, split, data, start))
        start += len(data)
    return tuple(parts)


def captions_of(dataset: ImageDataset | VqaDataset) -> tuple[str, ...]:
    """The sentences that a dataset declares beside its images, none where it declares no file of them.

    Raises:
        Damage: the file is not text.
    """
    if isinstance(dataset, VqaDataset) or dataset.captions is None:
        return ()
    try:
        lines = dataset.captions.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Damage(f"dataset.{dataset.name}.captions: {dataset.captions} cannot be read as text ({error})") from None
    return tuple(sentence for line in lines if (sentence := line.partition("\t")[0].strip()))


def _read(dataset: ImageDataset | VqaDataset, split: str, config: BenchmarkConfig) -> Split | QuestionSplit:
    if isinstance(dataset, ImageDataset):
        return read(dataset, split)
    assert config.questions is not None
    partition = config.questions.split if config.questions.split in dataset.partitions else "official"
    return read_questions(dataset, split, partition=partition)


def of(parts: Sequence[Part], name: str, split: str) -> Part:
    return next(part for part in parts if part.dataset.name == name and part.split == split)

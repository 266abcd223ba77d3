"""Reading: all splits of a benchmark, with one id for every sample."""

from collections.abc import Sequence

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.core.files import read_text
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.listing import NAMES
from clvl_bench.data.catalog.sources import HubSource
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import QuestionHubSource
from clvl_bench.data.readers.hub_card import how_to_download
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.reading import is_here, read_split
from clvl_bench.data.readers.split import Split
from clvl_bench.data.readers.vqa.reading import read_questions
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.duplicates import drop_duplicates
from clvl_bench.streams.split_slice import SplitSlice


def read_slices(config: BenchmarkConfig, *, limit: int | None = None) -> tuple[SplitSlice, ...]:
    """All splits that a benchmark reads, in its order.

    Raises:
        Missing, Mistake, Damage: as `read_split`; where several datasets are missing, one line
            about all of them.
    """
    _refuse_missing(config)
    slices: list[SplitSlice] = []
    # Sample ids count on from split to split: no two samples of a benchmark share an id, and
    # labels, tasks and inputs of all of them are single arrays.
    next_id = 0
    train_splits: dict[str, Split] = {}
    for name, split in config.splits:
        dataset = config.declared(name)
        data = _read(dataset, split, config)
        if isinstance(dataset, ImageDataset) and isinstance(data, Split):
            if split == "train":
                train_splits[name] = data
            elif name in train_splits:
                data = drop_duplicates(dataset, data, train_splits[name])
        if limit is not None:
            n_classes = len(dataset.classes) if isinstance(dataset, ImageDataset) else 0
            data = data.first(limit, n_classes)
        slices.append(SplitSlice(dataset, split, data, next_id))
        next_id += len(data)
    return tuple(slices)


def find_slice(slices: Sequence[SplitSlice], name: str, split: str) -> SplitSlice:
    """The slice of a dataset's split."""
    return next(each for each in slices if each.dataset.name == name and each.split == split)


def _refuse_missing(config: BenchmarkConfig) -> None:
    declared = [config.declared(name) for name in config.named]
    missing = [dataset for dataset in declared if not is_here(dataset)]
    if len(missing) < 2:  # about a single one its reader says more
        return
    to_fetch = []
    to_copy = []
    ways = []
    for each in missing:
        if isinstance(each.source, HubSource) and each.name in NAMES:
            to_fetch.append(each.name)
        elif isinstance(each.source, HubSource | QuestionHubSource):
            ways.append(how_to_download(each.source))
        else:
            to_copy.append(each.name)
    if to_copy:
        ways.append(
            f"get copies of {', '.join(to_copy)} and name each in datasets.toml, in a table such "
            f"as [dataset.{to_copy[0]}]"
        )
    if to_fetch:
        ways.append(f"where there is network, run: clvl-bench fetch {' '.join(to_fetch)}")
    raise Missing(
        f"{len(missing)} datasets of this benchmark are not on this machine; {'; '.join(ways)}"
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
        lines = read_text(dataset.captions).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Damage(
            f"dataset.{dataset.name}.captions: {dataset.captions} cannot be read as text ({error})"
        ) from None
    sentences = [line.partition("\t")[0].strip() for line in lines]
    return tuple(filter(None, sentences))


def _read(
    dataset: ImageDataset | VqaDataset, split: str, config: BenchmarkConfig
) -> Split | QuestionSplit:
    if isinstance(dataset, ImageDataset):
        return read_split(dataset, split)
    assert config.questions is not None
    # A held-out dataset may know only the official split.
    wanted = config.questions.split
    partition = wanted if wanted in dataset.partitions else "official"
    return read_questions(dataset, split, partition=partition)

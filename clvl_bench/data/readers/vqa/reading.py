"""Readers of questions: any published layout -> a `QuestionSplit`. The module named after a
source's `kind` reads it.
"""

from importlib import import_module

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.question_split import QuestionSplit


def read_questions(
    dataset: VqaDataset, split: str, *, partition: str = "official"
) -> QuestionSplit:
    """One part (train or test) of a named split of a dataset of questions, in canonical order.

    Raises:
        Missing: it is not on this machine.
        Damage: files cannot be read, or their number is not the published one.
        Mistake: the layout has no such part.
    """
    source = dataset.source
    if getattr(source, "path", "") is None:
        raise Missing(
            f"{dataset.name}: {dataset.title} has no pinned download; get a copy from its "
            f"publishers and name it in datasets.toml or the benchmark file: "
            f'[dataset.{dataset.name}] source = {{ path = "{dataset.name}" }}'
        )
    reader = import_module(f"clvl_bench.data.readers.vqa.{source.kind}")
    data: QuestionSplit = reader.read(dataset, split, partition)
    published = dataset.partitions[partition].get(split)
    count = len(data) + data.skipped + data.unanswered
    if published is not None and count != published:
        raise Damage(
            f"{dataset.name}: {split} of its split {partition} has {count} "
            f"questions, published are {published}; where yours is another on purpose, set "
            f"partitions.{partition} = {{}} in [dataset.{dataset.name}]"
        )
    return data

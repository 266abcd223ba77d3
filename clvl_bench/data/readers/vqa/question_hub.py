"""Questions of a hub repository at a pinned commit, from the local hub cache, as its card says."""

from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import QuestionHubSource
from clvl_bench.data.readers.hub import place_of, snapshot
from clvl_bench.data.readers.hub_card import refuse_absent, split_of
from clvl_bench.data.readers.npz import split_names
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.tables import reading
from clvl_bench.data.readers.vqa.question_rows import questions_of


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """One split.

    Raises:
        Missing: the repository is not in the hub cache; says how to get it.
        Mistake, Damage: as `split_of` and `questions_of`.
    """
    source = dataset.source
    assert isinstance(source, QuestionHubSource)
    where = f"dataset.{dataset.name}.source"
    name = split_names(dataset.name, source.splits, split)
    refuse_absent(where, source)
    found = split_of(where, snapshot(source), source.configuration, name).tables
    with reading(dataset.name, found.files, again="download it again"):
        return questions_of(
            dataset, found, source.columns, place_of(where, source), policy=source.on_damage
        )

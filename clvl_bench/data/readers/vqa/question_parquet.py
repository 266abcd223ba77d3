"""The hub's layout of VQA datasets: parquet files with the columns image, question and answer
(VQA-RAD, PathVQA, SLAKE).
"""

from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import QuestionColumns, QuestionParquetSource
from clvl_bench.data.readers.cells import Place
from clvl_bench.data.readers.npz import split_names
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.table import matching
from clvl_bench.data.readers.tables import ParquetTables, reading
from clvl_bench.data.readers.vqa.question_rows import questions_of

SLAKE_COLUMNS = {"type": "content_type", "organ": "location", "modality": "modality"}
"""What the hub's SLAKE calls the properties of a question."""


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """One split.

    Raises:
        Missing: no file has the name that its pattern asks for.
        Mistake: a column is not there.
        Damage: a file or an image cannot be read.
    """
    source = dataset.source
    assert isinstance(source, QuestionParquetSource)
    assert source.path is not None
    where = f"dataset.{dataset.name}.source"
    pattern = split_names(dataset.name, source.files, split, field="files")
    files = matching(where, source.path, pattern, split)
    place = Place(where, source.path, source.path)
    with reading(dataset.name, files, again="get it again"):
        found = ParquetTables(tuple(files))
        present = found.names()
        named = {field: name for field, name in SLAKE_COLUMNS.items() if name in present}
        columns = QuestionColumns(**named)
        return questions_of(dataset, found, columns, place, policy=source.on_damage)

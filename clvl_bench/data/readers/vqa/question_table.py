"""Questions of one's own: a row a question, in JSON, JSON lines, CSV or parquet, and a folder of
images.
"""

from clvl_bench.core.errors import Missing, Mistake, unknown
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import QuestionTableSource
from clvl_bench.data.readers.cells import Place
from clvl_bench.data.readers.npz import split_names
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.split_file import SPLIT_NAMES
from clvl_bench.data.readers.table import matching
from clvl_bench.data.readers.tables import reading, tables
from clvl_bench.data.readers.vqa.question_rows import Row, questions_of


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """One split: the rows of its files, or those whose column `split` says so.

    Raises:
        Missing: a file, or the folder of images, is not there.
        Mistake: a column is not there, or says a split that there is not.
        Damage: a file or an image cannot be read.
    """
    source = dataset.source
    assert isinstance(source, QuestionTableSource)
    assert source.path is not None
    where = f"dataset.{dataset.name}.source"
    if isinstance(source.files, str):
        pattern = source.files
    else:
        pattern = split_names(dataset.name, source.files, split, field="files")
    files = matching(where, source.path, pattern, split)
    folder = source.path / source.images
    if not folder.is_dir():
        raise Missing(
            f"{where}.images: '{folder}' is no folder; name the one that paths of images count from"
        )
    place = Place(where, folder, source.path)

    def belongs(row: Row) -> bool:
        return source.columns.split is None or _split(where, row[source.columns.split]) == split

    with reading(dataset.name, files, again="make it again"):
        return questions_of(
            dataset,
            tables(files),
            source.columns,
            place,
            policy=source.on_damage,
            belongs=belongs,
        )


def _split(where: str, written: object) -> str:
    """The split that a cell says, by one of its usual names."""
    name = str(written).strip().lower()
    for split, names in SPLIT_NAMES.items():
        if name in names:
            return split
    allowed = [each for names in SPLIT_NAMES.values() for each in names]
    raise Mistake(f"{where}.columns.split: {unknown('split', written, allowed)}")

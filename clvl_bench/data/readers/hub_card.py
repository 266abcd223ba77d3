"""Hub card: which files of a repository are a split of a configuration, as its card says or as the
hub's conventions have it. The library `datasets` knows both, and reads what is no parquet.

Nothing of a repository is executed: the library has no loading scripts any more, and formats that
hold objects of Python are refused. Nothing is downloaded: what a card may name lies beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.errors import Damage, Missing, Mistake, near_match, unknown
from clvl_bench.core.files import read_text
from clvl_bench.data.catalog.sources import HubSource
from clvl_bench.data.catalog.vqa_sources import QuestionHubSource
from clvl_bench.data.readers.tables import ArrowTables, ParquetTables, Tables

FORMATS = ("parquet", "csv", "json", "imagefolder", "arrow")
"""What the library may take files for. Others are no tables with images, or hold more than data."""
CARD = "README.md"
STANDALONE = ".huggingface.yaml"


@dataclass(frozen=True)
class HubSplit:
    """The tables of a split, and what the card says of their columns."""

    tables: Tables
    features: Any

    def class_names(self, column: str) -> list[str] | None:
        """The names of the classes that a column numbers; None where nothing says them."""
        names: list[str] | None = getattr((self.features or {}).get(column), "names", None)
        return names


def refuse_absent(where: str, source: HubSource | QuestionHubSource) -> None:
    """Tell a repository that is not here from one that is misspelt.

    Raises:
        Missing: says what is here, and how to get what is not.
    """
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    cache = Path(HF_HUB_CACHE)
    repository = cache / repo_folder_name(repo_id=source.repository, repo_type="dataset")
    if (repository / "snapshots" / source.revision).is_dir():
        return
    get = how_to_download(source)
    commits = sorted(folder.name for folder in repository.glob("snapshots/*"))
    if commits:
        raise Missing(
            f"{where}.revision: {source.repository} is here at {', '.join(commits)}, not at "
            f"{source.revision}; name that commit, or {get}"
        )
    here = [folder.name for folder in cache.glob("datasets--*")]
    names = [name.removeprefix("datasets--").replace("--", "/") for name in here]
    raise Missing(
        f"{where}.repository: {source.repository} is not on this machine; "
        f"{near_match(source.repository, names)}{get}"
    )


def how_to_download(source: HubSource | QuestionHubSource) -> str:
    """What to type to get a repository at its commit."""
    return (
        f"where there is network, run: hf download {source.repository} --repo-type dataset "
        f"--revision {source.revision}"
    )


def split_of(where: str, folder: Path, configuration: str | None, split: str) -> HubSplit:
    """A split of a configuration of the repository that lies in a folder.

    Raises:
        Mistake: there is no such configuration or split, or it is in a format that is not read.
        Damage: the card or a file cannot be read, or names what lies elsewhere.
    """
    _refuse_strange_card(where, folder)
    import datasets
    from datasets.exceptions import DatasetsError

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        chosen = _configuration(where, str(folder), configuration)
        builder = _builder(folder, chosen)
        format_ = type(builder).__module__.rpartition(".")[2]
        if format_ not in FORMATS:
            raise Mistake(
                f"{where}.repository: holds {format_}, which is not read; allowed: "
                f"{', '.join(FORMATS)}"
            )
        files = builder.config.data_files or {}
        if split not in files:
            raise Mistake(f"{where}.splits: {unknown('split', split, files)}")
        paths = tuple(Path(file) for file in files[split])
        for path in paths:
            if not path.is_relative_to(folder.resolve()) and not path.is_relative_to(folder):
                raise Damage(f"{where}: its card names '{path}', which lies elsewhere")
        if format_ == "parquet":
            return HubSplit(ParquetTables(paths), builder.info.features)
        if format_ == "csv":
            # A data frame reads the words NA and None as nothing.
            builder = _builder(folder, chosen, keep_default_na=False)
        builder.download_and_prepare()
        data = builder.as_dataset(split)
    except (DatasetsError, ValueError, OSError, RuntimeError) as error:
        why = str(error.__cause__ or error).splitlines()[0]
        raise Damage(f"{where}: {folder} cannot be read by its card ({why})") from None
    return HubSplit(ArrowTables(data.data.table, paths), data.features)


def _configuration(where: str, folder: str, wanted: str | None) -> str:
    import datasets

    names = datasets.get_dataset_config_names(folder)
    default = datasets.get_dataset_default_config_name(folder)
    if wanted is None and default is None:
        raise Mistake(
            f"{where}.configuration: is missing, and the repository has several: {', '.join(names)}"
        )
    chosen = wanted or default
    if chosen not in names:
        raise Mistake(f"{where}.configuration: {unknown('configuration', chosen, names)}")
    return str(chosen)


def _builder(folder: Path, configuration: str, **options: object) -> Any:
    """The library's reader. Copies that it makes lie in the suite's cache."""
    import datasets

    cache = str(cache_dir() / "datasets")
    return datasets.load_dataset_builder(
        str(folder), configuration, cache_dir=cache, token=False, **options
    )


def _refuse_strange_card(where: str, folder: Path) -> None:
    """Raises:
    Damage: the card, which is a stranger's, names files outside its folder or on a network; or
        cannot be read.
    """
    import yaml

    for name in (CARD, STANDALONE):
        if not (folder / name).is_file():
            continue
        try:
            text = read_text(folder / name)
            head = text.split("\n---")[0].removeprefix("---") if name == CARD else text
            said = yaml.safe_load(head) if name != CARD or text.startswith("---") else {}
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            why = str(error).splitlines()[0]
            raise Damage(f"{where}: {folder / name} cannot be read ({why})") from None
        configurations = said.get("configs") if isinstance(said, dict) else None
        for pattern in _texts(configurations):
            if "://" in pattern or "::" in pattern or _leaves(pattern):
                raise Damage(f"{where}: its {name} names '{pattern}', which lies elsewhere")


def _leaves(pattern: str) -> bool:
    path = PurePosixPath(pattern)
    return path.is_absolute() or ".." in path.parts or pattern.startswith("~")


def _texts(value: Any) -> Iterator[str]:
    """All texts in nested lists and tables."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)

"""Prompts used: which class names and templates the zero-shot numbers of a table are of, and who
published them.
"""

from collections.abc import Sequence

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.prompts import OWN, SOURCES
from clvl_bench.streams.config import BenchmarkConfig


def prompts_note(stream: BenchmarkConfig) -> str:
    """A sentence on the prompts of all image datasets that a benchmark tests on; nothing where it
    has none.

    Example:
        >>> from clvl_bench.runs.files import load
        >>> prompts_note(load("benchmark", "eurosat_mteb"))
        'Prompts: eurosat: names and template of the set mteb (MTEB, mteb/tasks/Image/ZeroShotClassification), as "a centered satellite photo of annual crop land.".'
    """  # noqa: E501
    tested = dict.fromkeys((*stream.datasets, *stream.zeroshot))
    told = [(name, stream.declared(name)) for name in tested]
    parts = [_of(name, each) for name, each in told if isinstance(each, ImageDataset)]
    return f"Prompts: {'; '.join(parts)}." if parts else ""


def _of(name: str, dataset: ImageDataset) -> str:
    known = _templates(dataset.templates)
    example = f'as "{dataset.templates[0].format(dataset.classes[0])}"'
    if dataset.prompts == OWN:
        return f"{name}: names and {known} of its declaration, {example}"
    source = SOURCES[dataset.prompts]
    return f"{name}: names and {known} of the set {dataset.prompts} ({source}), {example}"


def _templates(templates: Sequence[str]) -> str:
    return "template" if len(templates) == 1 else f"the mean of {len(templates)} templates"

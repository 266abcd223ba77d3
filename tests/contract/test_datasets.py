"""Every declaration says what must be known before anything of a dataset is read."""

import re

import pytest

from clvl_bench.datasets import DATASETS, HubSource, ToySource
from clvl_bench.worlds import WORLDS

pytestmark = pytest.mark.parametrize("dataset", DATASETS, ids=[dataset.name for dataset in DATASETS])


def test_class_names_are_there_and_unique(dataset):
    assert len(dataset.classes) > 1
    assert len({name.casefold() for name in dataset.classes}) == len(dataset.classes)
    assert all(name == name.strip() != "" for name in dataset.classes)


def test_there_is_one_label_a_class(dataset):
    if isinstance(dataset.source, ToySource):
        painted = WORLDS[dataset.source.world].classes  # labels are numbers in this order
        assert all(name in shown for name, shown in zip(painted, dataset.classes, strict=True))
    else:
        assert len(dataset.labels) == len(dataset.classes)
        assert len(set(dataset.labels)) == len(dataset.labels)


def test_templates_hold_the_class_name_once(dataset):
    assert dataset.templates
    assert len(set(dataset.templates)) == len(dataset.templates)
    assert all(template.count("{}") == 1 for template in dataset.templates)
    assert all(template.replace("{}", "").isascii() and "{" not in template.replace("{}", "") for template in dataset.templates)


def test_the_published_size_of_every_split_is_declared(dataset):
    source = dataset.source
    files = source.files if isinstance(source, HubSource) else source.parts
    assert set(dataset.splits) == set(files)
    assert set(dataset.splits) & {"train", "test"}
    assert all(size > 0 for size in dataset.splits.values())


def test_the_data_are_pinned(dataset):
    source = dataset.source
    if isinstance(source, HubSource):
        assert re.fullmatch("[0-9a-f]{40}", source.revision)
    else:
        assert all(re.fullmatch("[0-9a-f]{64}", part.sha256) for part in source.parts.values())


def test_licence_citation_title_and_domain_are_given(dataset):
    assert {"licence", "citation", "title", "domain"} <= dataset.model_fields_set
    assert all(text.strip() for text in (dataset.licence, dataset.citation, dataset.title))
    assert dataset.domain != "unknown"


def test_toys_are_called_toys(dataset):
    toy = isinstance(dataset.source, ToySource)
    assert (dataset.domain == "toy") == dataset.name.startswith("toy_") == dataset.title.startswith("toy: ") == toy

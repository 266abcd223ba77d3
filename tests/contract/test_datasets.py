"""Every declaration says what must be known before anything of a dataset is read, and says what is
published.
"""

import re

import pytest

from clvl_bench.data.catalog.listing import DATASETS, find
from clvl_bench.data.catalog.prompts import OWN, aliases, names, prompts_of, read_set
from clvl_bench.data.catalog.sources import HubSource, OwnCopySource, ToySource
from clvl_bench.data.toy.index import WORLDS

# Classes, and the sizes of train, valid and test, or the size of all where the authors published no
# split: written a second time as the field cites them, not copied from the declarations. MedMNIST's
# were compared with the table in its own package.
Sizes = tuple[int | None, int | None, int | None] | int | None
PUBLISHED: dict[str, tuple[int, Sizes]] = {
    "toy_landcover": (10, (1600, None, 400)),
    "toy_infrared": (10, (1600, None, 400)),
    "toy_scans": (6, (600, None, 300)),
    "toy_postcards": (16, (None, None, 320)),
    "toy_reference": (16, (800, None, None)),
    "toy_shapes": (20, (None, None, 200)),
    "eurosat": (10, (16200, 5400, 5400)),
    "eurosat_spatial": (10, (16200, 5400, 5400)),
    "eurosat_coop": (10, (13500, 5400, 8100)),
    "eurosat_zscl": (10, (21600, None, 5400)),
    "resisc45": (45, (18900, 6300, 6300)),
    "uc_merced": (21, 21 * 100),
    "aid": (30, 10000),
    "rsscn7": (7, 7 * 400),
    "patternnet": (38, 38 * 800),
    "whu_rs19_images": (19, 1005),
    "geobench_eurosat": (10, (2000, 1000, 1000)),
    "geobench_so2sat": (17, (19992, 986, 986)),
    "geobench_forestnet": (12, (6464, 989, 993)),
    "geobench_brick_kiln": (2, (15063, 999, 999)),
    "geobench_pv4ger": (2, (11814, 999, 999)),
    "optimal31": (31, None),
    "rs_c11": (11, None),
    "rsi_cb128": (45, None),
    "rsi_cb256": (35, 24747),
    "mlrsnet": (46, 109161),
    "whu_rs19": (19, 1005),
    "whu_rs19_whole": (19, 1005),
    "pathmnist": (9, (89996, 10004, 7180)),
    "bloodmnist": (8, (11959, 1712, 3421)),
    "dermamnist": (7, (7007, 1003, 2005)),
    "pneumoniamnist": (2, (4708, 524, 624)),
    "octmnist": (4, (97477, 10832, 1000)),
    "breastmnist": (2, (546, 78, 156)),
    "retinamnist": (5, (1080, 120, 400)),
    "tissuemnist": (8, (165466, 23640, 47280)),
    "organamnist": (11, (34561, 6491, 17778)),
    "organcmnist": (11, (12975, 2392, 8216)),
    "organsmnist": (11, (13932, 2452, 8827)),
    "isic2018": (7, 10015),
    "isic2019": (8, 25331),
    "patch_camelyon": (2, (262144, 32768, 32768)),
    "cifar10": (10, (50000, None, 10000)),
    "cifar100": (100, (50000, None, 10000)),
    "aircraft": (100, (3334, 3333, 3333)),
    "caltech101": (101, 8677),
    "caltech101_zscl": (101, (6941, None, 1736)),
    "dtd": (47, (1880, 1880, 1880)),
    "flowers102": (102, (1020, 1020, 6149)),
    "food101": (101, (75750, None, 25250)),
    "mnist": (10, (60000, None, 10000)),
    "oxford_pets": (37, (3680, None, 3669)),
    "stanford_cars": (196, (8144, None, 8041)),
    "sun397": (397, 108754),
    "imagenet": (1000, (1281167, None, 50000)),
    # PROOF's samples and the lists of CORe50, DomainNet and CDDB: nobody states sizes.
    "proof_aircraft": (100, None),
    "proof_cars": (100, None),
    "proof_cub": (200, None),
    "proof_food101": (100, None),
    "proof_imagenet_r": (200, None),
    "proof_objectnet": (200, None),
    "proof_sun": (300, None),
    "proof_ucf101": (100, None),
    **{f"core50_{batch}": (50, None) for batch in range(1, 9)},
    "domainnet_clipart": (345, None),
    "domainnet_infograph": (345, None),
    "domainnet_painting": (345, None),
    "domainnet_quickdraw": (345, None),
    "domainnet_real": (345, None),
    "domainnet_sketch": (345, None),
    "cddb_gaugan": (2, None),
    "cddb_biggan": (2, None),
    "cddb_wild": (2, None),
    "cddb_whichfaceisreal": (2, None),
    "cddb_san": (2, None),
}

pytestmark = pytest.mark.parametrize(
    "dataset", DATASETS, ids=[dataset.name for dataset in DATASETS]
)


def test_classes_and_sizes_are_the_published_ones(dataset):
    classes, sizes = PUBLISHED[dataset.name]
    assert len(dataset.classes) == classes
    if isinstance(sizes, int):
        assert (dataset.samples, dataset.splits) == (sizes, {})
    elif sizes is None:
        assert (dataset.samples, dataset.splits) == (None, {})
    else:
        named = zip(("train", "valid", "test"), sizes, strict=True)
        assert dataset.splits == {split: size for split, size in named if size is not None}
        assert dataset.samples is None


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
        assert len({re.sub("[^a-z0-9]", "", label.lower()) for label in dataset.labels}) == len(
            dataset.labels
        )


def test_templates_hold_the_class_name_once(dataset):
    assert dataset.templates
    assert len(set(dataset.templates)) == len(dataset.templates)
    assert all(template.count("{}") == 1 for template in dataset.templates)
    assert all(
        template.replace("{}", "").isascii() and "{" not in template.replace("{}", "")
        for template in dataset.templates
    )


JOINED_LATER = {"rs_106", "unimed"}
"""Sets with datasets that had words of the suite's own: those that were recorded stay."""


def test_prompts_are_those_of_the_set_that_is_named(dataset):
    if dataset.prompts == OWN:
        others = set(names()) - JOINED_LATER
        assert not any(dataset.known_as in read_set(name) for name in others)
    else:
        published = prompts_of(dataset.prompts, dataset.known_as)
        assert dataset.labels == tuple(published.classes)
        assert dataset.classes == tuple(published.classes.values())
        assert dataset.templates == published.templates


def test_every_set_counts_the_classes_of_a_dataset_alike(dataset):
    assert all(tuple(names) == dataset.labels for names in aliases(dataset.known_as))


def test_no_name_in_any_set_stands_for_two_classes(dataset):
    tables = [dict(zip(dataset.labels, dataset.labels, strict=True)), *aliases(dataset.known_as)]
    meanings: dict[str, set[str]] = {}
    for label, name in [entry for table in tables for entry in table.items()]:
        meanings.setdefault(re.sub("[^a-z0-9]", "", name.lower()), set()).add(label)
    assert [name for name, labels in meanings.items() if len(labels) > 1] == []


def test_every_split_is_in_the_source(dataset):
    source = dataset.source.like if isinstance(dataset.source, OwnCopySource) else dataset.source
    named = [
        getattr(source, field) for field in ("files", "parts", "splits") if hasattr(source, field)
    ]
    assert all(set(table) >= set(dataset.splits) for table in named)


def test_the_data_are_pinned_or_the_users_own(dataset):
    source = dataset.source
    if isinstance(source, HubSource):
        assert re.fullmatch("[0-9a-f]{40}", source.revision)
    elif isinstance(source, ToySource):
        assert all(re.fullmatch("[0-9a-f]{64}", part.sha256) for part in source.parts.values())
    else:
        assert isinstance(source, OwnCopySource)
        assert not source.like.path.is_absolute()


def test_licence_citation_title_and_domain_are_given(dataset):
    assert {"licence", "citation", "title", "domain"} <= dataset.model_fields_set
    assert all(text.strip() for text in (dataset.licence, dataset.citation, dataset.title))
    assert dataset.domain != "unknown"


def test_toys_are_called_toys(dataset):
    toy = isinstance(dataset.source, ToySource)
    assert (
        (dataset.domain == "toy")
        == dataset.name.startswith("toy_")
        == dataset.title.startswith("toy: ")
        == toy
    )


def test_a_variant_is_of_a_declared_dataset_and_has_its_classes(dataset):
    if dataset.variant_of is not None:
        assert find(dataset.variant_of).labels == dataset.labels
        assert dataset.name.startswith(f"{dataset.variant_of}_")

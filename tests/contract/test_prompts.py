"""Prompt sets are what was published: compared with the files of their publishers where those are
here.
"""

import gzip
import json
import re

import pytest

from clvl_bench.data.catalog.listing import DATASETS, find
from clvl_bench.data.catalog.prompts import SOURCES, names, prompts_of, read_set
from clvl_bench.data.catalog.proof import PROOF
from clvl_bench.data.readers.class_names import known_names

OPENAI = {
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "eurosat": "EuroSAT",
    "resisc45": "RESISC45",
    "aircraft": "FGVCAircraft",
    "caltech101": "Caltech101",
    "dtd": "DescribableTextures",
    "flowers102": "Flowers102",
    "food101": "Food101",
    "mnist": "MNIST",
    "oxford_pets": "OxfordPets",
    "patch_camelyon": "PatchCamelyon",
    "stanford_cars": "StanfordCars",
    "sun397": "SUN397",
}
COOP = {
    "eurosat": ("EuroSAT", "a centered satellite photo of {}."),
    "dtd": ("DescribableTextures", "{} texture."),
    "flowers102": ("OxfordFlowers", "a photo of a {}, a type of flower."),
    "oxford_pets": ("OxfordPets", "a photo of a {}, a type of pet."),
    "stanford_cars": ("StanfordCars", "a photo of a {}."),
}
TEN = (
    "aid",
    "eurosat",
    "mlrsnet",
    "optimal31",
    "patternnet",
    "resisc45",
    "rs_c11",
    "rsi_cb128",
    "rsi_cb256",
    "whu_rs19_images",
)
CLIP_BENCHMARK = {
    "eurosat": ("eurosat", 0),
    "caltech101": ("caltech101", 1),
    "flowers102": ("flowers", 0),
    "mnist": ("mnist", 0),
    "oxford_pets": ("pets", 0),
    "imagenet": ("imagenet1k", 0),
}
"""And how many classes stand before the first one that is declared: Caltech101's background is
none."""

MTEB = {
    "eurosat": ("a centered satellite photo of {}.", {"SeaLake": "sea or lake"}),
    "resisc45": ("satellite imagery of {}.", {"airplane": "airplane"}),
    "cifar10": ("a photo of a {}.", {"truck": "truck"}),
    "cifar100": ("a photo of a {}.", {"aquarium_fish": "aquarium_fish", "crab": "cra"}),
}
"""Template and some names of each task (mteb/tasks/Image/ZeroShotClassification/eng); but for
EuroSAT the names are those that the data call their labels."""


@pytest.fixture
def published(real_data):
    return real_data / "clip_bpe_and_prompts"


def words(name: str) -> list[str]:
    return sorted(re.findall("[a-z0-9]+", name.lower()))


def test_every_dataset_of_a_set_is_declared():
    assert {name: set(read_set(name)) for name in names()} == {
        "openai": set(OPENAI),
        "coop": set(COOP),
        "clip_benchmark": set(CLIP_BENCHMARK),
        "mteb": set(MTEB),
        "rs_106": {"whu_rs19", *TEN},
        "proof": {dataset.name for dataset in PROOF},
        "unimed": {"pathmnist"},
    }
    assert set().union(*map(read_set, names())) <= {dataset.name for dataset in DATASETS}


@pytest.mark.parametrize("name", OPENAI)
def test_openai(published, name):
    theirs = json.loads((published / "openai" / "prompts.json").read_bytes())[OPENAI[name]]
    ours = prompts_of("openai", name)
    assert list(ours.templates) == theirs["templates"]
    # EuroSAT and pets are listed there in another order than the labels'.
    assert sorted(ours.classes.values()) == sorted(set(theirs["classes"]) - {"background"})
    if name not in ("eurosat", "oxford_pets"):
        assert list(ours.classes.values()) == [
            label for label in theirs["classes"] if label != "background"
        ]


@pytest.mark.parametrize("name", COOP)
def test_coop(published, name):
    """The split files carry the class names; the templates stand in its zero-shot trainer."""
    file, template = COOP[name]
    with gzip.open(published / "coop_splits" / f"split_zhou_{file}.json.gz") as content:
        entries = [entry for split in json.load(content).values() for entry in split]
    ours = prompts_of("coop", name)
    assert list(ours.classes.values()) == [
        label for _, label in sorted({(number, label) for _, number, label in entries})
    ]
    assert ours.templates == (template,)


@pytest.mark.parametrize("name", CLIP_BENCHMARK)
def test_clip_benchmark(published, name):
    theirs, first = CLIP_BENCHMARK[name]
    folder = published / "clip_benchmark"
    classes = json.loads((folder / "en_classnames.json").read_bytes())[theirs][first:]
    templates = json.loads((folder / "en_zeroshot_classification_templates.json").read_bytes())[
        theirs
    ]
    ours = prompts_of("clip_benchmark", name)
    assert list(ours.templates) == [template.replace("{c}", "{}") for template in templates]
    changed = (
        {744: "projectile", 836: "sunglass"} if name == "imagenet" else {}
    )  # else two classes would have one name
    assert list(ours.classes.values()) == [
        changed.get(number, label) for number, label in enumerate(classes)
    ]


@pytest.mark.parametrize("name", MTEB)
def test_mteb(name):
    template, some = MTEB[name]
    ours = prompts_of("mteb", name)
    assert ours.templates == (template,)
    assert list(ours.classes) == list(prompts_of("openai", name).classes)
    assert some.items() <= ours.classes.items()
    if name != "eurosat":
        assert {label: each for label, each in ours.classes.items() if label != each} in (
            {},
            {"crab": "cra"},
        )


def test_the_class_that_cifar100s_files_misspell_is_known():
    """uoft-cs/cifar100 at the pinned commit calls class 26 "cra", and so do all its copies."""
    known = known_names(find("cifar100"))
    assert known.label("cra") == known.label("crab") == 26


def test_every_set_says_who_published_it():
    assert set(SOURCES) == set(names())


def test_unimed():
    """Khattak et al. 2024 (UniMed-CLIP, constants.py, NCK_CRC_prompts): four templates, and eight
    of the nine names, which are the labels of the data; it leaves the background out.
    """
    ours = prompts_of("unimed", "pathmnist")
    assert list(ours.classes) == list(find("pathmnist").labels)
    assert [name.lower() for name in ours.classes.values()] == list(ours.classes)
    assert [each.format("Mucus") for each in ours.templates] == [
        "a histopathology slide showing Mucus",
        "histopathology image of Mucus",
        "pathology tissue showing Mucus",
        "presence of Mucus tissue on image",
    ]


def test_rs_106(real_data):
    """Its authors ask for "PROMPT CLASS." (feature_generator/featuregeneration.py)."""
    theirs = json.loads((real_data / "whu_rs19" / "classes_and_prompts.json").read_bytes())
    ours = prompts_of("rs_106", "whu_rs19")
    assert list(ours.classes) == theirs["folders"]
    assert list(ours.classes.values()) == theirs["classes"]
    sentences = [template.format("pond") for template in ours.templates]
    assert sentences == [f"{prompt} pond." for prompt in theirs["prompts"]]


@pytest.mark.parametrize("name", TEN)
def test_all_ten_sets_are_asked_about_with_the_same_prompts(name):
    assert prompts_of("rs_106", name).templates == prompts_of("rs_106", "whu_rs19").templates


@pytest.mark.parametrize("name", COOP)
def test_classes_of_two_sets_mean_the_same(name):
    """The names differ, but share a word (`annual crop land`, `Annual Crop Land`), wherever a label
    stands in both.
    """
    openai, coop = prompts_of("openai", name).classes, prompts_of("coop", name).classes
    strangers = [
        (openai[label], coop[label])
        for label in openai
        if not {*words(openai[label])} & {*words(coop[label])}
    ]
    assert strangers in (
        [],
        [("brushland or shrubland", "Herbaceous Vegetation Land")],
        [("air plant", "ball moss")],
    )


def test_imagenets_labels_are_the_sorted_wordnet_ids_of_its_names(real_data):
    names = json.loads((real_data / "clip_vitb32_text" / "imagenet1k_names.json").read_bytes())
    labels = find("imagenet").labels
    assert list(labels) == sorted(set(labels))
    assert all(re.fullmatch(r"n\d{8}", label) for label in labels)
    shared = [
        bool({*words(ours)} & {*words(theirs)})
        for ours, theirs in zip(find("imagenet").classes, names, strict=True)
    ]
    assert sum(shared) > 950, "the same thousand things in the same order"

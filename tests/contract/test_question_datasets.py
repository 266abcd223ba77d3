"""Every declaration of questions says what must be known before anything is read, and says what is
published.
"""

import pytest

from clvl_bench.data.catalog.listing import QUESTIONS
from clvl_bench.data.catalog.normalisers import NORMALISERS
from clvl_bench.data.catalog.vqa_sources import ToyQuestionsSource
from clvl_bench.data.readers.reading import is_here
from clvl_bench.data.readers.vqa.reading import read_questions

# Questions of train and test under the official split, written a second time as the field cites
# them; None where no number was looked up. VQA-RAD: 2,248 questions, of which 451 test (Lau et al.
# 2018). SLAKE: Liu et al. 2021, the English half and all. PathVQA: the hub's deduplicated set.
# RSVQA-LR: 10,004 = 6,957 yes/no + 2,947 counts + 100 rural or urban. VRSBench: the sum of its
# README's table of question types.
PUBLISHED: dict[str, tuple[int | None, int | None]] = {
    "toy_scans_vqa": (3300, 1650),
    "toy_landcover_vqa": (4800, 1200),
    "vqa_rad": (2248 - 451, 308 + 143),
    "slake": (4919, 1061),
    "slake_bilingual": (9835, 2094),
    "path_vqa": (19654, 6719),
    "vqa_med_2019": (12792, 500),
    "rsvqa_lr": (None, 6957 + 2947 + 100),
    "rsvqa_hr": (None, None),
    "rsivqa_ucm": (None, None),
    "rsivqa_sydney": (None, None),
    "rsivqa_aid": (None, None),
    "vrsbench": (None, 5435 + 7789 + 6374 + 3550 + 1422 + 1011 + 5829 + 477 + 4620 + 902),
}

pytestmark = pytest.mark.parametrize(
    "dataset", QUESTIONS, ids=[dataset.name for dataset in QUESTIONS]
)


def test_sizes_are_the_published_ones(dataset):
    sizes = dataset.partitions["official"]
    assert (sizes.get("train"), sizes.get("test")) == PUBLISHED[dataset.name]


def test_licence_citation_title_and_domain_are_given(dataset):
    assert {"licence", "citation", "title", "domain"} <= dataset.model_fields_set
    assert all(text.strip() for text in (dataset.licence, dataset.citation, dataset.title))
    assert dataset.domain != "unknown"
    assert (
        (dataset.domain == "toy")
        == isinstance(dataset.source, ToyQuestionsSource)
        == dataset.name.startswith("toy_")
    )


def test_open_candidates_are_unique_after_the_normaliser(dataset):
    normalise = NORMALISERS[dataset.normaliser]
    assert all(answer.strip() for answer in dataset.open_answers)
    assert len(set(dataset.open_answers)) == len(dataset.open_answers)
    assert all(normalise(answer) for answer in dataset.open_answers)


def test_what_is_here_has_the_declared_values_images_and_answers(dataset):
    if not is_here(dataset):
        pytest.skip("its data are the user's own")
    normalise = NORMALISERS[dataset.normaliser]
    for split in ("train", "test"):
        data = read_questions(dataset, split)
        assert len(data.images) == dataset.images[split]
        for name, values in dataset.values.items():
            assert not values or {getattr(each, name) for each in data.questions} <= set(values)
        if dataset.domain == "toy":
            assert {each.answer for each in data.questions} <= {
                normalise(answer) for answer in dataset.open_answers
            }

"""Toy worlds: the same bytes everywhere, disjoint parts, facts that are true."""

import hashlib

import numpy as np
import pytest

from clvl_bench.data.catalog.listing import DATASETS
from clvl_bench.data.catalog.sources import ToySource
from clvl_bench.data.readers.toy import paint, part_hash
from clvl_bench.data.toy.canvas import Dice, disk, line, polygon, soft
from clvl_bench.data.toy.captions import caption
from clvl_bench.data.toy.index import WORLDS

TOYS = [
    (dataset, split)
    for dataset in DATASETS
    if isinstance(dataset.source, ToySource)
    for split in dataset.source.parts
]


@pytest.mark.parametrize("world", WORLDS)
def test_classes_take_turns_and_pictures_differ(world):
    pictures = [
        WORLDS[world].picture("test", index) for index in range(2 * len(WORLDS[world].classes))
    ]
    assert [picture.label for picture in pictures] == 2 * list(range(len(WORLDS[world].classes)))
    assert len({picture.image.tobytes() for picture in pictures}) == len(pictures)
    assert all(
        picture.image.dtype == np.uint8 and picture.image.shape == (40, 40, 3)
        for picture in pictures
    )


@pytest.mark.parametrize("world", WORLDS)
def test_a_picture_depends_on_its_key_alone(world):
    first, again = (WORLDS[world].picture("train", 7) for _ in range(2))
    other = WORLDS[world].picture("test", 7)
    assert first.image.tobytes() == again.image.tobytes()
    assert first.image.tobytes() != other.image.tobytes()


def test_pictures_are_the_same_bytes_on_every_machine():
    digest = hashlib.sha256(
        b"".join(WORLDS[world].picture("pinned", 3).image.tobytes() for world in sorted(WORLDS))
    )
    assert digest.hexdigest() == "a79accb99525617ca988d1f310d9b4e56a72e7211c669cfcdc2ec16ee44bdc60"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "split"), TOYS, ids=[f"{dataset.name}-{split}" for dataset, split in TOYS]
)
def test_a_declared_part_has_its_declared_hash(dataset, split):
    part = dataset.source.parts[split]
    images, labels = paint(dataset.source.world, part.part, part.count)
    assert part_hash(images, labels) == part.sha256


def test_no_two_splits_share_a_part():
    parts = [(dataset.source.world, dataset.source.parts[split].part) for dataset, split in TOYS]
    assert len(set(parts)) == len(parts)
    assert all(part != "pretraining" for _, part in parts)


def test_captions_tell_the_facts():
    dice = Dice("x")
    facts: dict[str, str | int] = {"class": "implant", "modality": "ct", "side": "left", "count": 2}
    sentences = {caption("drawings", facts, Dice("x", number)) for number in range(60)}
    assert "a drawing of a scan with two implants on the left." in sentences
    nothing = {"class": "no finding", "modality": "mri", "side": "left", "count": 0}
    assert all("left" not in caption("films", nothing, Dice("y", number)) for number in range(40))
    assert caption("shapes", {"class": "red cross", "count": 3, "ground": "black"}, dice)


def test_a_disk_covers_its_area():
    radius = 0.3
    assert disk((0.5, 0.5), radius).mean() == pytest.approx(np.pi * radius**2, abs=0.003)


def test_a_clockwise_triangle_covers_its_area_and_an_outside_point_is_not_covered():
    triangle = polygon((0.5, 0.1), (0.9, 0.9), (0.1, 0.9))
    assert triangle.mean() == pytest.approx(0.32, abs=0.005)
    assert triangle[2, 2] == 0.0


def test_a_line_is_as_long_and_wide_as_told():
    assert line([(0.2, 0.5), (0.8, 0.5)], 0.1).mean() == pytest.approx(
        0.6 * 0.1 + np.pi * 0.05**2, abs=0.003
    )
    assert soft(np.array([-1.0, 0.0, 1.0])).tolist() == [1.0, 0.5, 0.0]

"""CoOp's published split files, read whole: every file they name has a class that is declared, and
each class one number.
"""

import gzip
from pathlib import Path

import pytest

from clvl_bench.data.catalog.listing import find
from clvl_bench.data.readers.split_file import chosen_files, entries

# Images of train, val and test (Zhou et al. 2022), and classes: Caltech101 goes without Faces_easy
# there.
LISTS = {
    "caltech101": ("Caltech101", (4128, 1649, 2465), 100),
    "dtd": ("DescribableTextures", (2820, 1128, 1692), 47),
    "eurosat": ("EuroSAT", (13500, 5400, 8100), 10),
    "flowers102": ("OxfordFlowers", (4093, 1633, 2463), 102),
    "oxford_pets": ("OxfordPets", (2944, 736, 3669), 37),
    "stanford_cars": ("StanfordCars", (6509, 1635, 8041), 196),
}


@pytest.fixture
def listed(real_data, tmp_path):
    """Unpacks a list and reads its splits: (file, number in the list, label here) of every
    entry.
    """

    def read(name: str):
        file = LISTS[name][0]
        packed = (
            real_data / "clip_bpe_and_prompts" / "coop_splits" / f"split_zhou_{file}.json.gz"
        ).read_bytes()
        (tmp_path / "split.json").write_bytes(gzip.decompress(packed))
        top, found = Path("copy"), {}
        for split in ("train", "valid", "test"):
            rows = entries(name, tmp_path / "split.json", split)
            files, labels = chosen_files(
                find(name), rows, [top / row.file for row in rows], top=top
            )
            assert files == [top / row.file for row in rows]
            found[split] = list(zip(rows, labels, strict=True))
        return found

    return read


@pytest.mark.parametrize("name", LISTS)
def test_a_published_list_is_read_with_the_declared_classes(listed, name):
    _, sizes, classes = LISTS[name]
    found = listed(name)
    assert tuple(len(rows) for rows in found.values()) == sizes
    pairs = {(row.name, label) for rows in found.values() for row, label in rows}
    assert (
        len(pairs)
        == len({name for name, _ in pairs})
        == len({label for _, label in pairs})
        == classes
    )


def test_pets_are_told_by_their_breed_and_not_by_their_number(listed):
    """Files are called by the breed, as labels are; the suite never looks at that."""
    labels = find("oxford_pets").labels
    assert all(
        row.file.startswith(f"{labels[label]}_")
        for rows in listed("oxford_pets").values()
        for row, label in rows
    )

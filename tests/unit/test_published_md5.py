"""Files whose md5 their publishers say: a file that is none of them is refused."""

import hashlib
import io

import numpy as np
import pytest

from clvl_bench.core.errors import Damage
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.listing import find
from clvl_bench.data.catalog.overlay import overlaid
from clvl_bench.data.readers.reading import read_split

# The beginnings of the md5 of the files of 28 and of 224 pixels, copied by eye from `info.py` of
# the package medmnist 3.0.2.
PUBLISHED = {
    "octmnist": ("c68d92d5", "abc493b6"),
    "breastmnist": ("750601b1", "b56378a6"),
    "retinamnist": ("bd4c0672", "eae7e3b6"),
    "tissuemnist": ("ebe78ee8", "b077128c"),
    "organamnist": ("68e3f884", "50747347"),
    "organcmnist": ("b9ceb954", "050f5e87"),
    "organsmnist": ("9ab87b69", "b354719e"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_medmnist_files_of_28_and_224_pixels_are_known_by_their_md5(name):
    md5 = find(name).source.like.md5
    assert (md5["28"][:8], md5["224"][:8]) == PUBLISHED[name]
    assert all(len(each) == 32 for each in md5.values())


@pytest.fixture
def breast(tmp_path):
    """A copy of BreastMNIST with two images a split, in its layout; and the dataset that it is."""

    def declare(**source):
        names = find("breastmnist").source.like.splits
        images, labels = zip(*names.values(), strict=True)
        arrays = dict.fromkeys(images, np.arange(8, dtype=np.uint8).reshape(2, 2, 2))
        arrays |= dict.fromkeys(labels, np.array([[0], [1]], dtype=np.uint8))
        held = io.BytesIO()
        np.savez(held, **arrays)
        file = tmp_path / "breastmnist.npz"
        file.write_bytes(held.getvalue())
        table = {"source": {"kind": "arrays", "path": file, **source}, "splits": {}}
        return ImageDataset.model_validate(overlaid(find("breastmnist"), table)), file

    return declare


def test_a_file_of_another_md5_is_refused_and_says_what_to_do(breast):
    dataset, file = breast()
    found = hashlib.md5(file.read_bytes()).hexdigest()[:8]
    says = rf"md5 of breastmnist.npz is {found}, published are 750601b1 \(28\), .* set md5 = \{{\}}"
    with pytest.raises(Damage, match=says) as refused:
        read_split(dataset, "train")
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_of_the_said_md5_is_read_and_without_any_every_file(breast):
    without, file = breast(md5={})
    assert len(read_split(without, "valid")) == 2
    named, _ = breast(md5={"mine": hashlib.md5(file.read_bytes()).hexdigest()})
    assert len(read_split(named, "test")) == 2

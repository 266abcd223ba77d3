"""Tiles of many 16-bit bands: read against bytes that are written here by the book, rendered
against published pictures.
"""

import struct

import numpy as np
import pytest
from PIL import Image as Pillow

from clvl_bench.core.errors import Damage
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FolderSource, Rendering
from clvl_bench.data.readers.bands import read_bands, render
from clvl_bench.data.readers.reading import read_split

NATURAL = Rendering(bands=(4, 3, 2), white=2750)
TILES = np.random.default_rng(0).integers(0, 65536, (7, 5, 6), dtype=np.uint16)


def tiff(
    bands: np.ndarray, *, order: str = "<", rows: int = 3, **changed: tuple[int, ...]
) -> bytes:
    """A file after TIFF 6.0, section 2: header, strips of so many rows, one directory of
    twelve-byte entries.
    """
    height, width, count = bands.shape
    strips = [
        bands[top : top + rows].astype(f"{order}u2").tobytes() for top in range(0, height, rows)
    ]
    starts, sizes, at = [], [len(strip) for strip in strips], 8
    for size in sizes:
        starts.append(at)
        at += size
    tags = {
        256: (width,),
        257: (height,),
        258: (16,) * count,
        259: (1,),
        273: tuple(starts),
        277: (count,),
        278: (rows,),
        279: tuple(sizes),
        284: (1,),
    }
    tags |= {int(tag.removeprefix("tag")): values for tag, values in changed.items()}
    directory, outside = struct.pack(f"{order}H", len(tags)), b""
    behind = at + 2 + 12 * len(tags) + 4
    for tag, values in tags.items():
        sort, letter = (4, "I") if tag in (273, 279) else (3, "H")
        packed = struct.pack(f"{order}{len(values)}{letter}", *values)
        cell = (
            packed.ljust(4, b"\0")
            if len(packed) <= 4
            else struct.pack(f"{order}I", behind + len(outside))
        )
        outside += packed if len(packed) > 4 else b""
        directory += struct.pack(f"{order}HHI", tag, sort, len(values)) + cell
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}I", at) + b"".join(strips) + directory + b"\0" * 4 + outside


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("rows", [1, 3, 7])
def test_every_band_of_every_pixel_is_read(order, rows):
    assert np.array_equal(read_bands(tiff(TILES, order=order, rows=rows)), TILES)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x89PNG", "is no TIFF file"),
        (tiff(TILES)[:60], "cut off"),
        (tiff(TILES, tag279=(90, 90, 28)), "cut off"),
        (tiff(TILES, tag256=(65535,), tag257=(65535,)), "larger than"),
        (tiff(TILES, tag259=(8,)), "uncompressed"),
        (tiff(TILES, tag284=(2,)), "pixel by pixel"),
        (tiff(TILES, tag258=(8,) * 6), "16-bit"),
    ],
)
def test_another_file_is_refused_by_what_it_is(data, says):
    with pytest.raises(ValueError, match=says):
        read_bands(data)


def test_rendering_is_linear_to_white_and_rounds_to_the_nearest():
    bands = np.zeros((1, 4, 4), dtype=np.uint16)
    bands[0, :, 3] = (0, 1375, 2750, 65535)  # band 4 becomes red
    bands[0, :, 1] = (11, 16, 5, 6)  # 11 / 2750 * 255 = 1.02, 1.48, 0.46, 0.56
    picture = render(tiff(bands), NATURAL)
    assert picture[0, :, 0].tolist() == [
        0,
        128,
        255,
        255,
    ]  # 127.5 lies as near to 127; the even one is taken
    assert picture[0, :, 1].tolist() == [0, 0, 0, 0]
    assert picture[0, :, 2].tolist() == [1, 1, 0, 1]


def test_a_band_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"bands \[4, 3, 2\] of 3"):
        render(tiff(TILES[:, :, :3]), NATURAL)


def test_real_tiles_rendered_are_the_published_pictures(real_data):
    tiles = sorted((real_data / "eurosat100" / "tif13").glob("*/*.tif"))
    assert len(tiles) == 100
    for tile in tiles:
        published = real_data / "eurosat100" / "rgb_0_2750" / tile.parent.name / f"{tile.stem}.png"
        with Pillow.open(published) as picture:
            assert np.array_equal(render(tile.read_bytes(), NATURAL), np.asarray(picture)), (
                tile.name
            )


def test_real_tiles_and_their_pictures_are_the_same_dataset(real_data, empty_home):
    declared = {
        "classes": (
            "AnnualCrop",
            "Forest",
            "HerbaceousVegetation",
            "Highway",
            "Industrial",
            "Pasture",
            "PermanentCrop",
            "Residential",
            "River",
            "SeaLake",
        )
    }
    top = real_data / "eurosat100"
    tiles = ImageDataset(
        source=FolderSource(path=top / "tif13", test_fraction=0.2, render=NATURAL), **declared
    )
    pictures = ImageDataset(
        source=FolderSource(path=top / "rgb_0_2750", test_fraction=0.2), **declared
    )
    for split, size in (("train", 80), ("test", 20)):
        assert read_split(tiles, split).fingerprint == read_split(pictures, split).fingerprint
        assert len(read_split(tiles, split)) == size


def test_tiles_without_a_rendering_are_refused_in_one_line(real_data, empty_home, caplog):
    source = FolderSource(path=real_data / "eurosat100" / "tif13", test_fraction=0.2)
    classes = tuple(sorted(folder.name for folder in source.path.iterdir()))
    with pytest.raises(
        Damage,
        match=r"100 of 100 images cannot be decoded: .*has 13 bands.*; set render = { bands =",
    ):
        read_split(ImageDataset(source=source, classes=classes), "train")
    assert not caplog.messages

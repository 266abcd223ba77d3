"""Images as they turn up in real folders: what can be shown is read, what cannot is named and
counted, never dropped.
"""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from clvl_bench.core.errors import Damage
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FolderSource
from clvl_bench.data.readers.reading import read_split

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def bomb() -> bytes:
    """A PNG of 20,000 x 20,000 pixels in a few hundred bytes: its header is all that there is."""
    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


RGB = Image.fromarray(PIXELS)
DEEP = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
ROTATED = Image.Exif()
ROTATED[0x0112] = 6
DAMAGED = {
    "cut.jpg": saved(RGB, "JPEG")[:-60],
    "nothing.jpg": b"",
    "text.jpg": b"a letter, not a picture",
    "bomb.png": bomb(),
    "float.tif": saved(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"),
}
READ = {
    "a_png_called.jpg": (saved(RGB, "PNG"), PIXELS),
    "cmyk.tif": (
        saved(RGB.convert("CMYK"), "TIFF"),
        np.asarray(RGB.convert("CMYK").convert("RGB")),
    ),
    "palette.png": (saved(RGB.quantize(16), "PNG"), np.asarray(RGB.quantize(16).convert("RGB"))),
    "transparent.png": (saved(RGB.convert("RGBA"), "PNG"), PIXELS),
    "grey.png": (
        saved(RGB.convert("L"), "PNG"),
        np.asarray(RGB.convert("L"))[..., None].repeat(3, axis=2),
    ),
    "deep.png": (
        saved(Image.fromarray(DEEP), "PNG"),
        (DEEP >> 8).astype(np.uint8)[..., None].repeat(3, axis=2),
    ),
    "one_pixel.png": (saved(Image.fromarray(PIXELS[:1, :1]), "PNG"), PIXELS[:1, :1]),
    "turned.png": (
        saved(RGB, "PNG", exif=ROTATED),
        PIXELS,
    ),  # as it lies in the file: nobody's features know of its EXIF
}


@pytest.fixture
def folder(tmp_path, empty_home):
    """Two classes, one good image each in train and test; a file more in the train split of the
    first.
    """

    def make(name: str, content: bytes, policy: str = "error") -> ImageDataset:
        top = tmp_path / "birds"
        for split in ("train", "test"):
            for place, label in enumerate(("wren", "kite")):
                (top / split / label).mkdir(parents=True)
                good = np.full((8, 8, 3), 40 * place + len(split), np.uint8)
                (top / split / label / "good.png").write_bytes(saved(Image.fromarray(good), "PNG"))
        (top / "train" / "wren" / name).write_bytes(content)
        source = FolderSource(path=top, on_damage=policy)
        return ImageDataset(name="birds", classes=("wren", "kite"), source=source)

    return make


@pytest.mark.parametrize("name", READ)
def test_what_can_be_shown_is_read_as_rgb(folder, name):
    content, expected = READ[name]
    split = read_split(folder(name, content), "train")
    row = next(number for number, key in enumerate(split.keys) if key.endswith(name))
    assert np.array_equal(split.image(row), expected)
    assert split.skipped == 0


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_stops_by_default_and_is_named_and_counted(folder, name):
    with pytest.raises(Damage) as caught:
        read_split(folder(name, DAMAGED[name]), "train")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("birds: 1 of 3 images cannot be decoded: train/wren/" + name)
    assert 'on_damage = "skip"' in message


@pytest.mark.parametrize("name", DAMAGED)
def test_skipped_damage_is_counted_and_is_other_data(folder, name):
    split = read_split(folder(name, DAMAGED[name], "skip"), "train")
    assert (len(split), split.skipped) == (2, 1)


def test_a_loading_script_beside_images_is_not_run(folder, tmp_path):
    trap = f"open({str(tmp_path / 'canary')!r}, 'w')\n"
    dataset = folder("birds.py", trap.encode())
    (tmp_path / "birds" / "birds.py").write_text(trap)
    assert len(read_split(dataset, "train")) == 2
    assert not (tmp_path / "canary").exists()


def test_an_empty_class_folder_is_a_class_without_images_and_a_foreign_one_is_refused(
    folder, tmp_path
):
    dataset = folder("more.png", saved(RGB, "PNG"))
    (tmp_path / "birds" / "train" / "kite" / "good.png").unlink()
    assert read_split(dataset, "train").labels.tolist() == [0, 0]
    (tmp_path / "birds" / "train" / "gull").mkdir()
    with pytest.raises(Exception, match="the folder 'gull' is not among them"):
        read_split(dataset, "train")

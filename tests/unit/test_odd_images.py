"""Images as they turn up in real folders: what can be shown is read, what cannot is named and
counted, never dropped.
"""

import io
import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FolderSource, Rendering
from clvl_bench.data.readers.decode import decode
from clvl_bench.data.readers.reading import read_split

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def rgb_png(size: int, bits: int, pixels: bytes) -> bytes:
    """A square PNG in RGB, chunk by chunk, for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", size, size, bits, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def deep_colours() -> bytes:
    """A PNG of one pixel in RGB of 16 bits, which Pillow reads by its high bytes without a word."""
    return rgb_png(1, 16, b"\0" + struct.pack(">HHH", 300, 2000, 2750))


def tiff(layout: list[tuple[int, int, int]], pixels: bytes) -> bytes:
    """A TIFF of pixels that begin at byte 8, from its tags, types and values (TIFF 6.0)."""
    entries = [
        struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value) for tag, kind, value in layout
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory


def packed_tiff(grey: np.ndarray, *, bits: int) -> bytes:
    """One band of so many bits a value, packed, as radiographs of 12 bits are."""
    digits = "".join(f"{value:0{bits}b}" for value in grey.ravel().tolist())
    pixels = int(digits, 2).to_bytes(len(digits) // 8, "big")
    height, width = grey.shape
    layout = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, 1)]
    layout += [(273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(pixels))]
    return tiff(layout, pixels)


def tiled_tiff(grey: np.ndarray) -> bytes:
    """One band of 8 bits in a single tile, which is larger than the picture."""
    height, width = grey.shape
    tile = np.zeros((16, 16), np.uint8)
    tile[:height, :width] = grey
    layout = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1)]
    layout += [(277, 3, 1), (322, 4, 16), (323, 4, 16), (324, 4, 8), (325, 4, 256)]
    return tiff(layout, tile.tobytes())


def bomb() -> bytes:
    """A PNG of 20,000 x 20,000 pixels in a few hundred bytes: its header is all that there is."""
    return rgb_png(20000, 8, b"\0" * 100)


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
RGB = Image.fromarray(PIXELS)
DEEP = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
ROTATED = Image.Exif()
ROTATED[0x0112] = 6
DAMAGED = {
    "cut.jpg": saved(RGB, "JPEG")[:-60],
    "nothing.jpg": b"",
    "text.jpg": b"a letter, not a picture",
    "bomb.png": bomb(),
    "deep.png": saved(Image.fromarray(DEEP), "PNG"),
    "deep_grey.tif": saved(Image.fromarray(DEEP), "TIFF"),
    "deep_int32.tif": saved(Image.fromarray(DEEP.astype(np.int32)), "TIFF"),
    "deep_12.tif": packed_tiff(DEEP, bits=12),
    "deep_colours.png": deep_colours(),
    "postscript.jpg": POSTSCRIPT,
    "float.tif": saved(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"),
}
WHITE = "; set render = { white = 4095 }, or the white that they have, in its source"
HELPS = {
    "deep.png": WHITE,
    "deep_grey.tif": WHITE,
    "deep_int32.tif": WHITE,
    "deep_12.tif": WHITE,
    "deep_colours.png": "; convert them to 8, or (TIFF without compression) set bands in render",
    "float.tif": "; convert them to 8 bits, with a white that is right for them",
}
"""What helps where a picture is whole."""
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
    "tiled.tif": (tiled_tiff(PIXELS[..., 0]), PIXELS[..., :1].repeat(3, axis=2)),
    "palette_and_transparent.png": (
        saved(RGB.quantize(16), "PNG", transparency=0),
        np.asarray(RGB.quantize(16).convert("RGB")),
    ),
    "white_is_stated.ppm": (
        b"P5 2 1 4095\n" + struct.pack(">HH", 4095, 2048),
        np.array([[[255] * 3, [128] * 3]], np.uint8),
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
    assert message.endswith(HELPS.get(name, 'or set on_damage = "skip" in its source'))
    assert ("mend or remove" in message) == (name not in HELPS)


def test_a_bomb_of_169_megapixels_is_refused_by_its_header():
    """Pillow only warns of it, and takes 1.8 GB."""
    tracemalloc.start()
    with pytest.raises(ValueError, match="13000 x 13000 pixels; the limit is 89,478,485"):
        decode(rgb_png(13000, 8, b"\0" * 100))
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


@pytest.mark.parametrize("name", DAMAGED)
def test_skipped_damage_is_counted_and_is_other_data(folder, name):
    split = read_split(folder(name, DAMAGED[name], "skip"), "train")
    assert (len(split), split.skipped) == (2, 1)


def test_no_picture_starts_a_program_of_the_machine(folder, tmp_path, monkeypatch):
    """Pillow hands PostScript to Ghostscript, whatever the file is called."""
    trap = tmp_path / "bin" / "gs"
    trap.parent.mkdir()
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path / 'canary'}\n")
    trap.chmod(0o755)
    monkeypatch.setenv("PATH", str(trap.parent), prepend=os.pathsep)
    # Pillow remembers whether it found the program when it last looked.
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    with pytest.raises(Damage):
        read_split(folder("holiday.jpg", POSTSCRIPT), "train")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_deep_grey_is_scaled_by_the_white_that_is_stated(kind):
    pixels = decode(saved(Image.fromarray(DEEP), kind), Rendering(white=4095))
    assert np.array_equal(pixels[..., 0], np.rint(DEEP / 4095 * 255))
    assert (pixels[..., 0] == pixels[..., 2]).all()
    assert pixels.max() == 255


def test_hidden_copies_in_a_class_folder_are_no_images(folder, tmp_path):
    dataset = folder("more.png", saved(RGB, "PNG"))
    wren = tmp_path / "birds" / "train" / "wren"
    (wren / ".ipynb_checkpoints").mkdir()
    for hidden in (".ipynb_checkpoints/more-checkpoint.png", "._more.png"):
        (wren / hidden).write_bytes(saved(RGB, "PNG"))
    assert read_split(dataset, "train").labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", ["one.jfif", "one.gif", "one.ppm", "one.JPE"])
def test_formats_under_less_common_names_are_read(folder, name):
    kind = {"gif": "GIF", "ppm": "PPM"}.get(name[-3:], "JPEG")
    assert read_split(folder(name, saved(RGB, kind)), "train").labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", ["one.avif", "one.HEIC", "scan.dcm"])
def test_pictures_of_formats_that_are_not_read_are_named(folder, name):
    with pytest.raises(Mistake, match=f"'train/wren/{name}' is of a format that is not read"):
        read_split(folder(name, b"any"), "train")


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

"""Decode: the bytes of an image file to RGB pixels of eight bits."""

import io
import warnings
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image as Pillow

from clvl_bench.data.catalog.sources import Rendering
from clvl_bench.data.readers.bands import bits_per_value, count_bands, render, to_eight_bits
from clvl_bench.data.readers.split import Image

DECODING = 4
"""Grows whenever the same bytes give other pixels, or are refused: kept scans are made again."""
FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF", "PPM")
"""What Pillow may take a file for, whatever its name. It reads all of these by itself; for others
(EPS) it starts a program of the machine."""
JPEG = b"\xff\xd8"
PIXEL_LIMIT = 89_478_485
"""Pixels of the largest image that is decoded, 256 MiB of RGB: where Pillow begins to warn of files
that unpack to much more than they weigh. It refuses twice as many."""
PPM_WHITE = 65535
"""Pillow stretches the grey levels of a PPM file, which states its white, to this one."""
MEND = 'mend or remove them, or set on_damage = "skip" in its source'
_MENDS = {
    "more than 8 bits": "set render = { white = 4095 }, or the white that they have, in its source",
    " bands": "set render = { bands = [1, 2, 3], white = 4095 }, or its own, in its source",
    "16 bits a colour": "convert them to 8, or (TIFF without compression) set bands in render",
    "floating-point values": "convert them to 8 bits, with a white that is right for them",
    "negative values": "convert them to 8 bits, with a black that is right for them",
}
"""What helps where a picture is whole, by the end of the reason why it is not shown."""


def mend_of(why: str) -> str:
    """What helps against this reason of `decode`."""
    for end, mend in _MENDS.items():
        if why.endswith(end):
            return mend
    return MEND


def decode(data: bytes, rendering: Rendering | None = None) -> Image:
    """RGB pixels of an encoded image, as it lies in the file: orientation tags are not followed,
    and of several frames the first is taken. Many bands, or values of more than 8 bits, need a
    rendering: Pillow would cut them off, or keep their high bytes, and most come out black.

    Raises:
        OSError, ValueError: it cannot be decoded whole.
    """
    if rendering is not None and rendering.bands is not None:
        return render(data, rendering)
    bands = count_bands(data)
    if bands > 4:  # Pillow would write a line of its own for each
        raise ValueError(f"has {bands} bands")
    if data[:2] == JPEG:
        try:
            return _jpeg(data)
        except ValueError:
            # Cut off, without a header, or in four colours: Pillow reads it, or names the fault.
            pass
    with _opened(data) as image:
        refuse_bomb(*image.size)
        if image.mode == "F":
            raise ValueError("has floating-point values")
        if image.mode.startswith("I"):
            if image.format == "PPM":
                rendering = Rendering(white=PPM_WHITE)
            return _deep_grey(np.asarray(image), rendering)
        if bits_per_value(data) > 8:
            raise ValueError("has 16 bits a colour")
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def refuse_bomb(width: int, height: int) -> None:
    """By what the header says, before any pixel is unpacked.

    Raises:
        ValueError: it has too many.
    """
    if width * height > PIXEL_LIMIT:
        raise ValueError(f"{width} x {height} pixels; the limit is {PIXEL_LIMIT:,}")


def _opened(data: bytes) -> Pillow.Image:
    """The image behind its header."""
    with warnings.catch_warnings():
        # Pillow warns of large images, which are refused in a moment.
        warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
        return Pillow.open(io.BytesIO(data), formats=FORMATS)


def _deep_grey(grey: NDArray[Any], rendering: Rendering | None) -> Image:
    """Grey levels of more than 8 bits. Their white cannot be seen: radiographs of 12 bits come in
    files of 16.

    Raises:
        ValueError: white is not stated, or black is not 0.
    """
    if rendering is None:
        raise ValueError("has more than 8 bits")
    if grey.min() < 0:
        raise ValueError("has negative values")
    return np.repeat(to_eight_bits(grey, rendering.white)[..., None], 3, axis=2)


def _jpeg(data: bytes) -> Image:
    """The pixels that Pillow gives, to the bit, in a third of the time.

    Raises:
        ValueError: it is to be left to Pillow.
    """
    height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    if height * width > PIXEL_LIMIT or colours not in ("Gray", "YCbCr", "RGB"):
        raise ValueError(f"{colours}, {height} x {width}")
    pixels: Image = simplejpeg.decode_jpeg(
        data, colorspace="RGB", fastdct=False, fastupsample=False
    )
    return pixels

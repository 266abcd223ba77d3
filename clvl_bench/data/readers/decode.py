"""Decode: the bytes of an image file to RGB pixels of eight bits."""

import io
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image as Pillow

from clvl_bench.data.catalog.sources import Rendering
from clvl_bench.data.readers.bands import count_bands, render
from clvl_bench.data.readers.split import Image

JPEG = b"\xff\xd8"


def decode(data: bytes, rendering: Rendering | None = None) -> Image:
    """RGB pixels of an encoded image, as it lies in the file: orientation tags are not followed.
    Many bands need a rendering.

    Raises:
        OSError, ValueError: it cannot be decoded whole.
    """
    if rendering is not None:
        return render(data, rendering)
    bands = count_bands(data)
    if bands > 4:  # Pillow would write a line of its own for each
        raise ValueError(f"has {bands} bands; set render in its source")
    if data[:2] == JPEG:
        try:
            return _jpeg(data)
        except ValueError:
            # Cut off, without a header, or in four colours: Pillow reads it, or names the fault.
            pass
    with Pillow.open(io.BytesIO(data)) as image:
        if image.mode.startswith("I"):
            return _deep(np.asarray(image))
        if image.mode == "F":
            raise ValueError("has floating-point values, whose white is not known")
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def _deep(grey: NDArray[Any]) -> Image:
    """Grey levels of 16 bits to 8 by their high byte, as radiographs often come. Pillow would cut
    them off at 255.

    Raises:
        ValueError: there are more than 16 bits, so that white is not known.
    """
    if grey.min() < 0 or grey.max() > 0xFFFF:
        raise ValueError("has more than 16 bits a pixel, whose white is not known")
    high_byte = (grey.astype(np.uint16) >> 8).astype(np.uint8)
    return np.repeat(high_byte[..., None], 3, axis=2)


def _jpeg(data: bytes) -> Image:
    """The pixels that Pillow gives, to the bit, in a third of the time.

    Raises:
        ValueError: it is to be left to Pillow.
    """
    height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    # Pillow refuses images above this number of pixels (None: no limit), which may be bombs.
    limit = Pillow.MAX_IMAGE_PIXELS
    too_large = limit is not None and height * width > limit
    if too_large or colours not in ("Gray", "YCbCr", "RGB"):
        raise ValueError(f"{colours}, {height} x {width}")
    pixels: Image = simplejpeg.decode_jpeg(
        data, colorspace="RGB", fastdct=False, fastupsample=False
    )
    return pixels

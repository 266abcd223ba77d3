"""Bands: satellite images of many 16-bit bands (GeoTIFF), rendered to RGB.

Pillow reads no more than four bands. What is published as GeoTIFF tiles (EuroSAT) is plain:
uncompressed strips of uint16, one band of a pixel after the other. That much of TIFF 6.0 is read
here; the rest is refused by name.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.data.catalog.sources import Rendering
from clvl_bench.data.readers.split import Image

# TIFF 6.0's numbers of the tags that are read here.
WIDTH = 256
HEIGHT = 257
BITS = 258
COMPRESSION = 259
OFFSETS = 273
SAMPLES = 277
COUNTS = 279
PLANES = 284

PNG = b"\x89PNG\r\n\x1a\n"
PNG_DEPTH = 24
"""Where a PNG file says its bits: behind its mark, a chunk's length and name, width and height."""

BYTES_LIMIT = 2**29
"""Bytes of the largest image of many bands that is read: 13 bands of 4,500 x 4,500 pixels."""

_SIZES = {3: "H", 4: "I"}
"""TIFF's types of whole numbers (SHORT, LONG), as struct writes them."""


def render(data: bytes, rendering: Rendering) -> Image:
    """RGB of three bands: 0 is black, `rendering.white` and above is white, in between to the
    nearest.

    Raises:
        ValueError: it is no such file, is cut off, or has no such band.
    """
    if rendering.bands is None:
        raise ValueError("render names no bands")
    bands = read_bands(data)
    if not 1 <= min(rendering.bands) <= max(rendering.bands) <= bands.shape[2]:
        raise ValueError(f"bands {list(rendering.bands)} of {bands.shape[2]}")
    return to_eight_bits(bands[:, :, [band - 1 for band in rendering.bands]], rendering.white)


def to_eight_bits(values: NDArray[Any], white: float) -> Image:
    """0 is black, `white` and above is white, in between to the nearest."""
    scaled = values.astype(np.float64) / white * 255
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def read_bands(data: bytes) -> NDArray[np.uint16]:
    """All bands of an image [height, width, bands].

    Raises:
        ValueError: it is no TIFF of uncompressed uint16 bands, or is cut off.
    """
    try:
        order, tags = _first_directory(data)
        (width,) = tags[WIDTH]
        (height,) = tags[HEIGHT]
        (samples,) = tags[SAMPLES]
        expected = width * height * samples * 2
        # Strips may lie on each other: together they could be far more than the file.
        if expected > BYTES_LIMIT or sum(tags[COUNTS]) != expected:
            raise ValueError(f"is cut off, or larger than {BYTES_LIMIT:,} bytes")
        strips = zip(tags[OFFSETS], tags[COUNTS], strict=True)
        pixels = b"".join(data[start : start + size] for start, size in strips)
    except (struct.error, KeyError):
        raise ValueError("is cut off, or no image of strips") from None
    uncompressed = tags.get(COMPRESSION, (1,)) == (1,)
    pixel_by_pixel = tags.get(PLANES, (1,)) == (1,)
    of_16_bits = set(tags.get(BITS, (1,))) == {16}
    if not (uncompressed and pixel_by_pixel and of_16_bits):
        raise ValueError("is not of uncompressed 16-bit bands, pixel by pixel")
    if len(pixels) != expected:
        raise ValueError("is cut off")
    values = np.frombuffer(pixels, dtype=f"{order}u2").astype(np.uint16)
    return values.reshape(height, width, samples)


def bits_per_value(data: bytes) -> int:
    """How many bits a value of a TIFF or PNG file has; 0 for any other file."""
    if data[:8] == PNG and len(data) > PNG_DEPTH:
        return data[PNG_DEPTH]
    try:
        return max(_first_directory(data)[1].get(BITS, (1,)))
    except (ValueError, struct.error):
        return 0


def count_bands(data: bytes) -> int:
    """How many bands a TIFF file has; 0 for any other file."""
    try:
        return _first_directory(data)[1].get(SAMPLES, (1,))[0]
    except (ValueError, struct.error):
        return 0


def _first_directory(data: bytes) -> tuple[str, dict[int, tuple[int, ...]]]:
    """Byte order, and the whole numbers of the first image file directory: tag -> values.

    Values that fit into the 4 bytes of their entry stand there, others where the entry points to.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        raise ValueError("is no TIFF file")
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    tags = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, at)
        if kind in _SIZES and length:
            values = f"{order}{length}{_SIZES[kind]}"
            position = at + 8
            if struct.calcsize(values) > 4:
                (position,) = struct.unpack_from(f"{order}I", data, position)
            tags[tag] = struct.unpack_from(values, data, position)
    return order, tags

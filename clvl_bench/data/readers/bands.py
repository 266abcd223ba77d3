"""Bands: satellite images of many 16-bit bands (GeoTIFF), rendered to RGB.

Pillow reads no more than four bands. What is published as GeoTIFF tiles (EuroSAT) is plain:
uncompressed strips of uint16, one band of a pixel after the other. That much of TIFF 6.0 is read
here; the rest is refused by name.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from clvl_bench.data.catalog.sources import Rendering
from clvl_bench.data.readers.split import Image

WIDTH, HEIGHT, BITS, COMPRESSION, OFFSETS, SAMPLES, COUNTS, PLANES = (
    256,
    257,
    258,
    259,
    273,
    277,
    279,
    284,
)
_SIZES = {3: "H", 4: "I"}
"""TIFF's types of whole numbers (SHORT, LONG), as struct writes them."""


def render(data: bytes, rendering: Rendering) -> Image:
    """RGB of three bands: 0 is black, `rendering.white` and above is white, in between to the
    nearest.

    Raises:
        ValueError: it is no such file, is cut off, or has no such band.
    """
    bands = read_bands(data)
    if not 1 <= min(rendering.bands) <= max(rendering.bands) <= bands.shape[2]:
        raise ValueError(f"bands {list(rendering.bands)} of {bands.shape[2]}")
    chosen = bands[:, :, [band - 1 for band in rendering.bands]].astype(np.float64)
    return np.rint(np.clip(chosen / rendering.white * 255, 0, 255)).astype(np.uint8)


def read_bands(data: bytes) -> NDArray[np.uint16]:
    """All bands of an image [height, width, bands].

    Raises:
        ValueError: it is no TIFF of uncompressed uint16 bands, or is cut off.
    """
    try:
        order, tags = _first_directory(data)
        (width,), (height,), (samples,) = tags[WIDTH], tags[HEIGHT], tags[SAMPLES]
        pixels = b"".join(
            data[start : start + size]
            for start, size in zip(tags[OFFSETS], tags[COUNTS], strict=True)
        )
    except (struct.error, KeyError):
        raise ValueError("is cut off, or no image of strips") from None
    kind = (tags.get(COMPRESSION, (1,)), tags.get(PLANES, (1,)), set(tags.get(BITS, (1,))))
    if kind != ((1,), (1,), {16}):
        raise ValueError("is not of uncompressed 16-bit bands, pixel by pixel")
    if len(pixels) != width * height * samples * 2:
        raise ValueError("is cut off")
    return (
        np.frombuffer(pixels, dtype=f"{order}u2").reshape(height, width, samples).astype(np.uint16)
    )


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
        tag, sort, length = struct.unpack_from(f"{order}HHI", data, at)
        if sort in _SIZES:
            values = f"{order}{length}{_SIZES[sort]}"
            place = at + 8
            if struct.calcsize(values) > 4:
                (place,) = struct.unpack_from(f"{order}I", data, place)
            tags[tag] = struct.unpack_from(values, data, place)
    return order, tags

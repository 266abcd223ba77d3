"""Mutations: files as disks, editors and strangers break them. Which mutation is made of a file
depends on its seed alone, so that a number found once is found again.
"""

import re
from collections.abc import Callable

import numpy as np

Random = np.random.Generator
Mutator = Callable[[bytes, Random], bytes]

NUMBERS = (
    b"0", b"-1", b"1e999", b"-1e999", b"NaN", b"9" * 400, b"18446744073709551616",
    b"2147483648", b"4294967295", b"9223372036854775807", b"0.1", b"1_000_000_000_000",
)  # fmt: skip
"""Numbers that do not fit where they are written."""
WIDE = (
    b"\xff" * 4,
    b"\xff" * 8,
    b"\x7f" + b"\xff" * 7,
    b"\0" * 8,
    b"\0\0\0\x80",
    b"\xff\xff\xff\x7f",
)
"""The same as binary formats write them."""
WORDS = (
    b"null", b"true", b"[]", b"{}", b'""', b"[[]]", b'{"a": 1}', b"../../etc/passwd", b"=cmd()",
    b"\x1b[2J", b"%s%n", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"\r", b"\x00",
)  # fmt: skip
"""Values of another kind."""
DEEP = 3000
"""Brackets inside brackets: more than the standard library's reader of JSON goes down."""
MOST = 3
"""Mutations that one file has at the most."""


def mutated(data: bytes, seed: int) -> bytes:
    """The file with one to three mutations."""
    random = np.random.default_rng([seed, len(data)])
    for _ in range(random.integers(1, MOST + 1)):
        data = MUTATORS[random.integers(len(MUTATORS))](data, random)
    return data


def _place(data: bytes, random: Random) -> int:
    return int(random.integers(len(data) + 1))


def _flip_bytes(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.integers(1, 9) if data else 0):
        changed[random.integers(len(data))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: _place(data, random)]


def _splice(data: bytes, random: Random) -> bytes:
    """A stretch of the file is written over another place of it, or put in between."""
    start = _place(data, random)
    piece = data[start : start + int(random.integers(1, 65))]
    at = _place(data, random)
    return data[:at] + piece + data[at + int(random.integers(2)) * len(piece) :]


def _number(data: bytes, random: Random) -> bytes:
    """In the place of a number that is there, or of four or eight bytes of it."""
    if random.integers(2):
        wide = WIDE[random.integers(len(WIDE))]
        at = _place(data, random)
        return data[:at] + wide + data[at + len(wide) :]
    found = [*re.finditer(rb"-?\d+(?:\.\d+)?", data)]
    number = NUMBERS[random.integers(len(NUMBERS))]
    if not found:
        at = _place(data, random)
        return data[:at] + number + data[at:]
    one = found[random.integers(len(found))]
    return data[: one.start()] + number + data[one.end() :]


def _word(data: bytes, random: Random) -> bytes:
    """In the place of a quoted text, or anywhere."""
    found = [*re.finditer(rb'"[^"\n]{0,80}"', data)]
    word = WORDS[random.integers(len(WORDS))]
    if not found or random.integers(2):
        at = _place(data, random)
        return data[:at] + word + data[at:]
    one = found[random.integers(len(found))]
    return data[: one.start()] + word + data[one.end() :]


def _deepen(data: bytes, random: Random) -> bytes:
    at = _place(data, random)
    opening = (b"[", b'{"a":', b"{a=", b"(", b"a.")[random.integers(5)]
    return data[:at] + opening * DEEP + data[at:]


def _zeros(data: bytes, random: Random) -> bytes:
    at = _place(data, random)
    return data[:at] + bytes(int(random.integers(1, 65))) + data[at:]


def _no_utf8(data: bytes, random: Random) -> bytes:
    at = _place(data, random)
    wrong = (b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\x80", b"\xf8\xa1\xa1\xa1\xa1")
    return data[:at] + wrong[random.integers(len(wrong))] + data[at:]


def _swap(data: bytes, random: Random) -> bytes:
    """Two fields change places: of text two values, of anything else two stretches."""
    fields = [*re.finditer(rb"[^\s,:=\[\]{}]+", data)]
    if len(fields) < 2:
        return data[::-1]
    first, second = sorted(random.choice(len(fields), 2, replace=False))
    a, b = fields[first], fields[second]
    return data[: a.start()] + b[0] + data[a.end() : b.start()] + a[0] + data[b.end() :]


def _repeat(data: bytes, random: Random) -> bytes:
    """A line, or a stretch, is there twice."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    at = int(random.integers(len(lines)))
    return b"".join([*lines[: at + 1], lines[at], *lines[at + 1 :]])


MUTATORS: tuple[Mutator, ...] = (
    _flip_bytes, _truncate, _splice, _number, _word, _deepen, _zeros, _no_utf8, _swap, _repeat,
)  # fmt: skip

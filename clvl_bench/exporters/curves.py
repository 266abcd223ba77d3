"""Curves: which curve a row belongs to, and where on it.

A curve is named by what was measured, and goes over the number of experiences learned. What is
measured on the train stream, of each part of it once, goes over these parts: the windows of an
online stream, or the experiences, numbered from 0.
"""

from clvl_bench.exporters.base import Point
from clvl_bench.records.rows import Record

TRAIN = "train"
"""The stream whose rows are each of another part."""


def point_of(record: Record) -> Point:
    """The row as a point.

    Example:
        >>> from clvl_bench.records.rows import Record
        >>> run = ("toy_delay", "seen", "slda", "tiny", 0, 0)
        >>> point_of(Record(*run, 2, "test", 1, "eurosat", "accuracy", 0.5, 80))
        Point(step=2, name='test/accuracy/01_eurosat', value=0.5)
        >>> point_of(Record(*run, 2, "train", 17, "", "prequential", 0.5, 80))
        Point(step=17, name='train/prequential', value=0.5)
        >>> point_of(Record(*run, 2, "", -1, "", "kept_bytes", 64.0, 1))
        Point(step=2, name='kept_bytes', value=64.0)
    """
    step, of = record.trained, record.dataset
    if record.experience >= 0 and record.stream == TRAIN:
        step = record.experience
    elif record.experience >= 0:
        of = f"{record.experience:02d}_{record.dataset}"
    parts = [part for part in (record.stream, record.metric, of) if part]
    return Point(step, "/".join(parts), record.value)

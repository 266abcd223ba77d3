"""Run id: the name of a run, and whether a configuration is the one that it names."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from clvl_bench.core.files import sha256, to_json

SCHEMA = 2
"""What the hash is of. 1 left defaults and kinds out; 2 is of the whole configuration."""

DIGITS = 12
LONGEST = 180
"""Characters of a run's names in its id."""


def run_id(names: Sequence[str], seed: int, hashed: Mapping[str, Any]) -> str:
    """Readable names, the seed and the hash of the configuration: the run's folder.

    Names of many overrides are cut: a folder's name has at most 255 bytes, and files beside it
    have longer ones. The hash tells runs apart all the same.
    """
    slug = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", name) for name in names)
    return f"{slug[:LONGEST]}-s{seed}-{digest(hashed)[:DIGITS]}"


def digest(hashed: Mapping[str, Any]) -> str:
    """The sha256 of a configuration, as the id has it."""
    return sha256(to_json(hashed))


def is_named_by(run: str, hashed: Mapping[str, Any]) -> bool:
    """Whether this is the configuration that the run's id names."""
    return run.endswith(f"-{digest(hashed)[:DIGITS]}")

"""Fixtures of the contract tests that run strategies: data and backbone are read once a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clvl_bench import prepare as preparation


@pytest.fixture(scope="module")
def shared_data(shared_home: Path, tiny) -> Iterator[None]:  # type: ignore[no-untyped-def]
    """Runs share samples, backbone and home, and do not wait for the disk: nothing of them outlives the machine."""
    read, kept = preparation.read_parts, {}

    def read_once(config, *, limit):  # type: ignore[no-untyped-def]
        key = config.model_dump_json()
        if key not in kept:
            kept[key] = read(config, limit=limit)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLVL_HOME", str(shared_home))
        patch.setattr(preparation, "read_parts", read_once)
        patch.setattr(preparation, "backbone_for", lambda name, data, **settings: tiny)
        patch.setattr("os.fsync", lambda descriptor: None)
        yield

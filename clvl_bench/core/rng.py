"""Randomness: every random decision is a pure function of a key (seed, purpose, experience, epoch,
step, sample, ...).

So nothing needs to remember the state of a generator: a run that was killed and started again, or
that counts its steps differently, draws the same numbers.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def seed_of(*key: Any) -> int:
    """A 63-bit seed that depends on the key alone."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    # Torch takes signed seeds: the highest of the 64 bits is left out.
    return int.from_bytes(digest[:8], "big") >> 1


def rng(*key: Any) -> np.random.Generator:
    """A generator of its own for one decision."""
    return np.random.Generator(np.random.PCG64(seed_of(*key)))


@contextmanager
def keyed(*key: Any) -> Iterator[None]:
    """For code that draws from torch's global generator (initialisers, dropout): seed it by key,
    then put it back.
    """
    import torch

    seed = seed_of(*key)
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        # Not `torch.manual_seed`: for each kind of device that is not there, or not used yet, it
        # notes down whole stacks of calls, which costs more than a small training step.
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        yield

"""Resources: seconds by what they were spent on, and the peak of memory. They never enter what is
hashed or compared.
"""

import errno
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "could not create a primitive",  # oneDNN, where there is not enough address space
    "could not create a memory object",
)


class Stopwatch:
    """Adds up seconds under names."""

    def __init__(self, seconds: dict[str, float] | None = None) -> None:
        self.seconds = dict(seconds or {})

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[what] = self.seconds.get(what, 0.0) + time.perf_counter() - start


def out_of_memory(error: Exception) -> bool:
    """Whether an error means that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if not isinstance(error, RuntimeError):
        return False
    # Torch raises a plain RuntimeError, which only its message tells from others.
    message = str(error).lower()
    return any(said in message for said in _OUT_OF_MEMORY)


def free_memory(device: str) -> tuple[int, int]:
    """Bytes free and in all, of a GPU or of this machine; what a job's scheduler allows may be
    less.
    """
    if device == "cuda":
        import torch

        return torch.cuda.mem_get_info()
    page = os.sysconf("SC_PAGE_SIZE")
    total = os.sysconf("SC_PHYS_PAGES") * page
    if "SC_AVPHYS_PAGES" not in os.sysconf_names:  # macOS does not say what is free
        return total, total
    return os.sysconf("SC_AVPHYS_PAGES") * page, total


def reset_peak() -> None:
    """Start a new peak, so that a worker's second run does not inherit the first one's (Linux;
    elsewhere it does).
    """
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def peak_mib() -> float:
    """Largest resident memory of this process since the last reset, in MiB; a GPU's own memory is
    not in it.
    """
    try:
        lines = _STATUS.read_text().splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM"))
        return float(peak.split()[1]) / 1024
    except (OSError, StopIteration):
        unit = 1024**2 if sys.platform == "darwin" else 1024  # macOS counts bytes, others KiB
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def reset_device_peak(device: str) -> None:
    """Start a new peak of a GPU's memory; nothing where a run is on none."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)


def peak_device_mib(device: str) -> float | None:
    """Most memory of a GPU that this process held since the last reset, in MiB; None where a run is
    on none.
    """
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.max_memory_allocated(device) / 2**20

"""Findings: what works on this machine in one screen, and what to type where something does not."""

import importlib.util
import os
import platform
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import requires
from typing import Literal

from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.versions import versions_of

Kind = Literal["dataset", "model"]
PACKAGES = (
    "torch",
    "torchvision",
    "avalanche-lib",
    "transformers",
    "peft",
    "numpy",
    "pandas",
    "matplotlib",
)
OLDEST = (3, 11)
NEWEST = (3, 13)


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, whether it is well, what was found, what to type if it is
    not.
    """

    what: str
    well: bool
    found: str
    mend: str = ""


def versions() -> dict[str, str]:
    """What `--version` prints."""
    return versions_of(PACKAGES)


def examine(*, hashes: Collection[Kind] = ()) -> bool:
    """Print the findings, with the hashes of fetched data or weights where asked for; True if all
    is well.
    """
    well = True
    for finding in _all_findings(hashes):
        well &= finding.well
        mark = "ok " if finding.well else "BAD"
        head = f"{mark}  {finding.what:<13} "
        print(_wrapped(head, finding.found))
        if not finding.well and finding.mend:
            print(_wrapped(" " * len(head) + "-> ", finding.mend))
    print("All is well." if well else "Something needs mending: see the lines marked BAD.")
    return well


def _all_findings(hashes: Collection[Kind]) -> Iterator[Finding]:
    yield from findings()
    if hashes:
        yield from _bundles(hashes)
    if "model" in hashes:
        yield from _packages()


def _wrapped(head: str, text: str) -> str:
    """Lines of at most 80 columns behind a head; names and paths stay whole, so that they can be
    copied.
    """
    margin = " " * len(head)
    return textwrap.fill(
        text,
        80,
        initial_indent=head,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


def findings() -> Iterator[Finding]:
    """Look at everything, the cheap things first."""
    installed = versions()
    python = sys.version_info[:2]
    well = OLDEST <= python <= NEWEST
    yield Finding("python", well, platform.python_version(), "use Python 3.11, 3.12 or 3.13")
    for package in ("avalanche-lib", "transformers", "peft", "pandas", "matplotlib"):
        version = installed[package]
        yield Finding(package, version != "not installed", version, f"pip install {package}")
    yield from _torch(installed)
    yield from _machine()
    yield from _kept()


def _torch(installed: dict[str, str]) -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        yield Finding("torch", False, "not installed", "make setup")
        return
    import torch

    yield Finding("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")
    yield _torchvision(installed)
    if torch.cuda.is_available():
        yield Finding("GPU", True, torch.cuda.get_device_name())
    else:
        yield Finding("GPU", True, "none; runs use the CPU")


def _torchvision(installed: dict[str, str]) -> Finding:
    """Whether it was built for the torch beside it: releases and builds come in pairs."""
    from clvl_bench.core.compat import compiled_part_loads

    loads = compiled_part_loads()
    if loads is None:
        return Finding("torchvision", False, "not installed", "make setup")
    pair = f"{installed['torchvision']} beside torch {installed['torch']}"
    if loads:
        return Finding("torchvision", True, f"{pair}: a matching pair")
    wanted = _torch_wanted_by_torchvision()
    if wanted and installed["torch"].split("+")[0] != wanted:
        mend = f"pip install torch=={wanted}"
        return Finding("torchvision", False, f"{pair}: wants torch {wanted}", mend)
    found = (
        f"{pair}: same version, other build; its Python part works (its compiled operators do not "
        f"load; nothing here uses them)"
    )
    return Finding("torchvision", True, found)


def _torch_wanted_by_torchvision() -> str | None:
    """The exact torch that the installed torchvision was built for, by its metadata."""
    for line in requires("torchvision") or []:
        if line.replace(" ", "").startswith("torch=="):
            return line.replace(" ", "").removeprefix("torch==").split(";")[0]
        if line.startswith("torch (=="):
            return line.removeprefix("torch (==").rstrip(")")
    return None


def _machine() -> Iterator[Finding]:
    yield Finding("cores", True, f"{_cores()}; grids run one run a core")
    home = cache_dir()
    existing = next(folder for folder in (home, *home.parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free / 2**30
    mend = "free some space, or set CLVL_HOME to a larger disk"
    yield Finding("disk", free > 1, f"{free:.0f} GiB free for {home}", mend)
    writable = os.access(existing, os.W_OK)
    mend = "set CLVL_HOME to a folder that you can write"
    yield Finding("cache", writable, f"{home}", mend)


def _cores() -> int:
    """Those that this process may use, where the system says so; a cluster gives fewer than it
    has.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _kept() -> Iterator[Finding]:
    """Weights and data: those that are not here are no fault, only a hint."""
    from clvl_bench.backbones.catalog import BACKBONES
    from clvl_bench.backbones.catalog import is_here as weights_here
    from clvl_bench.data.catalog.listing import DATASETS, QUESTIONS
    from clvl_bench.data.catalog.sources import HubSource
    from clvl_bench.data.readers.reading import is_here

    weights = [each.name for each in BACKBONES if weights_here(each)]
    yield Finding("weights", "tiny" in weights, ", ".join(weights), "install the package again")
    data = [each.name for each in DATASETS if is_here(each)]
    data += [each.name for each in QUESTIONS if is_here(each)]
    yield Finding("data", True, ", ".join(data))
    for each in BACKBONES:
        if each.packaged and each.name not in weights:
            yield Finding("to install", True, f"{each.name}: {each.how_to_get}")
    pinned = [each.name for each in BACKBONES if each.revision is not None]
    missing = [name for name in pinned if name not in weights]
    hub = [each for each in DATASETS if isinstance(each.source, HubSource)]
    missing += [each.name for each in hub if not is_here(each)]
    if missing:
        yield Finding("to fetch", True, f"{len(missing)} more; clvl-bench fetch {missing[0]}")


def _bundles(kinds: Collection[Kind]) -> Iterator[Finding]:
    """Every fetched file against the hash that was declared, or written down when it came."""
    from clvl_bench.hub import bundle

    for each in bundle.holdings():
        if not each.files or each.kind not in kinds:
            continue
        found = f"{each.name}: {len(each.files)} files"
        changed = bundle.damaged(each)
        if changed:
            found += f", {len(changed)} changed or gone, for example {changed[0]}"
        else:
            known = each.manifest.is_file()
            found += ", all as fetched" if known else ", no hashes were written down"
            found += ", weights as declared" if each.pinned else ""
        yield Finding("stock", not changed, found, f"clvl-bench fetch {each.name}")


def _packages() -> Iterator[Finding]:
    """Every file that is read from an installed package against the hash that was declared."""
    from clvl_bench.backbones.catalog import BACKBONES, is_here

    for each in BACKBONES:
        if not each.packaged or not is_here(each):
            continue
        changed = [file.name for file in each.packaged if not file.is_as_declared()]
        found = f"{each.name}: {len(each.packaged)} files"
        if changed:
            found += f", {len(changed)} changed, for example {changed[0]}"
        else:
            found += ", all as declared"
        mend = f"pip install --force-reinstall --no-deps {' '.join(each.packages)}"
        yield Finding("packages", not changed, found, mend)

"""Doctor: what works on this machine in one screen, and what to type where something does not."""

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
OLDEST, NEWEST = (3, 11), (3, 13)


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
    for finding in (*findings(), *(_stock(hashes) if hashes else ())):
        well &= finding.well
        head = f"{'ok ' if finding.well else 'BAD'}  {finding.what:<13} "
        print(_wrapped(head, finding.found))
        if not finding.well and finding.mend:
            print(_wrapped(" " * len(head) + "-> ", finding.mend))
    print("All is well." if well else "Something needs mending: see the lines marked BAD.")
    return well


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
    yield Finding(
        "python",
        OLDEST <= python <= NEWEST,
        platform.python_version(),
        "use Python 3.11, 3.12 or 3.13",
    )
    for package in ("avalanche-lib", "transformers", "peft", "pandas", "matplotlib"):
        yield Finding(
            package,
            installed[package] != "not installed",
            installed[package],
            f"pip install {package}",
        )
    yield from _torch(installed)
    yield from _machine()
    yield from _kept()


def _torch(installed: dict[str, str]) -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        yield Finding("torch", False, "not installed", "make setup")
        return
    import torch

    from clvl_bench.core.compat import compiled_part_loads

    yield Finding("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")
    wanted = _torch_wanted_by_torchvision()
    pair, loads = (
        f"{installed['torchvision']} beside torch {installed['torch']}",
        compiled_part_loads(),
    )
    if loads is None:
        yield Finding("torchvision", False, "not installed", "make setup")
    elif loads:
        yield Finding("torchvision", True, f"{pair}: a matching pair")
    elif wanted and installed["torch"].split("+")[0] != wanted:
        yield Finding(
            "torchvision", False, f"{pair}: wants torch {wanted}", f"pip install torch=={wanted}"
        )
    else:
        found = (
            f"{pair}: same version, other build; its Python part works (its compiled operators "
            f"do not load; nothing here"
        )
        yield Finding("torchvision", True, f"{found} uses them)")
    cuda = (
        f"{torch.cuda.get_device_name()}" if torch.cuda.is_available() else "none; runs use the CPU"
    )
    yield Finding("GPU", True, cuda)


def _torch_wanted_by_torchvision() -> str | None:
    """The exact torch that the installed torchvision was built for, by its metadata."""
    for line in requires("torchvision") or []:
        if line.replace(" ", "").startswith("torch=="):
            return line.replace(" ", "").removeprefix("torch==").split(";")[0]
        if line.startswith("torch (=="):
            return line.removeprefix("torch (==").rstrip(")")
    return None


def _machine() -> Iterator[Finding]:
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    yield Finding("cores", True, f"{cores}; grids run one run a core")
    existing = next(folder for folder in (cache_dir(), *cache_dir().parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free / 2**30
    yield Finding(
        "disk",
        free > 1,
        f"{free:.0f} GiB free for {cache_dir()}",
        "free some space, or set CLVL_HOME to a larger disk",
    )
    writable = os.access(existing, os.W_OK)
    yield Finding(
        "cache", writable, f"{cache_dir()}", "set CLVL_HOME to a folder that you can write"
    )


def _kept() -> Iterator[Finding]:
    """Weights and data: those that are not here are no fault, only a hint."""
    from clvl_bench.backbones.catalog import BACKBONES
    from clvl_bench.backbones.catalog import is_here as weights_here
    from clvl_bench.data.catalog.listing import DATASETS, QUESTIONS
    from clvl_bench.data.catalog.sources import HubSource
    from clvl_bench.data.readers.reading import is_here

    here = [each.name for each in BACKBONES if weights_here(each)]
    away = [each.name for each in BACKBONES if each.name not in here and each.revision is not None]
    yield Finding("weights", "tiny" in here, ", ".join(here), "install the package again")
    here = [
        *(each.name for each in DATASETS if is_here(each)),
        *(each.name for each in QUESTIONS if is_here(each)),
    ]
    yield Finding("data", True, ", ".join(here))
    hub = [each for each in DATASETS if isinstance(each.source, HubSource)]
    missing = [*away, *(each.name for each in hub if not is_here(each))]
    if missing:
        yield Finding("to fetch", True, f"{len(missing)} more; clvl-bench fetch {missing[0]}")


def _stock(kinds: Collection[Kind]) -> Iterator[Finding]:
    """Every fetched file against the hash that was declared, or written down when it came."""
    from clvl_bench.hub import bundle

    for each in bundle.holdings():
        if each.files and each.kind in kinds:
            changed = bundle.damaged(each)
            found = f"{each.name}: {len(each.files)} files"
            known = "all as fetched" if each.manifest.is_file() else "no hashes were written down"
            well = f"{found}, {known}" + (", weights as declared" if each.pinned else "")
            bad = (
                f"{found}, {len(changed)} changed or gone, for example {changed[0]}"
                if changed
                else well
            )
            yield Finding("stock", not changed, bad, f"clvl-bench fetch {each.name}")

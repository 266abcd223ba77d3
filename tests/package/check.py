"""Checks a wheel and an sdist: what is in them, how large they are, and that the
wheel runs from an empty folder, outside the checkout.

    python tests/package/check.py build/dist [--whole]

The wheel goes into a new environment, which borrows the packages of the one that this runs in;
`--whole` installs them as well, with constraints.txt, which downloads gigabytes.
"""

import hashlib
import os
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_MB = {"wheel": 6.0, "sdist": 14.0}
"""A little more than they are: who adds weights or results to the package meets this."""
LINES = [
    ["list"],
    ["run", "toy_landcover", "prompt_replay", "--limit", "20", "--no-page"],
    ["report", "results", "--out", "table", "--no-plots"],
    ["compare", "results", "table"],
    ["grid", "ci", "--dry-run"],
    ["reproduce", "--list"],
]


def main(folder: Path, *, whole: bool) -> None:
    wheel = only(folder.glob("*.whl"))
    sdist = only(folder.glob("*.tar.gz"))
    for sort, file in (("wheel", wheel), ("sdist", sdist)):
        size = file.stat().st_size / 1e6
        print(f"{file.name}: {size:.1f} MB, sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}")
        expect(size < MOST_MB[sort], f"{file.name} is larger than {MOST_MB[sort]} MB")
    check_wheel(set(zipfile.ZipFile(wheel).namelist()))
    with tarfile.open(sdist) as archive:
        check_sdist({name.partition("/")[2] for name in archive.getnames()})
    with tempfile.TemporaryDirectory() as temporary:
        try_wheel(wheel, Path(temporary), whole=whole)


def check_wheel(names: set[str]) -> None:
    """All code, and all that is shipped beside it; nothing else."""
    missing = {name for name in tracked("clvl_bench") if name not in names}
    for source, target in shipped().items():
        for name in tracked(source):
            missing |= {f"{target}{name.removeprefix(source)}"} - names
    expect(not missing, f"the wheel lacks {sorted(missing)}")
    strange = {
        name for name in names if not name.startswith("clvl_bench/") and ".dist-info/" not in name
    }
    expect(not strange, f"the wheel holds {sorted(strange)}")


def check_sdist(names: set[str]) -> None:
    """All that is committed: a wheel, the tests and the documentation can be made from it."""
    missing = set(tracked(".")) - names
    expect(not missing, f"the sdist lacks {sorted(missing)}")


def try_wheel(wheel: Path, folder: Path, *, whole: bool) -> None:
    """Install it, and type what a user types first."""
    environment = folder / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if whole:
        subprocess.run([*install, "-c", ROOT / "constraints.txt", wheel], check=True)
    else:
        subprocess.run([*install, "--no-deps", "--no-index", wheel], check=True)
        packages = only(environment.glob("lib/python*/site-packages"))
        borrowed = sysconfig.get_path("purelib")
        (packages / "borrowed.pth").write_text(f"{borrowed}\n")
    empty = folder / "empty"
    empty.mkdir()
    outside = {**os.environ, "CLVL_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    outside.pop("PYTHONPATH", None)
    where = [python, "-c", "import clvl_bench; print(clvl_bench.__file__)"]
    found = subprocess.run(where, cwd=empty, env=outside, capture_output=True, text=True)
    expect(str(environment) in found.stdout, f"imported from {found.stdout or found.stderr}")
    for words in LINES:
        line = [str(environment / "bin" / "clvl-bench"), *words]
        done = subprocess.run(line, cwd=empty, env=outside, capture_output=True, text=True)
        expect(done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}")
        print(f"ok: clvl-bench {' '.join(words)}")


def tracked(folder: str) -> list[str]:
    """The committed files below a folder."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--", folder]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if name]


def shipped() -> dict[str, str]:
    """Folder of the checkout -> folder in the wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    return found


def only(found) -> Path:  # type: ignore[no-untyped-def]
    paths = list(found)
    expect(len(paths) == 1, f"one file was expected, found: {[path.name for path in paths]}")
    return paths[0]


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"package: {otherwise}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), whole="--whole" in sys.argv)

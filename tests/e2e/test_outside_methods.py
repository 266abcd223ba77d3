"""Methods from outside: the page's own example as a file, a package, in a session; broken ones.

A method with a loss and parameters of its own is one file and one strategy file; nothing else is
edited.
"""

import importlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import clvl
from conftest import ROOT

import clvl_bench as cb
from clvl_bench.core.errors import Mistake
from clvl_bench.methods import outside, registry

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SCALE = next(
    block for block in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "ScaleConfig" in block
)
STRATEGY = next(
    block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.S) if "adapter" in block
)
EXPERIMENT = """version = 1
benchmarks = ["small.toml"]
strategies = ["scale.toml"]
seeds = [0, 1]
"""


@pytest.fixture
def folder(small: Path, painted, tmp_path: Path) -> Path:
    """A user's folder: a small benchmark, the method's file, its strategy file, an experiment."""
    painted(small)
    (tmp_path / "scale.py").write_text(SCALE)
    (tmp_path / "scale.toml").write_text(STRATEGY)
    (tmp_path / "grid.toml").write_text(EXPERIMENT)
    return tmp_path


@pytest.fixture
def forgotten():
    """A registry that forgets, behind the test, what was loaded from files."""
    yield
    outside._from_files.clear()
    outside._files.clear()


def run_of(folder: Path) -> dict:
    (result,) = folder.glob("results/runs/*/result.json")
    return json.loads(result.read_bytes())["provenance"]


def assert_one_line(done: subprocess.CompletedProcess, code: int = 2) -> str:
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_a_file_named_on_the_command_line_runs_and_its_hash_is_in_the_record(folder):
    arguments = ("run", "small.toml", "scale.toml", "--limit", 20)
    done = clvl(*arguments, "--methods", "scale.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert run_of(folder)["methods"]["scale"]["source"] == "file scale.py"
    again = clvl(*arguments, "--methods", "scale.py", cwd=folder)
    assert again.returncode == 0, "a finished run is read back"
    (folder / "scale.py").write_text(SCALE + "\n# changed\n")
    line = assert_one_line(clvl(*arguments, "--methods", "scale.py", cwd=folder))
    assert "finished run with other methods" in line


def test_a_file_is_checked_and_listed_like_any_other(folder):
    done = clvl("check", "scale.toml", "--methods", "scale.py", cwd=folder)
    assert done.stdout == "scale.toml: a valid strategy\n"
    assert "start" in clvl("list", "scale", "--methods", "scale.py", cwd=folder).stdout
    line = assert_one_line(clvl("check", "scale.toml", cwd=folder))
    assert "adapter.kind: got 'scale'" in line


@pytest.mark.slow
def test_a_grid_runs_it_in_its_workers_and_report_shows_it(folder):
    done = clvl(
        "grid", "grid.toml", "--limit", 20, "--jobs", 2, "--methods", "scale.py", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    done = clvl("report", "results", "--out", "table", "--no-plots", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "scale" in (folder / "table" / "summary.md").read_text()


@pytest.mark.slow
def test_killed_and_started_again_it_ends_with_the_same_numbers(folder):
    arguments = ["run", "small.toml", "scale.toml", "--limit", "20", "--methods", "scale.py"]
    undisturbed = clvl(*arguments, "--results", "whole", cwd=folder)
    assert undisturbed.returncode == 0, undisturbed.stderr
    command = [sys.executable, "-m", "clvl_bench", *arguments]
    killed = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    while killed.poll() is None and not list(folder.glob("results/runs/*/state/*")):
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not list(folder.glob("results/runs/*/result.json"))
    done = clvl(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    same = clvl("compare", "whole", "results", cwd=folder)
    assert same.returncode == 0, same.stdout


def installed_at(site: Path, module: str, entry: str) -> None:
    """A package as pip leaves it: a module and its metadata with an entry point."""
    site.mkdir(exist_ok=True)
    (site / "scale_method.py").write_text(module)
    info = site / "scale_method-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scale-method\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text(f"[clvl_bench.methods]\nscale = {entry}\n")


def with_site(site: Path) -> dict[str, str]:
    return {"PYTHONPATH": f"{site}:{ROOT}"}


def test_an_installed_package_runs_without_a_flag(folder, tmp_path):
    installed_at(tmp_path / "site", SCALE, "scale_method:ScaleConfig")
    done = clvl(
        *("run", "small.toml", "scale.toml", "--limit", 20),
        cwd=folder,
        **with_site(tmp_path / "site"),
    )
    assert done.returncode == 0, done.stderr
    assert run_of(folder)["methods"]["scale"]["source"] == "package scale-method 0.3"


def test_a_package_that_does_not_import_is_one_line_and_disturbs_nobody_else(folder, tmp_path):
    installed_at(tmp_path / "site", "import nowhere_to_be_found\n", "scale_method:ScaleConfig")
    site = with_site(tmp_path / "site")
    line = assert_one_line(clvl("check", "scale.toml", cwd=folder, **site))
    assert "scale-method 0.3" in line
    assert "nowhere_to_be_found" in line
    shutil.copy(ROOT / "experiments" / "strategies" / "linear.toml", folder)
    assert clvl("check", "linear.toml", cwd=folder, **site).returncode == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("class Half(:\n", "SyntaxError"),
        ("raise RuntimeError('on import')\n", "RuntimeError: on import (line 1)"),
        ("x = 1\n", "defines no method"),
        (SCALE.replace('kind: str = "scale"', 'kind: str = "linear"'), "'linear' is taken"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, forgotten, content, said):
    file = tmp_path / "broken.py"
    file.write_text(content)
    with pytest.raises(Mistake, match=re.escape(said)) as mistake:
        registry.load_methods([file])
    assert len(str(mistake.value).splitlines()) == 1


def test_a_method_of_a_session_runs_and_a_file_cannot_name_it(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    session = importlib.import_module("scale")
    strategy = cb.Strategy(adapter=session.ScaleConfig(), train={"lr": 1e-2, "epochs": 1})
    result = cb.run("small.toml", strategy, limit=20, progress=False)
    assert {record.strategy for record in result.records} == {"scale"}
    with pytest.raises(Mistake, match="class of this session"):
        cb.run_grid("grid.toml")

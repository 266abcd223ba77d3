"""Shells complete names, in a moment."""

import inspect
import os
import shutil
import subprocess
import sys
from typing import get_args

import pytest

from clvl_bench.cli import completing
from clvl_bench.cli.listing import TABLES
from clvl_bench.cli.main import VERBS
from clvl_bench.runs.toml_files import names
from clvl_bench.runs.toml_files import target_names as targets

NAMED = ("benchmark", "strategy", "experiment", "backbone", "device", "precision", "log_to", "on")
"""Parameters of which all values, or the usual ones, are known."""
WORDS = [
    ("run toy_landcover prompt_re", ["prompt_replay"]),
    ("run toy_landcover slda --backbone ti", ["tiny", "tinyclip-vit-8m-16"]),
    ("run toy_landcover slda --log-to m", ["mlflow"]),
    ("grid refere", ["reference"]),
    ("grid ci --dry", ["--dry-run"]),
    ("run ./mine.to", []),
]
PROGRAM = f"#!{sys.executable}\nfrom clvl_bench.cli.main import main\nmain()\n"
ASK = """
eval "$(_CLVL_BENCH_COMPLETE=source_bash clvl-bench)"
COMP_WORDS=($1)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_clvl_bench_completion clvl-bench
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def path(tmp_path):
    """A search path that begins with `clvl-bench`."""
    program = tmp_path / "clvl-bench"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return f"{tmp_path}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(("words", "expected"), WORDS)
def test_bash_completes(words, expected, path):
    done = subprocess.run(
        ["bash", "-c", ASK, "bash", f"clvl-bench {words}"],
        env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == expected, done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_what_other_shells_ask_is_answered(shell, path):
    """Their scripts are the library's; what they call is ours."""
    asked = {
        "_CLVL_BENCH_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "clvl-bench run toy_landcover prompt_re",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        ["clvl-bench"], env={**os.environ, "PATH": path, **asked}, capture_output=True, text=True
    )
    assert "prompt_replay" in done.stdout
    assert "prompt_l2" not in done.stdout


def test_a_name_is_completed_wherever_one_stands():
    for verb, function in VERBS.items():
        for name, parameter in inspect.signature(function).parameters.items():
            if name in NAMED:
                declared = get_args(parameter.annotation)[1]
                assert declared.autocompletion is not None, (verb, name)


def test_what_is_offered_is_what_there_is():
    assert completing.benchmarks() == names("benchmark")
    assert completing.strategies() == names("strategy")
    assert completing.experiments() == names("experiment")
    assert completing.targets() == targets()
    assert completing.tables() == list(TABLES)
    assert {"tiny", "eurosat"} <= set(completing.fetched())


def test_nothing_heavy_is_imported_for_it():
    """Torch alone takes a second, and is asked for by whatever reaches the rest."""
    ask_all = (
        "import sys; from clvl_bench.cli import completing, main\n"
        "for name in ('benchmarks', 'targets', 'tables', 'fetched', 'trackers', 'engines',\n"
        "             'devices', 'precisions'):\n"
        "    assert getattr(completing, name)(), name\n"
        "print({'torch', 'numpy', 'pandas', 'rich', 'avalanche'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask_all], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"

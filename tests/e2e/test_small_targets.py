"""Every target of `reproduce` end to end at small size: data and weights from a hub on the
loopback, or copies in the declared layouts; random weights are never the published ones.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.hub import LocalHub, serving

from clvl_bench.runs.toml_files import target_names

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.sweep
@pytest.mark.parametrize("name", target_names())
def test_random_weights_end_in_not_reproduced_with_every_figure(name, tmp_path):
    free = LocalHub("model", "nobody/nothing", "0" * 40, {})
    with serving(free):
        address = f"http://127.0.0.1:{free.port}"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        "HF_ENDPOINT": address,
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "CLVL_HOME": str(tmp_path / "home"),
        "COLUMNS": "80",
    }
    folder = tmp_path / "here"
    folder.mkdir()
    script = ROOT / "tests" / "helpers" / "small_targets.py"
    done = subprocess.run(
        [sys.executable, str(script), name],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=3000,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr[-2000:]
    dry, _, told = done.stdout.partition("nothing was written")
    for what in ("Figure", "Tolerance", "data ", "Time", "Memory", "runs, "):
        assert what in dry
    assert "Missing" not in dry, "everything was fetched or brought"
    assert re.search(rf"{name}: not reproduced(, from other inputs)?: \d+ of \d+ figures", told)
    assert re.search(r"published [\d.]+, ours [\d.]+ \([+-][\d.]+\)", " ".join(told.split()))

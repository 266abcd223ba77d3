"""Runs the command line as a user does, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def clvl(*arguments: object, cwd: Path | None = None, timeout: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clvl_bench", *map(str, arguments)]
    env = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False)

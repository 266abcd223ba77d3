"""Runs the command line as a user does, in a process of its own; or in this one, where that is
enough.
"""

import contextlib
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path
from unittest.mock import patch

RUN = ("run", "--no-plots", "--no-page")
"""The verb, where nobody looks at pictures: they take longer than a short run."""


def clvl(
    *arguments: object, cwd: Path | None = None, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clvl_bench", *map(str, arguments)]
    env = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", **environment}
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )


def clvl_here(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has imported everything heavy already."""
    from clvl_bench.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    code: int | str | None = 0
    with (
        patch.object(sys, "argv", ["clvl-bench", *map(str, arguments)]),
        patch.dict(os.environ, {"COLUMNS": "80", "NO_COLOR": "1"}),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(
        ["clvl-bench", *map(str, arguments)], int(code or 0), out.getvalue(), err.getvalue()
    )

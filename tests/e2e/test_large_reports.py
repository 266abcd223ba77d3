"""Reports of very many runs, measured in a process of their own."""

import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.sweep

SIZES = {
    "107 strategies, 10,000 samples": ["--strategies", "107", "--runs", "5", "--samples", "10000"],
    "99 strategies in pairs": ["--strategies", "99", "--runs", "5", "--samples", "10000"],
    "1,000 runs": ["--strategies", "200", "--runs", "5", "--samples", "1000"],
}


@pytest.mark.parametrize("size", SIZES)
def test_a_report_of_very_many_runs_takes_less_than_two_gigabytes_and_a_minute(size):
    command = [sys.executable, ROOT / "tests" / "perf" / "report.py", *SIZES[size]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "under 2000 MiB and 60 s: yes", done.stdout

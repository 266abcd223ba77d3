"""What a worker keeps from run to run: files are read once, numbers stay those of a run alone."""

import pytest

from clvl_bench.audits.result_files import result_files
from clvl_bench.runs import setup
from clvl_bench.runs.files import run_config
from clvl_bench.runs.last_sources import LastSources
from clvl_bench.runs.runner import run

RUNS = (
    ("toy_landcover", "prompt"),
    ("toy_landcover", "linear"),
    ("toy_landcover_seen", "prompt"),
    ("toy_sensors", "prompt"),
    ("toy_landcover", "prompt"),
)


@pytest.fixture
def counted(monkeypatch):
    """How often weights were loaded and samples read."""
    counts = {"read_slices": 0, "backbone_for": 0}

    def counting(name):
        real = getattr(setup, name)

        def count(*args, **kwargs):
            counts[name] += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(setup, name, count)

    for name in counts:
        counting(name)
    return counts


def test_runs_of_one_worker_have_the_bytes_of_runs_alone_and_load_once(tmp_path, counted):
    sources = LastSources()
    overrides = ["train.epochs=1"]
    for number, (benchmark, strategy) in enumerate(RUNS):
        config = run_config(benchmark, strategy, limit=12, overrides=overrides)
        kept = run(config, results=tmp_path / str(number), progress=False, sources=sources)
        alone = run(config, results=tmp_path / "alone", progress=False)
        assert result_files(kept.folder) == result_files(alone.folder), (benchmark, strategy)
    # The last run is one of before, which a run alone reads back, and prepares to verify.
    assert counted == {"read_slices": 3 + len(RUNS), "backbone_for": 1 + len(RUNS)}

"""Published tables of the suite, for tests that compute with them."""

from pathlib import Path

from clvl_bench.report.published_matrices import PublishedRun, read_matrices

TABLES = Path(__file__).parents[2] / "results" / "published"


def runs_of(table: str) -> dict[tuple[str, str], PublishedRun]:
    """The published matrices of a table, by benchmark and strategy."""
    runs = read_matrices(TABLES / f"{table}.json").runs
    return {(run.benchmark, run.strategy): run for run in runs}


ZSCL = runs_of("zscl_mtil")
ZSCL_NAMES = {
    "Continual-FT": "finetune_mtil",
    "LwF": "lwf_mtil",
    "iCaRL": "icarl",
    "LwF-VR": "lwf_mtil[plugins.lwf.sentences=random]",
    "WiSE-FT": "wise_ft_mtil",
    "ZSCL*": "ZSCL*",
    "ZSCL": "zscl_mtil",
}
"""How the table calls what the paper calls so."""

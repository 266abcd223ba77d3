"""Every strategy file on a small stream, through the runner's own loop: it sees, reads, scores and
moves what it may. A run is audited as a whole, and the verdict names what was found.
"""

import pytest
from contract.audited import whole_runs

from clvl_bench.audits.listening import listen
from clvl_bench.audits.second_runs import SECOND_RUNS
from clvl_bench.audits.verdict import WHOLE, verdict

RUNS = [
    pytest.param(run, id=str(run), marks=[] if run.first else [pytest.mark.slow])
    for run in whole_runs()
]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.usefixtures("no_waiting")
def test_the_audits_find_nothing(run, sources, tmp_path):
    heard = listen(run.config, tmp_path, sources=sources, walk=1 if run.first else None)
    found = verdict(heard, (*WHOLE, *SECOND_RUNS) if run.first else WHOLE)
    assert not found, f"\n{found}"

"""What the suite costs, in one table and under ten minutes on a free core: `make perf`.

Every row sets the suite beside a bare loop of the same mathematics, in turn, in seconds of
processor time: absolute times mean nothing on a shared machine, and waiting for others is not
counted. Nothing here passes or fails; what can be counted is a test (tests/contract/test_bars.py).
"""

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("ROUNDS", "1")  # of towers of published size, where a round takes a minute

import growth
import overhead
import torch
import vit
from finetune import rows as of_fine_tuning


def rows() -> Iterator[str]:
    yield from overhead.rows()
    yield from growth.rows()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        vit.make(folder)
        yield from of_fine_tuning(folder)
    yield from vit.rows()


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    print(f"| load {load:.1f} | suite / bare: median (range) | |\n| --- | ---: | --- |")
    with tempfile.TemporaryDirectory() as home:
        os.environ["CLVL_HOME"] = home
        for row in rows():
            print(row, flush=True)


if __name__ == "__main__":
    main()

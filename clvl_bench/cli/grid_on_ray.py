"""A grid on Ray: this process hands its runs to Ray's workers, and has to stay."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clvl_bench.runs.engines.ray_cluster import Needs, connected
from clvl_bench.runs.engines.remote_workers import RemoteWorkers
from clvl_bench.runs.grid import default_jobs


@contextmanager
def workers_on_ray(
    results: Path,
    jobs: int | None,
    log_to: Sequence[str],
    *,
    gpus: float,
    address: str | None,
) -> Iterator[RemoteWorkers]:
    """Workers for the time of the block.

    Args:
        jobs: at most so many runs at a time; if None, as many as there is room for.
        gpus: of a run. Where it has none it is told so: Ray need not hide those of others.
        address: of a cluster that is there; if None, `RAY_ADDRESS`, or one of its own.

    Raises:
        Missing: there is no such cluster.
        Mistake: it cannot be used.
    """
    device = "cuda" if gpus else "cpu"
    with connected(address, Needs(gpus=gpus), cpus=jobs or default_jobs()) as cluster:
        print(f"On Ray, with room for {cluster.room()} runs", flush=True)
        yield RemoteWorkers(cluster, results, device, log_to, jobs=jobs)

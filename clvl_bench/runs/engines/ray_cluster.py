"""Ray: a cluster that is there, or one of its own on this machine, which only this machine reaches.

Ray is asked for processes and for messages between them. What it is handed is a function of this
program, which it finds there by its name, and texts.
"""

import logging
import os
from collections.abc import Collection, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from clvl_bench.core.errors import Missing, Mistake, RunFailed, warn
from clvl_bench.core.packages import is_installed
from clvl_bench.runs.engines.environment import taken_along
from clvl_bench.runs.engines.remote_workers import Lost, Withdrawn, perform_there

LOCAL = "local"
LOOPBACK = "127.0.0.1"
THREADS = ("OMP_NUM_THREADS", "TOKENIZERS_PARALLELISM", "PYTHONWARNINGS")
"""How libraries behave in the workers of a grid."""
ALMOST = 1e-9


@dataclass(frozen=True)
class Needs:
    """What a run asks Ray for.

    Args:
        cpus: as many threads as the run has.
        gpus: may be a part of one, which several runs share then.
    """

    cpus: float = 1
    gpus: float = 0

    def fit_in(self, resources: dict[str, float]) -> int:
        """How many such runs a machine with these resources can hold."""
        fits = int(resources.get("CPU", 0) / self.cpus)
        if not self.gpus:
            return fits
        # A fifth of a GPU goes into it five times, whatever the binary digits say.
        return min(fits, int(resources.get("GPU", 0) / self.gpus + ALMOST))


def refuse_without_ray() -> None:
    """Before anything else takes time, and without importing it.

    Raises:
        Missing: it is not installed.
    """
    if not is_installed("ray"):
        raise Missing(
            "--on ray: the package ray is not installed; run: pip install 'clvl_bench[ray]'"
        )


class RayCluster:
    """Sends texts to Ray's workers. Made by `connected`."""

    def __init__(self, ray: Any, needs: Needs) -> None:
        self._ray = ray
        self._needs = needs
        # Who died is sent again by the grid, which counts that, and looks at the claim first. For
        # GPUs Ray starts a process a run, as it must: torch takes up its devices only once.
        options = {"num_cpus": needs.cpus, "num_gpus": needs.gpus, "max_retries": 0}
        self._perform = ray.remote(**options)(perform_there)

    def room(self) -> int:
        nodes = [node for node in self._ray.nodes() if node["Alive"]]
        return sum(self._needs.fit_in(node["Resources"]) for node in nodes)

    def send(self, sent: str) -> Hashable:
        handle: Hashable = self._perform.remote(sent)
        return handle

    def answered(self, handles: Collection[Hashable], *, within: float) -> list[Hashable]:
        ready, _ = self._ray.wait(list(handles), num_returns=1, timeout=within)
        return list(ready)

    def answer(self, handle: Hashable) -> str:
        errors = self._ray.exceptions
        died = (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError)
        try:
            told: str = self._ray.get(handle)
        except errors.TaskCancelledError:
            raise Withdrawn from None
        except died as error:
            raise Lost(_in_a_line(error).partition(". ")[0]) from None
        except errors.RayError as error:
            # A traceback, whose last line is what was raised there.
            raise RunFailed(f"ray: {str(error).strip().splitlines()[-1]}") from None
        return told

    def cancel(self, handle: Hashable) -> None:
        self._ray.cancel(handle)


@contextmanager
def connected(address: str | None, needs: Needs, *, cpus: int) -> Iterator[RayCluster]:
    """A cluster for the time of the block.

    Args:
        address: of its head; if None, `RAY_ADDRESS`, and where that says nothing one is started
            here and ended behind the block.
        cpus: that the one here may use.

    Raises:
        Missing: nobody answers there.
        Mistake: the address is none, or no machine can hold a run.
    """
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    if "://" in address:
        raise Mistake(
            f"--address {address}: is Ray's client, which was not tried; start the command on a "
            "machine of the cluster, with --address auto or HOST:PORT"
        )
    ray = _import(local=address == LOCAL)
    options = {"num_cpus": cpus, "include_dashboard": False} if address == LOCAL else {}
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": _environment()},
            **options,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise Missing(f"--address {address}: {_in_a_line(error)}") from None
    try:
        if address == LOCAL:
            _refuse_reachable(ray)
        cluster = RayCluster(ray, needs)
        _refuse_without_room(cluster, needs, address)
        yield cluster
    finally:
        ray.shutdown()


def _import(*, local: bool) -> Any:
    """Ray, which reads these when it is imported."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if local:
        # "No clusters": what is started listens on the loopback device and nowhere else. (An
        # address that is handed over is exchanged for one that others can reach.)
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray

    return ray


def _environment() -> dict[str, str]:
    threads = {name: os.environ[name] for name in THREADS if name in os.environ}
    return {**taken_along(), **threads}


def _refuse_reachable(ray: Any) -> None:
    """Look whether Ray listens where it was told to: a future one may be told otherwise.

    Raises:
        Mistake: it does not.
    """
    told = {node["NodeManagerAddress"] for node in ray.nodes()}
    if told != {LOOPBACK}:
        raise Mistake(
            f"--on ray: this Ray ({ray.__version__}) listens on {', '.join(sorted(told))}, where "
            "others reach it; start one yourself and name it with --address, or use another version"
        )


def _refuse_without_room(cluster: RayCluster, needs: Needs, address: str) -> None:
    """A cluster may grow; this machine does not."""
    if cluster.room():
        return
    wanted = f"{needs.cpus:g} CPU and {needs.gpus:g} GPU"
    if address == LOCAL:
        raise Mistake(f"--on ray: a run asks for {wanted}, which this machine does not have")
    warn(f"no machine of the cluster has {wanted} for a run; all wait until one has")


def _in_a_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

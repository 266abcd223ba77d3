"""A SLURM cluster on this machine for the time of the tests: each node is a process space with a
host name of its own, so that one of them can lose its power.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "munged", "unshare")
SPACE = ("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc")
CORES = 3


def absent() -> str:
    """Why there can be no cluster here; empty where there can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)}: apt-get install slurm-wlm munge"
    if os.geteuid() != 0:
        return "a cluster on one machine needs root"
    if subprocess.run([*SPACE, "true"], capture_output=True, check=False).returncode:
        return "process spaces may not be made here"
    return ""


class Cluster:
    """Started by `start`, ended by `stop`; `SLURM_CONF` has to name its `conf`."""

    def __init__(self, folder: Path, nodes: tuple[str, ...]) -> None:
        self.folder = folder
        self.conf = folder / "slurm.conf"
        self._nodes = nodes
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._munged: int | None = None

    def start(self) -> None:
        (self.folder / "state").mkdir(parents=True)
        self.conf.write_text(self._configuration())
        self._start_munged()
        self._start(
            "controller", "unshare", "--uts", "sh", "-c", _as("controller", "exec slurmctld -D")
        )
        for node in self._nodes:
            self._start(node, *SPACE, "bash", "-c", _as(node, f"slurmd -D -N {node} & wait"))
        self.wait_for(lambda: self._idle() == len(self._nodes), 60)

    def stop(self) -> None:
        for process in reversed(self._processes.values()):
            process.kill()  # a node's process space goes with it
            process.wait()
        # Whoever else has started a cluster meanwhile needs it still. (The controller's own helper
        # process outlives it for a moment.)
        if self._munged is not None and _is_gone("slurmctld", within=3):
            os.kill(self._munged, signal.SIGTERM)

    def kill(self, node: str) -> None:
        """The node loses its power: all that runs on it is gone at once."""
        self._processes[node].kill()
        self._processes[node].wait()

    def tell(self, *command: str) -> str:
        """What a command of SLURM answers."""
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return told.stdout

    def restarts(self, array: str) -> list[int]:
        """How often each task of an array was queued again."""
        told = self.tell("scontrol", "show", "job", array)
        return [int(number) for number in re.findall(r"Restarts=(\d+)", told)]

    def wait_for(self, condition, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s:\n{self.tell('squeue')}"
            time.sleep(0.1)

    def _configuration(self) -> str:
        template = Path(__file__).with_name("slurm.conf.in").read_text()
        controller, *ports = _free_ports(1 + len(self._nodes))
        nodes = [
            f"NodeName={node} NodeHostname={node} NodeAddr=127.0.0.1 Port={port} CPUs={CORES} "
            f"RealMemory=8000"
            for node, port in zip(self._nodes, ports, strict=True)
        ]
        for name, value in {
            "FOLDER": str(self.folder),
            "CONTROLLER_PORT": str(controller),
            "NODES": "\n".join(nodes),
        }.items():
            template = template.replace(f"@{name}@", value)
        return template

    def _start_munged(self) -> None:
        """Who signs messages: one for the whole machine, which may be there already. (SLURM looks
        for it at its usual place only.)
        """
        if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode == 0:
            return
        key = self.folder / "munge.key"
        key.touch(mode=0o400)
        key.write_bytes(os.urandom(128))
        Path("/run/munge").mkdir(parents=True, exist_ok=True)
        files = {each: f"{self.folder}/munged.{each}" for each in ("pid-file", "log-file")}
        options = [f"--{name}={path}" for name, path in files.items()]
        subprocess.run(
            ["munged", "--force", f"--key-file={key}", f"--seed-file={key}.seed", *options],
            check=True,
            capture_output=True,
        )
        self._munged = int(Path(files["pid-file"]).read_text())

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("wb") as out:
            self._processes[name] = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SLURM_CONF": str(self.conf)},
            )

    def _idle(self) -> int:
        told = subprocess.run(
            ["sinfo", "-h", "-t", "idle", "-o", "%D"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "SLURM_CONF": str(self.conf)},
        )
        return sum(int(line) for line in told.stdout.split())


def _is_gone(program: str, *, within: float) -> bool:
    """Whether no process of that name is left after so many seconds."""
    end = time.monotonic() + within
    command = ["pgrep", "-x", program]
    while subprocess.run(command, capture_output=True, check=False).returncode == 0:
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _as(host: str, command: str) -> str:
    return f"hostname {host}; {command}"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports

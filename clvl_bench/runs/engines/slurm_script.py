"""The scripts that SLURM is given: a head of #SBATCH lines, and one command line of this program.

Nothing else travels to the cluster: no pickled function, no file that is executed when it is read.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clvl_bench.core.errors import Mistake
from clvl_bench.runs.engines.environment import taken_along

OURS = ("array", "dependency", "error", "job-name", "open-mode", "output", "parsable", "wrap")
"""Options of sbatch that the lanes hang on."""

WARNING = 60
"""Seconds before the end of its time at which a job is told to stop. (SLURM looks every half
minute, and may say it earlier.)"""

IN_VAIN = "CLVL_IN_VAIN"
"""The environment variable that names a file with a line for each time in a row that the time of
this job was over before it had kept anything new."""
MOST_IN_VAIN = 3
"""So often, and it is not queued again: it would do the same for ever."""

BODY = """\
# The first signal that came: USR1, when the time of this job is nearly over; TERM, when somebody
# cancels it, or when its place is wanted, after which SLURM queues it again by itself.
told=
signals=0
pass_on() {
    told=${told:-$1}
    signals=$((signals + 1))
    kill -s "$1" "$command" 2>/dev/null
}
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM

COMMAND &
command=$!
# A signal that came before its number was known is passed on now.
if [ -n "$told" ]; then kill -s "$told" "$command" 2>/dev/null; fi
# A signal ends the waiting, not what is waited for: then its end is still to be heard.
code=127
heard=
while [ "$heard" != "$signals" ]; do
    heard=$signals
    wait "$command"
    said=$?
    if [ "$said" -ne 127 ]; then code=$said; fi
done

# 75: told to stop, and the state is kept. Above 128: killed before it could answer, as happens each
# time where the time of this job is too short for anything.
if [ "$told" = USR1 ] && [ "$code" -gt 128 ]; then
    code=75
    echo "$told" >> "$CLVL_IN_VAIN"
    if [ "$(wc -l < "$CLVL_IN_VAIN")" -ge MOST_IN_VAIN ]; then
        echo "clvl-bench: failed: its time was over before it had begun, again and again;" \\
            "it is not queued again: give it a longer --time" >&2
        code=1
    fi
fi
if [ "$told" != TERM ] && [ "$code" -eq 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"
"""


@dataclass(frozen=True)
class Resources:
    """What a lane asks SLURM for.

    Args:
        jobs: runs at a time, each with a core.
        seconds: of its time limit; None where the partition's own holds.
        gpus: a number, or a kind and a number as `a100:1`.
        extra: further options of sbatch; they go before ours.
    """

    jobs: int = 1
    partition: str | None = None
    seconds: int | None = None
    gpus: str | None = None
    memory: str | None = None
    account: str | None = None
    extra: Mapping[str, str | None] = field(default_factory=dict)


def encoding_script(
    command: Sequence[str], resources: Resources, *, name: str, log: Path, folder: Path
) -> str:
    """The job that reads and encodes first."""
    head = {"job-name": name, "output": _pattern(log)}
    return _script({**head, **_head(resources, folder)}, command, resources, log.parent)


def lanes_script(
    command: Sequence[str],
    resources: Resources,
    *,
    lanes: int,
    name: str,
    log: Path,
    folder: Path,
) -> str:
    """The array of lanes: each is the same command, and a member of the grid.

    Args:
        log: with `%a` for the number of a lane.
    """
    head = {"job-name": name, "array": f"1-{lanes}%{lanes}"}
    head["output"] = _pattern(log).replace("%%a", "%a")
    member = f'--member "$SLURM_ARRAY_TASK_ID/{lanes}"'
    return _script({**head, **_head(resources, folder)}, command, resources, log.parent, member)


def sbatch_options(told: Sequence[str]) -> dict[str, str | None]:
    """What stands behind `--sbatch`: `KEY=VALUE`, or `KEY` alone.

    Raises:
        Mistake: it is no option of sbatch, or one that the lanes hang on.
    """
    options: dict[str, str | None] = {}
    for each in told:
        key, equals, value = each.partition("=")
        if not re.fullmatch(r"[a-z][a-z0-9-]*", key) or "\n" in value:
            raise Mistake(
                f"--sbatch {each}: is no option of sbatch; write KEY=VALUE, as in "
                "--sbatch qos=low or --sbatch constraint=a100"
            )
        if key in OURS:
            raise Mistake(f"--sbatch {each}: is set by the lanes themselves; leave it out")
        options[key] = value if equals else None
    return options


def _head(resources: Resources, folder: Path) -> dict[str, str | None]:
    """What every job of the grid asks for.

    Args:
        folder: in which the command is given.
    """
    head: dict[str, str | None] = {
        "open-mode": "append",
        "chdir": str(folder),
        "ntasks": "1",
        "cpus-per-task": str(resources.jobs),
        "requeue": None,
        "signal": f"B:USR1@{_warning(resources)}",
    }
    asked = {
        "partition": resources.partition,
        "account": resources.account,
        "gres": f"gpu:{resources.gpus}" if resources.gpus else None,
        "mem": resources.memory,
        "time": None if resources.seconds is None else _time(resources.seconds),
    }
    head |= {name: value for name, value in asked.items() if value is not None}
    return {**head, **resources.extra}


def _script(
    head: Mapping[str, str | None],
    command: Sequence[str],
    resources: Resources,
    beside: Path,
    member: str = "",
) -> str:
    options = [f"#SBATCH --{name}{_value(value)}" for name, value in head.items()]
    exports = [f"export {name}={shlex.quote(value)}" for name, value in taken_along().items()]
    job = "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" if member else "$SLURM_JOB_ID"
    exports.append(f"export CLVL_LANE={job}")
    exports.append(f"export {IN_VAIN}={shlex.quote(str(beside))}/$CLVL_LANE.in-vain")
    said = shlex.join([*command, *_stop_in_time(resources)])
    body = BODY.replace("COMMAND", f"{said} {member}".rstrip())
    body = body.replace("MOST_IN_VAIN", str(MOST_IN_VAIN))
    return "\n".join(["#!/bin/bash", *options, "", *exports, "", body])


def _stop_in_time(resources: Resources) -> list[str]:
    """Stop wherever it is, if the signal did not bring it to a place where the state is kept."""
    if resources.seconds is None:
        return []
    return ["--time-limit", f"{resources.seconds - _warning(resources) // 2}s"]


def _warning(resources: Resources) -> int:
    """A minute before the end; of a short job, a sixth of it."""
    return WARNING if resources.seconds is None else min(WARNING, max(2, resources.seconds // 6))


def _time(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    return f"{days}-{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def _value(value: str | None) -> str:
    if value is None:
        return ""
    return f'="{value}"' if re.search(r"\s", value) else f"={value}"


def _pattern(path: Path) -> str:
    """A path in which SLURM finds nothing to fill in."""
    return str(path).replace("%", "%%")

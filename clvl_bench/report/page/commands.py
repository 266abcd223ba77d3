"""Commands: what makes a run again, and where its numbers came from."""

import shlex

from clvl_bench.report.origin import Origin
from clvl_bench.report.overrides import parts_of

FACTS = {
    "commit": "Commit",
    "config_sha256": "Configuration, sha256",
    "data_sha256": "Data, sha256",
    "prompts_sha256": "Prompts, sha256",
    "weights_sha256": "Weights, sha256",
    "family": "Pre-trained by",
    "teacher": "Teacher",
    "answerer": "Answerer",
    "precision": "Precision",
    "device": "Device",
    "threads": "Threads",
    "versions": "Versions",
    "limit": "Samples a split (--limit)",
}
"""Where the numbers of a run come from, in words."""


def command_of(origin: Origin) -> str:
    """The command that makes this run again, where its benchmark and strategy are found by name.

    Example:
        >>> where = dict(label_space="all", backbone="tiny", seed=1, class_order=0, state="done")
        >>> command_of(Origin("r", "b[shots=4]", strategy="prompt", **where))
        'clvl-bench run b prompt --seed 1 --set benchmark.shots=4'
    """
    benchmark, of_benchmark = parts_of(origin.benchmark)
    strategy, of_strategy = parts_of(origin.strategy)
    words = ["clvl-bench", "run", benchmark, strategy]
    if origin.backbone != "tiny":
        words += ["--backbone", origin.backbone]
    words += ["--seed", str(origin.seed)]
    overrides = [*of_strategy, *(f"benchmark.{each}" for each in of_benchmark)]
    if origin.class_order:
        overrides.append(f"benchmark.class_order_seed={origin.class_order}")
    for override in overrides:
        words += ["--set", override]
    if origin.precision not in ("", "fp32"):
        words += ["--precision", origin.precision]
    if origin.threads not in ("", "1"):
        words += ["--threads", origin.threads]
    if origin.limit:
        words += ["--limit", origin.limit]
    return shlex.join(words)


def facts_of(origin: Origin) -> list[list[str]]:
    """Where a run's numbers come from: names and values, those that are known."""
    found = []
    for field, title in FACTS.items():
        value = str(getattr(origin, field))
        if field == "commit" and origin.changed == "true":
            value += ", with changes that were not committed"
        if value:
            found.append([title, value])
    return found

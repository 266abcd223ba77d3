"""Toys: what a report must say where data or a backbone are the suite's painted toys."""

from collections.abc import Sequence

from clvl_bench.data.catalog.listing import DATASETS, QUESTIONS
from clvl_bench.report.runs import Run

TOY_BACKBONE = "tiny"
TOY_DATASETS = frozenset(
    [
        *(each.name for each in DATASETS if each.domain == "toy"),
        *(each.name for each in QUESTIONS if each.domain == "toy"),
    ]
)

ALL_TOY = "Toy world, toy backbone: effects are real, their sizes say nothing about real CLIP."
TOY_MODEL = (
    "Toy backbone on real data: this shows that everything works, and says nothing about what a "
    "real CLIP would reach."
)
TOY_WORLD = "Toy world: the pictures are painted by a program; sizes say nothing about real data."


def toy_note(runs: Sequence[Run]) -> str:
    """The sentence that stands above the numbers of one table; nothing where all of it is real."""
    toy_backbone = any(run.origin.backbone == TOY_BACKBONE for run in runs)
    toy_world = any(run.records for run in runs) and all(map(_tested_on_toys, runs))
    if toy_backbone and toy_world:
        return ALL_TOY
    if toy_backbone:
        return TOY_MODEL
    return TOY_WORLD if toy_world else ""


def _tested_on_toys(run: Run) -> bool:
    """Whether every dataset of the stream is a toy; a failed run says nothing against it."""
    tested = {record.dataset for record in run.records if record.stream == "test"}
    return all(name in TOY_DATASETS for text in tested for name in _datasets_of(text))


def _datasets_of(told: str) -> list[str]:
    """The datasets in what a record says it was measured on: a stream of questions names a group
    of them behind a slash, joint experiences stand with a plus between them.
    """
    if "/" not in told:
        return told.split("+")
    # A group may be of several types, as in `toy_scans_vqa/side+comparison`.
    return [part.partition("/")[0] for part in told.split("+") if "/" in part]

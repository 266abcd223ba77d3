"""Failures: test samples that strategies had wrong at the end of the stream, with their pictures.

A picture, a question or a file's name of a user's data is here only where the report was asked to
show them (`ReportData.may_show_pictures`); everything that is here has passed that question.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clvl_bench.core.errors import ClvlError, Damage
from clvl_bench.core.rng import rng
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.split import Split
from clvl_bench.report.names import Names
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Run
from clvl_bench.streams.reading import read_slices
from clvl_bench.streams.split_slice import SplitSlice

MOST = 30
"""Samples of a gallery."""
SIDE = 112
"""Pixels of the longer side of a picture; smaller ones stay as they are."""

Said = Mapping[int, tuple[int, int]]
"""Sample id -> predicted and true class."""


def failures(data: ReportData, runs: Sequence[Run], names: Names) -> dict[str, Any]:
    """The gallery of one table: `samples`, or the reason why there are none.

    Every strategy is shown by its run of the lowest class order and seed.
    """
    shown = _first_runs([run for run in runs if run.result is not None])
    if not shown:
        return {"samples": [], "why": "records"}
    if not all(data.may_show_pictures(run) for run in shown.values()):
        return {"samples": [], "why": "private"}
    last = {name: said for name, run in shown.items() if (said := _said(run, -1))}
    first = {name: _said(shown[name], 0) for name in last}
    if not last:
        return {"samples": [], "why": "records"}
    chosen = _chosen(last)
    run = next(iter(shown.values()))
    try:
        slices = _slices(data, run)
    except ClvlError as error:
        return {"samples": [], "why": "data", "reason": str(error)}
    questions = _questions(run)
    samples = []
    for sample in chosen:
        true = next(said[sample][1] for said in last.values() if sample in said)
        row = questions.get(sample, {})
        samples.append(
            {
                "picture": _picture(slices, sample),
                "file": _file(slices, sample) if data.private_pictures else "",
                "true": row.get("answer", _name(names, true)),
                "question": row.get("question", ""),
                "type": row.get("type", ""),
                "said": _all_said(sample, last, first, names),
            }
        )
    return {"samples": samples, "why": ""}


def _first_runs(runs: Sequence[Run]) -> dict[str, Run]:
    """The run of each strategy that its samples are shown of."""
    found: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: (run.origin.class_order, run.origin.seed)):
        found.setdefault(run.origin.strategy, run)
    return found


def _said(run: Run, number: int) -> Said:
    """What a run predicted in its first (0) or last (-1) evaluation."""
    assert run.result is not None
    stored = run.result.predictions(number)
    if stored is None:
        return {}
    pairs = zip(stored.predicted.tolist(), stored.true.tolist(), strict=True)
    return dict(zip(stored.ids.tolist(), pairs, strict=True))


def _chosen(last: Mapping[str, Said]) -> list[int]:
    """Samples that most strategies had wrong, of each class in turn; of equals by chance, the same
    for every report.
    """
    wrong: dict[int, int] = {}
    class_of: dict[int, int] = {}
    for said in last.values():
        for sample, (predicted, true) in said.items():
            wrong[sample] = wrong.get(sample, 0) + (predicted != true)
            class_of[sample] = true
    mixed = rng("failures").permutation(sorted(sample for sample in wrong if wrong[sample]))
    ranked = sorted(mixed.tolist(), key=lambda sample: -wrong[sample])
    queues: dict[int, list[int]] = {}
    for sample in ranked:
        queues.setdefault(class_of[sample], []).append(sample)
    chosen: list[int] = []
    for turn in range(max(map(len, queues.values()), default=0)):
        chosen += [queue[turn] for queue in queues.values() if turn < len(queue)]
        if len(chosen) >= MOST:
            break
    return chosen[:MOST]


def _slices(data: ReportData, run: Run) -> Sequence[SplitSlice]:
    """The data of a run, where they lie on this machine.

    Raises:
        Missing, Damage: they are not here, or are others by now.
    """
    found = data.configuration(run)
    if found is None or run.result is None:
        return ()
    slices = read_slices(found.stream, limit=found.limit)
    told = run.result.provenance["data"]
    for each in slices:
        where = f"{each.dataset.name}/{each.split}"
        if told.get(where, {}).get("fingerprint") != each.data.fingerprint:
            raise Damage(f"{where}: is not what the run was tested on")
    return slices


def _questions(run: Run) -> dict[int, Mapping[str, Any]]:
    """The test questions by sample id; none where images are classified."""
    assert run.result is not None
    content = run.result.questions()
    return {} if content is None else {row["id"]: row for row in content["questions"]}


def _all_said(
    sample: int, last: Mapping[str, Said], first: Mapping[str, Said], names: Names
) -> dict[str, list[Any]]:
    """By strategy: what it said at the end, whether that was right, and what the untouched backbone
    had said.
    """
    found = {}
    for strategy, said in last.items():
        if sample in said:
            predicted, true = said[sample]
            before = first[strategy].get(sample)
            earlier = "" if before is None else _name(names, before[0])
            found[strategy] = [_name(names, predicted), predicted == true, earlier]
    return found


def _name(names: Names, class_id: int) -> str:
    if 0 <= class_id < len(names.classes):
        return names.classes[class_id]
    return "(no candidate)" if class_id < 0 else f"class {class_id}"


def _picture(slices: Sequence[SplitSlice], sample: int) -> str:
    """A sample's picture as the address of an image; nothing where data have no pixels."""
    for each in slices:
        if 0 <= sample - each.start < len(each.data):
            pixels = _pixels(each, sample - each.start)
            return "" if pixels is None else _address(pixels)
    return ""


def _file(slices: Sequence[SplitSlice], sample: int) -> str:
    """What the data call a sample, most often its file below the data's folder."""
    for each in slices:
        inside = 0 <= sample - each.start < len(each.data)
        if inside and isinstance(each.data, Split):
            return each.data.keys[sample - each.start]
    return ""


def _pixels(split_slice: SplitSlice, row: int) -> NDArray[np.uint8] | None:
    data = split_slice.data
    if isinstance(data, QuestionSplit):
        return None if data.images.image is None else data.images.image(int(data.image_rows[row]))
    return None if data.image is None else data.image(row)


def _address(pixels: NDArray[np.uint8]) -> str:
    picture = Image.fromarray(pixels).convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"

"""Every strategy file on small streams, through the runner's own loop: it sees, reads, scores and
moves what it may.
"""

import numpy as np
import pytest
import torch
from contract.audits import (
    STREAMS,
    config_of,
    moved_undeclared,
    plan_of,
    read_elsewhere,
    scored_too_early,
    swayed_by_neighbours,
    told_otherwise,
)
from contract.listening import bits, listen
from contract.reach import differing
from contract.tables import STRATEGIES, written

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.data.catalog.normalisers import NORMALISERS
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.methods.registry import plugins
from clvl_bench.records.run_folder import RECORDS
from clvl_bench.runs import runner

ONLINE = {kind for kind, config in plugins().items() if getattr(config, "needs_online", False)}
WHOLE = [
    path
    for path in STRATEGIES
    if not ONLINE & {plugin["kind"] for plugin in written(path, "plugins")}
]
"""Strategies that learn from whole experiences; the others have an audit of their own
(test_online.py)."""

PAIRS = [
    pytest.param(
        (path, space), id=f"{path.stem}-{space}", marks=[pytest.mark.slow] if space == "all" else []
    )
    for space in STREAMS
    for path in WHOLE
]
FIRST_STREAM = pytest.mark.parametrize("heard", PAIRS[: len(WHOLE)], indirect=True)
"""For what takes runs of its own and is the same in each label space."""


@pytest.fixture(scope="module")
def untouched(tiny):
    """The backbone's weights before anybody trains."""
    return bits(tiny.towers)


@pytest.fixture(scope="module", params=PAIRS)
def heard(request, tmp_path_factory, shared_data, untouched):
    path, space = request.param
    return listen(
        config_of(path, space),
        tmp_path_factory.mktemp("heard"),
        walk=1 if space == "dataset" else None,
    )


def test_no_class_is_scored_before_the_label_space_allows_it(heard):
    assert not all(at.training for at, _ in heard.scored)
    assert scored_too_early(heard) == []


def test_in_seen_no_experience_has_a_row_before_it_is_learned(heard):
    records = [record for record in heard.result.records if record.metric == "accuracy"]
    tested = {(record.trained, record.experience) for record in records if record.stream == "test"}
    plan, stops = plan_of(heard), {record.trained for record in records}
    experiences, early = range(len(plan.streams["test"])), plan.label_space != "seen"
    assert tested == {
        (stop, index) for stop in stops for index in experiences if early or index < stop
    }
    assert {record.trained for record in records if record.stream == "valid"} == {len(experiences)}


def test_only_declared_parameters_move(heard):
    assert moved_undeclared(heard) == []


def test_the_backbone_stays_to_the_bit(heard, tiny, untouched):
    assert heard.prepared.backbone is tiny
    assert bits(tiny.towers) == untouched
    assert not any(
        weight.requires_grad or weight.grad is not None for weight in tiny.towers.parameters()
    )
    some = heard.prepared.benchmark.view.plan.classes[:5]
    texts = tiny.text_features([candidate.prompts[0] for candidate in some])
    assert torch.allclose(tiny.class_features(some, templates=1), l2_normalize(texts), atol=1e-6)


def test_what_it_reads_stays_to_the_bit(heard, tiny, small_answerers):
    part, features = heard.prepared.parts[0], heard.prepared.features
    ids = torch.arange(part.start, part.start + len(part.data))
    asked = isinstance(part.data, QuestionSplit)
    images, rows = (
        (part.data.images, part.data.image_rows)
        if asked
        else (part.data, np.arange(len(part.data)))
    )
    pixels = torch.from_numpy(
        np.stack([tiny.preprocessing(images.image(row)) for row in range(len(images))])
    )
    assert torch.equal(features.image_features(ids), tiny.image_features(pixels)[rows])
    view, table = heard.prepared.benchmark.view.inputs, heard.prepared.benchmark.view.plan.classes
    if view.input_kind == "answerer_scores":
        answerer = small_answerers[heard.prepared.config.strategy_config.answerer]
        said = [
            answerer.answers(images.image(row), [each.question])[0]
            for row, each in zip(rows, part.data.questions, strict=True)
        ]
        names = [
            candidate.name if candidate.dataset == part.dataset.name else None
            for candidate in table
        ]
        right = [
            [NORMALISERS[part.dataset.normaliser](answer) == name for name in names]
            for answer in said
        ]
        assert torch.equal(view(ids), torch.where(torch.tensor(right), 0.0, -torch.inf))
    elif view.input_kind == "question_patches":
        tokens = tiny.patch_features(pixels)[rows].float().flatten(1)
        assert torch.equal(view(ids), torch.cat([tokens, features(ids)[:, tiny.width :]], dim=1))
    else:
        assert torch.equal(view(ids), pixels if view.input_kind == "pixels" else features(ids))


def test_it_reads_the_experience_in_hand_and_the_reference_set_and_nothing_else(heard):
    trains = any(at is not None and at.training for at, _ in heard.read)
    assert trains == (heard.strategy.adapter.learns != "nothing")
    assert read_elsewhere(heard) == []


def test_predictions_do_not_depend_on_who_is_evaluated_beside(heard):
    assert swayed_by_neighbours(heard) == []


@FIRST_STREAM
def test_nothing_within_reach_depends_on_a_label_that_has_not_arrived(heard, tmp_path):
    other = listen(heard.prepared.config, tmp_path, walk=1, until=1, before=told_otherwise(heard))
    assert np.array_equal(other.visible_labels, heard.visible_labels), (
        "the labels that arrived are the same"
    )
    assert differing(heard.reached, other.reached) == []
    assert other.states == heard.states[: len(other.states)], (
        "nothing that was learned depends on it"
    )


@FIRST_STREAM
def test_the_same_seed_gives_the_same_bytes_whoever_listens(heard, tmp_path):
    result = runner.run(heard.prepared.config, results=tmp_path, progress=False)
    files = sorted(path.relative_to(result.folder) for path in result.folder.glob("predictions/*"))
    assert files
    for name in (RECORDS, *files):
        assert (result.folder / name).read_bytes() == (heard.result.folder / name).read_bytes(), (
            name
        )


@FIRST_STREAM
def test_another_seed_trains_another_adapter(heard, tmp_path):
    learns = heard.strategy.adapter.learns
    if learns == "closed_form":
        pytest.skip(
            "a closed form may be the same for every seed: the order of samples need not matter to "
            "it"
        )
    other = listen(heard.prepared.config.model_copy(update={"seed": 1}), tmp_path, until=0)
    names = [name for name in other.states[0] if name.startswith("adapter/")]
    same = all(other.states[0][name] == heard.states[0][name] for name in names)
    assert same == (learns == "nothing")

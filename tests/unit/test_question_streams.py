"""Streams of questions: which question is met when, what its candidates are, and what nobody can
answer.
"""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.listing import find_questions
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import VqaRadSource
from clvl_bench.data.readers.question_split import Question, question_split
from clvl_bench.data.readers.split import Split
from clvl_bench.data.readers.vqa.reading import read_questions
from clvl_bench.records.result import PICTURES, QUESTIONS
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs import runner
from clvl_bench.runs.files import load, run_config
from clvl_bench.streams.benchmark import make_plan
from clvl_bench.streams.label_store import OUTSIDE
from clvl_bench.streams.split_slice import SplitSlice
from clvl_bench.streams.vqa.groups import question_groups
from clvl_bench.streams.vqa.samples import VqaSamples, vqa_samples

TRAIN = [
    ("i0", "is it left?", "Yes", "CLOSED", "POS", "HEAD"),
    ("i1", "what is it?", "the lung.", "OPEN", "ORGAN", "HEAD"),
    ("i2", "is it left?", "no", "CLOSED", "POS", "CHEST"),
    ("i3", "what is it?", "Heart", "OPEN", "ORGAN", "CHEST"),
]
TEST = [
    ("j0", "is it left?", "YES", "CLOSED", "POS", "HEAD"),
    ("j1", "what is it?", "spleen", "OPEN", "ORGAN", "HEAD"),
    ("j2", "what is it?", "heart!", "OPEN", "ORGAN", "CHEST"),
]
LISTED = ("yes", "no", "spleen", "kidney")


def dataset() -> VqaDataset:
    values = {"type": ("POS", "ORGAN"), "organ": ("HEAD", "CHEST")}
    return VqaDataset(
        name="small", source=VqaRadSource(), values=values, normaliser="med", answers=LISTED
    )


def parts():
    known = dataset()
    found, start = [], 0
    for split, rows in (("train", TRAIN), ("test", TEST)):
        names = tuple(sorted({row[0] for row in rows}))
        images = Split(
            labels=np.zeros(len(names), dtype=np.int64), keys=names, fingerprint=split, hashes=names
        )
        questions = [Question(*row) for row in rows]
        found.append(SplitSlice(known, split, question_split(questions, images), start))
        start += len(rows)
    return tuple(found)


@cache
def toy_parts():
    toys = find_questions("toy_scans_vqa")
    data = {split: read_questions(toys, split) for split in ("train", "test")}
    return SplitSlice(toys, "train", data["train"], 0), SplitSlice(
        toys, "test", data["test"], len(data["train"])
    )


def config(**questions):
    stream = load("benchmark", "vqa_rad_organ", ["valid_fraction=0.0", "zeroshot=[]"])
    asked = stream.questions.model_copy(update=questions)
    return stream.model_copy(
        update={
            "datasets": ("small",),
            "question_dataset": {"small": dataset()},
            "questions": asked,
        }
    )


def answers(plan, step, trained):
    return [plan.classes[place].name for place in plan.candidates(step, trained)]


def test_the_closed_track_has_the_answers_of_the_train_part_and_no_other():
    plan, truth = make_plan(config(track="closed"), parts())
    assert sorted(each.name for each in plan.classes) == ["heart", "no", "the lung", "yes"]
    by_answer = dict(
        zip([each.answer for part in parts() for each in part.data.questions], truth, strict=True)
    )
    assert by_answer["YES"] == by_answer["Yes"]
    assert by_answer["heart!"] == by_answer["Heart"]
    assert by_answer["spleen"] == OUTSIDE


def test_the_open_track_adds_the_list_whatever_the_test_part_says():
    plan, truth = make_plan(config(track="open"), parts())
    assert sorted(each.name for each in plan.classes) == [
        "heart",
        "kidney",
        "no",
        "spleen",
        "the lung",
        "yes",
    ]
    assert OUTSIDE not in truth


def test_experiences_are_cut_by_what_the_data_say():
    for by, names in (
        ("organ", ["small/HEAD", "small/CHEST"]),
        ("type", ["small/POS", "small/ORGAN"]),
    ):
        plan, _ = make_plan(config(by=by), parts())
        assert [step.dataset for step in plan.streams["train"]] == names
        for stream, rows in (("train", TRAIN), ("test", TEST)):
            ids = np.concatenate([step.ids for step in plan.streams[stream]])
            assert len(set(ids.tolist())) == len(ids) == len(rows)


def test_groups_join_values_and_leave_out_what_they_do_not_name():
    plan, _ = make_plan(config(by="organ", groups=(("CHEST",),)), parts())
    assert [len(step.ids) for step in plan.streams["test"]] == [1]
    plan, _ = make_plan(config(by="organ", groups=(("CHEST", "HEAD"),)), parts())
    assert [step.dataset for step in plan.streams["train"]] == ["small/CHEST+HEAD"]


def test_held_out_combinations_are_tested_and_never_trained_on():
    plan, _ = make_plan(config(by="type", concept="organ", held_out=(("POS", "HEAD"),)), parts())
    read = [each for part in parts() for each in part.data.questions]
    met = {
        name: [read[sample] for step in plan.streams[name] for sample in step.ids]
        for name in ("train", "valid", "test")
    }
    combined = {name: {(each.type, each.organ) for each in found} for name, found in met.items()}
    assert combined["train"] == {("POS", "CHEST"), ("ORGAN", "HEAD"), ("ORGAN", "CHEST")}, (
        "skill and concept alone are met"
    )
    assert ("POS", "HEAD") in combined["test"]
    assert len(met["test"]) == len(TEST)
    assert [len(step.ids) for step in plan.streams["test"]] == [1, 2], (
        "the experiences are those of the skill"
    )


def test_concepts_in_turn_cut_each_skill_and_lose_no_question():
    read = toy_parts()
    asked = [each for part in read for each in part.data.questions]
    stream = load("benchmark", "toy_scans_vqa_concepts", ["zeroshot=[]"])
    whole = stream.questions.model_copy(update={"concepts": "together"})
    together, in_turn = (
        make_plan(stream.model_copy(update={"questions": questions, "reference": None}), read)[0]
        for questions in (whole, stream.questions)
    )
    for name in ("train", "valid", "test"):
        rows = [
            sorted(row for step in plan.streams[name] for row in step.ids)
            for plan in (together, in_turn)
        ]
        assert rows[0] == rows[1], f"the same questions, {name}, each once"
    pairs = [
        {(asked[row].type, asked[row].modality) for row in step.ids}
        for step in in_turn.streams["train"]
    ]
    assert all(len({concept for _, concept in each}) == 1 for each in pairs), (
        "one concept at a time"
    )
    assert not set.union(*pairs) & set(stream.questions.held_out)
    skills = [step.dataset.rsplit(" ", 1)[0] for step in in_turn.streams["train"]]
    assert list(dict.fromkeys(skills)) == [step.dataset for step in together.streams["train"]], (
        "skills in their order"
    )
    assert len([skill for skill in skills if skill.endswith("presence")]) == 2, (
        "a concept held out of a skill is not learned"
    )


def test_each_skill_draws_an_order_of_its_concepts():
    def order(seed: int) -> list[str]:
        stream = load(
            "benchmark", "toy_scans_vqa_concepts", [f"class_order_seed={seed}", "zeroshot=[]"]
        )
        return [group.name for group in question_groups(stream, stream.questions, {}, {})]

    drawn = order(0)[-3:]
    assert sorted(name.rsplit(" ", 1)[1] for name in drawn) == sorted(
        find_questions("toy_scans_vqa").values["modality"]
    )
    assert (
        len({tuple(name.rsplit(" ", 1)[1] for name in order(seed)[-3:]) for seed in range(8)}) > 1
    )
    assert order(3) == order(3)


def test_a_run_says_which_test_questions_are_of_held_out_combinations():
    read = toy_parts()
    for name, combined in (("toy_scans_vqa_combinations", True), ("toy_scans_vqa", False)):
        stream = load("benchmark", name, ["zeroshot=[]"]).model_copy(update={"reference": None})
        shown = vqa_samples(make_plan(stream, read)[0], read, stream.questions)
        rows = shown.questions["questions"]
        if combined:
            pairs = {(row["type"], row["modality"]) for row in rows if row["held_out"]}
            assert pairs == set(stream.questions.held_out)
        else:
            assert not any("held_out" in row for row in rows)


def test_a_skill_with_all_its_combinations_held_out_cannot_be_learned():
    with pytest.raises(Mistake, match="small/POS has no questions to learn from"):
        make_plan(
            config(by="type", concept="organ", held_out=(("POS", "HEAD"), ("POS", "CHEST"))),
            parts(),
        )
    with pytest.raises(Mistake, match="small/POS has no questions to learn from"):
        make_plan(
            config(
                by="type",
                concept="organ",
                concepts="in_turn",
                held_out=(("POS", "HEAD"), ("POS", "CHEST")),
            ),
            parts(),
        )


def test_answers_appear_over_time_and_each_once():
    plan, _ = make_plan(config(by="answer", experiences=2), parts())
    first, second = (set(step.classes) for step in plan.streams["train"])
    assert not first & second
    assert {plan.classes[place].name for place in first | second} == {
        "heart",
        "no",
        "the lung",
        "yes",
    }
    assert sum(len(step.ids) for step in plan.streams["test"]) == len(TEST), (
        "also what nobody can answer is asked"
    )


def test_in_label_space_seen_only_answers_that_came_are_candidates():
    stream = config(track="closed").model_copy(update={"label_space": "seen"})
    plan, _ = make_plan(stream, parts())
    test = plan.streams["test"][0]
    assert answers(plan, test, 0) == []
    assert sorted(answers(plan, test, 1)) == ["the lung", "yes"]
    assert sorted(answers(plan, test, 2)) == ["heart", "no", "the lung", "yes"]


def test_another_class_order_is_another_order_of_experiences():
    orders = set()
    for seed in range(6):
        plan, _ = make_plan(config().model_copy(update={"class_order_seed": seed}), parts())
        orders.add(tuple(step.dataset for step in plan.streams["train"]))
    assert orders == {("small/HEAD", "small/CHEST"), ("small/CHEST", "small/HEAD")}


def test_validation_holds_back_whole_images():
    toys = find_questions("toy_scans_vqa")
    data = {split: read_questions(toys, split) for split in ("train", "test")}
    read = (
        SplitSlice(toys, "train", data["train"], 0),
        SplitSlice(toys, "test", data["test"], len(data["train"])),
    )
    stream = load("benchmark", "toy_scans_vqa", ["zeroshot=[]", "valid_fraction=0.3"]).model_copy(
        update={"reference": None}
    )
    plan, _ = make_plan(stream, read)
    train, valid = (
        np.concatenate([step.ids for step in plan.streams[name]]) for name in ("train", "valid")
    )
    images = data["train"].image_rows
    assert not set(images[train]) & set(images[valid])
    assert 0.2 < len(valid) / len(images) < 0.4


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["benchmark.questions.by=organs"], "did you mean 'organ'"),
        (["benchmark.questions.split=oficial"], "did you mean 'official'"),
        (['benchmark.questions.groups=[["HEAD"], ["LEG"]]'], "unknown organ 'LEG'"),
        (["benchmark.questions.by=answer"], "experiences"),
        (["benchmark.questions.concept=type"], "concept: goes with held_out"),
        (
            [
                "benchmark.questions.concept=organ",
                'benchmark.questions.held_out=[["HEAD", "CHEST"]]',
            ],
            "takes two of type, organ",
        ),
        (["benchmark.questions.concepts=in_turn"], "concept: goes with held_out"),
        (
            [
                "benchmark.questions.concept=modality",
                'benchmark.questions.held_out=[["HEAD", "CT"]]',
            ],
            "not say the modality",
        ),
        (
            [
                "benchmark.questions.concept=type",
                'benchmark.questions.held_out=[["HEAD", "PRESS"]]',
            ],
            "did you mean 'PRES'",
        ),
        (['benchmark.datasets=["toy_scans"]'], "images without questions"),
        (["benchmark.shots=3"], "shots"),
        (['benchmark.zeroshot=["vqa_rad"]'], "also in datasets"),
    ],
)
def test_a_mistake_is_one_line(overrides, says):
    with pytest.raises(Mistake, match=says):
        run_config("vqa_rad_organ", "answers_product", overrides=overrides)


@pytest.mark.parametrize(
    ("stream", "strategy"), [("vqa_rad_organ", "linear"), ("toy_landcover", "answers_product")]
)
def test_who_classifies_is_not_asked_questions(stream, strategy):
    with pytest.raises(Mistake, match="answers questions"):
        run_config(stream, strategy)


@pytest.mark.parametrize("painted", [True, False])
def test_only_painted_pictures_are_copied_into_a_runs_folder(tmp_path, monkeypatch, painted):
    """Those of a user's data stay where they lie, whatever a report is asked for later."""
    shown = VqaSamples({"questions": [], "shown": []}, np.zeros((1, 8, 8, 3), dtype=np.uint8))
    monkeypatch.setattr(runner, "vqa_samples", lambda *_: shown)
    stream = SimpleNamespace(questions=None, is_painted=painted)
    prepared = SimpleNamespace(
        benchmark=SimpleNamespace(view=SimpleNamespace(plan=None)),
        parts=(),
        config=SimpleNamespace(benchmark_config=stream),
    )
    runner._write_questions(prepared, RunFolder(tmp_path))
    kept = {QUESTIONS, PICTURES} if painted else {QUESTIONS}
    assert {path.name for path in tmp_path.iterdir()} == kept

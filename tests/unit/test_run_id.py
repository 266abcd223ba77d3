"""The run id names the run: nothing that decides a number can change under it."""

import json
import shutil
from typing import Annotated, ClassVar

import pytest

from clvl_bench.core.errors import Mistake
from clvl_bench.core.schema import Schema, Since, whole
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.records.run_id import digest, is_named_by
from clvl_bench.report.runs import load
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import run_config
from clvl_bench.runs.grid import missing
from clvl_bench.runs.runner import run
from clvl_bench.training.config import StrategyConfig, TrainConfig

RAD = """[dataset.vqa_rad]
source = { path = "copy" }
"""


def with_train(train: TrainConfig) -> RunConfig:
    """A run of the suite with these training settings, whose fields may be more than today's."""
    config = run_config("toy_landcover", "finetune")
    strategy = config.strategy_config.model_copy(update={"train": train})
    return config.model_copy(update={"strategy_config": strategy})


def settings(config: RunConfig) -> dict[str, object]:
    """The training settings of a run, as a file would say them."""
    return config.strategy_config.train.model_dump()


@pytest.fixture
def smoother(monkeypatch):
    """Label smoothing of 0.9 by default, as if somebody had changed that line."""
    field = TrainConfig.model_fields["label_smoothing"]

    def build() -> None:
        for model in (TrainConfig, StrategyConfig, RunConfig):
            model.model_rebuild(force=True)

    with monkeypatch.context() as patch:
        patch.setattr(field, "default", 0.9)
        build()
        yield
    build()


def test_a_changed_default_is_another_run(request):
    before = run_config("toy_landcover", "zeroshot", overrides=["train.lr=0.01"])
    request.getfixturevalue("smoother")
    after = run_config("toy_landcover", "zeroshot", overrides=["train.lr=0.01"])
    assert (
        before.strategy_config.train.label_smoothing,
        after.strategy_config.train.label_smoothing,
    ) == (0.0, 0.9)
    assert before.id != after.id


@pytest.mark.parametrize("name", sorted(set(TrainConfig.model_fields) - {"lr_of"}))
def test_every_setting_of_training_is_in_the_id(name):
    plain = run_config("toy_landcover", "finetune")
    train = plain.strategy_config.train.model_copy(update={name: "another"})
    assert with_train(train).id != plain.id


def test_another_kind_under_an_old_name_is_another_run(tmp_path, monkeypatch):
    """The two have no setting of their own in the file: all else is equal."""
    monkeypatch.chdir(tmp_path)
    ids = set()
    for kind in ("linear", "cosine"):
        (tmp_path / "s.toml").write_text(f'version = 1\n[adapter]\nkind = "{kind}"\n')
        ids.add(run_config("toy_landcover", "s.toml").id)
    assert len(ids) == 2


class Grown(TrainConfig):
    """Training settings with a field that came later."""

    fade_in: Annotated[int, Since(before=0)] = 0


class GrownOtherwise(TrainConfig):
    """The same with a default that does not reproduce what was before."""

    fade_in: Annotated[int, Since(before=0)] = 10


class GrownCarelessly(TrainConfig):
    """A field of which nobody said what it was before."""

    fade_in: int = 0


def test_a_field_that_comes_later_moves_no_id():
    plain = run_config("toy_landcover", "finetune")
    told = settings(plain)
    assert with_train(Grown(**told)).id == plain.id
    assert with_train(GrownOtherwise(**told, fade_in=0)).id == plain.id


def test_a_field_that_comes_later_is_in_the_id_at_any_other_value():
    plain = run_config("toy_landcover", "finetune")
    told = settings(plain)
    ids = {
        plain.id,
        with_train(Grown(**told, fade_in=1)).id,
        with_train(GrownOtherwise(**told)).id,
        with_train(GrownCarelessly(**told)).id,
    }
    assert len(ids) == 4


def test_the_mark_holds_for_tables_and_lists():
    class Inner(Schema):
        size: int = 3

    class Outer(Schema):
        NOTE: ClassVar[str] = "no field"
        inner: Annotated[Inner, Since(before=Inner())] = Inner(size=5)
        names: Annotated[tuple[str, ...], Since(before=())] = ()

    assert whole(Outer(inner=Inner())) == {}
    assert whole(Outer(names=("a",))) == {"inner": {"size": 5}, "names": ["a"]}


CAME_LATER = {
    "eps": 1e-8,
    "warmup_epochs": 0,
    "warmup_lr": 1e-5,
    "precision": "fp32",
    "augmentation": None,
}
"""Settings of training, and the values that reproduce runs older than them."""


@pytest.mark.parametrize("strategy", ["finetune_replay_distill", "student_distill", "l2p"])
def test_but_for_fields_that_came_later_the_whole_is_what_json_says(strategy):
    config = run_config("toy_landcover", strategy)
    content = config.model_dump(mode="json")
    train = content["strategy_config"]["train"]
    assert {name: train.pop(name) for name in CAME_LATER} == CAME_LATER
    assert content["benchmark_config"].pop("metrics") == []
    assert content["benchmark_config"].pop("class_order_draw") == "suite"
    # Of the adapter `full`.
    assert content["strategy_config"]["adapter"].pop("towers", "both") == "both"
    assert whole(config) == content


def test_a_configuration_that_travelled_as_json_has_the_same_id():
    config = run_config("toy_scans_vqa", "answers_product_replay", seed=3)
    assert RunConfig.model_validate_json(config.model_dump_json()).id == config.id


def test_a_table_that_says_where_questions_lie_is_no_part_of_the_id(tmp_path, monkeypatch):
    """Whether a machine needs a datasets.toml, and where its copy lies, decides no number."""
    ids = []
    for place in ("none", "here", "there"):
        folder = tmp_path / place
        (folder / "copy").mkdir(parents=True)
        if place != "none":
            (folder / "datasets.toml").write_text(RAD)
        monkeypatch.chdir(folder)
        config = run_config("vqa_rad_organ", "answers_majority")
        assert bool(config.benchmark_config.question_dataset) == (place != "none")
        ids.append(config.id)
    assert len(set(ids)) == 1


def test_a_record_names_its_schema_its_whole_configuration_and_what_was_hashed(tmp_path):
    config = run_config("toy_landcover", "zeroshot", limit=10)
    origin = run(config, results=tmp_path, progress=False).provenance
    assert origin["schema"] == origin["hashed"]["schema"] == 2
    assert origin["config"] == config.model_dump(mode="json")
    assert config.id.endswith(digest(origin["hashed"])[:12])
    assert is_named_by(origin["run"], origin["hashed"])


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """A folder with two finished runs, one of which bears another id than its configuration
    gives: as what an older version wrote.
    """
    results = tmp_path_factory.mktemp("older")
    seeds = [run_config("toy_landcover", "zeroshot", limit=10, seed=seed) for seed in (0, 1)]
    run(seeds[0], results=results, progress=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunConfig, "id", "toy_landcover-zeroshot-tiny-s1-0123456789ab")
        run(seeds[1], results=results, progress=False)
    return results


def test_a_run_folder_whose_configuration_is_not_its_ids_is_named_and_left_out(older, caplog):
    (left,) = load([older])
    assert left.origin.seed == 0
    (line,) = caplog.messages
    assert "toy_landcover-zeroshot-tiny-s1-0123456789ab: left out" in line
    with pytest.raises(Mistake, match="no results are there"):
        load([older / "runs" / "toy_landcover-zeroshot-tiny-s1-0123456789ab"])


def test_a_finished_run_under_the_id_of_another_configuration_is_not_shown(tmp_path):
    first, second = (
        run_config("toy_landcover", "zeroshot", limit=10, seed=seed) for seed in (0, 1)
    )
    run(first, results=tmp_path, progress=False)
    shutil.copytree(tmp_path / "runs" / first.id, tmp_path / "runs" / second.id)
    assert missing([first, second], tmp_path) == [second], "a grid does not take it for finished"
    with pytest.raises(Mistake, match="is a finished run with other settings"):
        run(second, results=tmp_path, progress=False)


def test_a_grid_does_not_take_a_damaged_result_for_finished(older, tmp_path):
    shutil.copytree(older / "runs", tmp_path / "runs")
    config = run_config("toy_landcover", "zeroshot", limit=10, seed=0)
    assert missing([config], tmp_path) == []
    result = tmp_path / "runs" / config.id / "result.json"
    result.write_bytes(result.read_bytes().replace(b"toy_landcover", b"toy_landcovet", 1))
    assert missing([config], tmp_path) == [config]


def failed(results, name: str, **status: object) -> None:
    """A run folder of seed 0 that failed."""
    coordinates = {**run_config("toy_landcover", "zeroshot", limit=10).coordinates, "run": name}
    content = {"state": "failed", "reason": "nan", "coordinates": coordinates, **status}
    (results / "runs" / name).mkdir(parents=True)
    (results / "runs" / name / "status.json").write_text(json.dumps(content))


def test_a_run_that_fails_says_of_which_schema_its_id_is(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "a-s0-b")
    folder.set_failed(run_config("toy_landcover", "zeroshot").coordinates, "nan")
    (shown,) = load([tmp_path])
    assert (shown.origin.run, shown.origin.state, shown.origin.reason) == (
        "a-s0-b",
        "failed",
        "nan",
    )


@pytest.mark.parametrize("status", [{}, {"schema": 1}, {"schema": 2, "coordinates": {"epoch": 3}}])
def test_a_failure_that_another_version_wrote_is_named_and_left_out(tmp_path, caplog, status):
    failed(tmp_path, "older-s0-ab", **status)
    with pytest.raises(Mistake, match="no results are there"):
        load([tmp_path])
    (line,) = caplog.messages
    assert "older-s0-ab: left out, since it failed, and another version" in line


def test_a_failure_under_an_old_id_is_left_out_once_a_run_of_its_name_has_finished(
    older, tmp_path, caplog
):
    shutil.copytree(older / "runs", tmp_path / "runs")
    failed(tmp_path, "changed-s0-ab", schema=2)
    (left,) = load([tmp_path])
    assert left.origin.state == "done"
    assert any("changed-s0-ab: left out, since it failed, and a run" in x for x in caplog.messages)


def test_another_number_of_threads_is_another_run():
    """They change the last bits of sums: a run never goes on with the state of another number."""
    ids = {run_config("toy_landcover", "prompt", threads=threads).id for threads in (1, 2, 4)}
    assert len(ids) == 3

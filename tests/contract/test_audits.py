"""Every strategy file on small streams, through the runner's own loop: it sees, reads, scores and moves what it may."""

import numpy as np
import pytest
import torch
from contract.listening import bits, evaluate_again, listen
from contract.reach import differing
from contract.tables import STRATEGIES, small, written

from clvl_bench import runner
from clvl_bench.backbones import unit
from clvl_bench.config.files import run_config
from clvl_bench.records import RECORDS
from clvl_bench.streams.plan import make_plan

SMALL = ('benchmark.zeroshot=["toy_shapes"]', "benchmark.valid_fraction=0.25", "train.epochs=1", "train.batch_size=8")
STREAMS = {
    "dataset": ("toy_landcover", "benchmark.classes_per_experience=[4, 3, 3]"),
    "seen": ("toy_landcover_seen", "benchmark.classes_per_experience=[4, 3, 3]"),
    "all": ("toy_sensors", "benchmark.label_space=all"),
}
"""One small stream in each label space: classes arrive in the first two, another sensor in the third."""

PAIRS = [(path, space) for space in STREAMS for path in STRATEGIES]
IDS = [f"{path.stem}-{space}" for path, space in PAIRS]
FIRST_STREAM = pytest.mark.parametrize("heard", PAIRS[: len(STRATEGIES)], ids=IDS[: len(STRATEGIES)], indirect=True)
"""For what takes runs of its own and is the same in each label space."""

LAST_BITS = 1e-4
"""Of a scaled cosine: what another size of a batch may change of it in fp32."""


def config_of(path, space):
    benchmark, override = STREAMS[space]
    (adapter,) = written(path, "adapter")
    sizes = [f"adapter.{name}={size}" for name, size in small(adapter).items()]
    return run_config(benchmark, str(path), limit=40, overrides=(*SMALL, override, *sizes))


@pytest.fixture(scope="module", autouse=True)
def shared(shared_home, tiny):
    """Backbone and samples are read once; and the home for fixtures of the module, which are set up before a test's own."""
    read, kept = runner.read_parts, {}

    def read_once(config, *, limit):
        key = config.model_dump_json()
        if key not in kept:
            kept[key] = read(config, limit=limit)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLVL_HOME", str(shared_home))
        patch.setattr(runner, "read_parts", read_once)
        patch.setattr(runner, "backbone_for", lambda name, data, *, device: tiny)
        yield


@pytest.fixture(scope="module", autouse=True)
def untouched(tiny):
    """The backbone's weights before anybody trains."""
    return bits(tiny.towers)


@pytest.fixture(scope="module", params=PAIRS, ids=IDS)
def heard(request, tmp_path_factory):
    return listen(config_of(*request.param), tmp_path_factory.mktemp("heard"), walk=1)


@pytest.fixture(scope="module")
def plan(heard):
    """The benchmark's experiences, also where a strategy trains on several of them at once."""
    return make_plan(heard.prepared.config.benchmark_config, heard.prepared.parts)[0]


@pytest.fixture(scope="module")
def classes(heard):
    """The classes of samples, by their ids, from the data themselves."""
    labels = heard.prepared.benchmark.truth._labels
    return lambda *arrays: {int(label) for ids in arrays for label in labels[ids]}


def of_dataset(heard, name):
    return [np.arange(part.start, part.start + len(part.data)) for part in heard.prepared.parts if part.dataset.name == name]


def test_only_classes_that_the_label_space_allows_are_scored(heard, plan, classes):
    train = plan.streams["train"]

    def allowed(at):
        if at.training:  # in every label space, no class trains before it arrives
            return classes(*(step.ids for step in train[: at.trained + at.covers]))
        if at.stream == "zeroshot" or plan.label_space == "dataset":
            return classes(*of_dataset(heard, plan.streams[at.stream][at.index].dataset))
        return classes(*(step.ids for step in (train[: at.trained] if plan.label_space == "seen" else train)))

    assert {at.training for at, _ in heard.scored} >= {False}
    for at, scored in heard.scored:
        assert scored <= allowed(at), f"{at}: scored {sorted(scored - allowed(at))}"
    beside = {place for step in plan.streams.get("reference", ()) for place in step.classes}
    for at, asked in heard.asked:
        assert set(asked) <= allowed(at) | (beside if at.training else set()), f"{at}: asked for {asked}"


def test_in_seen_no_experience_has_a_row_before_it_is_learned(heard, plan):
    rows = {(row.trained, row.experience) for row in heard.result.records if row.metric == "accuracy" and row.stream == "test"}
    stops = {row.trained for row in heard.result.records}
    experiences = range(len(plan.streams["test"]))
    learned_only = plan.label_space == "seen"
    assert rows == {(stop, index) for stop in stops for index in experiences if index < stop or not learned_only}
    assert all(row.trained == len(experiences) for row in heard.result.records if row.stream == "valid")


def test_only_declared_parameters_move(heard):
    adapter = heard.strategy.adapter
    for at, declared, held in heard.declared:
        moved = set().union(*(names for when, names in heard.moved if when == at))
        assert moved <= declared, f"{at}: moved {sorted(moved - declared)}"
        if adapter.learns == "gradient":
            assert moved, f"{at}: nothing was learned"
            assert len(held) == len(declared), "the optimiser holds what is declared, and nothing else"
        else:
            assert not declared
            assert not held


def test_the_backbone_stays_to_the_bit(heard, tiny, untouched):
    assert heard.prepared.backbone is tiny
    assert bits(tiny.towers) == untouched
    assert not any(weight.requires_grad or weight.grad is not None for weight in tiny.towers.parameters())
    table = heard.prepared.benchmark.view.plan.table
    texts = [text for candidate in table[:5] for text in candidate.prompts[:1]]
    assert torch.allclose(tiny.class_features(table[:5], templates=1), unit(tiny.text_features(texts)), atol=1e-6)


def test_what_it_reads_stays_to_the_bit(heard, tiny):
    part, features = heard.prepared.parts[0], heard.prepared.features
    ids = torch.arange(part.start, part.start + len(part.data))
    pixels = torch.from_numpy(np.stack([tiny.preprocessing(part.data.image(row)) for row in range(len(part.data))]))
    assert torch.equal(features(ids), tiny.image_features(pixels))
    view = heard.prepared.benchmark.view.inputs
    assert torch.equal(view(ids), pixels if view.reads == "pixels" else features(ids))


def hide(heard):
    """Gives every sample whose label had not arrived another class of its own experience."""
    hidden, plan = heard.revealed < 0, make_plan(heard.prepared.config.benchmark_config, heard.prepared.parts)[0]

    def change(prepared):
        labels, told = prepared.benchmark.truth._labels, prepared.benchmark.truth._labels.copy()
        for step in (step for steps in plan.streams.values() for step in steps):
            following = dict(zip(step.classes, (*step.classes[1:], step.classes[0]), strict=True))
            for sample in step.ids[hidden[step.ids]]:
                labels[sample] = following[int(told[sample])]
        assert not np.any(labels[hidden] == told[hidden])

    return change


@FIRST_STREAM
def test_nothing_within_reach_depends_on_a_label_that_has_not_arrived(heard, tmp_path):
    assert (heard.revealed < 0).any()
    other = listen(heard.prepared.config, tmp_path, walk=1, until=1, before=hide(heard))
    assert np.array_equal(other.revealed, heard.revealed), "the labels that arrived are the same"
    assert differing(heard.reached, other.reached) == []


def test_training_reads_the_current_experience_and_the_reference_set_and_nothing_else(heard, plan):
    """What is kept of the past is a copy, so that rehearsing it reads nothing."""
    train, reference = plan.streams["train"], plan.streams.get("reference", ())
    declared = heard.prepared.config.strategy_config.train.data != "experience"  # joint and cumulative read the past as well
    reads = [(at, ids) for at, ids in heard.read if at is None or at.training]
    assert any(at is not None for at, _ in reads) or heard.strategy.adapter.learns == "nothing"
    for at, ids in reads:
        steps = [] if at is None else train[at.index : at.index + 1]
        if declared and at is not None:
            steps = train[: at.trained + at.covers]
        allowed = {sample for step in (*steps, *reference) for sample in step.ids.tolist()}
        assert set(ids.tolist()) <= allowed, f"{at or 'between experiences'}: read {sorted(set(ids.tolist()) - allowed)}"


def test_evaluation_reads_the_evaluated_experience_and_nothing_else(heard):
    streams = heard.prepared.benchmark.view.plan.streams
    reads = [(at, ids) for at, ids in heard.read if at is not None and not at.training]
    assert reads
    for at, ids in reads:
        assert set(ids.tolist()) <= set(streams[at.stream][at.index].ids.tolist()), at


def test_predictions_do_not_depend_on_who_is_evaluated_beside(heard):
    again = evaluate_again(heard, batch=7)
    before = {key: heard.evaluated[key] for key in again}
    assert len(again) == sum(at.trained == heard.strategy.learned and not at.training for at, _ in heard.evaluated)
    for key, scores in again.items():
        assert scores.argmax() == before[key].argmax(), key
        assert torch.allclose(scores, before[key], atol=LAST_BITS), key


@FIRST_STREAM
def test_the_same_seed_gives_the_same_bytes_whoever_listens(heard, tmp_path):
    result = runner.run(heard.prepared.config, results=tmp_path, progress=False)
    files = sorted(path.relative_to(result.folder) for path in result.folder.glob("predictions/*"))
    assert files
    for name in (RECORDS, *files):
        assert (result.folder / name).read_bytes() == (heard.result.folder / name).read_bytes(), name


@FIRST_STREAM
def test_another_seed_trains_another_adapter(heard, tmp_path):
    learns = heard.strategy.adapter.learns
    if learns == "closed_form":
        pytest.skip("a closed form may be the same for every seed: the order of samples need not matter to it")
    other = listen(heard.prepared.config.model_copy(update={"seed": 1}), tmp_path, until=0)
    names = [name for name in other.states[0] if name.startswith("adapter/")]
    same = all(other.states[0][name] == heard.states[0][name] for name in names)
    assert same == (learns == "nothing")

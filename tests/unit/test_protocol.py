"""The protocol of an online stream, against loops written out by hand and limit cases."""

from pathlib import Path

import numpy as np
import pytest
import torch
from avalanche.core import SupervisedPlugin
from helpers.observers import Learner
from torch.nn.functional import cross_entropy

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.errors import Mistake, RunFailed
from clvl_bench.report.streams import stream_numbers
from clvl_bench.runs.files import run_config
from clvl_bench.runs.runner import run
from clvl_bench.runs.setup import prepare
from clvl_bench.streams.plan import steps_of

SMALL = (
    "benchmark.classes_per_experience=[5, 5]",
    'benchmark.zeroshot=["toy_shapes"]',
    "benchmark.online.step_size=5",
)


def config_of(strategy, *overrides, benchmark="toy_online"):
    return run_config(benchmark, strategy, limit=80, overrides=[*SMALL, *overrides])


def numbers(config, folder: Path):
    return stream_numbers(run(config, results=folder, progress=False).records)


def final_state(config, folder):
    """What the adapter knows at the end of a run."""
    learner = Learner()
    # The names of all overrides are longer than a file's may be.
    named = config.model_copy(update={"benchmark": "small", "strategy": "small"})
    run(named, results=folder, progress=False, observer=learner)
    return learner.strategy.adapter.state()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def test_without_delay_it_is_the_classical_online_setting(tmp_path):
    """Predict, then one step of AdamW on the same samples: by hand."""
    config = config_of("linear", "train.classes=seen", "train.weight_decay=0", "train.lr=1e-2")
    prepared = prepare(config)
    plan, truth = prepared.benchmark.view.plan, prepared.benchmark.label_store
    texts = prepared.backbone.class_features(plan.classes)
    weight, bias, optimizer, seen, right = None, None, None, [], 0
    for experience in plan.streams["train"]:
        seen += [place for place in experience.classes if place not in seen]
        rows = texts[seen].clone()
        old = (rows[:0], rows[:0, 0]) if weight is None else (weight.data, bias.data)
        grown = len(rows) - len(old[0])
        begun = (
            torch.nn.Parameter(torch.cat([old[0], rows[len(old[0]) :]])),
            torch.nn.Parameter(torch.cat([old[1], torch.zeros(grown)])),
        )
        for number, ids in enumerate(steps_of(experience.ids, 5)):
            features = l2_normalize(prepared.features(torch.from_numpy(ids)))
            labels = torch.from_numpy(truth.of(ids))
            full, shift = texts[list(plan.task_classes[0])].clone(), torch.zeros(10)
            known = seen if number else seen[: len(old[0])]
            if len(known):
                learned = begun if number else old
                full[torch.tensor(known)], shift[torch.tensor(known)] = (
                    learned[0][: len(known)],
                    learned[1][: len(known)],
                )
            with torch.no_grad():
                predicted = (prepared.backbone.logit_scale * features @ full.T + shift).argmax(
                    dim=1
                )
            right += int((predicted == labels).sum())
            if number == 0:
                weight, bias = begun
                optimizer = torch.optim.AdamW([weight, bias], lr=1e-2, weight_decay=0)
            optimizer.zero_grad()
            scores = prepared.backbone.logit_scale * features @ weight.T + bias
            places = torch.tensor([seen.index(int(label)) for label in labels])
            cross_entropy(scores, places).backward()
            optimizer.step()
    state = final_state(config, tmp_path)
    assert state["learned"] == seen
    assert torch.allclose(state["weight"], weight, atol=1e-4)
    total = sum(len(step.ids) for step in plan.streams["train"])
    assert numbers(config, tmp_path / "again")["prequential"] == pytest.approx(right / total)


def test_delay_zero_is_no_delay(tmp_path):
    plain = run(config_of("naive"), results=tmp_path, progress=False)
    late = run(
        config_of("naive", "benchmark.supervision.kind=delay"),
        results=tmp_path / "late",
        progress=False,
    )

    def values(result):
        return [
            (record.metric, record.trained, record.stream, record.experience, record.value)
            for record in result.records
        ]

    assert values(late) == values(plain)


def test_who_learns_nothing_is_as_good_with_any_delay(tmp_path):
    found = {
        numbers(
            config_of(
                "zeroshot",
                "benchmark.supervision.kind=delay",
                f"benchmark.supervision.delay={delay}",
            ),
            tmp_path,
        )["prequential"]
        for delay in (0, 3)
    }
    assert len(found) == 1


def by_class(state):
    """Statistics with their classes in one order: they stand in the order in which first labels
    arrived.
    """
    rows = torch.tensor(state["learned"]).argsort()
    return {
        name: value[rows]
        if isinstance(value, torch.Tensor) and value.ndim and len(value) == len(rows)
        else value
        for name, value in state.items()
    }


@pytest.mark.parametrize("strategy", ["slda", "ranpac_fixed"])
def test_what_an_analytic_learner_knows_at_the_end_depends_neither_on_delay_nor_on_order(
    strategy, tmp_path
):
    sizes = ["adapter.random_features=50"] if strategy == "ranpac_fixed" else []
    told = ["benchmark.supervision.kind=delay", "benchmark.supervision.labelled_steps=10"]
    ways = (
        [],
        ["delay=4"],
        ["delay=2", "arrival=uniform"],
        ["delay=2", "arrival=uniform", "draw_seed=5"],
    )
    states = []
    for number, way in enumerate(ways):
        late = [f"benchmark.supervision.{field}" for field in way]
        states.append(
            final_state(config_of(strategy, *told, *late, *sizes), tmp_path / str(number))
        )
    first, *_ = states = [by_class(state) for state in states]
    tensors = {name for name, value in first.items() if isinstance(value, torch.Tensor)}
    assert any(first[name].abs().sum() > 0 for name in tensors)
    for other in states[1:]:
        assert all(torch.allclose(other[name], first[name], atol=1e-9) for name in tensors)


def test_a_label_behind_the_end_is_never_used_and_the_table_says_how_many_were(tmp_path):
    late = config_of(
        "naive", "benchmark.supervision.kind=delay", "benchmark.supervision.delay=1000"
    )
    found = numbers(late, tmp_path)
    samples = found["labels_late"]
    assert samples > 50
    assert (found["labels_used"], found["labels_never"], found["labels_lost"]) == (0, 0, 0)
    assert found["prequential"] == numbers(config_of("zeroshot"), tmp_path)["prequential"], (
        "it stays what it was at first"
    )


def test_labels_add_up(tmp_path):
    told = ["kind=delay", "delay=3", "arrival=geometric", "never=0.3"]
    config = config_of(
        "naive", *(f"benchmark.supervision.{field}" for field in told), "train.pending_size=8"
    )
    result = run(config, results=tmp_path, progress=False)
    found = stream_numbers(result.records)
    stream = [record for record in result.records if record.metric == "prequential"]
    total = sum(record.n for record in stream)
    assert (
        sum(found[name] for name in ("labels_used", "labels_late", "labels_never", "labels_lost"))
        == total
    )
    assert found["labels_never"] == round(0.3 * total)
    assert found["labels_lost"] > 0
    arrived = sum(record.value for record in result.records if record.metric == "labels_arrived")
    assert arrived == found["labels_used"] + found["labels_lost"]


class Rates(SupervisedPlugin):
    """Notes the rate of each step."""

    def __init__(self):
        super().__init__()
        self.noted = []

    def after_update(self, strategy, **kwargs):
        self.noted.append(strategy.optimizer.param_groups[0]["lr"])


def test_a_dataset_has_its_own_rate_in_a_stream_too(tmp_path):
    rates = Rates()
    settings = ("train.lr=1e-3", "train.lr_of.toy_landcover=4e-3", "train.warmup_steps=2")
    run(config_of("naive", *settings), results=tmp_path, progress=False, observer=Learner(rates))
    assert rates.noted[:3] == [2e-3, 4e-3, 4e-3]
    assert set(rates.noted[2:]) == {4e-3}


def test_pending_samples_count_and_the_budget_holds_at_every_step(tmp_path):
    late = ("benchmark.supervision.kind=delay", "benchmark.supervision.delay=1000")
    result = run(config_of("slda", *late), results=tmp_path, progress=False)
    kept = [record.value for record in result.records if record.metric == "kept_bytes_at"]
    steps = len([record for record in result.records if record.metric == "kept_bytes_at"])
    row = 8 + 4 * 64 + 8 + 4  # id, features of the toy, action, propensity
    assert np.diff(kept)[1:4].tolist() == [5 * row] * 3
    assert steps > 10
    with pytest.raises(RunFailed, match="memory_budget"):
        run(
            config_of("slda", *late, f"benchmark.memory_budget={int(kept[3])}"),
            results=tmp_path / "b",
            progress=False,
        )


@pytest.mark.parametrize(
    ("benchmark", "strategy", "says"),
    [
        ("toy_landcover", "iwms", r"add a table \[online\]"),
        ("toy_online", "joint", "online: each sample comes once"),
        ("toy_online", "linear", 'set train.classes = "seen"'),
        ("toy_online", "ranpac", "set adapter.ridge"),
        ("toy_scans_vqa_delay", "answers_ranpac", "set adapter.ridge"),
    ],
)
def test_who_cannot_learn_so_is_told(benchmark, strategy, says):
    with pytest.raises(Mistake, match=says):
        run_config(benchmark, strategy)


@pytest.mark.parametrize(
    ("benchmark", "strategy"),
    [
        ("toy_online", "zeroshot"),
        *(("toy_scans_vqa_delay", name) for name in ("answers_zeroshot", "answers_zeroshot_prior")),
    ],
)
def test_who_learns_from_no_label_is_asked_in_a_stream_as_it_stands(benchmark, strategy):
    assert run_config(benchmark, strategy).strategy == strategy


@pytest.mark.parametrize(
    ("strategy", "kind"),
    [
        ("wise_ft", "wise_ft"),
        ("wise_ft_previous", "wise_ft"),
        ("task_vectors", "task_vectors"),
        ("si", "si"),
        ("gdumb", "gdumb"),
        ("zscl", "weight_l2"),
        ("finetune_feature_distill", "clip_kd"),
    ],
)
def test_what_happens_to_weights_around_an_experience_is_not_done_around_every_step(strategy, kind):
    """With one update a step the springs of SI and of the weight constraint would never be
    stretched; the others would take their mean, or begin anew, after every batch. The teacher of
    CLIP-KD is asked about a step's own images, not about those whose label has come late.
    """
    with pytest.raises(Mistake, match=f"'{kind}', which needs whole experiences"):
        run_config("toy_online", strategy, overrides=["train.classes=seen"])


@pytest.mark.parametrize(
    "strategy", ["prompt_per_experience", "lora_per_experience", "sprompts", "moe_adapters"]
)
def test_who_sends_samples_to_experiences_needs_to_see_one_whole(strategy):
    """A selector measures an experience before its first update; without that it would send nobody
    anywhere.
    """
    with pytest.raises(Mistake, match=f"'{strategy}', which needs whole experiences"):
        run_config("toy_online", strategy, overrides=["train.classes=seen"])

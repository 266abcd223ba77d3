"""Rehearsal in a strategy: limit cases of replay, DER++, iCaRL and GDumb, and what a budget of
bytes buys.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from avalanche.training.plugins import EvaluationPlugin
from torch.nn.functional import cross_entropy

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.core.errors import Mistake
from clvl_bench.core.schema import parse
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.derpp.config import DerppConfig
from clvl_bench.methods.derpp.plugin import Derpp
from clvl_bench.methods.icarl.config import IcarlConfig
from clvl_bench.methods.icarl.plugin import Icarl
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.replay.config import ReplayConfig
from clvl_bench.methods.replay.plugin import Replay
from clvl_bench.runs import runner
from clvl_bench.runs.files import load, run_config
from clvl_bench.runs.setup import prepare
from clvl_bench.training.config import StrategyConfig
from clvl_bench.training.strategy import build_strategy

LIMIT = 200


@pytest.fixture(scope="module")
def streams(shared_home):
    """The toy stream as a strategy sees it, by what it reads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLVL_HOME", str(shared_home))
        prepared = {"image_features": prepare(run_config("toy_landcover", "linear", limit=LIMIT))}
        prepared["pixels"] = prepare(run_config("toy_landcover", "finetune", limit=LIMIT))
    for each in prepared.values():
        each.benchmark.label_store.reveal_all()
    return prepared


def strategy(streams, *plugins, adapter="linear", **train):
    settings = {"classes": "seen", "epochs": 1, "batch_size": 16, **train}
    content = {"version": 1, "adapter": {"kind": adapter}, "plugins": plugins, "train": settings}
    config = parse(StrategyConfig, content, file="s.toml")
    on = streams[config.input_kind]
    evaluator = EvaluationPlugin(collect_all=False)
    return build_strategy(
        config, on.backbone, on.benchmark.view, evaluator=evaluator, seed=0
    ), on.benchmark.scenario


def learn(streams, *plugins, after=lambda strategy: None, **settings):
    built, scenario = strategy(streams, *plugins, **settings)
    for experience in scenario.train_stream:
        built.train(experience, eval_streams=[])
        after(built)
    return built


def weights(built):
    return {name: value.numpy().tobytes() for name, value in built.adapter.state_dict().items()}


NOTHING_KEPT = [
    {"kind": "replay", "memory_size": 0},
    {"kind": "replay", "memory_size": 0, "policy": "herding"},
    {"kind": "replay", "memory_bytes": 0},
    {"kind": "derpp", "memory_size": 0},
    {"kind": "derpp", "memory_size": 50, "alpha": 0.0, "beta": 0.0},
    {"kind": "icarl", "memory_size": 0, "weight": 0.0},
]


@pytest.mark.parametrize("plugin", NOTHING_KEPT, ids=str)
def test_an_empty_memory_is_fine_tuning_to_the_bit(streams, plugin):
    assert weights(learn(streams, plugin)) == weights(learn(streams))


@pytest.mark.parametrize("kind", ["replay", "derpp", "icarl", "gdumb"])
def test_a_memory_with_something_in_it_is_not(streams, kind):
    assert weights(learn(streams, {"kind": kind, "memory_size": 50})) != weights(learn(streams))


STORED = {
    "images": ({"kind": "replay"}, {"adapter": "full", "epochs": 0}),
    "herded images": ({"kind": "replay", "policy": "herding"}, {"adapter": "full", "epochs": 0}),
    "features": ({"kind": "replay"}, {}),
    "herded features": ({"kind": "icarl"}, {}),
    "balanced features": ({"kind": "gdumb"}, {}),
    "features and logits": ({"kind": "derpp"}, {}),
}


def stream_bytes(streams, input_kind):
    """Of all training inputs, as they are read."""
    view = streams[input_kind].benchmark.view
    return sum(
        view.inputs(torch.from_numpy(step.ids)).nbytes for step in view.plan.streams["train"]
    )


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("stored", STORED)
def test_a_budget_is_kept_to_the_byte_after_every_experience(streams, stored, share):
    plugin, settings = STORED[stored]
    budget = int(
        share * stream_bytes(streams, "pixels" if "images" in stored else "image_features")
    )
    kept = []

    def measure(built):
        (keeper,) = built.method_plugins
        tensors = [value for value in keeper.state().values() if isinstance(value, torch.Tensor)]
        assert (
            keeper.kept_bytes()
            == sum(len(tensor.numpy().tobytes()) for tensor in tensors)
            <= budget
        )
        assert keeper.kept_samples() == built.kept_samples() == (len(tensors[0]) if tensors else 0)
        kept.append(keeper.kept_samples())

    learn(streams, {**plugin, "memory_bytes": budget}, after=measure, **settings)
    assert len(kept) == 5
    assert share == 0.01 or kept[-1] > 0


def test_the_same_budget_buys_fewer_samples_the_more_is_kept_of_each(streams):
    def bought(stored):
        plugin, settings = STORED[stored]
        return learn(streams, {**plugin, "memory_bytes": 20_000}, **settings).kept_samples()

    width, classes = streams["image_features"].backbone.width, 10
    beside = 3 * 8  # label, id and task
    assert bought("features") == 20_000 // (4 * width + beside)
    assert bought("features and logits") == 20_000 // (4 * width + beside + 4 * classes)
    assert bought("images") == 20_000 // (3 * 40 * 40 + beside)


def test_two_bounds_are_a_mistake(streams):
    with pytest.raises(
        Mistake, match=r"memory_bytes: got 100 beside memory_size = 5; a memory has one bound"
    ):
        strategy(streams, {"kind": "replay", "memory_size": 5, "memory_bytes": 100})


@pytest.mark.parametrize(
    "kind",
    [
        "replay",
        "iwms",
        "derpp",
        "icarl",
        "gdumb",
        "fixmatch",
        "mean_teacher",
        "anchored_pl",
        "upl",
        "grip",
        "cpl",
    ],
)
def test_a_loss_without_a_gradient_is_a_mistake(streams, kind):
    """Statistics would count what is rehearsed once more at every step, and nobody would ask a
    pseudo-label's loss.
    """
    with pytest.raises(
        Mistake,
        match=f"plugin '{kind}' works on the loss, and this adapter learns without a gradient",
    ):
        strategy(streams, {"kind": kind}, adapter="ncm")


@pytest.mark.parametrize("kind", ["replay", "derpp", "icarl", "gdumb"])
def test_rehearsal_among_the_classes_of_an_experience_is_a_mistake(streams, kind):
    with pytest.raises(
        Mistake, match=f"train.classes: got 'experience' beside the plugin '{kind}'"
    ):
        strategy(streams, {"kind": kind}, classes="experience")


@pytest.mark.parametrize("kind", ["derpp", "icarl", "gdumb"])
def test_a_strategy_goes_on_from_its_state_to_the_same_bits(streams, kind):
    plugin = {"kind": kind, "memory_size": 30}
    whole, (first, second) = (
        strategy(streams, plugin),
        (strategy(streams, plugin), strategy(streams, plugin)),
    )
    for experience in whole[1].train_stream[:3]:
        whole[0].train(experience, eval_streams=[])
    for experience in first[1].train_stream[:2]:
        first[0].train(experience, eval_streams=[])
    second[0].load({part: dict(state) for part, state in first[0].state().items()})
    second[0].train(second[1].train_stream[2], eval_streams=[])
    assert weights(second[0]) == weights(whole[0])
    assert second[0].kept_samples() == whole[0].kept_samples() == 30


def test_a_run_records_how_many_samples_it_keeps(tmp_path):
    overrides = ["benchmark.classes_per_experience=[5, 5]", "benchmark.zeroshot=[]"]
    result = runner.run(
        run_config("toy_landcover", "linear", limit=20, overrides=overrides),
        results=tmp_path,
        progress=False,
    )
    assert [record.value for record in result.records if record.metric == "memory_samples"] == [
        0.0,
        0.0,
    ]


# --- on random features ---

WIDTH, CLASSES, SCALE = 8, 5, 10.0
TABLE = tuple(Candidate(f"c{number}", "d", ("{}",)) for number in range(CLASSES))


def random(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


@pytest.fixture
def adapter():
    names = [candidate.name for candidate in TABLE]
    text = ClassTexts(names, l2_normalize(random(CLASSES, WIDTH, seed=9))[None])
    made = build_adapter(
        LinearConfig(),
        PrecomputedBackbone(name="x", logit_scale=SCALE, width=WIDTH, text={"d": text}),
        TABLE,
        seed=0,
    )
    made.begin((0, 1))
    made.scored = (0, 1)
    return made.train()


class Stepping(SimpleNamespace):
    """As much of an Avalanche strategy as a step needs."""

    device = "cpu"

    @property
    def mb_x(self):
        return self.mbatch[0]

    @property
    def mb_y(self):
        return self.mbatch[1]


def step(plugin, adapter, inputs, labels, *, iteration=0):
    """One iteration's callbacks; the loss before the gradient."""
    clock = SimpleNamespace(
        train_exp_counter=0, train_exp_epochs=0, train_epoch_iterations=iteration
    )
    ids = torch.arange(len(labels))
    doing = Stepping(clock=clock, mbatch=[inputs, labels, ids, torch.zeros_like(labels)])
    plugin.before_training_iteration(doing)
    doing.mb_output = adapter(doing.mb_x)
    plugin.after_forward(doing)
    assert len(doing.mb_output) == len(doing.mb_y) == len(labels)
    doing.loss = cross_entropy(doing.mb_output, doing.mb_y)
    plugin.before_backward(doing)
    plugin.after_training_iteration(doing)
    return doing.loss


def test_the_loss_of_derpp_is_the_papers(adapter):
    """Equation 6, with both draws of a memory as large as they are: all of it, in whatever
    order.
    """
    derpp = Derpp(
        DerppConfig(memory_size=6, alpha=0.3, beta=0.5, batch_size=6), PluginContext(adapter)
    )
    past, current = random(6, WIDTH, seed=1), random(4, WIDTH, seed=2)
    past_labels, labels = torch.tensor([0, 1, 1, 0, 1, 0]), torch.tensor([1, 0, 1, 1])
    assert (
        step(derpp, adapter, past, past_labels).item()
        == cross_entropy(adapter(past), past_labels).item()
    )
    said = adapter(past)[:, :2].detach()
    with torch.no_grad():
        adapter.weight += random(2, WIDTH, seed=3)
    expected = (
        cross_entropy(adapter(current), labels)
        + 0.3 * (adapter(past)[:, :2] - said).square().mean()
        + 0.5 * cross_entropy(adapter(past), past_labels)
    )
    assert step(derpp, adapter, current, labels, iteration=1).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_while_the_model_stays_nothing_differs_from_what_it_said(adapter):
    derpp = Derpp(DerppConfig(memory_size=6, alpha=1.0, beta=0.0), PluginContext(adapter))
    past, labels = random(6, WIDTH, seed=1), torch.tensor([0, 1, 1, 0, 1, 0])
    first, second = (step(derpp, adapter, past, labels, iteration=number) for number in range(2))
    assert second.item() == pytest.approx(first.item(), abs=1e-9)


def test_what_was_kept_says_nothing_about_classes_that_came_later(adapter):
    derpp = Derpp(DerppConfig(memory_size=100, alpha=1.0, beta=0.0), PluginContext(adapter))
    step(derpp, adapter, random(6, WIDTH, seed=1), torch.tensor([0, 1, 1, 0, 1, 0]))
    adapter.begin((4,))
    adapter.scored = (0, 1, 4)
    step(derpp, adapter, random(3, WIDTH, seed=2), torch.tensor([4, 4, 4]), iteration=1)
    cosines = derpp.memory.columns[-1]
    assert derpp.classes == (0, 1, 4)
    assert torch.isneginf(cosines[:6, 2]).all()
    assert torch.isfinite(cosines[6:]).all()
    output = adapter(derpp.memory.columns[0]).detach().requires_grad_()
    derpp.difference(output, cosines).backward()
    assert (output.grad[:6, 4] == 0).all()
    assert torch.isfinite(output.grad).all()


def test_distilling_has_no_gradient_at_the_teacher_and_leaves_out_what_is_no_candidate(adapter):
    icarl = Icarl(IcarlConfig(memory_size=4), PluginContext(adapter))
    said = random(5, 3)
    now = said.clone().requires_grad_()
    icarl.distilled(said, now).backward()
    assert now.grad.abs().max() < 1e-6
    partly = random(5, 3, seed=1)
    partly[:, 1] = -torch.inf
    partly[0] = -torch.inf  # of another dataset: none of its candidates is old
    partly.requires_grad_()
    loss = icarl.distilled(said, partly)
    loss.backward()
    assert torch.isfinite(loss)
    assert (partly.grad[:, 1] == 0).all()
    assert (partly.grad[0] == 0).all()
    targets, logs = (rows[1:, [0, 2]].div(2).softmax(-1) for rows in (said, partly.detach()))
    expected = -(4 * (targets * logs.log()).sum() + 4 * np.log(1 / 3)) / 5
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_with_everything_kept_icarl_classifies_by_class_means(adapter):
    icarl = Icarl(IcarlConfig(memory_size=1000), PluginContext(adapter))
    labels, inputs = (
        torch.arange(60) % 3,
        random(60, WIDTH) + 2 * random(3, WIDTH, seed=4)[torch.arange(60) % 3],
    )
    icarl.memory.insert(
        labels, lambda rows: (inputs[rows], labels[rows], rows, torch.zeros_like(rows))
    )
    means = l2_normalize(
        torch.stack(
            [l2_normalize(inputs.double())[labels == place].mean(dim=0) for place in range(3)]
        )
    )
    fresh = random(40, WIDTH, seed=5)
    scores = torch.full((40, CLASSES), -torch.inf)
    scores[:, :3] = 0.0
    expected = (l2_normalize(fresh.double()) @ means.T).argmax(dim=1)
    assert torch.equal(icarl.by_means(fresh, scores).argmax(dim=1), expected)


def test_classes_without_exemplars_and_other_candidates_stay_the_models(adapter):
    icarl = Icarl(IcarlConfig(memory_size=1000), PluginContext(adapter))
    labels, inputs = torch.arange(30) % 3, random(30, WIDTH)
    icarl.memory.insert(
        labels, lambda rows: (inputs[rows], labels[rows], rows, torch.zeros_like(rows))
    )
    fresh, scores = random(20, WIDTH, seed=5), random(20, CLASSES, seed=6)
    scores[:, 0] = -torch.inf  # not a candidate, although it has exemplars
    best = scores.argmax(dim=1)
    found = icarl.by_means(fresh, scores)
    assert set(best.tolist()) == {1, 2, 3, 4}
    assert torch.equal(found[best >= 3], scores[best >= 3])
    assert set(found[best < 3].argmax(dim=1).tolist()) <= {1, 2}


def test_icarl_notes_what_the_model_said_before_its_first_update(streams):
    built, scenario = strategy(streams, {"kind": "icarl", "memory_size": 20}, lr=0.1)
    (icarl,) = built.method_plugins
    built.train(scenario.train_stream[0], eval_streams=[])
    seen, view = built.adaptation.seen, streams["image_features"].benchmark.view
    samples = torch.tensor(
        [*scenario.train_stream[1].spec.ids.tolist(), *icarl.memory.columns[2].tolist()]
    )
    with torch.no_grad():
        expected = built.adapter.logits(view.inputs(samples), seen)
    found, distilled = [], icarl.distilled
    icarl.distilled = lambda said, now: found.append(said) or distilled(said, now)
    rows = []
    join = icarl.before_training_iteration
    icarl.before_training_iteration = lambda doing, **other: (
        join(doing, **other) or rows.append(doing.mbatch[2])
    )
    built.train(scenario.train_stream[1], eval_streams=[])
    places = {sample: row for row, sample in enumerate(samples.tolist())}
    assert found
    for said, ids in zip(found, rows, strict=True):
        assert torch.allclose(
            said, expected[[places[sample] for sample in ids.tolist()]], atol=1e-4
        )


def test_what_icarl_noted_counts_by_its_weight(adapter):
    icarl = Icarl(IcarlConfig(memory_size=4, weight=3.0), PluginContext(adapter))
    said, now = random(2, 2), random(5, 5, seed=1)
    icarl.seen = (0, 3)
    icarl._noted = said
    icarl._row_of = {7: 0, 9: 1}
    step = SimpleNamespace(
        mbatch=[None, None, torch.tensor([9, 7, 9])], mb_output=now[:3], loss=torch.tensor(1.0)
    )
    icarl.before_backward(step)
    targets, logs = (said[[1, 0, 1]] / 2).softmax(-1), (now[:3][:, [0, 3]] / 2).log_softmax(-1)
    assert step.loss.item() == pytest.approx(
        1 - 3 * 4 * (targets * logs).sum().item() / 3, rel=1e-5
    )


@pytest.mark.parametrize("first", ["derpp", "clip_kd"])
def test_a_teacher_of_the_batch_leaves_out_what_is_rehearsed_beside_it(streams, first):
    """DER++ whose losses have no weight is fine-tuning, also where CLIP-KD looks at the features of
    its forward pass.
    """
    rehearsed, taught = (
        {"kind": "derpp", "memory_size": 20, "alpha": 1e-12, "beta": 1e-12},
        {"kind": "clip_kd", "fd": 2000.0},
    )
    on, moved = streams["pixels"], []
    for kinds in ([rehearsed, taught] if first == "derpp" else [taught, rehearsed], [taught]):
        settings = {
            "classes": "seen",
            "epochs": 1,
            "batch_size": 16,
            "optimizer": "sgd",
            "lr": 1e-3,
        }
        content = {"version": 1, "adapter": {"kind": "full"}, "plugins": kinds, "train": settings}
        built = build_strategy(
            parse(StrategyConfig, content, file="s.toml"), on.backbone, on.benchmark.view,
            evaluator=EvaluationPlugin(collect_all=False), seed=0, features=on.features,
        )  # fmt: skip
        for experience in list(on.benchmark.scenario.train_stream)[:2]:
            built.train(experience, eval_streams=[])
        moved.append(
            torch.cat([weight.detach().flatten() for weight in built.adapter.parameters()])
        )
    assert torch.allclose(*moved, atol=1e-5)


def test_icarl_distils_nothing_into_towers_that_have_not_moved(streams, monkeypatch):
    """At the first step of an experience the model is the one that was noted, also where training
    has one template a class.
    """
    built, scenario = strategy(
        streams, {"kind": "icarl", "memory_size": 40}, adapter="full", lr=1e-12
    )
    differences, distilled = [], Icarl.distilled

    def noted(plugin, said, now):
        differences.append((said - now)[torch.isfinite(now)].abs().max().item())
        return distilled(plugin, said, now)

    monkeypatch.setattr(Icarl, "distilled", noted)
    for experience in list(scenario.train_stream)[:2]:
        built.train(experience, eval_streams=[])
    assert differences
    assert max(differences) < 1e-3


def test_gdumb_forgets_all_but_its_memory_before_each_training(streams):
    def spoil(built):
        with torch.no_grad():
            built.adapter.weight.add_(1.0)

    plain, built = (
        learn(streams, {"kind": "gdumb", "memory_size": 40}),
        strategy(streams, {"kind": "gdumb", "memory_size": 40}),
    )
    for experience in built[1].train_stream:
        spoil(built[0])
        built[0].train(experience, eval_streams=[])
    assert weights(built[0]) == weights(plain)


def test_gdumb_trains_on_its_memory_and_on_all_of_it(streams):
    built, scenario = strategy(streams, {"kind": "gdumb", "memory_size": 40}, epochs=2)
    (gdumb,) = built.method_plugins
    trained = []
    gdumb.before_training_iteration = lambda doing, **other: trained.append(doing.mbatch[2])
    for experience in scenario.train_stream:
        trained.clear()
        built.train(experience, eval_streams=[])
        assert sorted(torch.cat(trained).tolist()) == sorted(2 * gdumb.memory.columns[2].tolist())


@pytest.mark.parametrize(
    "adapter", ["olora", "coda_prompt", "dualprompt", "prompt_per_experience", "tip_adapter_f"]
)
def test_gdumb_beside_an_adapter_that_grows_by_experiences_is_a_mistake(streams, adapter):
    with pytest.raises(
        Mistake, match=f"beside the adapter '{adapter}', which adds a part for each experience"
    ):
        strategy(streams, {"kind": "gdumb", "memory_size": 40}, adapter=adapter)


@pytest.mark.parametrize("other", ["replay", "icarl"])
def test_derpp_stands_behind_whatever_else_is_rehearsed(streams, other):
    plugins = [{"kind": other, "memory_size": 20}, {"kind": "derpp", "memory_size": 20}]
    assert learn(streams, *plugins).method_plugins[1].kept_samples() == 20
    with pytest.raises(Mistake, match=f"got 'derpp' before '{other}'"):
        strategy(streams, *reversed(plugins))


def test_derpp_stands_behind_all_that_join_the_batch_and_not_only_behind_the_first(streams):
    """What joins behind it would be taken for its own samples when they come off."""
    kinds = ("replay", "derpp", "icarl")
    with pytest.raises(Mistake, match="got 'derpp' before 'icarl'"):
        strategy(streams, *({"kind": kind, "memory_size": 20} for kind in kinds))


@pytest.mark.parametrize(
    ("model", "got"), [(None, "none"), (torch.nn.Linear(2, 2), "a Linear")], ids=["none", "linear"]
)
def test_a_plugin_that_works_on_an_adapter_says_so_where_there_is_none(model, got):
    with pytest.raises(Mistake, match=f"model: got {got}, and this plugin works on an adapter"):
        Derpp(DerppConfig(), PluginContext(model))
    assert len(Replay(ReplayConfig(), PluginContext(model)).memory) == 0, "any model will do"


def test_gdumb_with_a_number_of_steps_is_a_mistake(streams):
    """A pass through its memory is not one through the experience, by which steps are made into
    passes.
    """
    with pytest.raises(Mistake, match=r"set train.epochs in its place"):
        strategy(streams, {"kind": "gdumb", "memory_size": 40}, iterations=6)


@pytest.mark.parametrize(
    ("field", "other"), [("memory_bytes", "memory_size"), ("memory_size", "memory_bytes")]
)
def test_an_override_of_one_bound_takes_the_place_of_the_other(tmp_path, field, other):
    file = tmp_path / "mine.toml"
    file.write_text(
        f'version = 1\n[adapter]\nkind = "full"\n[[plugins]]\nkind = "replay"\n{other} = '
        f'100\n[train]\nclasses = "seen"\n'
    )
    plugin = load("strategy", str(file), [f"plugins.replay.{field}=7000"]).plugins[0]
    assert getattr(plugin, field) == 7000
    assert other not in plugin.model_fields_set


@pytest.mark.parametrize("bound", [{}, {"memory_size": 7}, {"memory_bytes": 7000}])
def test_a_bound_survives_the_way_to_a_worker(bound):
    """Grids hand a run to another process as JSON, defaults included."""
    plugin = ReplayConfig(**bound)
    assert ReplayConfig.model_validate_json(plugin.model_dump_json()) == plugin
    assert plugin.samples == bound.get("memory_size", 500)

"""What a run is called in tables."""

import numpy as np
import pytest
from command import clvl_here

from clvl_bench.cli import main as cli
from clvl_bench.cli.estimate import estimate
from clvl_bench.core.errors import Mistake
from clvl_bench.core.schema import parse
from clvl_bench.runs.experiment import ExperimentConfig
from clvl_bench.runs.files import load, run_config, runs_of

FEATURES = """version = 1
scenario = "joint"
datasets = ["inspection"]
label_space = "dataset"
[dataset.inspection]
classes = ["crack", "rust"]
[dataset.inspection.source]
kind = "features"
path = "features.npz"
splits = { train = [["x", "y"]], test = [["x", "y"]] }
backbone = "our ViT-B/32"
"""


def test_precomputed_features_are_called_by_the_backbone_that_they_name(tmp_path):
    np.savez(tmp_path / "features.npz", x=np.zeros((2, 4)), y=np.arange(2))
    (tmp_path / "b.toml").write_text(FEATURES)
    run = run_config(str(tmp_path / "b.toml"), "zeroshot", backbone="tiny")
    assert run.coordinates["backbone"] == "our ViT-B/32"
    assert "tiny" not in run.id


def test_a_dry_run_over_features_asks_for_no_backbone(tmp_path):
    np.savez(tmp_path / "features.npz", x=np.zeros((2, 4)), y=np.arange(2))
    (tmp_path / "b.toml").write_text(FEATURES)
    done = clvl_here("run", "b.toml", "slda", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Disk      no features to keep: they are given" in done.stdout.splitlines()


def test_images_are_called_by_the_backbone_that_was_chosen():
    assert (
        run_config("toy_landcover", "zeroshot", backbone="tiny").coordinates["backbone"] == "tiny"
    )


@pytest.mark.parametrize("how", ["as an exit code", "as an exception"])
def test_an_interrupted_command_says_how_to_go_on(monkeypatch, capsys, how):
    def app(**kwargs):
        if how == "as an exception":
            raise KeyboardInterrupt
        return 130

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 130
    assert "the same command goes on where it stopped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("limit", "images"),
    [
        (None, (16200 + 5400) + (18900 + 6300) + 2100 + 10000 + 2 * 10000),
        (1000, 2 * 1000 + 2 * 1000 + 1000 + 1000 + 2 * 1000),
    ],
)
def test_a_dry_run_counts_the_images_of_datasets_without_a_published_split_once(
    tmp_path, limit, images
):
    """EuroSAT and RESISC45 in two published splits, UC Merced and AID without one, the tests of
    CIFAR-10 and CIFAR-100.
    """
    _, _, disk = estimate([run_config("satellite_sequence", "zeroshot", limit=limit)], tmp_path)
    assert disk.startswith(f"Disk      {images:,} images: ")


def test_views_of_trained_images_are_counted_beside_the_images(tmp_path):
    """Where features of them are kept; a run that reads pixels keeps none."""
    on = ["train.augmentation.scale=[0.9, 1.0]", "train.augmentation.views=3"]
    counts = []
    for name, overrides in (("prompt", []), ("prompt", on), ("finetune", on)):
        config = run_config("satellite_sequence", name, limit=10, overrides=overrides)
        disk = estimate([config], tmp_path)[2]
        counts.append(int(disk.split()[1].replace(",", "")))
    plain, augmented, pixels = counts
    trained = len(config.benchmark_config.datasets)
    assert augmented - plain == 3 * 10 * trained
    assert pixels == plain


def test_an_experiment_finds_the_files_beside_it_from_wherever_it_is_started(tmp_path, monkeypatch):
    place = tmp_path / "study"
    place.mkdir()
    np.savez(place / "features.npz", x=np.zeros((2, 4)), y=np.arange(2))
    (place / "b.toml").write_text(FEATURES)
    (place / "s.toml").write_text('version = 1\n[adapter]\nkind = "slda"\n')
    (place / "grid.toml").write_text(
        'version = 1\nbenchmarks = ["b.toml"]\nstrategies = ["s.toml", "ncm"]\n'
        '[set_of]\n"s.toml" = ["train.batch_size=7"]\n'
    )
    ids = []
    for folder, name in ((place, "grid.toml"), (tmp_path, "study/grid.toml")):
        monkeypatch.chdir(folder)
        ids.append([config.id for config in runs_of(load("experiment", name))])
    assert ids[0] == ids[1]
    assert [name.rpartition("-")[0] for name in ids[0]] == [
        "b-s_train.batch_size_7_-our_ViT_B_32-s0",
        "b-ncm-our_ViT_B_32-s0",
    ]


def test_an_order_may_have_the_seed_of_its_number():
    paired = {"class_orders": [0, 3, 5], "seed_is_order": True}
    runs = runs_of(experiment("toy_landcover", **paired))
    assert [(run.seed, run.benchmark_config.class_order_seed) for run in runs] == [
        (0, 0), (3, 3), (5, 5),
    ]  # fmt: skip
    unordered = runs_of(experiment("toy_sensors", **paired))
    assert [run.seed for run in unordered] == [0, 3, 5], "a stream without an order has its seeds"


def test_settings_of_one_strategy_are_no_others():
    told = {"strategies": ["zeroshot", "linear", "prompt"], "set": ["train.epochs=2"]}
    runs = runs_of(experiment("toy_landcover", **told, set_of={"linear": ["train.lr=0.5"]}))
    assert [run.strategy for run in runs] == [
        "zeroshot[train.epochs=2]",
        "linear[train.epochs=2,train.lr=0.5]",
        "prompt[train.epochs=2]",
    ]
    assert [run.strategy_config.train.lr == 0.5 for run in runs] == [False, True, False]


def test_a_field_that_is_set_twice_has_its_last_value_and_one_place_in_the_name():
    twice = run_config(
        "toy_landcover", "linear", overrides=["train.lr=0.5", "train.epochs=2", "train.lr=0.25"]
    )
    once = run_config("toy_landcover", "linear", overrides=["train.lr=0.25", "train.epochs=2"])
    assert twice == once
    assert twice.strategy == "linear[train.lr=0.25,train.epochs=2]"


def test_settings_of_a_strategy_that_is_not_run_are_refused():
    with pytest.raises(
        Mistake, match="set_of: got 'linera', which is none of strategies: zeroshot"
    ):
        experiment("toy_landcover", set_of={"linera": ["train.lr=0.5"]})


@pytest.mark.parametrize("wrong", [{"seeds": [0, 1]}, {"class_orders": []}])
def test_seeds_beside_orders_that_have_their_own_are_refused(wrong):
    with pytest.raises(Mistake, match="seed"):
        experiment("toy_landcover", **{"class_orders": [0], "seed_is_order": True, **wrong})


def experiment(benchmark: str, **told: object) -> ExperimentConfig:
    names = {"version": 1, "benchmarks": [benchmark], "strategies": ["zeroshot"]}
    return parse(ExperimentConfig, {**names, **told}, file="x.toml")

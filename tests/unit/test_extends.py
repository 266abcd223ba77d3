"""`extends`: what a file says is its parent's settings with its own laid over them, whoever wrote
which; a mistake in it is one line that names the file to mend.
"""

import tomllib
from pathlib import Path

import pytest
from command import clvl_here
from contract.tables import FILES

from clvl_bench.core.errors import Mistake
from clvl_bench.core.toml_text import to_toml
from clvl_bench.runs import files, toml_files
from clvl_bench.runs.files import check, load, resolved, run_config, runs_of

BASE = """version = 1
[adapter]
kind = "prompt"
context_init = "random"
context_length = 4
[[plugins]]
kind = "replay"
memory_size = 50
[[plugins]]
kind = "distillation"
weight = 2.0
[train]
classes = "seen"
epochs = 3
lr_of = { mnist = 1e-3 }
"""
"""What the files of these tests extend."""


@pytest.fixture
def strategy(tmp_path, monkeypatch):
    """The strategy that a file `mine.toml` is beside `base.toml`, and its name in errors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text(BASE)

    def written(text: str, extends: str = "base.toml"):
        (tmp_path / "mine.toml").write_text(f'version = 1\nextends = "{extends}"\n{text}')
        return load("strategy", "mine.toml")

    return written


def kinds(config) -> list[str]:
    return [plugin.kind for plugin in config.plugins]


def test_what_a_file_does_not_say_is_its_parents(strategy):
    assert strategy("") == load("strategy", "base.toml")


def test_its_own_values_win_table_by_table(strategy):
    config = strategy("[adapter]\ncontext_length = 8\n[train]\nepochs = 1\nlr_of.dtd = 1e-2\n")
    assert (config.adapter.context_init, config.adapter.context_length) == ("random", 8)
    assert (config.train.epochs, config.train.classes) == (1, "seen")
    assert config.train.lr_of == {"mnist": 1e-3, "dtd": 1e-2}


def test_an_adapter_of_another_kind_replaces_the_parents_whole(strategy):
    """Laid over it, `context_length` would be an unknown field of the linear head."""
    config = strategy('[adapter]\nkind = "linear"\n')
    assert config.adapter == load("strategy", "linear").adapter


def test_plugins_meet_by_their_kind_and_new_ones_come_behind(strategy):
    config = strategy('[[plugins]]\nkind = "lwf"\n[[plugins]]\nkind = "distillation"\nweight = 3\n')
    assert kinds(config) == ["replay", "distillation", "lwf"]
    assert config.plugins[0].memory_size == 50
    assert config.plugins[1].weight == 3


@pytest.mark.parametrize("kind", ["replay", "lwf"], ids=["the parent's", "new"])
def test_a_plugin_that_stands_twice_in_a_file_is_still_refused(strategy, kind):
    with pytest.raises(Mistake, match="each kind may stand once"):
        strategy(f'[[plugins]]\nkind = "{kind}"\n' * 2)


def test_one_bound_of_a_memory_takes_the_place_of_the_other(strategy):
    plugin = strategy('[[plugins]]\nkind = "replay"\nmemory_bytes = 7000\n').plugins[0]
    assert (plugin.memory_size, plugin.memory_bytes) == (None, 7000)


def test_what_is_left_out_is_gone_and_a_setting_back_at_its_default(strategy):
    config = strategy('without = ["plugins.replay", "train.epochs", "train.lr_of"]\n')
    assert kinds(config) == ["distillation"]
    assert config.train == type(config.train)(classes="seen")


def test_a_plugin_that_is_left_out_and_said_again_comes_last_and_starts_afresh(strategy):
    config = strategy('without = ["plugins.replay"]\n[[plugins]]\nkind = "replay"\n')
    assert kinds(config) == ["distillation", "replay"]
    assert config.plugins[1].memory_size is None


def test_a_chain_of_parents_is_laid_from_the_far_end(strategy, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "middle.toml").write_text(
        'version = 1\nextends = "../base.toml"\n[train]\nepochs = 7\nbatch_size = 8\n'
    )
    train = strategy("[train]\nbatch_size = 4\n", extends="deep/middle.toml").train
    assert (train.epochs, train.batch_size, train.classes) == (7, 4, "seen")


def test_a_name_is_a_file_of_the_current_folder_or_a_shipped_one(strategy, tmp_path):
    assert strategy("", extends="prompt_replay") == load("strategy", "prompt_replay")
    folder = tmp_path / "experiments" / "strategies"
    folder.mkdir(parents=True)
    (folder / "prompt_replay.toml").write_text(
        'version = 1\nextends = "prompt_replay"\n[train]\nepochs = 1\n'
    )
    own = strategy("", extends="prompt_replay")
    assert own.train.epochs == 1, "the current folder comes first"
    assert own.adapter == load("strategy", "prompt").adapter, "and extends the shipped one"


def test_a_shipped_file_extends_shipped_ones_whatever_lies_in_the_current_folder(
    tmp_path, monkeypatch
):
    before = load("strategy", "finetune_replay")
    folder = tmp_path / "experiments" / "strategies"
    folder.mkdir(parents=True)
    (folder / "finetune.toml").write_text('version = 1\n[adapter]\nkind = "lora"\n')
    monkeypatch.chdir(tmp_path)
    assert load("strategy", "finetune").adapter.kind == "lora"
    assert load("strategy", "finetune_replay") == before


def test_in_an_installed_package_names_are_those_of_its_own_folder(tmp_path, monkeypatch):
    folder = tmp_path / "shipped" / "experiments" / "strategies"
    folder.mkdir(parents=True)
    (folder / "root.toml").write_text(BASE)
    (folder / "leaf.toml").write_text('version = 1\nextends = "root"\n')
    (tmp_path / "__init__.py").touch()
    monkeypatch.setattr(toml_files.clvl_bench, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.chdir(folder.parent)
    assert load("strategy", "leaf") == load("strategy", "root")


def test_overrides_are_laid_over_the_whole(strategy):
    strategy("")
    config = run_config(
        "toy_landcover", "mine.toml", overrides=["plugins.replay.memory_size=9", "train.epochs=1"]
    ).strategy_config
    assert (config.plugins[0].memory_size, config.train.epochs) == (9, 1)
    assert config.plugins[1].weight == 2


def test_a_run_knows_the_whole_configuration(strategy):
    """Whoever writes the same settings in one file has the same run."""
    strategy("[train]\nepochs = 1\n")
    extended = run_config("toy_landcover", "mine.toml")
    Path("mine.toml").write_text(BASE.replace("epochs = 3", "epochs = 1"))
    assert run_config("toy_landcover", "mine.toml").id == extended.id


def test_paths_of_a_parents_datasets_count_from_the_parents_folder(tmp_path, monkeypatch):
    for label in ("cat", "dog"):
        (tmp_path / "data" / "pictures" / label).mkdir(parents=True)
    (tmp_path / "data" / "base.toml").write_text(
        'version = 1\nscenario = "joint"\ndatasets = ["mine"]\nlabel_space = "dataset"\n'
        '[dataset.mine]\nsource = { kind = "folder", path = "pictures", test_fraction = 0.5 }\n'
    )
    (tmp_path / "few.toml").write_text(
        'version = 1\nextends = "data/base.toml"\nshots = 2\ndataset.mine.source.split_seed = 3\n'
    )
    monkeypatch.chdir(tmp_path)
    config = load("benchmark", "few.toml")
    assert config.dataset["mine"].source.path == tmp_path / "data" / "pictures"
    assert config.dataset["mine"].classes == ("cat", "dog")
    assert (config.shots, config.dataset["mine"].source.split_seed) == (2, 3)
    saved = tmp_path / "elsewhere.toml"
    saved.write_text(resolved(Path("few.toml")))
    assert load("benchmark", str(saved)) == config


def test_supervision_of_another_kind_replaces_the_parents(tmp_path):
    (tmp_path / "b.toml").write_text(
        'version = 1\nextends = "toy_delay"\n[supervision]\nkind = "reward"\n'
    )
    config = load("benchmark", str(tmp_path / "b.toml"))
    assert config.supervision == load("benchmark", "toy_reward").supervision


# what mine.toml says behind its version, what stands behind "mine.toml: ", what else the line says
MISTAKES = [
    ('extends = "finetun"', "extends: ", "did you mean 'finetune'"),
    ('extends = "bas.toml"', "extends: ", "bas.toml: no such file"),
    ("extends = 3", "extends: ", "got 3; give one name"),
    ('extends = "mine.toml"', "extends: ", "mine.toml -> mine.toml is a circle"),
    ('extends = "round.toml"', "extends: ", "mine.toml -> round.toml -> mine.toml is a circle"),
    ('without = ["train"]\nadapter.kind = "linear"', "without: ", "remove it"),
    ('extends = "base.toml"\nwithout = "train"', "without: ", 'for example ["plugins.replay"]'),
    ('extends = "base.toml"\nwithout = ["train.epoch"]', "without: ", "did you mean 'epochs'"),
    ('extends = "base.toml"\nwithout = ["plugins.repay"]', "without: ", "did you mean 'replay'"),
    ('extends = "base.toml"\nwithout = ["version"]', "without: ", "allowed: adapter"),
    ('extends = "base.toml"\nwithout = ["train.epochs.x"]', "without: ", "'x': allowed: none"),
    ('extends = "base.toml"\ntrain.epoch = 1', "train.epoch: ", "did you mean 'epochs'"),
    ('extends = "base.toml"\nplugins = [{ kind = ["lwf"] }]', "plugins.2: ", "no 'kind'"),
    (
        'extends = "base.toml"\nplugins = [{ kind = "lwf", weight = -1 }]',
        "plugins.2.weight: ",
        "got -1",
    ),
]


def mistake(folder: Path, monkeypatch: pytest.MonkeyPatch, mine: str, base: str = BASE) -> str:
    """The one line for a `mine.toml` beside a `base.toml`."""
    monkeypatch.chdir(folder)
    (folder / "base.toml").write_text(base)
    (folder / "round.toml").write_text('version = 1\nextends = "mine.toml"\n')
    (folder / "mine.toml").write_text(f"version = 1\n{mine}\n")
    with pytest.raises(Mistake) as raised:
        load("strategy", "mine.toml")
    (line,) = str(raised.value).splitlines()
    return line


@pytest.mark.parametrize(("mine", "place", "says"), MISTAKES)
def test_a_mistake_of_a_file_is_one_line_that_names_it(tmp_path, monkeypatch, mine, place, says):
    line = mistake(tmp_path, monkeypatch, mine)
    assert line.startswith(f"mine.toml: {place}")
    assert says in line


# what is replaced in base.toml, by what, what the line begins with, what else it says
MISTAKES_OF_THE_PARENT = [
    ("epochs", "epoch", "base.toml, which mine.toml extends: train.epoch: ", "'epochs'"),
    ("= 50", "= -1", "base.toml, which mine.toml extends: plugins.0.memory_size: ", "got -1"),
    ('"prompt"', '"promt"', "base.toml, which mine.toml extends: adapter.kind: ", "'prompt'"),
    ("[adapter]", "[questions]\n[adapter]", "base.toml, which mine.toml extends: questions: ", ""),
    ("version = 1", "version = one", "base.toml: ", "not valid TOML"),
    ("version = 1", "", "base.toml: version: ", "is missing; add it"),
    ("version = 1", "version = 2", "base.toml: version: got 2; ", "mine.toml extends it and has 1"),
]


@pytest.mark.parametrize(("old", "new", "begins", "says"), MISTAKES_OF_THE_PARENT)
def test_a_mistake_of_the_parent_names_the_parent(tmp_path, monkeypatch, old, new, begins, says):
    own = 'extends = "base.toml"\nadapter.context_length = 2\ntrain.batch_size = 1'
    line = mistake(tmp_path, monkeypatch, own, BASE.replace(old, new))
    assert line.startswith(begins)
    assert says in line


def test_each_file_says_its_own_version(strategy, tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "base.toml"\n')
    with pytest.raises(Mistake, match=r"^mine\.toml: version: is missing; add it"):
        load("strategy", "mine.toml")


def test_an_experiment_extends_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.toml").write_text(
        'version = 1\nextends = "ci"\nbenchmarks = ["toy_landcover"]\nstrategies = ["zeroshot"]\n'
    )
    with pytest.raises(Mistake, match="extends: unknown field"):
        check(Path("grid.toml"))


def test_a_grid_reads_each_strategy_once_however_many_runs_it_has(monkeypatch):
    read = []

    def noting(sort, path):
        read.append((sort, path))
        return resolve(sort, path)

    resolve = files.resolve
    monkeypatch.setattr(files, "resolve", noting)
    experiment = load("experiment", "reference")
    runs = runs_of(experiment)
    strategies = [path for sort, path in read if sort == "strategy"]
    assert len(runs) > 2 * len(strategies)
    assert len(strategies) == len(set(strategies)) == len(experiment.strategies)


@pytest.mark.parametrize("says", ['without = ["plugins.replay"]', "[train]\nepochs = 1"])
def test_check_knows_the_sort_of_a_file_by_what_it_changes(strategy, says):
    strategy(says)
    assert check(Path("mine.toml"))[0] == "strategy"


@pytest.mark.parametrize(
    ("sort", "path"), FILES, ids=[f"{sort}-{path.stem}" for sort, path in FILES]
)
def test_a_file_resolved_and_saved_is_the_same_configuration_and_extends_nothing(
    sort, path, tmp_path
):
    saved = tmp_path / "saved.toml"
    saved.write_text(resolved(path))
    assert not {"extends", "without"} & set(tomllib.loads(saved.read_text()))
    assert check(saved) == check(path)
    assert resolved(saved) == saved.read_text(), "nothing is left to resolve"
    assert saved.read_text().splitlines()[0] == path.read_text(encoding="utf-8").splitlines()[0]


def test_the_command_prints_what_can_be_saved(strategy, tmp_path):
    strategy("[train]\nepochs = 1\n")
    done = clvl_here("check", "mine.toml", "--resolved", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = tomllib.loads(done.stdout)
    assert told["train"]["epochs"] == 1
    assert told["train"]["optimizer"] == "adamw", "a default"
    several = clvl_here("check", "mine.toml", "base.toml", "--resolved", cwd=tmp_path)
    assert several.returncode == 2
    assert "--resolved: got 2 files; give one" in several.stderr


def test_toml_that_is_written_reads_back():
    content = {
        "flag": True,
        "size": -3,
        "rates": [1e-05, 1e30, 0.1, 5.0],
        "quoted": 'a "word"\n\t\\ \x7f \x01 ä 🙂',
        "empty": [],
        "pairs": [["a", "b"], []],
        "table": {"a.b": {"deep er": {"x": 1}}, "none": {}, "lists": [{"y": {"z": [1]}}]},
        "members": [{"kind": "a", "inner": {"b": 2}}, {"kind": "c"}],
    }
    assert tomllib.loads(to_toml(content)) == content

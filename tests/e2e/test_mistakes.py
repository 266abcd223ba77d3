"""A user's mistake is one line, with file, field, what was got, what is allowed and how to mend it;
nothing is written.
"""

import resource

import pytest
from command import clvl, clvl_here

BENCHMARK = """version = 1
scenario = "class_incremental"
datasets = ["toy_landcover"]
classes_per_experience = [5, 5]
label_space = "seen"
zeroshot = ["toy_shapes"]
"""
STRATEGY = """version = 1
[adapter]
kind = "prompt"
[[plugins]]
kind = "replay"
memory_size = 50
[train]
classes = "seen"
epochs = 1
"""
FOLDER = """
[dataset.mine]
source = { kind = "folder", path = "pictures", test_fraction = 0.5 }
"""

FORMULA = """
[dataset."=cmd"]
classes = ["a"]
source = { kind = "arrays", path = "b.toml", splits = {} }
"""

# (what is wrong, which file, what is replaced, by what, what the line must say)
MISTAKES = [
    ("typo in a key", "b", "label_space", "label_spase", ["label_spase", "did you mean 'label_space'", "allowed: version"]),
    ("typo in a value", "b", '"seen"', '"sen"', ["label_space", "'sen'", "did you mean 'seen'", "allowed: seen, dataset, all"]),
    ("wrong type", "b", "[5, 5]", '"five"', ["classes_per_experience", "'five'"]),
    ("wrong type inside", "b", "[5, 5]", '[5, "x"]', ["classes_per_experience.1", "'x'"]),
    ("negative size", "b", "[5, 5]", "[12, -2]", ["classes_per_experience", "[12, -2]", "at least 1"]),
    ("sizes that do not sum", "b", "[5, 5]", "[4, 5]", ["sums to 9", "toy_landcover has 10 classes", "for example [2, 2, 2, 2, 2]"]),
    ("unknown dataset", "b", '"toy_landcover"', '"toy_landcovr"', ["datasets", "did you mean 'toy_landcover'", "allowed: "]),
    ("unknown held-out", "b", '"toy_shapes"', '"cifar11"', ["zeroshot", "did you mean 'cifar10"]),
    ("held-out is trained on", "b", '"toy_shapes"', '"toy_landcover"', ["zeroshot", "toy_landcover", "never trained on"]),
    ("missing field", "b", 'scenario = "class_incremental"\n', "", ["scenario", "missing"]),
    ("unknown version", "b", "version = 1", "version = 7", ["version", "got 7", "allowed: 1"]),
    ("no TOML", "b", '"seen"', "seen", ["not valid TOML", "line 5"]),
    ("two of a key", "b", "version = 1", "version = 1\nversion = 1", ["not valid TOML"]),
    ("fraction out of range", "b", "version = 1", "version = 1\nvalid_fraction = 1.5", ["valid_fraction", "1.5", "less than 1"]),
    ("sizes for another scenario", "b", '"class_incremental"', '"domain_incremental"', ["classes_per_experience", "remove it"]),
    ("dataset twice", "b", '["toy_landcover"]', '["toy_landcover", "toy_landcover"]', ["datasets", "once"]),
    ("missing folder", "b", "version = 1", "version = 1" , ["dataset.mine.source.path", "'pictures' does not exist"]),
    ("a formula for a name", "b", "version = 1", "version = 1", ["dataset: got the name '=cmd'", "letters, digits"]),
    ("unknown kind of adapter", "s", '"prompt"', '"promt"', ["adapter.kind", "'promt'", "did you mean 'prompt'", "none"]),
    ("no kind", "s", 'kind = "prompt"', 'context_init = "random"', ["adapter", "no 'kind'"]),
    ("typo in an adapter", "s", 'kind = "prompt"', 'kind = "prompt"\ncontext_len = 4', ["adapter.context_len", "'context_length'"]),
    ("negative memory", "s", "memory_size = 50", "memory_size = -1", ["plugins.0.memory_size", "-1", "greater than or equal to 0"]),
    ("typo in training", "s", "epochs = 1", "epoch = 1", ["train.epoch", "did you mean 'epochs'"]),
    ("zero learning rate", "s", "epochs = 1", "lr = 0.0", ["train.lr", "0.0", "greater than 0"]),
    ("replay among new classes only", "s", 'classes = "seen"', 'classes = "experience"', ["train.classes", 'set classes = "seen"']),
    ("plugins of nothing", "s", '"prompt"', '"none"', ["plugins", "does not train", "remove them"]),
    ("plugin twice", "s", "[train]", '[[plugins]]\nkind = "replay"\n[train]', ["plugins", "once"]),
    ("infinite", "s", "epochs = 1", "lr = inf", ["train.lr", "finite"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "file", "old", "new", "says"), MISTAKES, ids=[mistake[0] for mistake in MISTAKES]
)
def test_a_broken_file_is_one_line(tmp_path, what, file, old, new, says):
    benchmark = BENCHMARK + {"missing folder": FOLDER, "a formula for a name": FORMULA}.get(
        what, ""
    )
    (tmp_path / "b.toml").write_text(benchmark.replace(old, new, 1) if file == "b" else benchmark)
    (tmp_path / "s.toml").write_text(STRATEGY.replace(old, new, 1) if file == "s" else STRATEGY)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    done = clvl_here("run", "b.toml", "s.toml", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"clvl-bench: {file}.toml: ")
    for part in says:
        assert part in line, line
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def processor_seconds():
    """Of the processes that were started here, and have ended; whoever else is busy counts not."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def test_a_broken_file_is_refused_within_two_seconds_from_the_start(tmp_path):
    (tmp_path / "b.toml").write_text(BENCHMARK)
    (tmp_path / "s.toml").write_text(STRATEGY.replace("epochs", "epoch"))
    start = processor_seconds()
    done = clvl("run", "b.toml", "s.toml", cwd=tmp_path)
    seconds = processor_seconds() - start
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert seconds < 2, "a wrong file must be refused before anything heavy is imported"


ARGUMENTS = [
    (
        ["run", "toy_landcovr", "prompt"],
        "unknown benchmark 'toy_landcovr': did you mean 'toy_landcover",
    ),
    (["run", "toy_landcover", "promt"], "unknown strategy 'promt': did you mean 'prompt'"),
    (["run", "nowhere/b.toml", "prompt"], "nowhere/b.toml: no such file"),
    (["run", "~nobody_at_all/b.toml", "prompt"], "~nobody_at_all/b.toml: no such file"),
    (["run", "x" * 300, "prompt"], "unknown benchmark"),
    (["run", "toy_landcover", "prompt", "--set", "train.epochs"], "--set train.epochs: has no '='"),
    (
        ["run", "toy_landcover", "prompt", "--set", "trian.epochs=2"],
        "unknown 'trian'; did you mean 'train'",
    ),
    (
        ["run", "toy_landcover", "prompt", "--set", "plugins.replay.memory_size=2"],
        "--set plugins.replay.memory_size=2",
    ),
    (["run", "toy_landcover", "prompt", "--seed", "-1"], "--seed"),
    (["run", "toy_landcover"], "Missing argument 'strategy'"),
    (["list", "dataset"], "did you mean 'datasets'"),
    (["check", "nothing.toml"], "nothing.toml: no such file"),
    (
        ["run", "toy_landcover", "prompt", "--set", "epochs=2"],
        "with --set epochs=2: epochs: unknown field; did you mean 'train.epochs'",
    ),
    (
        ["run", "toy_landcover", "prompt", "--set", "benchmark.label_space=sen"],
        "with --set benchmark.label_space=sen: label_space",
    ),
    (["report", "nowhere"], "nowhere: no such folder, and unknown experiment 'nowhere'"),
    (["compare", "nowhere", "nowhere"], "nowhere: no such folder"),
    (["fetch", "eurosatt"], "did you mean 'eurosat'"),
    (["fetch", "biomedclip"], "biomedclip has no pinned download"),
    (["import-weights", "nothing.pt", "--arch", "ViT-B-32"], "nothing.pt: no such file"),
    (
        ["import-weights", "nothing.pt", "--arch", "ViT-B-32", "--from", "keras"],
        "--from keras: allowed: open_clip",
    ),
    (["fetch", "tiny"], "comes with the package"),
    (
        ["fetch", "aid"],
        '[dataset.aid] source = { kind = "folder", path = "AID", test_fraction = 0.2 }',
    ),
]


@pytest.mark.parametrize(
    ("arguments", "says"), ARGUMENTS, ids=[" ".join(arguments) for arguments, _ in ARGUMENTS]
)
def test_a_wrong_argument_is_one_line(tmp_path, arguments, says):
    done = clvl_here(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert says in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("results", ["b.toml/results", "x" * 300], ids=["in a file", "too long"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_takes_time(tmp_path, results):
    (tmp_path / "b.toml").write_text(BENCHMARK)
    done = clvl_here("run", "b.toml", "zeroshot", "--results", results, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"clvl-bench: --results {results}: cannot be written (")
    assert [path.name for path in tmp_path.iterdir()] == ["b.toml"]


@pytest.fixture
def empty_hub(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_missing_data_is_one_line_with_the_command_to_get_it(tmp_path, empty_hub):
    done = clvl_here("run", "eurosat", "zeroshot", cwd=tmp_path)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.endswith("clvl-bench fetch eurosat cifar10 resisc45")


def test_a_single_missing_dataset_is_said_with_its_repository(tmp_path, empty_hub):
    done = clvl_here("run", "cifar100_10_steps", "zeroshot", cwd=tmp_path)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.endswith("clvl-bench fetch cifar100")


def test_copies_to_bring_and_data_to_fetch_are_named_in_one_line(tmp_path, empty_hub):
    done = clvl_here("run", "satellite_sequence", "zeroshot", cwd=tmp_path)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert (
        "get copies of uc_merced, aid and name each in datasets.toml, in a table such as [dataset.uc_merced]"
        in line
    )
    assert "clvl-bench fetch eurosat resisc45" in line


def test_a_dataset_that_one_must_bring_is_one_line_with_the_table_to_write(tmp_path):
    (tmp_path / "b.toml").write_text(
        BENCHMARK.replace("toy_landcover", "aid").replace("[5, 5]", "[15, 15]")
    )
    done = clvl_here("run", "b.toml", "zeroshot", cwd=tmp_path)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.endswith(
        'for example: [dataset.aid] source = { kind = "folder", path = "AID", test_fraction = 0.2 }'
    )


def test_missing_weights_are_one_line_with_the_command_to_get_them(tmp_path, empty_hub):
    done = clvl_here(
        "run",
        "toy_landcover",
        "zeroshot",
        "--backbone",
        "clip-vit-base-patch32",
        cwd=tmp_path,
    )
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.endswith("clvl-bench fetch clip-vit-base-patch32")


def test_a_fault_of_ours_keeps_its_traceback(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import clvl_bench.cli.listing as l\nl.TABLES['metrics'] = lambda: 1 / 0\n",
        encoding="utf-8",
    )
    done = clvl("list", "metrics", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["grid", "--help"], 0),
        (["list"], 0),
        (["check", "b.toml"], 0),
        (["report", "-h"], 0),
        (["run", "b.toml", "s.toml", "--dry-run"], 0),
        (["run", "b.toml", "broken.toml"], 2),
        (["run", "toy_landcovr", "prompt"], 2),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else str(part),
)
def test_what_reads_files_imports_no_torch_no_avalanche_and_no_engine(tmp_path, arguments, code):
    (tmp_path / "b.toml").write_text(BENCHMARK)
    (tmp_path / "s.toml").write_text(STRATEGY)
    (tmp_path / "broken.toml").write_text(STRATEGY.replace("epochs", "epoch"))
    spy = "import atexit, sys\natexit.register(lambda: print('HEAVY', [m for m in ('torch', 'avalanche', 'transformers', 'ray') if m in sys.modules]))"
    (tmp_path / "sitecustomize.py").write_text(spy, encoding="utf-8")
    done = clvl(*arguments, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == code, done.stderr
    assert "HEAVY []" in done.stdout
    assert not (tmp_path / "results").exists()


def test_of_many_names_the_nearest_are_shown_and_the_others_counted():
    from clvl_bench.core.errors import GLANCE, NEAREST, unknown

    few, many = (
        [f"name{number}" for number in range(GLANCE)],
        [f"name{number}" for number in range(GLANCE + 70)],
    )
    assert unknown("thing", "nme", few).endswith(", ".join(few))
    told = unknown("thing", "name42x", many, listed="clvl-bench list things")
    assert "did you mean 'name42'? allowed: name42, " in told
    assert told.endswith(f" and {GLANCE + 70 - NEAREST} more: clvl-bench list things")

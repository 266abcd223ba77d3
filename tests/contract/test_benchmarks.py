"""Every benchmark file: it says what it is, it is valid, it holds what the protocol publishes, and
what is here runs.
"""

import tomllib
from pathlib import Path

import pytest
from command import clvl_here
from contract.tables import ROOT

from clvl_bench.core.errors import Mistake
from clvl_bench.data.readers.reading import is_here
from clvl_bench.report.matrices import of_records
from clvl_bench.runs.files import load, run_config
from clvl_bench.runs.runner import run
from clvl_bench.runs.toml_files import names
from clvl_bench.streams.config import BenchmarkConfig

BENCHMARKS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.toml"))
ORDER_I = {
    "aircraft": (100, 3333),
    "caltech101_zscl": (101, 1736),
    "cifar100": (100, 10000),
    "dtd": (47, 1880),
    "eurosat_zscl": (10, 5400),
    "flowers102": (102, 6149),
    "food101": (101, 25250),
    "mnist": (10, 10000),
    "oxford_pets": (37, 3669),
    "stanford_cars": (196, 8041),
    "sun397": (397, None),
}
"""MTIL, Order I: datasets, how many classes and test images each has (Zheng et al. 2023; ZSCL's
code). Caltech101 has both kinds of faces and no background; the split of SUN397 cannot be made
again (21,751 of its 108,754 images)."""
ORDER_II = (
    "stanford_cars",
    "food101",
    "mnist",
    "oxford_pets",
    "flowers102",
    "sun397",
    "aircraft",
    "caltech101_zscl",
    "dtd",
    "eurosat_zscl",
    "cifar100",
)


def benchmark(name: str) -> BenchmarkConfig:
    config = load("benchmark", name)
    assert isinstance(config, BenchmarkConfig)
    return config


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_file_begins_with_what_it_is_and_is_valid(name):
    first = (ROOT / "benchmarks" / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith((".", ").")), "a sentence: the list shows it"
    config = benchmark(name)
    assert name in names("benchmark")
    assert name.startswith("toy_") == all(
        config.declared(each).domain == "toy" for each in config.named
    )


def test_mtil_has_the_published_datasets_classes_and_label_space():
    first, second, few = (
        benchmark(name) for name in ("mtil_order_1", "mtil_order_2", "mtil_5shot")
    )
    assert first.datasets == few.datasets == tuple(ORDER_I)
    assert second.datasets == ORDER_II
    declared = {name: first.declared(name) for name in first.datasets}
    assert {
        name: (len(each.classes), each.splits.get("test")) for name, each in declared.items()
    } == ORDER_I
    assert {config.label_space for config in (first, second, few)} == {"dataset"}
    assert (first.shots, second.shots, few.shots) == (None, None, 5)


def test_xtail_has_ten_datasets_all_classes_and_sixteen_shots():
    config = benchmark("xtail")
    assert {config.declared(name).known_as for name in config.datasets} == {
        "aircraft",
        "caltech101",
        "dtd",
        "eurosat",
        "flowers102",
        "food101",
        "mnist",
        "oxford_pets",
        "stanford_cars",
        "sun397",
    }
    assert (config.label_space, config.shots) == ("all", 16)


@pytest.mark.parametrize(
    ("name", "steps"),
    [("cifar100_10_steps", 10), ("cifar100_20_steps", 20), ("cifar100_50_steps", 50)],
)
def test_cifar100_comes_in_equal_steps(name, steps):
    config = benchmark(name)
    assert config.classes_per_experience == (100 // steps,) * steps
    assert config.label_space == "seen"


def test_satellite_datasets_come_in_turn():
    config = benchmark("satellite_sequence")
    sizes = {name: config.sizes_of(name) for name in config.datasets}
    assert sizes == {
        "eurosat": (2,) * 5,
        "resisc45": (5,) * 9,
        "uc_merced": (7,) * 3,
        "aid": (6,) * 5,
    }


HERE = [
    name
    for name in BENCHMARKS
    if all(is_here(benchmark(name).declared(each)) for each in benchmark(name).named)
]


def steps_of(stream: BenchmarkConfig) -> int:
    """How many experiences the file says that there are."""
    asked = stream.questions
    if asked is None:
        return len(stream.classes_per_experience) * stream.repeats or len(stream.datasets)
    if asked.by in ("answer", "dataset"):
        return asked.experiences or len(stream.datasets)
    skills = [
        skill
        for name in stream.datasets
        for skill in asked.groups
        or [(each,) for each in stream.questions_of(name).values[asked.by]]
    ]
    if asked.concepts == "together":
        return len(skills)
    (dataset,) = map(stream.questions_of, stream.datasets)
    concepts = dataset.values[asked.concept]
    return sum(
        any((value, concept) not in asked.held_out for value in skill)
        for skill in skills
        for concept in concepts
    )


@pytest.mark.parametrize("name", HERE)
@pytest.mark.usefixtures("no_waiting")
def test_what_is_here_runs(name, tmp_path, sources):
    strategy = "prompt_replay" if benchmark(name).questions is None else "answers_product_replay"
    config = run_config(name, strategy, limit=60, overrides=["train.epochs=1"])
    matrices = of_records(run(config, results=tmp_path, progress=False, sources=sources).records)
    steps = steps_of(config.benchmark_config)
    assert matrices.test.shape == (steps + 1, steps)
    assert 0 <= matrices.test[-1].min() <= matrices.test[-1].max() <= 1


COPIES = """[dataset.aid]
source = { kind = "folder", path = "aid", test_fraction = 0.5 }
"""


@pytest.fixture
def aid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a user keeps a copy of AID, and a file that says so."""
    for label in benchmark("satellite_sequence").declared("aid").labels:
        (tmp_path / "aid" / label).mkdir(parents=True)
    (tmp_path / "datasets.toml").write_text(COPIES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_ones_own_copy_is_named_once_for_all_benchmarks(aid):
    own = benchmark("satellite_sequence").dataset
    assert list(own) == ["aid"]
    assert own["aid"].source.path == aid / "aid"
    assert own["aid"].classes == benchmark("satellite_sequence").declared("aid").classes
    assert benchmark("toy_landcover").dataset == {}, "only what a benchmark names"


def test_the_file_may_lie_elsewhere(aid, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert benchmark("satellite_sequence").dataset == {}
    monkeypatch.setenv("CLVL_DATASETS", str(aid / "datasets.toml"))
    assert list(benchmark("satellite_sequence").dataset) == ["aid"]
    monkeypatch.setenv("CLVL_DATASETS", str(aid / "nowhere.toml"))
    with pytest.raises(Mistake, match="CLVL_DATASETS"):
        benchmark("satellite_sequence")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[datasets.aid]\n", "datasets.toml: got 'datasets'"),
        (COPIES.replace('"aid"', '"nowhere"'), "'nowhere' does not exist"),
        (COPIES.replace('"folder"', '"folders"'), "did you mean 'folder'"),
    ],
)
def test_a_mistake_in_it_is_one_line(aid, text, says):
    (aid / "datasets.toml").write_text(text)
    done = clvl_here("run", "satellite_sequence", "zeroshot", cwd=aid)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert says in line


def test_of_results_only_the_committed_ones_of_a_benchmark_travel_in_the_package():
    """A wheel made in a checkout with runs of its user's must not take them along. What others
    published does travel: `reproduce` compares with it.
    """
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = packaged["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    committed = {
        f"results/{name}"
        for name in BENCHMARKS
        if (ROOT / "results" / name / "runs.parquet").is_file()
    }
    assert {source for source in included if source.startswith("results")} == {
        *committed,
        "results/published",
    }
    assert all(target == f"clvl_bench/shipped/{source}" for source, target in included.items())

"""The public face."""

from clvl_bench.backbones.base import Backbone
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.runs.files import load
from clvl_bench.streams.benchmark import Benchmark, build_benchmark, inputs_of
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.reading import read_slices


def avalanche_benchmark(
    name: str,
    backbone: Backbone,
    *,
    input_kind: InputKind = "image_features",
    limit: int | None = None,
) -> Benchmark:
    """A benchmark by name or path for use without our runner, under Avalanche's own strategies: all
    labels are there, but those that its supervision withholds for good (-1).

    Raises:
        Mistake, Missing, Damage: the file or its data are not as they should be.
    """
    config = load("benchmark", name)
    assert isinstance(config, BenchmarkConfig)
    parts = read_slices(config, limit=limit)
    benchmark = build_benchmark(config, parts, inputs_of(input_kind, parts, backbone))
    benchmark.label_store.reveal_all()
    return benchmark

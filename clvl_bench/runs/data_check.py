"""Data check: what a run would find in the data of a benchmark, without a run."""

from collections.abc import Iterable

from clvl_bench.data.catalog.sources import FeaturesSource
from clvl_bench.data.readers.scan import reading_anew
from clvl_bench.inputs.backbone import backbone_for
from clvl_bench.streams.benchmark import make_plan
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.reading import captions_of, read_slices
from clvl_bench.streams.split_slice import SplitSlice


def check_data(config: BenchmarkConfig) -> list[str]:
    """Read all data of a benchmark and cut them into its streams; a line about each split.

    Every image is decoded, and what was found is kept: a run does not decode them for it again.

    Raises:
        Missing, Mistake, Damage: as a run that begins.
    """
    slices = read_slices(config)
    make_plan(config, slices)
    for each in slices:
        captions_of(each.dataset)
    data = [(each.dataset, each.data) for each in slices]
    of_features = [each.source for each, _ in data if isinstance(each.source, FeaturesSource)]
    if of_features:
        backbone_for(of_features[0].backbone, data)  # which features say themselves
    return [_told(each) for each in slices]


def read_again(configs: Iterable[BenchmarkConfig]) -> None:
    """Decode every image of benchmarks anew, whatever was kept of it, and keep what is found. Runs
    that come behind take it from there.

    Raises:
        Missing, Mistake, Damage: as a run that begins.
    """
    different = {config.model_dump_json(): config for config in configs}
    with reading_anew():
        for config in different.values():
            read_slices(config)


def _told(part: SplitSlice) -> str:
    what = "questions" if hasattr(part.data, "questions") else "samples"
    told = [f"{len(part.data):,} {what}"]
    counts = {
        "damaged, left out": part.data.skipped,
        "without an answer, left out": part.unanswered,
        "in training as well, left out": part.left_out,
    }
    told += [f"{count} {why}" for why, count in counts.items() if count]
    return f"{part.dataset.name} {part.split}: {', '.join(told)}"

"""The configuration of a committed run is shown only where it has the very id of the run."""

from dataclasses import replace
from pathlib import Path

import pytest

from clvl_bench.cli.report import _formats
from clvl_bench.core.errors import Mistake
from clvl_bench.report.committed import origins
from clvl_bench.report.names import names_of
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Run
from clvl_bench.report.writing import summary_md
from clvl_bench.runs.recorded import benchmark_of, configuration_of

RESULTS = Path(__file__).parents[2] / "results"
FOLDER = RESULTS / "toy_landcover"


def test_a_committed_run_has_its_whole_configuration_and_the_names_of_its_classes():
    origin = next(each for each in origins(FOLDER) if each.class_order == 2)
    found = configuration_of(origin)
    assert found is not None
    assert found.told["seed"] == origin.seed
    names = names_of(found, [2], [])
    # Two classes an experience, each of the ten once.
    assert [len(group) for group in names.experiences[2]] == [2] * 5
    met = [name for group in names.experiences[2] for name in group]
    assert sorted(met) == sorted(names.classes[:10])


def test_what_has_another_id_by_now_or_is_not_here_has_none():
    origin = origins(FOLDER)[0]
    assert configuration_of(replace(origin, seed=origin.seed + 1)) is None
    assert configuration_of(replace(origin, strategy="nobody_has_this")) is None


def test_prompts_are_known_where_data_lay_elsewhere_and_no_others_are():
    origin = origins(RESULTS / "photo_rsscn7")[0]
    assert configuration_of(origin) is None, "its data were of a user's own folder"
    assert benchmark_of(origin).images("rsscn7").classes[:2] == ("grassland", "farm field")
    assert benchmark_of(replace(origin, prompts_sha256="0" * 16)) is None
    assert benchmark_of(replace(origin, prompts_sha256="")) is None
    assert benchmark_of(origins(RESULTS / "photo_vqa_rad")[0]) is None, "answers come with data"


@pytest.mark.parametrize(("prompted", "words"), [(benchmark_of, "18 templates"), (None, "of hash")])
def test_below_each_written_table_are_its_prompts(prompted, words):
    origin = origins(RESULTS / "photo_rsscn7")[0]
    known = {} if prompted is None else {"prompted": prompted}
    (line,) = [
        line
        for line in summary_md(ReportData([Run(origin, ())], **known)).decode().splitlines()
        if line.startswith("Prompts: ")
    ]
    assert words in line


def test_formats_of_plots_are_told_once_each_or_refused_by_name():
    assert _formats("pdf,svg, pdf") == ("pdf", "svg")
    with pytest.raises(Mistake, match="unknown format 'jpg'"):
        _formats("png,jpg")

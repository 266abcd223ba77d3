"""The configuration of a committed run is shown only where it has the very id of the run."""

from dataclasses import replace
from pathlib import Path

import pytest

from clvl_bench.cli.report import _formats
from clvl_bench.core.errors import Mistake
from clvl_bench.report.committed import origins
from clvl_bench.report.names import names_of
from clvl_bench.runs.recorded import configuration_of

FOLDER = Path(__file__).parents[2] / "results" / "toy_landcover"


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


def test_formats_of_plots_are_told_once_each_or_refused_by_name():
    assert _formats("pdf,svg, pdf") == ("pdf", "svg")
    with pytest.raises(Mistake, match="unknown format 'jpg'"):
        _formats("png,jpg")

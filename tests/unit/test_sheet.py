"""The contact sheet of the toy worlds."""

import io

import numpy as np
import pytest

from clvl_bench.data.toy import sheet
from clvl_bench.data.toy.index import WORLDS
from clvl_bench.data.toy.landcover import COVERS


def test_every_world_has_a_row():
    assert {row.world for row in sheet.ROWS} == set(WORLDS)


def test_land_cover_stands_in_the_same_columns_wherever_it_appears():
    covers = [
        sheet.sample(row.world, label).facts["class"]
        for row in sheet.ROWS[:4]
        for label in row.classes
    ]
    assert covers == list(COVERS) * 4


def test_what_is_called_never_in_pretraining_is_not_in_the_recipe():
    from clvl_bench.backbones.recipe import PAIRS

    said = {row.world for row in sheet.ROWS if "never in pre-training" in row.role}
    assert said == set(WORLDS) - set(PAIRS)


def test_a_picture_on_the_sheet_is_the_worlds_own_twice_as_large():
    row = sheet.Row("scans", "scans", (), (3,))
    page = np.asarray(sheet.sheet((row,)))
    shown = page[sheet.TOP : sheet.TOP + sheet.SIDE, sheet.LEFT : sheet.LEFT + sheet.SIDE]
    assert (shown[::2, ::2] == sheet.sample("scans", 3).image).all()
    assert (shown[1::2, 1::2] == sheet.sample("scans", 3).image).all()


@pytest.mark.slow
def test_the_sheet_is_small():
    data = io.BytesIO()
    sheet.sheet().save(data, "png", optimize=True)
    assert len(data.getvalue()) < 300_000

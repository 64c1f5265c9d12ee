"""The figures of SOART: heat tables of any size, and colours that mean what the legend says."""

from __future__ import annotations

import numpy as np
import pytest

from vitmap.render.diverging import diverging
from vitmap.render.heat_tables import draw_heat_tables, limit_of


def test_white_is_zero_and_the_ends_are_the_limit() -> None:
    colors = diverging(np.array([[0.0, 0.5, 1.0, 2.0, -1.0, np.nan]]), 1.0)[0].tolist()
    assert colors[0] == [255, 255, 255]
    assert colors[2] == colors[3] == [178, 24, 43]
    assert colors[4] == [33, 102, 172]
    assert colors[1] == [216, 140, 149]
    assert colors[5] == [200, 200, 200]


def test_the_scale_is_one_or_more_and_says_where_it_ends() -> None:
    assert limit_of(np.zeros((3, 2, 2))) == 1
    assert limit_of(np.full((3, 2, 2), -2.31)) == 2.4
    assert limit_of(np.full((3, 2, 2), np.nan)) == 1


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (9, 9), (60, 9), (30, 15), (24, 4)])
def test_every_cell_has_its_colour_on_the_page(rows: int, columns: int) -> None:
    tables = np.random.default_rng(0).uniform(-1, 1, (3, rows, columns))
    tables[1, 0, 0] = np.nan
    names = [(f"{i:02d}.jpg", "good" if i % 2 else "missing-mark") for i in range(rows)]
    image = draw_heat_tables(
        tables, ["Y1", "Y2", "Y3"], [str(c) for c in range(columns)], names, "title", "subtitle"
    )
    assert max(image.size) < 2600
    pixels = np.asarray(image).reshape(-1, 3)
    shown = {tuple(color) for color in np.unique(pixels, axis=0).tolist()}
    expected = {tuple(c) for t in tables for c in diverging(t, 1.0).reshape(-1, 3).tolist()}
    assert expected <= shown

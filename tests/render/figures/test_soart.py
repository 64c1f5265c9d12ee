"""The figures of SOART: heat tables of any size, and colours that mean what the legend says."""

from __future__ import annotations

import numpy as np
import pytest

from vitmap.maps.scale import Scale
from vitmap.photo.view import View
from vitmap.render.diverging import diverging
from vitmap.render.figures.soart_attend import draw_heat_tables, limit_of
from vitmap.render.figures.soart_map import Panels, draw_defects
from vitmap.render.labels import telling
from vitmap.render.page import dots, fitted, width_of


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


LONG = {
    "shared ends": [f"part-number-{i:06d}-left-2026.png" for i in range(60)],
    "wide letters": ["W" * 40 + str(i) for i in range(12)],
    "mixed": [f"検査対象部品番号左側画像第{i}番二千二十六年.png" for i in range(9)] + ["a.png"],
}


@pytest.mark.parametrize("kind", LONG)
def test_labels_are_as_wide_as_allowed_and_still_differ(kind: str) -> None:
    shown = telling(LONG[kind], 1.32, 6.5)
    assert len(set(shown)) == len(LONG[kind])
    assert max(width_of(text, 6.5) for text in shown) <= 1.32
    assert telling(["a.png", "b.png"], 1.32, 6.5) == ["a.png", "b.png"]


@pytest.mark.parametrize("text", ["W" * 200, "欠陥" * 60, "i" * 500, "…"])
def test_a_fitted_text_is_no_wider_than_asked_for(text: str) -> None:
    for inches in (0.5, 1.3, 8.0):
        assert width_of(fitted(text, inches, 13, "Bold"), 13, "Bold") <= inches
    assert fitted("a.png", 1.0, 8) == "a.png"


def test_class_names_stay_left_of_their_bar() -> None:
    kinds = [
        "W" * 30,
        "欠陥種類甲乙丙丁戊己庚",
        *(f"kind-of-error-{i:02d}-wide" for i in range(28)),
    ]
    image = draw_heat_tables(
        np.zeros((3, 60, 4)), ["Y1", "Y2", "Y3"], list("0123"),
        [(f"{i}.png", kinds[i // 2]) for i in range(60)], "W" * 300, "W" * 400,
    )  # fmt: skip
    pixels = np.asarray(image)
    bar = dots(0.30 + 1.20 - 0.12)
    assert (pixels[dots(1.25) : dots(10), bar - 2] == 255).all()
    assert (pixels[: dots(0.9), -dots(0.25) :] == 255).all()  # titles end before the margin


def test_a_long_title_stays_on_the_page_of_a_map() -> None:
    picture, grid = np.zeros((120, 120, 3), np.uint8), np.zeros((30, 30))
    panels = Panels(
        "W" * 300, "W" * 400, picture, picture, np.zeros((4, 30, 30)), ["a", "b", "c", "d"],
        grid > 0, [], np.zeros((30, 30, 3), np.uint8), View((120, 120), (120, 120), (4, 4)),
    )  # fmt: skip
    pixels = np.asarray(draw_defects(panels, Scale("image", 1.0)))
    assert (pixels[: dots(0.7), -dots(0.25) :] == 255).all()
    assert (pixels[: dots(0.7)] < 255).any()

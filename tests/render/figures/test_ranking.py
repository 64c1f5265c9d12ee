"""The ranking's figures: nothing is cut off, whatever the model, the names and the scores."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitmap.maps.scale import Scale
from vitmap.photo.view import View
from vitmap.render.colormap import DEFAULT, palette
from vitmap.render.figures.examples import Column, Example, ExampleSheet, draw_examples
from vitmap.render.figures.ranking import Line, RankingSheet, Table, draw_ranking
from vitmap.render.figures.recipe import Judged, draw_judged
from vitmap.render.outline import outline
from vitmap.render.page import DPI

LONG = "some-organisation/a-very-long-name-of-a-model-or-a-part-000123456789 " * 6
NAN = float("nan")


def assert_nothing_is_cut(image: Image.Image) -> None:
    """White paper all around: what is cut off would touch the edge."""
    pixels, rim = np.asarray(image), DPI // 20
    for edge in (pixels[:rim], pixels[-rim:], pixels[:, :rim], pixels[:, -rim:]):
        assert (edge == 255).all()


def sheet_of(
    scores: np.ndarray, chance: float | None = 0.5, kinds: int = 1, text: str = "Which?"
) -> RankingSheet:
    best = np.unravel_index(int(np.nanargmax(scores)), scores.shape)
    place = int(best[0]), int(best[1])
    tied = np.zeros(scores.shape, dtype=bool)
    tables = [Table(text, scores, tied, None if number else place) for number in range(kinds)]
    lines = [
        Line("the cell chosen on other pictures", 0.7, 0.6, 0.8, "", strong=True),
        Line(text, 0.01, 0.0, 1.0, "not told apart"),
        Line("no interval", 0.5, NAN, NAN, "beaten"),
        Line("no score", NAN, NAN, NAN),
    ]
    return RankingSheet(text, text, "pixel AUROC", chance, tables, lines, [text])


@pytest.mark.parametrize("text", ["Which?", LONG, "猫é🙂 " * 40], ids=["short", "long", "猫"])
@pytest.mark.parametrize(
    ("layers", "heads", "kinds", "chance"), [(6, 3, 1, 0.5), (12, 6, 3, None), (24, 16, 3, 0.5)]
)
def test_rankings_of_any_size_fit(
    layers: int, heads: int, kinds: int, text: str, chance: float | None
) -> None:
    scores = np.random.default_rng(0).uniform(0, 1, (layers, heads + 1))
    scores[1, 0] = NAN
    assert_nothing_is_cut(draw_ranking(sheet_of(scores, chance, kinds, text)))


def test_a_cell_s_paper_says_its_score() -> None:
    """Gray for none and for worse than chance; else the scale's colour from chance to 1."""
    scores = np.array([[NAN, 0.3], [0.5, 0.75], [1.0, 0.6]])
    pixels = np.asarray(draw_ranking(sheet_of(scores)))
    colors = palette(DEFAULT)
    for value, expected in (
        (0.5, colors[0]),
        (0.75, colors[127]),
        (1.0, colors[254]),
        (0.6, colors[50]),
    ):
        drawn = (pixels == expected).all(axis=2).sum()
        assert drawn > 1000, value
    gray = (pixels == 214).all(axis=2).sum()
    assert 2 < gray / (0.46 * 0.29 * DPI**2 * 0.9) < 2.4  # two cells, and the legend's


def test_without_a_single_score_there_is_still_a_figure() -> None:
    scores = np.full((2, 3), NAN)
    sheet = RankingSheet(
        "None", "", "mass inside the defect", None,
        [Table("raw attention", scores, np.zeros((2, 3), dtype=bool), None)],
        [Line("the cell chosen on other pictures", NAN, NAN, NAN)], [],
    )  # fmt: skip
    assert_nothing_is_cut(draw_ranking(sheet))


def example(name: str, size: tuple[int, int], maps: int, *, marked: bool = True) -> Example:
    chance = np.random.default_rng(len(name))
    view = View.of(size, (16, 16), 128)
    mask = np.zeros(size, dtype=bool)
    mask[size[0] // 2, size[1] // 2] = True
    photo = chance.integers(0, 255, (*size, 3)).astype(np.uint8)
    heats = [chance.uniform(0, 5, view.grid).astype(np.float32) for _ in range(maps)]
    return Example(name, LONG, photo, view, heats, mask if marked else None)


@pytest.mark.parametrize("count", [1, 3])
def test_examples_of_any_shape_fit(count: int) -> None:
    columns = [Column(LONG, LONG, Scale("run", 3.0), LONG) for _ in range(count)]
    examples = [
        example("sliver.png", (300, 20), count),
        example(f"{LONG}.png", (40, 900), count, marked=False),
        example("猫é🙂.png", (60, 60), count),
    ]
    assert_nothing_is_cut(draw_examples(ExampleSheet(LONG, LONG, columns, examples, [LONG])))


@pytest.mark.parametrize("size", [(1000, 1500), (7, 5), (30, 400)])
def test_a_defect_of_one_pixel_is_outlined(size: tuple[int, int]) -> None:
    mask = np.zeros(size, dtype=bool)
    mask[size[0] // 2, size[1] // 2] = True
    (white, light), (black, dark) = outline(mask, (90, 120))
    assert (light, dark) == (255, 0)
    assert white.sum() >= 8
    assert black.sum() > white.sum()
    assert not (white & black).any()
    y, x = (np.array([90, 120]) * (np.array(size) // 2) // np.array(size)).tolist()
    assert not white[y, x]  # the defect itself stays to be seen
    around = np.argwhere(white) - [y, x]
    assert np.abs(around.mean(axis=0)).max() <= 1


@pytest.mark.parametrize("size", [(900, 100), (100, 900), (60, 60)])
def test_judgements_of_any_shape_fit(size: tuple[int, int]) -> None:
    one = example("x", size, 1)
    judged = Judged(
        title=LONG, verdict=LONG, subtitle=LONG, photo=one.photo, view=one.view, heat=one.maps[0],
        mask=one.maps[0] > 4, mask_caption=LONG, scale=Scale("good", 4.0, 1.0), unit=LONG,
        notes=[LONG, LONG],
    )  # fmt: skip
    assert_nothing_is_cut(draw_judged(judged))

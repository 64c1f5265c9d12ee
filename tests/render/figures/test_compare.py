"""The figures of a comparison: nothing overlaps, nothing is cut, whatever is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drawn import maps_of, photo_of, stands_in
from vitmap.maps.maps import PatchMap
from vitmap.maps.scale import Scale, scale_of
from vitmap.photo.view import View
from vitmap.render.colormap import palette
from vitmap.render.figures import agreement as agreement_figure
from vitmap.render.figures import compare as figure
from vitmap.render.figures.agreement import Matrix, draw_agreement
from vitmap.render.figures.compare import (
    BEST,
    RIGHT,
    WRONG,
    CompareRow,
    CompareSheet,
    Tile,
    draw_compare,
)
from vitmap.render.figures.compare_layout import across_of, lay_out
from vitmap.render.marked import mark_parts
from vitmap.render.page import DPI, INK, QUIET, Page, width_of

LONG = "a-very-long-name-of-a-part-that-was-photographed-twice-000123"
NAMES = ["car.jpg", f"{LONG}-left.png", f"{LONG}-right.png", "検査 é🙂.png", "a\nb.png", "$x$.png"]
SHAPES = [(40, 60), (60, 40), (50, 50), (9, 300), (300, 9), (100, 40)]


class Recorder(Page):
    """A page that remembers where everything is, in inches, and draws nothing."""

    last: Recorder

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.boxes: list[tuple[str, float, float, float, float]] = []
        Recorder.last = self

    def picture(self, x: float, y: float, pixels: np.ndarray) -> None:
        height, width = pixels.shape[:2]
        self.boxes.append(("picture", x, y, x + width / DPI, y + height / DPI))

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        rim = 2 / DPI
        assert min(x, y) > rim
        assert x + width + rim < self.width
        assert y + height + rim < self.height

    def text(self, x: float, y: float, text: str, **how: Any) -> None:
        size, wide = how.get("size", 8), width_of(text, how.get("size", 8), how.get("cut", ""))
        left = x - wide * {"left": 0, "center": 0.5, "right": 1}[how.get("align", "left")]
        em = size / 72
        self.boxes.append((text, left, y - 0.74 * em, left + wide, y + 0.2 * em))

    def render(self) -> Image.Image:
        return Image.new("RGB", (1, 1))

    def assert_law(self) -> None:
        """All boxes lie on the paper, and no two on each other."""
        for name, x0, y0, x1, y1 in self.boxes:
            assert min(x0, y0) > 0.1, f"{name!r} leaves the page at its left or its top"
            assert x1 < self.width - 0.1, f"{name!r} leaves the page at its right"
            assert y1 < self.height - 0.05, f"{name!r} leaves the page at its bottom"
        self.assert_apart(self.boxes)

    def assert_law_of_text(self) -> None:
        """The same where numbers stand on coloured cells."""
        self.assert_apart([box for box in self.boxes if box[0] != "picture"])
        self.assert_apart([box for box in self.boxes if box[0] == "picture"])

    @staticmethod
    def assert_apart(boxes: Sequence[tuple[str, float, float, float, float]]) -> None:
        edges = np.array([box[1:] for box in boxes])
        touch = 1.5 / DPI  # pictures land on whole dots
        for i, (x0, y0, x1, y1) in enumerate(edges):
            others = edges[i + 1 :]
            meet = (others[:, 0] < x1 - touch) & (x0 < others[:, 2] - touch)
            meet &= (others[:, 1] < y1 - touch) & (y0 < others[:, 3] - touch)
            met = [boxes[i + 1 + k][0] for k in np.flatnonzero(meet)]
            assert not met, f"{boxes[i][0]!r} lies on {met}"


def tile_of(cell: PatchMap, lines: int, framed: bool = False) -> Tile:
    parts = [("★ wheel 12.3×", BEST), (f"{LONG} 0.1×", QUIET), *[("door none", QUIET)] * 3]
    return Tile(cell, [("peak 1,084×  kept 100%", QUIET), *parts][:lines], framed)


def sheet_of(
    shapes: Sequence[tuple[int, int]],
    heads: int,
    layers: int = 1,
    *,
    captions: int = 1,
    own: bool = False,
    remarks: Sequence[str] = (),
    **how: Any,
) -> CompareSheet:
    rows = []
    for number, shape in enumerate(shapes):
        grid = [cell for row in maps_of(shape, layers, heads, seed=number).cells() for cell in row]
        cells = grid[: len(grid) - number % 2] if own else grid  # models differ in their heads
        under = [("Egyptian cat 0.93", INK), ("✓ correct", RIGHT), ("✗ wrong: it is tabby", WRONG)]
        rows.append(
            CompareRow(
                name=NAMES[number % len(NAMES)] + str(number),
                about=f"{shape[1]} × {shape[0]} px, 37 × 25 patches",
                photo=photo_of(shape).pixels,
                source=shape,
                tiles=[tile_of(cell, captions, i == 1) for i, cell in enumerate(cells)],
                scale=Scale("run", 5.0),
                under=under[: number % 4],
            )
        )
    columns = [(tile.cell.label, remarks[: n % 3]) for n, tile in enumerate(rows[0].tiles)]
    return CompareSheet(
        title=f"Layer L11: what the CLS token attends to in {LONG}",
        subtitle=LONG * 5,
        rows=rows,
        columns=[] if own else columns,
        group=heads if layers > 1 else 1,
        notes=[LONG * 4, "peak: the brightest patch."],
        **how,
    )


@settings(max_examples=60)
@given(
    shapes=st.lists(st.sampled_from(SHAPES), min_size=2, max_size=8),
    heads=st.integers(3, 16),
    captions=st.integers(1, 6),
    own=st.booleans(),
    alarms=st.booleans(),
    remarks=st.sampled_from([[], ["★ wheel 6.1×"], ["★ wheel 6.1×", f"★ {LONG} 3.2×"]]),
    show=st.sampled_from(["map", "mask"]),
)
def test_nothing_overlaps_and_nothing_leaves_the_page(
    shapes: list[tuple[int, int]],
    heads: int,
    captions: int,
    own: bool,
    alarms: bool,
    remarks: list[str],
    show: str,
) -> None:
    marks = ["▲ sink (on 3 of 9 maps): one patch takes much."] if alarms else []
    sheet = sheet_of(
        shapes, heads, captions=captions, own=own, remarks=remarks, show=show, alarms=marks
    )
    assert_law(sheet)


@pytest.mark.parametrize(("count", "times"), [(2, 1), (3, 1), (4, 4), (8, 8)])
def test_a_row_far_below_the_columns_labels_carries_them_too(count: int, times: int) -> None:
    page = assert_law(sheet_of([(40, 60), (60, 40)] * (count // 2) + [(50, 50)] * (count % 2), 6))
    labels = [name for name, *_ in page.boxes if name.startswith("L") and " H" in name]
    assert sorted(labels) == sorted(f"L11 H{head}" for head in range(6) for _ in range(times))


def test_parts_have_a_line_each_whose_number_is_never_cut() -> None:
    page = assert_law(sheet_of([(40, 60), (60, 40)], 12, captions=3, remarks=[f"★ {LONG} 3.2×"]))
    shown = [name for name, *_ in page.boxes]
    assert shown.count("★ wheel 12.3×") == 24
    assert sum("…" in name and name.endswith(" 0.1×") for name in shown) == 24
    assert sum("…" in name and name.endswith(" 3.2×") for name in shown) == 8


@pytest.mark.parametrize(("layers", "heads"), [(1, 24), (12, 6), (3, 20), (12, 1), (2, 16)])
@pytest.mark.parametrize("own", [False, True])
def test_lines_that_wrap_stay_on_the_page_with_a_label_each(
    layers: int, heads: int, own: bool
) -> None:
    sheet = sheet_of([(40, 60), (60, 40)], heads, layers, own=own)
    page = assert_law(sheet)
    labels = [name for name, *_ in page.boxes if name.startswith("L") and " H" in name]
    cells = [tile.cell.label for row in sheet.rows for tile in row.tiles]
    once = layers * heads <= 16 and not own
    assert sorted(labels) == sorted(cells[: layers * heads] if once else cells)


def assert_law(sheet: CompareSheet) -> Recorder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figure, "Page", Recorder)
        draw_compare(sheet)
    Recorder.last.assert_law()
    return Recorder.last


def test_a_line_holds_whole_layers_where_it_can() -> None:
    for count, group in ((16, 16), (72, 6), (24, 1), (40, 20), (144, 12), (48, 24), (17, 1)):
        across = across_of(count, group)
        assert 1 <= across <= 16
        assert across % group == 0 or group > 16 or count <= 16 or group == 1
    assert [across_of(n) for n in (3, 16, 17, 24, 33)] == [3, 16, 9, 12, 11]


def test_columns_are_aligned_and_rows_keep_their_aspect() -> None:
    shapes = [(40, 60), (60, 40), (50, 50)]
    layout = lay_out(shapes, [6] * 3, 1, [0.34] * 3, [0, 1, 2])
    for shape, block in zip(shapes, layout.blocks, strict=True):
        assert block.tile.width / block.tile.height == pytest.approx(shape[1] / shape[0])
        assert block.photo.width / block.photo.height == pytest.approx(shape[1] / shape[0])
        assert block.tile.width <= layout.column + 1e-9
        assert block.photo.width <= layout.panel + 1e-9
    areas = [block.tile.width * block.tile.height for block in layout.blocks]
    assert max(areas) / min(areas) < 1.01
    assert layout.place(1)[1] - layout.place(0)[1] > layout.column


def test_every_map_stands_in_the_figure_on_the_scale_of_its_row() -> None:
    sheet = sheet_of([(40, 60), (60, 40)], 4)
    pixels = np.asarray(draw_compare(sheet))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border == 255).all()
    under = [len(row.under) for row in sheet.rows]
    layout = lay_out([row.source for row in sheet.rows], [4, 4], 1, [0.34, 0.34], under)
    for row, block in zip(sheet.rows, layout.blocks, strict=True):
        shape = round(block.tile.height * DPI), round(block.tile.width * DPI)
        for tile in row.tiles:
            view = View(shape, tile.cell.view.target, tile.cell.view.patch)
            drawn = palette()[Scale("run", 5.0).levels(view.to_pixels(tile.cell.uniform))]
            inner = drawn[4:-4, 4:-4]  # a frame lies on the rim
            assert stands_in(pixels, inner), f"{row.name} {tile.cell.label} is not in the figure"


@pytest.mark.parametrize("show", ["map", "overlay", "mask"])
@pytest.mark.parametrize("name", ["run", "image", "cell"])
def test_every_way_to_show_is_drawn_with_its_own_legend(show: str, name: str) -> None:
    sheet = sheet_of([(40, 60), (60, 40)], 3, show=show)
    cells = [tile.cell for row in sheet.rows for tile in row.tiles]
    rows = [
        CompareRow(**{**vars(row), "scale": scale_of(name, cells[: 3 * (i + 1)])})
        for i, row in enumerate(sheet.rows)
    ]
    page = assert_law(CompareSheet(**{**vars(sheet), "rows": rows}))
    words = {text for text, *_ in page.boxes}
    ends = {"own maximum", "each row's own end", f"{rows[0].scale.upper or 0:.3g}×"} & words
    if show == "mask":
        assert not ends
    else:
        same = rows[0].scale.upper == rows[1].scale.upper
        wanted = "own maximum" if name == "cell" else f"{rows[0].scale.upper:.3g}×"
        assert ends == {wanted if name == "cell" or same else "each row's own end"}


def test_agreement_has_its_numbers_and_stays_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement_figure, "Page", Recorder)
    chance = np.random.default_rng(0)
    for count, label in ((2, "L11 H{}"), (16, "L11 H{}"), (3, "L{} mean of H0, H2, H4, H5")):
        half = chance.random((count, count))
        values = (half + half.T) / 2
        values[0, 1] = values[1, 0] = np.nan
        labels = [label.format(number) for number in range(count)]
        matrix = Matrix(LONG, labels, values, [f"most like {labels[0]}: 0.50"] * count)
        draw_agreement(LONG, LONG * 3, [matrix, matrix], [LONG * 3])
        Recorder.last.assert_law_of_text()
        shown = [text for text, *_ in Recorder.last.boxes]
        assert shown.count("none") == 4
        for a, b in ((0, count - 1), (count - 1, 0)):
            if count > 2:
                assert f"{values[a, b]:.2f}".removeprefix("0") in shown


def test_parts_are_named_where_there_are_several_kinds() -> None:
    photo = np.full((150, 220, 3), 90, dtype=np.uint8)
    wheel, window = (np.zeros((75, 110), dtype=bool) for _ in range(2))
    wheel[50:60, 20:30], window[10:20, 60:80] = True, True
    one = mark_parts(photo, [("wheel", wheel), ("wheel", window)])
    two = mark_parts(photo, [("wheel", wheel), ("window", window)])
    for y, x in ((110, 50), (30, 140)):
        assert (one[y, x] == 90).all()  # what is inside an outline stays to be seen
    changed = np.argwhere((one != two).any(axis=2))
    dark = (two == 26).all(axis=2)
    assert dark.sum() > 500
    assert len(changed) > 500
    assert (photo == 90).all()
    crowd = [("wheel", wheel), ("window", wheel), ("door", wheel), (LONG, window)]
    before = named(mark_parts(photo, crowd[:2]))
    assert before > named(one)
    assert named(mark_parts(photo, crowd[:3])) > before + 300  # the third name finds a place too
    long = mark_parts(photo, crowd)
    assert (long[:, -3:] <= 90).all()  # a name that is wider than the photo is cut, not clipped


def named(marked: np.ndarray) -> int:
    """Dots of the dark ground that names stand on."""
    return int((marked == 26).all(axis=2).sum())

"""The explore page under mouse and keys: what is asked, told, brought back, kept and seen whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from browser import Opened
from explore_pages import (
    HOSTILE,
    LANDSCAPE,
    asked,
    click,
    drag,
    model_of,
    noise,
    own_maps,
    patch_query,
    row_of,
    settled,
    write,
)
from vitmap.models.torch_engine import TorchEngine
from vitmap.photo.read import read_photo
from vitmap.photo.view import View
from vitmap.render.caveat import CAVEAT

HASHES = [
    "cell=L9H9&query0=patch:999,1&keep=7&scale=x&part0=9-9-0-0&active=length",
    "query0=patch:1,1,%3Cb%3E&query1=patch:,&cell=L0x1H1&keep=NaN&opacity=-1",
    "query0=patch:0x5,1e1&query1=__proto__&colormap=constructor&grid=7&show=%3Cimg%3E",
    "%E0%A4%A&&==&part0=1e99-0-0-0&part9=0-0-1-1&query7=cls&keep=Infinity",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explore")


def test_a_click_asks_and_the_photos_are_linked(
    two: Opened, pair: tuple[TorchEngine, list[Path], Path]
) -> None:
    model, paths, _ = pair
    views = [model.facts.view(read_photo(path).size, 32) for path in paths]
    click(two, 0, views[0], 3, 7)
    state = asked(two, "vitmap.state()")
    assert state["queries"] == [patch_query(views[0], 3, 7).replace(".00", ""), "cls"]
    assert two.text("seen").count("What the patch at") == 1
    click(two, 1, views[1], 8, 2)
    state = asked(two, "vitmap.state()")
    assert [q.startswith("patch:") for q in state["queries"]] == [True, True]
    two.page.locator(".cell[aria-label^='layer 1 head 2']").click()
    assert two.page.locator(".cell-title").all_inner_texts() == ["A L1 H2", "B L1 H2"]
    peak = row_of(two, 1, state["queries"][1], 1, 2)[5:]
    x, y = views[1].center(*divmod(int(peak.argmax()), views[1].grid[1]))
    assert f"at x {x}, y {y} px" in two.text("seen")
    two.page.click("#queries button[data-query='register:1']")
    assert asked(two, "vitmap.state().queries") == ["register:1"] * 2


def test_the_value_under_the_pointer_is_told(
    two: Opened, pair: tuple[TorchEngine, list[Path], Path]
) -> None:
    model, paths, _ = pair
    view = model.facts.view(read_photo(paths[0]).size, 32)
    click(two, 0, view, 2, 3)
    two.press("c")
    box = two.page.locator("#canvas-0").bounding_box()
    two.page.mouse.move(box["x"] + box["width"] * 3.5 / 12, box["y"] + box["height"] * 2.5 / 5)
    value = own_maps(model, paths[0], "cls").at(2, 0).values[2, 3]
    said = two.text("under")
    assert said.startswith("A L2 H0: ")
    assert float(said.split()[3]) == pytest.approx(float(value), rel=5e-3)
    assert said.endswith("row 2, column 3 · x 22.5–30, y 16–24 px")


def test_keys_reach_everything(two: Opened) -> None:
    def state() -> Any:
        return asked(two, "vitmap.state()")

    two.press("ArrowUp", "ArrowRight", "ArrowRight", "ArrowRight")
    assert (state()["place"], state()["head"]) == (1, 2)
    two.press("m")
    assert state()["queries"] == ["mean", "mean"]
    two.press("r", "r")
    assert state()["queries"] == ["register:1", "register:1"]
    two.press("c", "[", "[", "o", "t", "g", "v", "s")
    now = state()
    assert (now["keep"], now["opacity"], now["show"]) == (0.5, 0.7, "cut-out")
    assert (now["gray"], now["colormap"], now["scale"]) == (False, "cividis", "cell")
    two.press("2", "Shift+ArrowDown")
    peak = state()["queries"][1]
    assert state()["queries"][0] == "cls"
    assert peak.startswith("patch:")
    two.press("k", "h")
    assert state()["queries"][1] != peak
    two.press("b", "ArrowDown", "Shift+ArrowRight", "Enter")
    [box] = state()["boxes"][1]
    assert (box[2] - box[0], box[3] - box[1]) == (1, 1)
    two.press("b", "Escape")
    assert len(state()["boxes"][1]) == 1
    two.press("?")
    assert two.page.locator("#help").is_visible()
    assert "vitmap.rows(photo, query, layer, head)" in two.text("help")


def test_the_grid_is_named_and_one_stop_of_the_tab_key(two: Opened) -> None:
    cells = two.page.locator("[role=grid] [role=row] button[role=gridcell]")
    assert cells.count() == 9
    names = [cell.get_attribute("aria-label").split(";")[0] for cell in cells.all()]
    assert names == [f"layer {layer} head {head}" for layer in range(3) for head in range(3)]
    assert two.page.locator("[role=columnheader]").all_inner_texts() == ["H0", "H1", "H2"]
    assert two.page.locator("[role=rowheader]").all_inner_texts() == ["L0", "L1", "L2"]
    stops = [cell.get_attribute("tabindex") for cell in cells.all()]
    assert stops.count("0") == 1
    two.page.locator(".cell[aria-selected=true]").focus()
    two.press("ArrowUp")
    assert asked(two, "document.activeElement.ariaLabel").startswith("layer 1 head 0")
    bare = asked(
        two,
        """[...document.querySelectorAll("button, input, select, canvas[tabindex]")].filter((e) =>
          !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim())).length""",
    )
    assert bare == 0


def test_the_address_brings_the_view_back(
    two: Opened, pair: tuple[TorchEngine, list[Path], Path], opening: Callable[..., Opened]
) -> None:
    model, paths, path = pair
    view = model.facts.view(read_photo(paths[0]).size, 32)
    click(two, 0, view, 1, 4)
    drag(two, 0, view, (0, 0), (1, 2))
    two.press("ArrowUp", "[", "o", "t", "v", "s")
    state, address = asked(two, "vitmap.state()"), settled(two)
    again = opening(path)
    assert asked(again, "vitmap.state()") != state
    again.page.evaluate(f"location.hash = '{address}'")
    again.page.wait_for_timeout(200)
    assert asked(again, "vitmap.state()") == state
    assert again.text("seen") == two.text("seen")
    # What cannot be is left as the page opens.
    plain = asked(opening(path), "vitmap.state()")
    for hostile in HASHES:
        again.page.evaluate("hash => { location.hash = hash }", hostile)
        again.page.wait_for_timeout(200)
        assert asked(again, "vitmap.state()") == plain, hostile


def test_an_address_brings_no_more_marks_than_can_be_drawn(two: Opened) -> None:
    two.page.evaluate("location.hash = 'part0=' + '0-0-1-1_'.repeat(20000)")
    two.page.wait_for_timeout(300)
    assert asked(two, "vitmap.state().boxes[0].length") == 50


def test_downloads_hold_what_is_shown(
    two: Opened, pair: tuple[TorchEngine, list[Path], Path]
) -> None:
    model, paths, _ = pair
    maps = [own_maps(model, path, "cls") for path in paths]
    text = two.downloaded("save-csv").decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == 120
    for n, one in enumerate(maps):
        cell, own = one.at(2, 0), lines[60 * n : 60 * n + 60]
        values = np.array([float(line["probability"]) for line in own], dtype=np.float32)
        assert (values == cell.values.ravel()).all(), "nine digits give a float32 back"
        assert [line["kept"] == "yes" for line in own] == cell.keep_mass(0.6).ravel().tolist()
        box = [float(own[13][name]) for name in ("x0", "y0", "x1", "y1")]
        row, column = int(own[13]["row"]), int(own[13]["column"])
        assert box == pytest.approx(cell.view.box(row, column), abs=1e-3)
        assert {line["cell"] for line in own} == {"L2 H0"}
    assert lines[60]["photo"] == "'" + HOSTILE, "no formula"
    everything = two.downloaded("save-all").decode("utf-8-sig")
    assert everything.count("\n") == 2 * 9 * 60 + 1
    picture = Image.open(io.BytesIO(two.downloaded("save-png")))
    assert picture.width > 900
    pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[:20] == 255).all(), "white around it"
    assert len(np.unique(pixels[::5, ::5].reshape(-1, 3), axis=0)) > 1000


def test_hostile_names_stay_text(two: Opened) -> None:
    assert HOSTILE in two.page.locator("h1").text_content()
    assert two.page.locator("img, main script").count() == 0
    assert CAVEAT in two.text("caveat")
    assert "rows were compared" in two.text("exact")


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (900, 700), (390, 844)])
def test_nothing_is_cut_off(
    width: int,
    height: int,
    pair: tuple[TorchEngine, list[Path], Path],
    opening: Callable[..., Opened],
) -> None:
    page = opening(pair[2])
    page.page.set_viewport_size({"width": width, "height": height})
    page.page.wait_for_timeout(100)
    drag(page, 0, View(LANDSCAPE, (20, 48), (4, 4)), (1, 1), (3, 4))
    assert asked(page, "document.documentElement.scrollWidth <= innerWidth")
    assert asked(
        page,
        """[...document.querySelectorAll("main button, main select, main p, main canvas")].every(
          (part) => {
            const { left, right } = part.getBoundingClientRect();
            return left >= 0 && right <= innerWidth + 1;
          })""",
    )
    if width >= 900:
        tops = [page.page.locator(f"#{name}").bounding_box()["y"] for name in ("gray", "scale")]
        assert abs(tops[0] - tops[1]) < 20, "the tick is not alone in a line"
        words = [words.bounding_box()["width"] for words in page.page.locator(".words").all()]
        assert words[0] > words[1], "as wide as their photos are, the first one lying"


@pytest.mark.parametrize("shape", [(20, 160), (160, 20)])
def test_a_strip_and_all_its_maps_are_seen_whole(
    shape: tuple[int, int], folder: Path, opening: Callable[..., Opened]
) -> None:
    model = model_of("vit", num_attention_heads=6)
    path = noise(folder / f"{shape[0]}.png", shape)
    page = opening(write(model, [path], folder / f"strip {shape[0]}"))
    box = page.page.locator("#canvas-0").bounding_box()
    assert box["height"] < 900
    assert box["width"] / box["height"] == pytest.approx(shape[1] / shape[0], rel=0.02)
    assert asked(
        page,
        """(() => {
      const { scrollWidth, clientWidth } = document.querySelector(".scroll");
      return scrollWidth <= clientWidth;
    })()""",
    )
    # The tag of a patch at the right edge stands whole within the photo: its orange reaches
    # further to the left than its patch.
    view = model.facts.view(read_photo(path).size, 32)
    rows, columns = view.grid
    click(page, 0, view, rows // 2, columns - 1)
    assert page.text("seen").startswith("L2 H0")
    orange = [
        page.pixel(1 - left / box["width"], (rows // 2) / rows - 12 / box["height"])
        for left in (3, 34)
    ]
    assert [pixel[:3] for pixel in orange] == [[255, 138, 31]] * 2

"""The explore page in a browser, from file:// and with the network off, beside eager attention."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from einops import rearrange
from PIL import Image

import tiny
import vitmap as api
from browser import Opened, launched
from test_families import backbone_of, eager_matrices
from vitmap.geometry import View
from vitmap.images import read_photo
from vitmap.maps import AttentionMaps
from vitmap.mass import keep_mass
from vitmap.models.backbone import Backbone
from vitmap.rank.on_part import on_part
from vitmap.render.caveat import CAVEAT
from vitmap.render.colormap import palette
from vitmap.render.scale import Scale, scale_of
from vitmap.run.explore import explore
from vitmap.run.explore_settings import ExploreSettings
from vitmap.sinks import MEANINGS, alarms_of

LANDSCAPE, PORTRAIT = (40, 90), (90, 40)
FAMILIES = {
    "vit": LANDSCAPE,
    "deit": LANDSCAPE,
    "dinov2_with_registers": PORTRAIT,
    "dinov3_vit": LANDSCAPE,
    "siglip": PORTRAIT,
    "beit": LANDSCAPE,
    "beit, positions shared": PORTRAIT,
}
HASHES = [
    "cell=L9H9&query0=patch:999,1&keep=7&scale=x&part0=9-9-0-0&active=length",
    "query0=patch:1,1,%3Cb%3E&query1=patch:,&cell=L0x1H1&keep=NaN&opacity=-1",
    "query0=patch:0x5,1e1&query1=__proto__&colormap=constructor&grid=7&show=%3Cimg%3E",
    "%E0%A4%A&&==&part0=1e99-0-0-0&part9=0-0-1-1&query7=cls&keep=Infinity",
]
HOSTILE = "=<img src=x onerror=alert(1)> 検査.png"


def noise(path: Path, size: tuple[int, int], seed: int = 0) -> Path:
    """A photo of random colours with one bright part, so that maps have something to find."""
    pixels = np.random.default_rng(seed).integers(0, 160, (*size, 3), dtype=np.uint8)
    pixels[size[0] // 2 :, : size[1] // 3] = 250
    Image.fromarray(pixels).save(path)
    return path


def model_of(family: str) -> Backbone:
    return backbone_of(tiny.scale_queries_and_keys(tiny.build(family)))


def write(model: Backbone, paths: list[Path], out: Path, **settings: Any) -> Path:
    explore(paths, ExploreSettings(**{"size": 32, **settings}), model, [], out, ["vitmap"])
    return out / "explore.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explore")


@pytest.fixture
def opening(browser: Any) -> Iterator[Callable[..., Opened]]:
    pages = []

    def opened(path: Path, **options: Any) -> Opened:
        page = Opened(browser, path, **options)
        page.page.wait_for_selector("html[data-ready=yes]")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        assert page.said == [], "no error, no refused resource, no dialog"
        assert {url.split(":")[0] for url in page.asked} <= {"file", "data", "blob"}
        page.context.close()


@pytest.fixture(scope="module")
def pair(folder: Path) -> tuple[Backbone, list[Path], Path]:
    """Two photos, one of a hostile name, on one page of a model with registers."""
    model = model_of("dinov2_with_registers")
    paths = [noise(folder / "a.png", LANDSCAPE), noise(folder / HOSTILE, PORTRAIT, 1)]
    return model, paths, write(model, paths, folder / "pair")


@pytest.fixture
def two(opening: Callable[..., Opened], pair: tuple[Backbone, list[Path], Path]) -> Opened:
    return opening(pair[2])


def asked(page: Opened, what: str) -> Any:
    return page.page.evaluate(what)


def row_of(page: Opened, photo: int, query: str, layer: int, head: int) -> np.ndarray:
    values = asked(page, f"Array.from(vitmap.rows({photo}, '{query}', {layer}, {head}))")
    return np.array(values, dtype=np.float32)


def patch_query(view: View, row: int, column: int) -> str:
    x0, y0, x1, y1 = view.box(row, column)
    return f"patch:{(x0 + x1) / 2:.2f},{(y0 + y1) / 2:.2f}"


def click(page: Opened, photo: int, view: View, row: int, column: int) -> None:
    gy, gx = view.grid
    box = page.page.locator(f"#canvas-{photo}").bounding_box()
    x, y = (column + 0.5) / gx * box["width"], (row + 0.5) / gy * box["height"]
    page.page.mouse.click(box["x"] + x, box["y"] + y)


def drag(page: Opened, photo: int, view: View, start: Any, end: Any) -> None:
    gy, gx = view.grid
    box, mouse = page.page.locator(f"#canvas-{photo}").bounding_box(), page.page.mouse
    for (row, column), act in ((start, mouse.down), (end, mouse.up)):
        x, y = (column + 0.5) / gx * box["width"], (row + 0.5) / gy * box["height"]
        mouse.move(box["x"] + x, box["y"] + y, steps=4)
        act()


def settled(page: Opened) -> str:
    """The address, once it has been written."""
    page.page.wait_for_timeout(250)
    return page.page.url.partition("#")[2]


def assert_close(row: np.ndarray, own: np.ndarray, share: float) -> None:
    assert np.abs(row - own).max() <= share * own.max()


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_in_the_page_are_the_models_own(
    family: str, folder: Path, opening: Callable[..., Opened]
) -> None:
    model, name = model_of(family), family.replace(",", "").replace(" ", "-")
    path = noise(folder / f"{name}.png", FAMILIES[family])
    page = opening(write(model, [path], folder / name))
    photo = read_photo(path)
    view = model.view(photo.size, 32)
    matrices = [m[0].numpy() for m in eager_matrices(model, model.pixels(photo, view))]
    prefix, (gy, gx) = len(model.prefix), view.grid
    assert asked(page, "vitmap.prefix(0)") == list(model.prefix)
    chance = np.random.default_rng(0)
    for _ in range(12):
        layer, head = int(chance.integers(3)), int(chance.integers(3))
        row, column = int(chance.integers(gy)), int(chance.integers(gx))
        found = row_of(page, 0, patch_query(view, row, column), layer, head)
        assert_close(found, matrices[layer][head, prefix + row * gx + column], 1e-2)
        mean = row_of(page, 0, "mean", layer, head)
        assert_close(mean, matrices[layer][head, prefix:].mean(axis=0), 1e-5)
    for token, name in enumerate(model.prefix):
        query = {"CLS": "cls"}.get(name, name.replace(" ", ":"))
        assert_close(row_of(page, 0, query, 2, 1), matrices[2][1, token], 1e-5)
    start = str(model.default_query((0, 1, 2)))
    assert f"What the {start} attends to in layer 2, head 0 (L2 H0)." in page.text("seen")


def test_a_pooling_query_asks_after_the_last_layer(
    folder: Path, opening: Callable[..., Opened]
) -> None:
    model, path = model_of("siglip"), noise(folder / "pool.png", LANDSCAPE)
    page = opening(write(model, [path], folder / "pool", query="pool"))
    own = api.attend(model, path, -1, query="pool", size=32)
    for head in range(model.pooling_heads):
        row = row_of(page, 0, "pool", 2, head)
        np.testing.assert_allclose(row, own.values[0, head].ravel(), rtol=1e-6)
    assert page.page.locator(".cell").count() == model.pooling_heads
    assert "head 0 of the pooling head (pool H0)" in page.text("seen")
    page.press("m")
    assert page.page.locator(".cell").count() == 9
    assert "mean over patches" in page.text("seen")


def test_what_is_not_there_is_refused_by_name(two: Opened) -> None:
    for call in ("(0, 'pool', 0, 0)", "(2, 'cls', 0, 0)", "(0, 'cls', 3, 0)", "(0, 'cls', 0, 3)"):
        said = asked(
            two, f"(() => {{ try {{ vitmap.rows{call} }} catch (e) {{ return e.name }} }})()"
        )
        assert said == "RangeError"


def own_maps(model: Backbone, path: Path, query: str) -> AttentionMaps:
    return api.attend(model, path, "all", query=query, size=32)


@pytest.mark.parametrize("query", ["cls", "register:2", "mean"])
def test_kept_patches_and_alarms_are_those_of_python(
    query: str, two: Opened, pair: tuple[Backbone, list[Path], Path]
) -> None:
    model, paths, _ = pair
    for n, path in enumerate(paths):
        maps = own_maps(model, path, query)
        for layer in range(3):
            for head in range(3):
                cell, at = maps.at(layer, head), f"{n}, '{query}', {layer}, {head}"
                for share in (0.1, 0.6, 0.95, 1.0):
                    kept = asked(two, f"Array.from(vitmap.kept({at}, {share}))")
                    assert kept == cell.keep_mass(share).ravel().astype(int).tolist()
                marks = asked(two, f"vitmap.alarms({at}).map(({{mark}}) => mark)")
                assert marks == [alarm.mark for alarm in cell.alarms]


def test_alarms_and_kept_patches_of_a_patch_query(
    two: Opened, pair: tuple[Backbone, list[Path], Path]
) -> None:
    """From the page's own row, which is the model's but for float16."""
    model, paths, _ = pair
    view = model.view(read_photo(paths[0]).size, 32)
    marked = set()
    for row, column in ((0, 0), (2, 5), (4, 11)):
        query = patch_query(view, row, column)
        for layer in range(3):
            for head in range(3):
                found = row_of(two, 0, query, layer, head)
                values = found[5:].reshape(view.grid)
                at = f"0, '{query}', {layer}, {head}"
                kept = asked(two, f"Array.from(vitmap.kept({at}, 0.6))")
                assert kept == keep_mass(values, 0.6).ravel().astype(int).tolist()
                own = alarms_of(values, found[:5], [(row, column)])
                marks = asked(two, f"vitmap.alarms({at}).map(({{mark}}) => mark)")
                assert marks == [alarm.mark for alarm in own]
                marked |= {alarm.kind for alarm in own}
    assert marked, "no case without a mark would tell anything"


def test_marks_stand_on_the_cells_and_in_words(
    two: Opened, pair: tuple[Backbone, list[Path], Path]
) -> None:
    model, paths, _ = pair
    maps = [own_maps(model, path, "cls") for path in paths]
    seen = set()
    for layer in range(3):
        for head in range(3):
            name = f"layer {layer} head {head}"
            cell = two.page.locator(f".cell[aria-label='{name}'], .cell[aria-label^='{name};']")
            marks = cell.locator(".mark").all_inner_texts()
            own = [one.at(layer, head).alarms for one in maps]
            assert marks == ["".join(a.kind[0].upper() for a in alarms) for alarms in own]
            cell.click()
            said = two.page.locator(".alarm").all_inner_texts()
            expected = [
                f"{a.kind[0].upper()} {a.mark}: {MEANINGS[a.kind]}" for al in own for a in al
            ]
            assert said == expected
            seen |= {a.kind for alarms in own for a in alarms}
    assert seen


def test_scales_are_those_of_python(two: Opened, pair: tuple[Backbone, list[Path], Path]) -> None:
    model, paths, _ = pair
    maps = [own_maps(model, path, "cls") for path in paths]
    cells = [[c for row in one.cells() for c in row] for one in maps]
    expected = {
        "image": [scale_of("image", of_one) for of_one in cells],
        "run": [scale_of("run", cells[0] + cells[1])] * 2,
        "layer": [scale_of("image", [c for one in cells for c in one if c.layers == (2,)])] * 2,
    }
    assert two.page.locator("#scale").input_value() == "run"
    for name, scales in expected.items():
        two.page.select_option("#scale", name)
        found = asked(two, "[0, 1].map((photo) => vitmap.limits(photo, 2).high)")
        assert found == [scale.upper for scale in scales], name
        assert f"Scale {name}: one scale for all" in two.text("meaning")
    two.page.select_option("#scale", "cell")
    limits = asked(two, "vitmap.limits(1, 2)")
    own = maps[1].at(2, 0).uniform
    assert (limits["low"], limits["high"]) == (float(own.min()), float(own.max()))


@pytest.mark.parametrize("scale", ["image", "cell"])
@pytest.mark.parametrize("colormap", ["viridis", "gray"])
def test_small_maps_have_the_colours_of_python(
    scale: str, colormap: str, two: Opened, pair: tuple[Backbone, list[Path], Path]
) -> None:
    model, paths, _ = pair
    two.page.select_option("#scale", scale)
    two.page.select_option("#colormap", colormap)
    maps = own_maps(model, paths[0], "cls")
    cells = [cell for row in maps.cells() for cell in row]
    drawn: Scale = scale_of(scale, cells)
    for n in (0, 4, 8):
        colors = palette(colormap)[drawn.levels(cells[n].uniform)]
        found = asked(
            two,
            f"""(() => {{
              const canvas = document.querySelectorAll(".cell")[{n}].querySelector("canvas");
              const {{ width, height }} = canvas;
              return [...canvas.getContext("2d").getImageData(0, 0, width, height).data];
            }})()""",
        )
        shown = np.array(found, dtype=np.uint8).reshape(*maps.view.grid, 4)[..., :3]
        assert (shown == colors).all()


def test_a_click_asks_and_the_photos_are_linked(
    two: Opened, pair: tuple[Backbone, list[Path], Path]
) -> None:
    model, paths, _ = pair
    views = [model.view(read_photo(path).size, 32) for path in paths]
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
    two: Opened, pair: tuple[Backbone, list[Path], Path]
) -> None:
    model, paths, _ = pair
    view = model.view(read_photo(paths[0]).size, 32)
    click(two, 0, view, 2, 3)
    two.press("c")
    box = two.page.locator("#canvas-0").bounding_box()
    two.page.mouse.move(box["x"] + box["width"] * 3.5 / 12, box["y"] + box["height"] * 2.5 / 5)
    value = own_maps(model, paths[0], "cls").at(2, 0).values[2, 3]
    said = two.text("under")
    assert said.startswith("A L2 H0: ")
    assert float(said.split()[3]) == pytest.approx(float(value), rel=5e-3)
    assert said.endswith("row 2, column 3 · x 22.5–30, y 16–24 px")


def times_on(
    maps: list[AttentionMaps], parts: list[np.ndarray]
) -> tuple[dict[Any, float], dict[Any, float]]:
    """Of every layer and head, the mean over photos of its times uniform and share on a part."""
    found = []
    for one, part in zip(maps, parts, strict=True):
        shares = one.values / one.values.sum(axis=(2, 3), keepdims=True, dtype=np.float64)
        rows, columns = one.view.owners()
        cells = rearrange(shares, "layer head gy gx -> (layer head) gy gx")
        kept = np.ones(cells.shape, dtype=bool)
        found.append(on_part(cells, kept, part[rows][:, columns], one.view))
    each = {divmod(n, 3): [of[n] for of in found] for n in range(9)}
    times = {cell: float(np.mean([of.times for of in ofs])) for cell, ofs in each.items()}
    return times, {cell: float(np.mean([of.share for of in ofs])) for cell, ofs in each.items()}


def test_marked_parts_rank_the_heads(two: Opened, pair: tuple[Backbone, list[Path], Path]) -> None:
    model, paths, _ = pair
    maps = [own_maps(model, path, "mean") for path in paths]
    views = [one.view for one in maps]
    two.press("m")
    drag(two, 0, views[0], (3, 0), (4, 2))
    drag(two, 1, views[1], (6, 0), (11, 1))
    two.page.keyboard.down("Shift")
    drag(two, 1, views[1], (5, 1), (7, 3))
    two.page.keyboard.up("Shift")
    parts = [np.zeros(view.grid, dtype=bool) for view in views]
    parts[0][3:5, 0:3] = True
    parts[1][6:12, 0:2] = True
    parts[1][5:8, 1:4] = True
    times, shares = times_on(maps, parts)
    looking = sorted((cell for cell in times if times[cell] > 1), key=lambda cell: -times[cell])
    assert len(looking) == 6
    best = two.page.locator("#best button")
    assert best.count() == len(looking), "what does not look there is not named"
    for place, (layer, head) in enumerate(looking):
        said = best.nth(place).inner_text().replace("\xa0", " ")
        told = re.fullmatch(r"(\d)(L\d H\d) looks here: ([\d.]+)×, ([\d.]+) % of its mass", said)
        assert (told[1], told[2]) == (str(place + 1), f"L{layer} H{head}")
        assert float(told[3]) == pytest.approx(times[layer, head], rel=0.06)
        assert float(told[4]) == pytest.approx(100 * shares[layer, head], abs=0.51)
    assert "6 of 60 patches of A and 19 of 60 patches of B" in two.text("finder-said")
    assert "no evidence by itself" in two.text("finder-said")
    best.nth(1).click()
    title = two.page.locator(".cell-title").first.inner_text()
    assert title == "A L{} H{}".format(*looking[1])
    ranks = [cell.locator(".rank").inner_text() for cell in two.page.locator(".cell").all()]
    at = {divmod(n, 3): text for n, text in enumerate(ranks) if text}
    assert at == {cell: str(n + 1) for n, cell in enumerate(looking)}
    two.press("x")
    assert best.count() == 0


def test_a_head_with_a_mark_does_not_lead(
    two: Opened, pair: tuple[Backbone, list[Path], Path]
) -> None:
    """A sink that happens to lie on the part has the most there, and comes last with its reason."""
    maps = own_maps(pair[0], pair[1][0], "cls")
    (gy, gx), found = maps.view.grid, 0
    alarms = {(la, h): maps.at(la, h).alarms for la in range(3) for h in range(3)}
    for cell in (cell for cell, signs in alarms.items() if signs):
        row, column = divmod(int(maps.values[cell].argmax()), gx)
        box = [max(0, row - 1), max(0, column - 1), min(gy, row + 2), min(gx, column + 2)]
        part = np.zeros((gy, gx), dtype=bool)
        part[box[0] : box[2], box[1] : box[3]] = True
        times, _ = times_on([maps], [part])
        order = sorted((one for one in times if times[one] > 1), key=lambda one: -times[one])
        if order[0] != cell:
            continue
        found += 1
        marked = "-".join(map(str, [*box[:2], box[2] - 1, box[3] - 1]))
        two.page.evaluate(f"location.hash = 'part0={marked}'")
        two.page.wait_for_timeout(200)
        clear = [one for one in order if not alarms[one]]
        doubtful = [one for one in order if alarms[one]][:3]
        lines = two.page.locator("#best button").all_inner_texts()
        named = [re.search(r"(\d?)L(\d) H(\d)", line).groups() for line in lines]
        expected = [(str(n + 1), *map(str, one)) for n, one in enumerate(clear)]
        assert named == expected + [("", *map(str, one)) for one in doubtful]
        for one, line in zip(doubtful, lines[len(clear) :], strict=True):
            for alarm in alarms[one]:
                assert f"{alarm.kind[0].upper()} {alarm.mark}: " in line
            sinks = any(alarm.kind == "sink" for alarm in alarms[one])
            assert ("one patch only, may be chance" in line) == sinks
        assert "These look here too, but their map carries a mark" in two.text("best")
        assert ("No head without a mark looks here" in two.text("best")) == (not clear)
    assert found


def test_a_finger_asks_scrolls_and_marks_once_it_was_asked_to(
    pair: tuple[Backbone, list[Path], Path], opening: Callable[..., Opened]
) -> None:
    page = opening(pair[2], has_touch=True)
    box = page.page.locator("#canvas-0").bounding_box()
    page.page.touchscreen.tap(box["x"] + 40, box["y"] + 30)
    assert asked(page, "vitmap.state().queries[0]").startswith("patch:")
    touch = page.context.new_cdp_session(page.page)

    def swipe(left: float) -> None:
        steps = [{"x": box["x"] + left + 8 * n, "y": box["y"] + 30 + 6 * n} for n in range(6)]
        for n, step in enumerate(steps):
            kind = "touchMove" if n else "touchStart"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [step]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.page.wait_for_timeout(200)

    before = asked(page, "vitmap.state()")
    swipe(20)
    assert asked(page, "vitmap.state()") == before
    for count in (1, 2):
        page.page.tap("#mark")
        swipe(60 * count)
        assert asked(page, "vitmap.state().boxes[0].length") == count


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
    two: Opened, pair: tuple[Backbone, list[Path], Path], opening: Callable[..., Opened]
) -> None:
    model, paths, path = pair
    view = model.view(read_photo(paths[0]).size, 32)
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


def test_downloads_hold_what_is_shown(two: Opened, pair: tuple[Backbone, list[Path], Path]) -> None:
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
    width: int, height: int, pair: tuple[Backbone, list[Path], Path], opening: Callable[..., Opened]
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


@pytest.mark.parametrize(("name", "size"), [("dinov2-small-saliency", None), ("deit-tiny", 224)])
def test_real_weights(
    name: str, size: int | None, shared: Path, tmp_path: Path, opening: Callable[..., Opened]
) -> None:
    """Ten rows against eager attention, and the alarm's true and false cases."""
    model = api.load(shared / "models" / name, classify=False)
    path = shared / "pictures" / "dog.jpg"
    page = opening(write(model, [path], tmp_path / "out", size=size))
    assert (tmp_path / "out" / "explore.html").stat().st_size < 25_000_000
    photo, layers = read_photo(path), range(model.depth)
    about = asked(page, "JSON.parse(document.getElementById('about').textContent).photos[0]")
    gx, gy = about["grid"]
    view = View(photo.size, (gy * model.patch[0], gx * model.patch[1]), model.patch)
    assert size or 700 < gx * gy <= 784
    matrices = eager_matrices(model, model.pixels(photo, view))
    chance = np.random.default_rng(1)
    for _ in range(10):
        layer, head = int(chance.choice(layers)), int(chance.integers(model.heads))
        row, column = int(chance.integers(gy)), int(chance.integers(gx))
        own = matrices[layer][0, head, 1 + row * gx + column].numpy()
        assert_close(row_of(page, 0, patch_query(view, row, column), layer, head), own, 1e-2)
    cls = {(la, h): matrices[la][0, h, 0].numpy() for la in layers for h in range(model.heads)}
    marks = asked(
        page,
        f"""Array.from({{ length: {model.depth} }}, (_, layer) =>
          Array.from({{ length: {model.heads} }}, (_, head) =>
            vitmap.alarms(0, "cls", layer, head).map(({{ kind }}) => kind)))""",
    )
    for (layer, head), row in cls.items():
        own = alarms_of(row[1:].reshape(gy, gx), row[:1])
        assert marks[layer][head] == [alarm.kind for alarm in own]
    found = {kind for line in marks for kinds in line for kind in kinds}
    assert "prefix" in found
    sinks = [
        (layer, head)
        for layer, line in enumerate(marks)
        for head, kinds in enumerate(line)
        if "sink" in kinds
    ]
    assert bool(sinks) == (name == "dinov2-small-saliency")
    for layer, head in sinks[:1]:
        row, column = divmod(int(cls[layer, head][1:].argmax()), gx)
        page.page.evaluate(f"location.hash = 'part0={row}-{column}-{row}-{column}'")
        page.page.wait_for_timeout(200)
        named = page.page.locator("#best button").all_inner_texts()
        told = [re.match(r"(\d?)L(\d+) H(\d+)", line).groups() for line in named]
        for number, la, h in told:
            assert (marks[int(la)][int(h)] == []) == bool(number)
        assert [number for number, _, _ in told[:6]] == list("123456")
        assert ("", str(layer), str(head)) in told[6:]

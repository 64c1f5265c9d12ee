"""What the explore page computes, from file:// and with the network off, beside eager attention."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import vitmap as api
from browser import Opened
from eager import eager_matrices
from explore_pages import (
    LANDSCAPE,
    PORTRAIT,
    asked,
    click,
    model_of,
    noise,
    own_maps,
    patch_query,
    row_of,
    write,
)
from vitmap.maps.mass import keep_mass
from vitmap.maps.scale import Scale, scale_of
from vitmap.maps.sinks import MEANINGS, alarms_of
from vitmap.models.torch_engine import TorchEngine
from vitmap.photo.read import read_photo
from vitmap.photo.view import View
from vitmap.render.colormap import palette

FAMILIES = {
    "vit": LANDSCAPE,
    "deit": LANDSCAPE,
    "dinov2_with_registers": PORTRAIT,
    "dinov3_vit": LANDSCAPE,
    "siglip": PORTRAIT,
    "beit": LANDSCAPE,
    "beit, positions shared": PORTRAIT,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explore")


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
    view = model.facts.view(photo.size, 32)
    matrices = [m[0].numpy() for m in eager_matrices(model, model.pixels(photo, view))]
    prefix, (gy, gx) = len(model.facts.prefix), view.grid
    assert asked(page, "vitmap.prefix(0)") == list(model.facts.prefix)
    chance = np.random.default_rng(0)
    for _ in range(12):
        layer, head = int(chance.integers(3)), int(chance.integers(3))
        row, column = int(chance.integers(gy)), int(chance.integers(gx))
        found = row_of(page, 0, patch_query(view, row, column), layer, head)
        assert_close(found, matrices[layer][head, prefix + row * gx + column], 1e-2)
        mean = row_of(page, 0, "mean", layer, head)
        assert_close(mean, matrices[layer][head, prefix:].mean(axis=0), 1e-5)
    for token, name in enumerate(model.facts.prefix):
        query = {"CLS": "cls"}.get(name, name.replace(" ", ":"))
        assert_close(row_of(page, 0, query, 2, 1), matrices[2][1, token], 1e-5)
    start = str(model.facts.default_query((0, 1, 2)))
    assert f"What the {start} attends to in layer 2, head 0 (L2 H0)." in page.text("seen")
    assert "e-" not in page.text("seen"), "no share that only a computer can read"


SMALL = {
    "one patch": ((8, 8), {}),
    "four patches": ((16, 16), {}),
    "a strip": ((4, 36), {}),
    "one layer with one head": ((16, 16), {"num_hidden_layers": 1, "num_attention_heads": 1}),
}


@pytest.mark.parametrize("case", SMALL)
def test_the_smallest_grids_and_models_have_a_page(
    case: str, folder: Path, opening: Callable[..., Opened]
) -> None:
    """Its scale and alarms are Python's, and hands on it bring no message."""
    (height, width), shape = SMALL[case]
    model = model_of("vit", **shape)
    size = {"one patch": 4, "a strip": 12}.get(case, 8)
    path = noise(folder / f"{case}.png", (height, width))
    page = opening(write(model, [path], folder / case, size=size))
    maps = api.attend(model, path, "all", query="cls", size=size)
    assert maps.view.grid == {"one patch": (1, 1), "a strip": (1, 9)}.get(case, (2, 2))
    cells = [cell for row in maps.cells() for cell in row]
    heads = model.facts.heads
    marks = asked(
        page,
        f"""Array.from({{ length: {len(cells)} }}, (_, n) => vitmap.alarms(
          0, "cls", Math.floor(n / {heads}), n % {heads}).map(({{ kind }}) => kind))""",
    )
    assert marks == [[alarm.kind for alarm in cell.alarms] for cell in cells]
    last = model.facts.depth - 1
    high = asked(page, f"vitmap.limits(0, {last}).high")
    assert high == pytest.approx(scale_of("image", cells).upper, rel=1e-5)
    for n, cell in enumerate(cells):
        row = row_of(page, 0, "cls", *divmod(n, model.facts.heads))
        assert_close(row[1:], cell.values.ravel(), 1e-5)
    plural = "" if shape else "s"
    assert f"{model.facts.depth} layer{plural} × {model.facts.heads} head{plural} ·" in page.text(
        "subtitle"
    )
    if maps.view.grid[0] == 1:  # the tag of the asking patch has no room above or below it
        click(page, 0, maps.view, 0, 0)
        box = page.page.locator("#canvas-0").bounding_box()
        assert page.pixel(3 / box["width"], 1 - 8 / box["height"])[:3] == [255, 138, 31]
    page.press("b", "Enter", "Shift+ArrowRight", "m", "s", "t", "ArrowLeft", "ArrowUp", "x", "?")


def test_a_pooling_query_asks_after_the_last_layer(
    folder: Path, opening: Callable[..., Opened]
) -> None:
    model, path = model_of("siglip"), noise(folder / "pool.png", LANDSCAPE)
    page = opening(write(model, [path], folder / "pool", query="pool"))
    own = api.attend(model, path, -1, query="pool", size=32)
    for head in range(model.facts.pooling_heads):
        row = row_of(page, 0, "pool", 2, head)
        np.testing.assert_allclose(row, own.values[0, head].ravel(), rtol=1e-6)
    assert page.page.locator(".cell").count() == model.facts.pooling_heads
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


@pytest.mark.parametrize("query", ["cls", "register:2", "mean"])
def test_kept_patches_and_alarms_are_those_of_python(
    query: str, two: Opened, pair: tuple[TorchEngine, list[Path], Path]
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
    two: Opened, pair: tuple[TorchEngine, list[Path], Path]
) -> None:
    """From the page's own row, which is the model's but for float16."""
    model, paths, _ = pair
    view = model.facts.view(read_photo(paths[0]).size, 32)
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
    two: Opened, pair: tuple[TorchEngine, list[Path], Path]
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


def test_scales_are_those_of_python(
    two: Opened, pair: tuple[TorchEngine, list[Path], Path]
) -> None:
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
    scale: str, colormap: str, two: Opened, pair: tuple[TorchEngine, list[Path], Path]
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


@pytest.mark.parametrize(("name", "size"), [("dinov2-small-saliency", None), ("deit-tiny", 224)])
def test_real_weights(
    name: str, size: int | None, shared: Path, tmp_path: Path, opening: Callable[..., Opened]
) -> None:
    """Ten rows against eager attention, and the alarm's true and false cases."""
    model = api.load(shared / "models" / name, classify=False)
    path = shared / "pictures" / "dog.jpg"
    page = opening(write(model, [path], tmp_path / "out", size=size))
    assert (tmp_path / "out" / "explore.html").stat().st_size < 25_000_000
    photo, layers = read_photo(path), range(model.facts.depth)
    about = asked(page, "JSON.parse(document.getElementById('about').textContent).photos[0]")
    gx, gy = about["grid"]
    view = View(
        photo.size, (gy * model.facts.patch[0], gx * model.facts.patch[1]), model.facts.patch
    )
    assert size or 700 < gx * gy <= 784
    matrices = eager_matrices(model, model.pixels(photo, view))
    chance = np.random.default_rng(1)
    for _ in range(10):
        layer, head = int(chance.choice(layers)), int(chance.integers(model.facts.heads))
        row, column = int(chance.integers(gy)), int(chance.integers(gx))
        own = matrices[layer][0, head, 1 + row * gx + column].numpy()
        assert_close(row_of(page, 0, patch_query(view, row, column), layer, head), own, 1e-2)
    cls = {
        (la, h): matrices[la][0, h, 0].numpy() for la in layers for h in range(model.facts.heads)
    }
    marks = asked(
        page,
        f"""Array.from({{ length: {model.facts.depth} }}, (_, layer) =>
          Array.from({{ length: {model.facts.heads} }}, (_, head) =>
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

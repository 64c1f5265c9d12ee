"""Scales, colours and overlays: what a colour says can be read back."""

from __future__ import annotations

import gc
import io
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

import vitmap
from drawn import maps_of, photo_of, stands_in
from vitmap.errors import UsageError
from vitmap.maps.maps import Prediction
from vitmap.maps.names import display_name
from vitmap.maps.query import Query
from vitmap.maps.scale import RunScale, Scale, scale_of
from vitmap.photo.view import View
from vitmap.render import fonts
from vitmap.render.colormap import palette
from vitmap.render.figures.panels import cell_size, size_of
from vitmap.render.fonts import runs, undrawable, use_font
from vitmap.render.overlay import cut_out, overlay
from vitmap.render.page import dots


def test_levels_rise_with_values_and_mark_what_is_above() -> None:
    scale = Scale("image", 10.0)
    values = np.array([[0, 1, 5, 9.99, 10, 10.01, 400]], np.float32)
    assert scale.levels(values).tolist() == [[0, 25, 127, 254, 254, 255, 255]]


def test_cell_stretches_each_map_by_itself_and_clips_nothing() -> None:
    values = np.array([[2.0, 3.0, 4.0]], np.float32)
    assert Scale("cell").levels(values).tolist() == [[0, 127, 254]]
    assert Scale("cell").levels(np.full((2, 2), 3.0, np.float32)).tolist() == [[0, 0], [0, 0]]


def test_image_scale_is_the_stated_percentile_of_multiples_of_uniform() -> None:
    maps = maps_of()
    cells = maps.cells()[0]
    scale = scale_of("image", cells)
    values = np.concatenate([(c.values * c.values.size).ravel() for c in cells])
    above = (values > scale.upper).mean()
    assert 0.004 < above <= 0.005
    marked = sum((scale.levels(c.uniform) == 255).sum() for c in cells)
    assert marked == (values > scale.upper).sum()


def test_run_scale_is_the_percentile_of_the_whole_run_to_one_percent() -> None:
    gathered, values = RunScale(), []
    for seed in range(5):
        cells = maps_of(seed=seed).cells()[0]
        gathered.add(cells)
        values += [c.uniform.ravel() for c in cells]
    exact = np.percentile(np.concatenate(values), 99.5, method="higher")
    assert gathered.scale().upper == pytest.approx(exact, rel=0.012)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Scale 'imge' is not known: did you mean 'image'"):
        scale_of("imge", [])
    with pytest.raises(UsageError, match="Colormap 'viridid' is not known: did you mean 'virid"):
        palette("viridid")


@pytest.mark.parametrize("name", ["viridis", "magma", "gray", "jet", "cividis", "Greys"])
def test_palettes_are_matplotlibs_and_their_mark_is_seen(name: str) -> None:
    colors = palette(name).astype(int)
    expected = matplotlib.colormaps[name](np.linspace(0, 1, 255))[:, :3] * 255
    assert np.abs(colors[:255] - expected).max() <= 0.5 + 1e-9
    assert np.linalg.norm(colors[:255] - colors[255], axis=1).min() > 100


def test_overlay_is_the_photo_where_dark_and_the_colour_where_bright() -> None:
    photo = photo_of((4, 6)).pixels
    colors = palette()
    gray = photo.astype(float) @ [0.299, 0.587, 0.114]
    for level, opacity in ((0, 0.10), (254, 0.80), (255, 0.80)):
        levels = np.full((4, 6), level, np.uint8)
        expected = gray[..., None] * (1 - opacity) + colors[level] * opacity
        assert np.abs(overlay(photo, levels, colors) - expected).max() < 3


def test_overlay_mixes_every_level_with_every_gray_exactly() -> None:
    levels, gray = (axis.astype(np.uint8) for axis in np.mgrid[:256, :256])
    opacity = np.linspace(0.10, 0.80, 256)[:, None, None]
    tint = np.rint(palette()[:, None] * opacity).astype(int)
    shine = np.rint(256 * (1 - opacity)).astype(int)
    photo = np.repeat(gray[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(
        overlay(photo, levels, palette()), tint + (photo.astype(int) * shine >> 8)
    )


def test_cut_out_keeps_the_photo_inside_the_mask_alone() -> None:
    photo = photo_of((9, 12)).pixels
    mask = np.zeros((9, 12), bool)
    mask[2:9, 3:10] = True  # down to the photo's own border, which is no edge
    inside = np.zeros_like(mask)
    inside[3:9, 4:9] = True
    shown = cut_out(photo, mask)
    np.testing.assert_array_equal(shown[inside], photo[inside])
    assert (shown[mask & ~inside] == 255).all()
    assert (shown[~mask].max(axis=1) <= photo[~mask].max(axis=1) * 0.23 + 1).all()


PREDICTION = Prediction("google/x", (("Egyptian cat, cat", 0.9), ("tabby", 0.05)), (9, 9), False)


@pytest.mark.parametrize(
    ("source", "layers", "heads", "prediction"),
    [
        ((40, 60), 1, 1, PREDICTION),
        ((60, 40), 1, 3, PREDICTION),
        ((40, 60), 1, 16, "label not asked for"),
        ((60, 40), 12, 3, PREDICTION),
        ((40, 60), 3, 12, "no classifier in reach"),
        ((9, 300), 1, 3, PREDICTION),
        ((300, 9), 1, 6, PREDICTION),
    ],
)
def test_every_figure_shows_every_map_whole(
    source: tuple[int, int], layers: int, heads: int, prediction: Prediction | str
) -> None:
    """Each map stands in the figure pixel for pixel, and nothing reaches the paper's edge."""
    maps, photo = maps_of(source, layers, heads), photo_of(source)
    pixels = np.asarray(vitmap.draw_heads(photo, maps, prediction=prediction))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border == 255).all()

    scale = scale_of("image", [cell for row in maps.cells() for cell in row])
    width, height = cell_size(photo, 3.2 * size_of(heads) if layers == 1 else 3.2 / 1.7)
    small = View((dots(height), dots(width)), maps.view.target, maps.view.patch)
    for row in maps.cells():
        for cell in row:
            drawn = palette()[scale.levels(small.to_pixels(cell.uniform))]
            if cell.heads[0] in (0, heads - 1):
                assert stands_in(pixels, drawn), f"{cell.label} is not in the figure"


def test_a_drawn_figure_leaves_nothing_for_the_collector() -> None:
    """A long run draws thousands: what only the collector frees would pile up until it comes."""
    maps, photo = maps_of(), photo_of((40, 60))
    vitmap.draw_heads(photo, maps)  # fonts and palettes are kept
    gc.collect()
    gc.disable()
    try:
        vitmap.draw_heads(photo, maps)
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("facebook/dino-vits8", "facebook/dino-vits8"),
        ("/data/models/mine", "mine"),
        ("./mine/", "mine"),
        ("..\\models\\mine", "mine"),
        ("C:/models/mine", "mine"),
    ],
)
def test_a_folder_is_shown_by_its_own_name(model: str, shown: str) -> None:
    assert display_name(model) == shown


def test_maps_and_photos_show_themselves_in_a_notebook() -> None:
    maps = maps_of(layers=2)
    for thing in (maps, maps.at(-1, 3), maps.at(-1, 3).heatmap(), photo_of((30, 20))):
        image = Image.open(io.BytesIO(thing._repr_png_()))
        image.load()
        assert image.format == "PNG"
    assert hasattr(vitmap.draw_heads(photo_of((40, 60)), maps), "_repr_png_")


def test_a_patch_that_asks_is_framed_at_its_own_place() -> None:
    green = (10, 200, 30)
    photo = vitmap.read_photo(np.full((40, 60, 3), green, dtype=np.uint8))
    plain = maps_of(source=(40, 60))
    rows, columns = plain.view.grid
    x, y = 45.0, 10.0
    asked = replace(plain, query=Query.patch((x, y)))
    one, other = (np.asarray(vitmap.draw_heads(photo, maps)).astype(int) for maps in (plain, asked))
    panel = np.argwhere((one[:, :400] == green).all(axis=2))
    (top, left), (bottom, right) = panel.min(axis=0), panel.max(axis=0)
    changed = np.argwhere(np.abs(one - other).sum(axis=2)[top : bottom + 1, left : right + 1] > 0)
    down, across = changed.mean(axis=0) / (bottom - top, right - left)
    row, column = plain.view.patch_at(x, y)
    assert down * rows == pytest.approx(row + 0.5, abs=0.1)
    assert across * columns == pytest.approx(column + 0.5, abs=0.1)


def test_labels_never_confuse_layers_with_heads() -> None:
    maps = maps_of(layers=3)
    labels = {
        "none": [[f"L{layer} H{head}" for head in range(6)] for layer in (9, 10, 11)],
        "heads": [["L9 mean of H0-H5"], ["L10 mean of H0-H5"], ["L11 mean of H0-H5"]],
        "layers": [[f"H{head} mean of L9-L11" for head in range(6)]],
        "mean": [["mean of L9-L11 H0-H5"]],
    }
    for reduce, expected in labels.items():
        assert [[c.label for c in row] for row in maps.cells(reduce=reduce)] == expected
    picked = maps.cells("0,2", "heads")[0][0]
    assert picked.label == "L9 mean of H0, H2"
    np.testing.assert_allclose(picked.values, maps.values[0, [0, 2]].mean(axis=0), rtol=1e-6)
    stems = [c.stem for row in maps.cells() for c in row]
    assert stems == sorted(stems)
    assert stems[0] == "L09-H00"


def test_a_file_name_is_drawn_as_it_is_or_with_a_question_mark() -> None:
    def drawn(text: str, cut: str = "") -> list[tuple[str, str]]:
        return [(part, font.getname()[0]) for part, font in runs(text, 12.5, cut)]

    for cut in ("", "Bold", "Oblique"):
        assert drawn("part $x$ №7 Prüfung", cut) == [("part $x$ №7 Prüfung", "DejaVu Sans")]
        assert "".join(part for part, _ in drawn("a\ue000\nb", cut)) == "a??b"
    plain, wide, suffix = drawn("nr. 検査.jpg")
    assert plain == ("nr. ", "DejaVu Sans")
    assert wide == ("??", "DejaVu Sans") or (wide[0] == "検査" and wide[1] != "DejaVu Sans")
    assert suffix == (".jpg", "DejaVu Sans")


def test_a_font_that_is_named_draws_what_the_plain_one_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from matplotlib import font_manager

    wide = [f for f in font_manager.findSystemFonts() if {0x691C, 0x67FB} <= set(glyphs_of(f))]
    if not wide:
        pytest.skip("no Japanese font on this machine (apt-get install fonts-ipaexfont-gothic)")
    monkeypatch.setenv("VITMAP_FONT", "")
    use_font(wide[0])
    assert [part for part, _ in runs("a検査", 12)] == ["a", "検査"]
    [_, (_, font)] = runs("a検査", 12)
    assert Path(font.path) == Path(wide[0])
    assert undrawable("検査 7\ue000") == "\ue000"
    (tmp_path / "no.ttf").write_text("no font", encoding="utf-8")
    with pytest.raises(UsageError, match="not a font that can be read"):
        use_font(tmp_path / "no.ttf")
    monkeypatch.undo()
    for cached in (fonts._file, fonts._named):
        cached.cache_clear()


def glyphs_of(path: str) -> set[int]:
    try:
        return set(fonts.FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return set()

"""The portrait without labels: traits of maps set by hand, laws, a planted head, and the files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from drawn import maps_of, stands_in
from vitmap.commands.rank.portrait import Portrait, portray
from vitmap.commands.rank.portrait_report import cells, headline, write_portrait
from vitmap.commands.rank.portrait_told import tell_portrait
from vitmap.commands.rank.run import RankSettings, load_model
from vitmap.datasets import Dataset, Sample
from vitmap.errors import InputError, VitmapError
from vitmap.maps import traits
from vitmap.maps.maps import AttentionMaps, Source
from vitmap.maps.query import Query
from vitmap.methods.mirror import look_twice
from vitmap.photo.read import read_photo
from vitmap.photo.view import View
from vitmap.rank.portrait import TRAITS, Summary, sameness, sketch, summarize
from vitmap.render.figures.cell_tables import CellTable, Grid, colors_of, limits, lines_of, shown
from vitmap.render.figures.portrait import PortraitSheet, Thumbnails, draw_portrait
from vitmap.render.page import dots, width_of

KEYS = [trait.key for trait in TRAITS]


def by_hand(values: np.ndarray, prefix: float = 0.0) -> AttentionMaps:
    """Maps of one layer, a head for each grid given; `prefix` goes to one CLS token."""
    values = np.asarray(values, dtype=np.float64)
    values = values * (1 - prefix) / values.sum(axis=(1, 2), keepdims=True)
    gy, gx = values.shape[1:]
    view = View((40, 60), (gy * 4, gx * 4), (4, 4))
    left = np.full((1, len(values), 1), prefix, np.float32)
    return AttentionMaps(values[None].astype(np.float32), left, (0,), 1, Query(), view, Source("m"))


def mirrored(maps: AttentionMaps) -> AttentionMaps:
    return replace(maps, values=np.ascontiguousarray(maps.values[..., ::-1]))


def one_patch(row: int, column: int) -> np.ndarray:
    grid = np.zeros((4, 6))
    grid[row, column] = 1
    return grid


UNIFORM, MIDDLE, CORNER = np.ones((4, 6)), one_patch(1, 2), one_patch(0, 0)
CORNERS = one_patch(0, 0) + one_patch(3, 5)


def trait(key: str, maps: AttentionMaps) -> list[float]:
    found = sketch("d", maps, mirrored(maps))
    return found.values[KEYS.index(key)].tolist()


# Patch centres of a 4 × 6 grid over 40 × 60 px lie 10 px apart; the diagonal is √5200 px.
ACROSS = float(np.hypot(30, 50) / np.hypot(40, 60) / 2)
TABLE = [
    ("entropy_bits", [np.log2(24), 0, 0, 1]),
    ("entropy_share", [1, 0, 0, 1 / np.log2(24)]),
    ("distance", [None, 0, 0, ACROSS]),
    ("sink_share", [1 / 24, 1, 1, 0.5]),
    ("border", [1, 0, 24 / 16, 24 / 16]),
    ("prefix_mass", [0.25] * 4),
    ("stability", [np.nan, None, None, None]),
    ("sameness", [np.nan] * 4),
]


@pytest.mark.parametrize(("key", "expected"), TABLE)
def test_traits_of_maps_set_by_hand(key: str, expected: Sequence[float | None]) -> None:
    found = trait(key, by_hand(np.stack([UNIFORM, MIDDLE, CORNER, CORNERS]), prefix=0.25))
    for value, wanted in zip(found, expected, strict=False):
        if wanted is not None:
            assert value == pytest.approx(wanted, abs=1e-6, nan_ok=True)


def test_uniform_attention_is_stated_for_every_trait_that_knows_it() -> None:
    maps = by_hand(np.stack([CORNER]), prefix=0.25)
    even = sketch("d", maps, maps).uniform
    flat = by_hand(np.stack([UNIFORM]), prefix=1 / 25)
    np.testing.assert_allclose(even, sketch("d", flat, flat).values[:, 0], rtol=1e-6)


def test_entropy_and_the_brightest_patch_are_those_of_the_single_map() -> None:
    maps = maps_of(layers=3, heads=4)
    shares = traits.shares_of(maps)
    bits, top = traits.entropy(shares).reshape(3, 5), traits.brightest(shares).reshape(3, 5)
    for line, layer in enumerate(maps.layers):
        for head in range(4):
            cell = maps.at(layer, head)
            assert bits[line, head] == pytest.approx(cell.entropy, abs=1e-5)
            assert top[line, head] == pytest.approx(cell.values.max() / cell.values.sum())
        assert bits[line, 4] == pytest.approx(maps.mean(layer).entropy, abs=1e-5)


def test_distance_is_the_mean_over_patches_drawn_by_their_attention() -> None:
    maps = maps_of(source=(40, 60), heads=1)
    shares, (gy, gx) = traits.shares_of(maps)[0], maps.view.grid
    total, centre = 0.0, np.zeros(2)
    places = np.array(
        [[(i + 0.5) * 40 / gy, (j + 0.5) * 60 / gx] for i in range(gy) for j in range(gx)]
    )
    for share, place in zip(shares.ravel(), places, strict=True):
        centre += share * np.array(place)
    for share, place in zip(shares.ravel(), places, strict=True):
        total += share * np.linalg.norm(np.array(place) - centre)
    found = traits.distance(traits.shares_of(maps), maps.view)
    assert found[0] == pytest.approx(total / np.hypot(40, 60))


def test_traits_without_a_meaning_are_no_numbers() -> None:
    thin = by_hand(np.ones((1, 2, 5)))  # all patches lie on the border
    assert np.isnan(trait("border", thin)).all()
    lone = by_hand(np.ones((1, 1, 1)))
    assert np.isnan(trait("entropy_share", lone)).all()
    none = replace(thin, prefix=np.zeros((1, 1, 0), np.float32))
    assert np.isnan(trait("prefix_mass", none)).all()
    empty = replace(thin, values=np.zeros((1, 1, 2, 5), np.float32))
    for key in ("entropy_share", "distance", "sink_share", "stability"):
        assert np.isnan(trait(key, empty)).all()


def test_stability_is_numpys_correlation_of_log_attention() -> None:
    one, other = maps_of(heads=2, seed=1), maps_of(heads=2, seed=2)
    found = traits.stability(one, other)
    for head in range(2):
        a = np.log(np.maximum(one.at(-1, head).uniform, 0.01)).ravel()
        b = np.log(np.maximum(other.at(-1, head).uniform, 0.01))[:, ::-1].ravel()
        assert found[head] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-5)


def test_mirrored_twice_is_not_mirrored() -> None:
    maps = maps_of(layers=2)
    np.testing.assert_allclose(traits.stability(maps, mirrored(maps)), 1, atol=1e-6)
    one, other = maps_of(seed=1), maps_of(seed=2)
    forth, back = traits.stability(one, other), traits.stability(other, one)
    np.testing.assert_allclose(forth, back, atol=1e-6)
    for trait_of in (traits.entropy, traits.brightest, traits.border):
        np.testing.assert_allclose(
            trait_of(traits.shares_of(maps)), trait_of(traits.shares_of(mirrored(maps))), rtol=1e-6
        )


def test_sameness_is_the_mean_over_all_pairs() -> None:
    seeds = range(5)
    patterns = [traits.pattern(maps_of(heads=2, seed=seed)) for seed in seeds]
    found = sameness(patterns).mean(axis=0)
    logs = [np.log(np.maximum(maps_of(heads=2, seed=s).at(-1, 1).uniform, 0.01)) for s in seeds]
    pairs = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in combinations(logs, 2)]
    assert found[1] == pytest.approx(np.mean(pairs), abs=1e-5)
    np.testing.assert_allclose(sameness([patterns[0]] * 3), 1, atol=1e-6)
    assert np.isnan(sameness(patterns[:1])).all()


def test_a_flat_map_is_left_out_of_the_sameness_of_its_cell_alone() -> None:
    patterns = [traits.pattern(maps_of(heads=2, seed=seed)) for seed in range(3)]
    without = sameness(patterns[:2])
    patterns[2] = patterns[2].copy()
    patterns[2][0] = np.nan
    found = sameness(patterns)
    np.testing.assert_allclose(found[:2, 0], without[:, 0], atol=1e-6)
    assert np.isnan(found[2, 0])
    assert np.isfinite(found[2, 1])


def summary_of(order: Sequence[int]) -> Summary:
    all_maps = {seed: maps_of(layers=2, heads=3, seed=seed) for seed in order}
    sketches = [sketch(f"{seed:03d}", maps, mirrored(maps)) for seed, maps in all_maps.items()]
    alike = np.array([[seed / 10] * 8 for seed in order])
    return summarize(sketches, alike, depth=2)


def test_the_order_of_pictures_is_no_matter_to_the_last_bit() -> None:
    one, other = summary_of(range(7)), summary_of([3, 6, 0, 5, 1, 4, 2])
    for name in ("mean", "deviation", "counted", "uniform"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    found = np.stack(
        [sketch("d", m, m).values for m in (maps_of(layers=2, heads=3, seed=s) for s in range(7))]
    )
    np.testing.assert_allclose(one.mean[:6], found.mean(axis=0)[:6].reshape(6, 2, 4))
    np.testing.assert_allclose(one.deviation[0], found.std(axis=0, ddof=1)[0].reshape(2, 4))
    assert np.isnan(summary_of([4]).deviation).all()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ViT whose head L1 H2 looks at bright patches, wherever they lie."""
    model = tiny.plant(tiny.scale_queries_and_keys(tiny.build("vit")), 1, 2)
    return tiny.save(model, tmp_path_factory.mktemp("models") / "planted")


@pytest.fixture
def portrayed(planted: Path, draw: Callable[..., Path]) -> Callable[..., Portrait]:
    def go(paths: Sequence[Path] | int, model: Path = planted, size: int | None = 16) -> Portrait:
        if isinstance(paths, int):
            paths = [draw(f"{i}.png", 40, 40, seed=i) for i in range(paths)]
        settings = RankSettings(model=str(model), size=size, device="cpu")
        dataset = Dataset("parts", "no labels", tuple(Sample(path, "") for path in paths))
        return portray(dataset, settings, load_model(settings)[0], lambda: None)

    return go


@pytest.fixture
def plain_patches(tmp_path: Path) -> list[Path]:
    """Pictures in which each patch of 4 × 4 px has one gray of its own."""
    paths = [tmp_path / f"{seed}.png" for seed in range(6)]
    for seed, path in enumerate(paths):
        grays = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(grays.repeat(4, axis=0).repeat(4, axis=1)).convert("RGB").save(path)
    return paths


def test_the_planted_head_mirrors_along_and_looks_elsewhere_in_each_picture(
    portrayed: Callable[..., Portrait], plain_patches: list[Path]
) -> None:
    mean = portrayed(plain_patches, size=32).summary.mean[:, :, :3]
    stable, alike = mean[KEYS.index("stability")], mean[KEYS.index("sameness")]
    assert np.unravel_index(stable.argmax(), stable.shape) == (1, 2)
    assert np.unravel_index(alike.argmin(), alike.shape) == (1, 2)
    assert stable[1, 2] > 0.8
    assert alike[1, 2] < 0.2  # bright patches lie anywhere


def test_a_model_without_positions_mirrors_along_in_every_head(
    portrayed: Callable[..., Portrait], plain_patches: list[Path], tmp_path: Path
) -> None:
    model = tiny.scale_queries_and_keys(tiny.build("vit"))
    with torch.no_grad():
        model.embeddings.position_embeddings.zero_()
    found = portrayed(plain_patches, tiny.save(model, tmp_path / "model"), 32)
    np.testing.assert_allclose(found.summary.mean[KEYS.index("stability")], 1, atol=1e-4)
    assert found.summary.mean[KEYS.index("sameness")].max() < 0.5


def test_a_model_that_sees_nothing_looks_at_the_same_places_in_every_picture(
    portrayed: Callable[..., Portrait], plain_patches: list[Path], tmp_path: Path
) -> None:
    model = tiny.scale_queries_and_keys(tiny.build("vit"))
    with torch.no_grad():
        model.embeddings.patch_embeddings.projection.weight.zero_()
    found = portrayed(plain_patches, tiny.save(model, tmp_path / "model"), 32).summary
    np.testing.assert_allclose(found.mean[KEYS.index("sameness")], 1, atol=1e-6)
    np.testing.assert_allclose(found.deviation[0], 0, atol=1e-6)
    assert np.median(found.mean[KEYS.index("stability")]) < 0.2  # places drawn by chance


def test_both_maps_come_from_the_models_own_rows(planted: Path, draw: Callable[..., Path]) -> None:
    import vitmap

    settings = RankSettings(model=str(planted), size=16, device="cpu")
    model, _ = load_model(settings)
    photo = read_photo(draw("a.png", 16, 24))
    view = model.facts.view(photo.size, 16)
    maps, back = look_twice(model, photo, view, None)
    again = vitmap.attend(model, photo, "all", size=16)
    flipped = read_photo(np.ascontiguousarray(photo.pixels[:, ::-1]))
    np.testing.assert_allclose(maps.values, again.values, atol=1e-6)
    np.testing.assert_allclose(
        back.values, vitmap.attend(model, flipped, "all", size=16).values, atol=2e-2
    )


def test_a_bad_picture_and_a_second_copy_fail_alone(
    portrayed: Callable[..., Portrait], draw: Callable[..., Path], tmp_path: Path
) -> None:
    good = [draw(f"{i}.png", 40, 40, seed=i) for i in range(2)]
    broken, copy = tmp_path / "broken.png", tmp_path / "copy.png"
    broken.write_bytes(good[0].read_bytes()[:100])
    copy.write_bytes(good[0].read_bytes())
    found = portrayed([good[0], broken, copy, good[1]])
    assert found.summary.pictures == 2
    assert [str(error) for error in found.failed][1] == f"{copy}: the same picture as another one."
    assert [record["status"] for record in found.records] == ["done", "failed", "failed", "done"]
    with pytest.raises(InputError, match=r"none of 1 pictures could be looked at; the first: .*br"):
        portrayed([broken])
    with pytest.raises(VitmapError, match="parts: holds no pictures: expected one at least"):
        portrayed([])


def test_grids_that_differ_have_sameness_of_their_own(
    portrayed: Callable[..., Portrait], draw: Callable[..., Path]
) -> None:
    paths = [draw(f"{i}.png", 40, 80 if i == 2 else 40, seed=i) for i in range(3)]
    found = portrayed(paths)
    place = KEYS.index("sameness")
    assert (found.summary.counted[place] == 2).all()
    assert found.remarks[-1] == (
        "Pictures have 2 patch grids (1 × 6 × 3, 2 × 4 × 4): sameness is taken within each; "
        "1 alone on theirs are left out of it."
    )
    alone = portrayed(paths[:2])
    np.testing.assert_array_equal(alone.summary.mean[place], found.summary.mean[place])


def test_one_picture_is_enough_and_says_what_is_not_known(
    portrayed: Callable[..., Portrait], tmp_path: Path
) -> None:
    found = portrayed(1)
    assert "One picture: how much a head varies, and its sameness, are not known." in found.remarks
    write_portrait(tmp_path / "one", found, ["vitmap", "rank"])
    with (tmp_path / "one" / "portrait.csv").open(encoding="utf-8-sig") as file:
        lines = list(csv.DictReader(file))
    assert {line["sameness"] for line in lines} == {""}
    assert {line[f"{key}_sd"] for line in lines for key in KEYS} == {""}
    assert all(line["entropy_share"] for line in lines)
    assert "sameness" not in "\n".join(tell_portrait(found))


def test_the_files_hold_every_number_in_the_models_order(
    portrayed: Callable[..., Portrait], tmp_path: Path
) -> None:
    found, out = portrayed(3), tmp_path / "out"
    files = write_portrait(out, found, ["vitmap", "rank", "parts"])
    assert files == ["portrait.csv", "portrait.png", "run.json"]
    assert sorted(path.name for path in out.iterdir()) == files
    with (out / "portrait.csv").open(encoding="utf-8-sig") as file:
        lines = list(csv.DictReader(file))
    heads = ["H0", "H1", "H2", "mean"]
    assert [line["cell"] for line in lines] == [f"L{i} {h}" for i in range(3) for h in heads]
    for number, key in enumerate(KEYS):
        for name, values in ((key, found.summary.mean), (f"{key}_sd", found.summary.deviation)):
            read = np.array([float(line[name] or "nan") for line in lines])
            np.testing.assert_allclose(read, values[number].ravel(), atol=6e-7)
    record = json.loads((out / "run.json").read_text("utf-8"))
    assert record["looked_at"] == 3
    assert record["uniform_attention"]["border"] == 1
    assert [entry["status"] for entry in record["pictures"]] == ["done"] * 3
    again = tmp_path / "again"
    write_portrait(again, portrayed(3), ["vitmap", "rank", "parts"])
    assert (again / "run.json").read_bytes() == (out / "run.json").read_bytes()
    assert (again / "portrait.csv").read_bytes() == (out / "portrait.csv").read_bytes()


def test_nothing_is_called_best(portrayed: Callable[..., Portrait], tmp_path: Path) -> None:
    found = portrayed(2)
    write_portrait(tmp_path / "out", found, ["vitmap"])
    said = [headline(found), *tell_portrait(found), *found.remarks, *cells(found)[0]]
    said += [text for t in TRAITS for text in (t.title, t.meaning, t.low, t.high)]
    said += [(tmp_path / "out" / name).read_text("utf-8") for name in ("run.json", "portrait.csv")]
    for text in said:
        assert not {"best", "better", "worst", "rank"} & set(text.lower().replace('"', " ").split())


def test_the_terminal_has_a_line_a_layer(portrayed: Callable[..., Portrait]) -> None:
    found = portrayed(2)
    lines = tell_portrait(found)
    assert lines[0].startswith("What each head does on 2 pictures: without labels")
    assert [line.split()[0] for line in lines[2:]] == ["L0", "L1", "L2", "uniform"]
    share = found.summary.mean[KEYS.index("entropy_share"), 0, :3]
    low, high = shown(float(share.min())), shown(float(share.max()))
    assert (f"{low} to {high}" if low != high else low) in lines[2]
    assert max(map(len, lines)) <= 110


def sheet_of(
    layers: int, heads: int, tables: int = 7, source: tuple[int, int] = (40, 60)
) -> PortraitSheet:
    rng = np.random.default_rng(layers)
    long = "mean distance of attended patches from their own centre, in photo diagonals"
    found = [
        CellTable(
            f"trait {i}", long, "looks elsewhere", "at the same parts", values, 0.1, 0.02, i == 2
        )
        for i, values in enumerate(rng.uniform(-1, 1, (tables, layers, heads + 1)))
    ]
    thumbnails = Thumbnails("W" * 90 + ".png", maps_of(source, layers, heads))
    return PortraitSheet("What each head does. " * 9, "W" * 400, found, thumbnails, ["note " * 90])


@pytest.mark.parametrize(
    ("layers", "heads"), [(1, 1), (6, 3), (6, 6), (12, 3), (12, 12), (24, 16), (32, 20)]
)
def test_every_cell_stands_on_the_page_and_nothing_reaches_its_edge(
    layers: int, heads: int
) -> None:
    sheet = sheet_of(layers, heads)
    sheet.tables[1].values[0, 0] = np.nan
    image = draw_portrait(sheet)
    pixels = np.asarray(image)
    assert max(image.size) < 3600
    margin = dots(0.25)
    assert (pixels[:, :margin] == 255).all()
    assert (pixels[:, -margin:] == 255).all()
    assert (pixels[:8] == 255).all()
    assert (pixels[-8:] == 255).all()
    codes = [65536, 256, 1]
    present = np.unique(pixels.astype(np.int32) @ codes)
    wanted = np.stack([colors_of(table.values).astype(np.int32) @ codes for table in sheet.tables])
    assert np.isin(wanted, present).all()


@pytest.mark.parametrize("source", [(40, 60), (9, 300), (300, 9)])
def test_thumbnails_are_the_maps_in_the_photos_proportions(source: tuple[int, int]) -> None:
    from vitmap.render.figures.portrait import _small, _uniform

    sheet = sheet_of(6, 3, source=source)
    pixels, grid = np.asarray(draw_portrait(sheet)), Grid(6, 4)
    values = _uniform(sheet.thumbnails.maps)
    small = _small(values[5, 3], grid, source)
    assert small.shape[0] <= dots(grid.tall) - 1
    assert small.shape[1] <= dots(grid.wide) - 1
    from vitmap.maps.scale import Scale
    from vitmap.render.colormap import palette

    upper = float(np.percentile(values, 99.5, method="higher"))
    assert stands_in(pixels, palette()[Scale("image", upper).levels(small)])


def test_colours_run_from_the_lowest_to_the_highest_number() -> None:
    values = np.array([[-1.0, 0.0, 3.0], [np.nan, 3.0, -1.0]])
    colors = colors_of(values)
    assert limits(values) == (-1, 3)
    assert colors[0, 0].tolist() == colors[1, 2].tolist() == [68, 1, 84]
    assert colors[0, 2].tolist() == [253, 231, 37]
    assert colors[1, 0].tolist() == [200, 200, 200]
    assert len(np.unique(colors_of(np.full((2, 2), 0.3)).reshape(-1, 3), axis=0)) == 1
    assert limits(np.full((1, 1), np.nan)) == (0, 0)


@pytest.mark.parametrize(
    ("value", "percent", "text"),
    [
        (0.934, False, ".93"), (-0.5, False, "−.50"), (-0.001, False, ".00"), (1.0, False, "1.0"),
        (0.996, False, "1.0"), (9.97, False, "10"), (np.nan, False, "–"), (0.293, True, "29"),
        (0.0042, True, "0.4"), (1.0, True, "100"), (0.0, True, "0.0"),
    ],
)  # fmt: skip
def test_numbers_fit_a_cell(value: float, percent: bool, text: str) -> None:
    assert shown(value, percent) == text
    assert width_of(text, 6) < Grid(24, 17).wide


def test_lines_are_as_wide_as_the_fonts_say() -> None:
    text = "share of all attention on tokens that are no patches (CLS, registers), in percent"
    lines = lines_of(text, 2.0)
    assert " ".join(lines) == text
    assert max(width_of(line, 7) for line in lines) <= 2.0


def test_a_written_figure_can_be_opened(portrayed: Callable[..., Portrait], tmp_path: Path) -> None:
    write_portrait(tmp_path / "out", portrayed(2), ["vitmap"])
    with Image.open(tmp_path / "out" / "portrait.png") as image:
        image.load()
        assert image.info["dpi"][0] == pytest.approx(120, abs=0.1)


def test_a_model_without_prefix_tokens_has_no_prefix_mass(
    portrayed: Callable[..., Portrait], draw: Callable[..., Path], tmp_path: Path
) -> None:
    model = tiny.save(tiny.scale_queries_and_keys(tiny.build("siglip")), tmp_path / "siglip")
    found = portrayed([draw(f"{i}.png", 16, 16, seed=i) for i in range(2)], model)
    assert found.query == "mean over patches"
    assert found.remarks[-1] == "The model has no prefix tokens: there is no prefix mass."
    assert np.isnan(found.summary.mean[KEYS.index("prefix_mass")]).all()
    assert "prefix mass" not in "\n".join(tell_portrait(found))
    write_portrait(tmp_path / "out", found, ["vitmap"])

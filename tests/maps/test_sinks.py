"""The sink alarm: its limits on a table, its marks on every map, a true and a false case."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitmap
from command import Command
from vitmap.maps.maps import AttentionMaps, PatchMap, Source
from vitmap.maps.query import Query
from vitmap.maps.sinks import BORDER, MEANINGS, PREFIX, SINK, alarms_of, limits_of
from vitmap.photo.view import View
from vitmap.render.alarms import alarm_notes

GRID = (10, 10)


def map_of(**given: float) -> np.ndarray:
    """100 patches of mass 1, even but for one in the middle and for the 36 of the border."""
    inner, border = given.get("sink", 0.0), given.get("border", 0.0)
    values = np.full(GRID, (1 - inner - border) / 63)
    values[[0, -1]] = values[:, [0, -1]] = border / 36
    values[5, 5] = inner
    return values.astype(np.float32)


@pytest.mark.parametrize(
    ("sink", "border", "prefix", "expected"),
    [
        (0.02, 0.36, 0.1, []),  # as uniform attention would have it
        (0.19, 0.36, 0.49, []),
        (0.21, 0.36, 0.1, ["sink 21%"]),
        (0.02, 0.71, 0.1, []),  # not yet twice what a ring of 36 in 100 patches gets
        (0.02, 0.73, 0.1, ["border 73%"]),
        (0.02, 0.36, 0.51, ["prefix 51%"]),
        (0.24, 0.74, 0.9, ["sink 24%", "border 74%", "prefix 90%"]),
    ],
)
def test_limits(sink: float, border: float, prefix: float, expected: list[str]) -> None:
    """Shares of the patches, whatever the prefix leaves of them."""
    values = map_of(sink=sink, border=border) * np.float32(1 - prefix)
    found = alarms_of(values, np.array([prefix], dtype=np.float32))
    assert [alarm.mark for alarm in found] == expected
    for alarm in found:
        assert alarm.sentence.startswith(f"{alarm.mark.capitalize()}: {MEANINGS[alarm.kind][:20]}")


def test_small_grids_need_more() -> None:
    assert limits_of((28, 28)) == {"sink": SINK, "border": BORDER, "prefix": PREFIX}
    for grid in [(1, 1), (2, 3), (4, 4), (3, 20)]:
        even = np.full(grid, 1 / (grid[0] * grid[1]), dtype=np.float32)
        assert alarms_of(even, np.zeros(0, dtype=np.float32)) == ()


def test_nothing_on_patches_is_no_sink() -> None:
    found = alarms_of(np.zeros(GRID, dtype=np.float32), np.ones(1, dtype=np.float32))
    assert [alarm.kind for alarm in found] == ["prefix"]


def test_a_patch_that_asks_may_look_at_itself() -> None:
    values, view = map_of(sink=0.5, border=0.1), View((100, 100), (40, 40), (4, 4))
    prefix, source = np.zeros(1, dtype=np.float32), Source("tiny")

    def kinds(query: Query) -> list[str]:
        cell = PatchMap(values, prefix, (0,), (0,), query, view, source)
        return [alarm.kind for alarm in cell.alarms]

    assert kinds(Query("cls")) == ["sink"]
    assert kinds(Query.patch((5, 5))) == ["sink"]
    assert kinds(Query.patch((55, 55))) == []
    assert kinds(Query.patch((5, 5), (55, 55))) == []


def cells_of(maps: AttentionMaps) -> list[PatchMap]:
    return [cell for row in maps.cells() for cell in row]


def test_true_and_false_on_real_weights(shared: Path) -> None:
    """A head of the first layer of a ViT-S/14 puts all on one blurred patch; a ViT-Ti has none."""
    photo = shared / "pictures" / "cat.jpg"
    found = {
        name: {
            cell.label: [alarm.kind for alarm in cell.alarms]
            for cell in cells_of(vitmap.attend(vitmap.load(shared / "models" / name), photo, "all"))
        }
        for name in ("deit-tiny", "dinov2-small-saliency")
    }
    small = found["dinov2-small-saliency"]
    assert small["L0 H5"] == ["sink"]
    assert small["L1 H1"] == ["border", "prefix"]
    assert small["L2 H5"] == ["prefix"]
    assert small["L11 H2"] == []  # the cat's face
    assert {kind for kinds in found["deit-tiny"].values() for kind in kinds} <= {"prefix"}


def test_the_embedded_model_has_a_true_and_a_false_case() -> None:
    scene = Path(__file__).parents[2] / "assets" / "scene-car.png"
    maps = vitmap.attend(vitmap.load("embedded"), scene, "all")
    assert [alarm.mark for alarm in maps.at(0, 3).alarms] == ["sink 90%"]
    assert all(maps.at(5, head).alarms == () for head in range(6))


def test_a_run_tells_of_its_alarms(
    draw: Callable[..., Path], planted: Path, out: Path, vitmap: Command
) -> None:
    """The planted head looks at bright patches: of one bright patch it makes a sink."""
    picture = draw("dark.png", 64, 64)
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    pixels[24:32, 40:48] = 255
    Image.fromarray(pixels).save(picture)
    asked = ("--model", planted, "--size", 64, "--layer", 1, "--head", 2)
    code, lines, errors = vitmap(picture, *asked, "--no-classify")
    assert (code, errors) == (0, [])
    record = json.loads((out / "dark" / "run.json").read_text(encoding="utf-8"))
    (alarm,) = record["pictures"][0]["maps"][0]["alarms"]
    assert (alarm["kind"], alarm["limit"]) == ("sink", SINK)
    header = next(line for line in lines if line.strip().startswith("map "))
    assert header.endswith("  alarm")
    row = lines[lines.index(header) + 1]
    assert re.search(rf"sink {alarm['share']:.0%}$", row)
    assert f"  sink: {MEANINGS['sink']}" in lines


def test_a_figure_says_which_maps_and_what_it_means(shared: Path) -> None:
    model = vitmap.load(shared / "models" / "dinov2-small-saliency")
    maps = vitmap.attend(model, shared / "pictures" / "cat.jpg", "all", size=224)
    notes = alarm_notes(cells_of(maps))
    assert [note.split()[1] for note in notes] == [
        kind for kind in MEANINGS if any(kind in note.split()[1] for note in notes)
    ]
    assert "L0 H5" in notes[0]
    assert notes[0].endswith(MEANINGS["sink"])
    assert alarm_notes([maps.at(11, 2)]) == []

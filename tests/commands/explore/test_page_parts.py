"""Which head looks at the marked parts: the explore page's ranking beside Python's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from einops import rearrange

from browser import Opened
from explore_pages import asked, drag, own_maps
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.parts import on_part
from vitmap.models.torch_engine import TorchEngine


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


def test_marked_parts_rank_the_heads(
    two: Opened, pair: tuple[TorchEngine, list[Path], Path]
) -> None:
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
    two: Opened, pair: tuple[TorchEngine, list[Path], Path]
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
    pair: tuple[TorchEngine, list[Path], Path], opening: Callable[..., Opened]
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

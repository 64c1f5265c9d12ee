"""The review page in a browser, from file:// and with the network off."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from browser import Opened
from review_pages import COUNT, HOSTILE, SHEET, VIEW, heat_of, name_of, write
from vitmap.commands import main
from vitmap.commands.review.page import address
from vitmap.maps.regions import Cut, find_regions


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("page") / "index.html")


@pytest.fixture
def opened(browser: Any, made: Path) -> Iterator[Opened]:
    page = Opened(browser, made)
    yield page
    # These pictures do not lie beside the page: the thumbnail stays, and the browser notes it.
    said = [text for text in page.said if "ERR_FILE_NOT_FOUND" not in text]
    assert said == [], "no error, no refused resource, no dialog"
    assert {url.split(":")[0] for url in page.asked} <= {"file", "data", "blob"}
    page.context.close()


def by_score() -> list[int]:
    return sorted(range(COUNT), key=lambda n: -float(heat_of(n).max()))


def test_it_opens_and_shows_names_as_they_are(opened: Opened) -> None:
    assert opened.text("title") == SHEET.title
    assert opened.text("shown") == f"{COUNT + 1} pictures"
    assert "where this head of this layer took its values from" in opened.text("caveat")
    assert "Scale good: from good pictures; deviations above good." in opened.text("meaning")
    for name in HOSTILE:
        opened.page.fill("#search", name)
        assert opened.rows() == [name.replace("\u2028", "\n")] or opened.rows() == [name]
        opened.page.click(".row")
        assert opened.page.locator("#file").text_content() == name
        link = opened.page.locator("#original").get_attribute("href")
        assert link == address(f"lot/{name}")
    assert opened.page.locator("main img[src='x'], main i, main b, h1 b").count() == 0


def test_it_sorts_and_filters(opened: Opened) -> None:
    order = by_score()
    assert opened.rows()[:5] == [name_of(n) for n in order[:5]]
    opened.page.select_option("#sort", "low")
    assert opened.rows()[:5] == [name_of(n) for n in order[::-1][:5]]
    opened.page.select_option("#sort", "lot")
    assert opened.rows()[:3] == HOSTILE[:3]
    defects = [n for n in range(COUNT) if float(heat_of(n).max()) > 5.0]
    opened.page.click("#verdicts button[data-verdict=good]")
    assert opened.text("shown") == f"{COUNT - len(defects)} of {COUNT + 1} pictures"
    opened.page.click("#verdicts button[data-verdict=defect]")
    assert opened.text("shown") == f"{len(defects)} of {COUNT + 1} pictures"
    opened.page.fill("#search", "part-01")
    expected = [name_of(n) for n in defects if "part-01" in name_of(n)]
    assert opened.rows() == expected
    opened.page.fill("#search", "")
    opened.page.click("#verdicts button[data-verdict=failed]")
    opened.page.click(".row")
    assert opened.rows() == ["broken <i>.png"]
    assert opened.text("lost") == "broken <i>.png: the file is empty (0 bytes)."


@pytest.mark.parametrize("kind", ["level", "mass"])
@pytest.mark.parametrize("value", ["3.1", "37", "60", "4.25", "100"])
def test_the_live_threshold_marks_what_the_exports_would(
    opened: Opened, kind: str, value: str
) -> None:
    opened.page.select_option("#cut", kind)
    opened.page.fill("#threshold-number", value)
    opened.press("Escape")
    cut = Cut(kind, float(value) / 100 if kind == "mass" else float(value))
    for n in by_score()[:4]:
        heat = heat_of(n)
        mask = cut.mask(heat)
        area = sum(region.area for region in find_regions(heat, mask, VIEW))
        opened.pixel(0.5, 0.5)
        said = opened.text("live")
        patch = "patch" if mask.sum() == 1 else "patches"
        assert said.startswith(f"Outline: {mask.sum()} {patch}, {area} px, ")
        opened.press("j")


def test_overlay_opacity_shows(opened: Opened) -> None:
    opened.page.fill("#search", name_of(by_score()[0]))
    opened.page.click("#show-mask")
    opened.page.click("#show-boxes")
    colours = []
    for opacity in ("0", "50", "100"):
        opened.page.locator("#opacity").fill(opacity)
        colours.append(opened.pixel(0.5, 0.5))
    gray = colours[0]
    assert max(gray[:3]) - min(gray[:3]) <= 2
    away = [sum(abs(a - b) for a, b in zip(c, gray, strict=True)) for c in colours]
    assert 0 < away[1] < away[2]


def test_it_zooms_to_a_region_and_back(opened: Opened) -> None:
    opened.page.select_option("#sort", "high")
    whole = opened.pixel(0.5, 0.5)
    boxes = opened.page.locator("#regions button")
    assert boxes.count() >= 1
    before = opened.page.locator("#canvas").screenshot()
    opened.press("1")
    opened.pixel(0.5, 0.5)
    assert opened.page.locator("#canvas").screenshot() != before
    opened.press("f")
    assert opened.pixel(0.5, 0.5) == whole


def test_decisions_stay_with_their_lot(opened: Opened, browser: Any, tmp_path: Path) -> None:
    order = [name_of(n) for n in by_score()]
    opened.press("a", "r")
    assert opened.text("count") == f"2 of {COUNT + 1} decided"
    opened.press("m")
    opened.page.keyboard.type('=ｷｽﾞ, "deep" <b>')
    opened.press("Enter")
    opened.page.select_option("#decided", "accept")
    assert opened.rows() == order[:1]
    opened.page.reload()
    assert opened.text("count") == f"2 of {COUNT + 1} decided"
    opened.page.select_option("#decided", "reject")
    assert opened.rows() == order[1:2]
    opened.page.select_option("#decided", "remark")
    assert opened.rows() == order[2:3]
    assert opened.page.locator(".row .mark").inner_text() == "…"
    lines = list(csv.DictReader(io.StringIO(opened.downloaded("export-csv").decode("utf-8-sig"))))
    assert [line["picture"].lstrip("'") for line in lines[:COUNT]] == [
        name_of(n) for n in range(COUNT)
    ]
    told = {line["picture"]: line for line in lines}
    assert (told[order[0]]["decision"], told[order[1]]["decision"]) == ("accept", "reject")
    assert told[order[2]]["remark"] == '\'=ｷｽﾞ, "deep" <b>'
    assert "'=HYPERLINK(1).png" in told
    content = opened.downloaded("export-json")
    read = json.loads(content)
    assert read["lot"] == SHEET.lot
    assert {d["picture"]: d["remark"] for d in read["decisions"]}[order[2]] == '=ｷｽﾞ, "deep" <b>'
    # Another lot on the same machine knows nothing of them; the same lot elsewhere takes them over.
    opened.page.goto(write(tmp_path / "b.html", replace(SHEET, lot="b" * 64), 8).as_uri())
    assert opened.text("count") == "0 of 9 decided"
    given = {"name": "d.json", "mimeType": "application/json", "buffer": content}
    opened.page.set_input_files("#import-file", given)
    opened.page.wait_for_selector("#warning:not([hidden])")
    assert "the decisions of another lot" in opened.text("warning")
    elsewhere = Opened(browser, write(tmp_path / "a.html", SHEET))
    assert elsewhere.text("count") == f"0 of {COUNT + 1} decided"
    elsewhere.page.set_input_files("#import-file", given)
    elsewhere.page.wait_for_selector("#warning:not([hidden])")
    assert "3 decisions taken over" in elsewhere.text("warning")
    when = {d["picture"]: d["decided_at"] for d in read["decisions"]}
    for decided in json.loads(elsewhere.downloaded("export-json"))["decisions"]:
        if decided["decided_at"]:
            assert decided["decided_at"] == when[decided["picture"]], "not when it was taken over"
    elsewhere.context.close()


def test_undoing_moving_and_leaving_a_field(opened: Opened) -> None:
    order = [name_of(n) for n in by_score()]
    opened.page.uncheck("#advance")
    opened.press("j", "ArrowDown", "k")
    assert opened.text("file") == order[1]
    opened.press("a")
    assert opened.page.locator("#accept").get_attribute("aria-pressed") == "true"
    opened.press("u")
    assert opened.text("count") == f"0 of {COUNT + 1} decided"
    opened.press("/")
    opened.page.keyboard.type("jaru")
    assert opened.text("shown").startswith("0 of")
    assert opened.text("file") == order[1], "keys that are typed decide nothing"
    opened.press("Escape", "j", "?")
    assert opened.page.locator("#help").is_visible()
    opened.press("Escape")
    assert opened.text("count") == f"0 of {COUNT + 1} decided"


def test_a_browser_that_keeps_nothing_says_so(browser: Any, made: Path) -> None:
    refusing = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }});"
    page = Opened(browser, made, refusing)
    assert "does not keep decisions for this page" in page.text("warning")
    page.press("a")
    assert page.text("count") == f"1 of {COUNT + 1} decided"
    told = json.loads(page.downloaded("export-json"))["decisions"]
    assert sum(line["decision"] == "accept" for line in told) == 1
    assert [text for text in page.said if "ERR_FILE_NOT_FOUND" not in text] == []
    page.context.close()


def test_the_whole_way_from_pictures_with_hostile_names(
    browser: Any, tiny_classifier: Path, draw: Callable[..., Path], tmp_path: Path
) -> None:
    names = [name for name in HOSTILE if "/" not in name]
    for seed, name in enumerate(names):
        draw(f"lot/{name}", height=400, width=900, seed=seed)
    out = tmp_path / "out"
    fixed = ["--model", tiny_classifier, "--size", 32, "--out", out, "--label", "傷"]
    assert main([str(a) for a in ["review", tmp_path / "lot", *fixed]]) == 0
    page = Opened(browser, out / "index.html")
    assert page.text("shown") == f"{len(names)} pictures"
    assert "No verdicts" in page.text("caveat")
    for _ in range(5):
        page.page.click("#zoom-in")
    page.page.wait_for_timeout(300)
    full = [url for url in page.asked if "/lot/" in url]
    assert len(full) == 1, "the picture itself, once the thumbnail is too coarse"
    assert page.said == []
    page.context.close()

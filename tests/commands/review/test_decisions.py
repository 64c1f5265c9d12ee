"""Decisions that come back to the review page: from a file, and from the browser's own memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from browser import Opened
from review_pages import SHEET, card_of, name_of, write
from vitmap.commands.review.page import write_page
from vitmap.inspection.finding import Lost

COUNT = 8
KEY = f"vitmap-review:{SHEET.lot}"
DEEP = json.loads("[" * 500 + "]" * 500)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("page") / "index.html", count=COUNT)


@pytest.fixture
def opened(browser: Any, made: Path) -> Iterator[Opened]:
    page = Opened(browser, made)
    yield page
    assert [text for text in page.said if "ERR_FILE_NOT_FOUND" not in text] == []
    page.context.close()


@pytest.fixture
def exported(opened: Opened) -> dict[str, Any]:
    """What the page exports after two decisions; the page itself has forgotten them again."""
    opened.page.select_option("#sort", "lot")
    opened.press("Home", "a", "r")
    content = opened.downloaded("export-json")
    opened.page.evaluate("localStorage.clear()")
    opened.page.reload()
    assert opened.text("count") == f"0 of {COUNT + 1} decided"
    return json.loads(content)


def in_javascript(value: Any) -> str:
    """As JSON.stringify writes it, apart from numbers that Python spells in another way."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def resealed(opened: Opened, value: dict[str, Any]) -> str:
    """A file that was changed by somebody who knows the digest."""
    rest = {key: item for key, item in value.items() if key != "digest"}
    text = opened.page.evaluate("(text) => JSON.stringify(JSON.parse(text))", json.dumps(rest))
    return json.dumps({**rest, "digest": hashlib.sha256(text.encode()).hexdigest()})


def given(opened: Opened, text: str | bytes) -> str:
    """Import a file; the page's answer."""
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    file = {"name": "d.json", "mimeType": "application/json", "buffer": content}
    opened.page.evaluate("document.querySelector('#warning').hidden = true")
    opened.page.set_input_files("#import-file", file)
    opened.page.wait_for_selector("#warning:not([hidden])")
    return opened.text("warning")


def test_an_exported_file_is_sealed_and_taken_over(
    opened: Opened, exported: dict[str, Any]
) -> None:
    assert [*exported] == ["format", "lot", "title", "decisions", "digest"]
    rest = {key: value for key, value in exported.items() if key != "digest"}
    digest = hashlib.sha256(in_javascript(rest).encode()).hexdigest()
    assert exported["digest"] == digest, "the page's sha256 is everybody's"
    assert given(opened, json.dumps(exported)) == "2 decisions taken over from d.json."
    assert opened.text("count") == f"2 of {COUNT + 1} decided"


def test_a_file_from_before_digests_is_taken_over(opened: Opened, exported: dict[str, Any]) -> None:
    old = {key: exported[key] for key in ("lot", "title", "decisions")}
    assert given(opened, json.dumps(old)) == "2 decisions taken over from d.json."


BAD: list[Any] = [None, True, -1, 1e400, float("nan"), "sure", [1], {"a": 1}, DEEP, "x" * 20_000]
FIELDS = ["picture", "sha256", "decision", "remark", "decided_at"]


def test_no_field_is_believed(opened: Opened, exported: dict[str, Any]) -> None:
    changes: list[Callable[[dict[str, Any]], Any]] = []
    for bad in BAD:
        for top in ("format", "lot", "decisions", "title"):
            if not (top == "title" and bad == "sure"):
                changes.append(lambda value, top=top, bad=bad: value.__setitem__(top, bad))
        for field in FIELDS:
            if not (field == "remark" and bad == "sure"):
                changes.append(
                    lambda value, field=field, bad=bad: value["decisions"][1].__setitem__(
                        field, bad
                    )
                )
        changes.append(lambda value, bad=bad: value["decisions"].__setitem__(1, bad))
        changes.append(lambda value, bad=bad: value.__setitem__("more", bad))
        changes.append(lambda value, bad=bad: value["decisions"][0].__setitem__("__proto__", bad))
    for change in changes:
        value = json.loads(json.dumps(exported))
        change(value)
        try:
            text = resealed(opened, value)
        except Exception:  # NaN is no JSON: as it stands
            text = json.dumps(value)
        said = given(opened, text)
        assert said.startswith("d.json: not taken over ("), text[:300]
        assert "\n" not in said
        assert len(said) < 300
        assert opened.text("count") == f"0 of {COUNT + 1} decided", "a bad file changes nothing"


def test_no_flipped_bit_gives_other_decisions(opened: Opened, exported: dict[str, Any]) -> None:
    content = json.dumps(exported, indent=1, ensure_ascii=False).encode()
    for bit in range(0, 8 * len(content), 137):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        said = given(opened, bytes(flipped))
        assert said.startswith("d.json: not taken over ("), flipped
    assert opened.text("count") == f"0 of {COUNT + 1} decided"


def test_a_file_that_is_none(opened: Opened) -> None:
    for text in ("", "null", "[]", "7", '"x"', "[" * 100_000 + "]" * 100_000, "{", "\0"):
        assert given(opened, text).startswith("d.json: not taken over (")


FOREIGN = [
    "null", "[]", "7", '"x"', "{", "", "[" * 50_000, '{"__proto__": {"decision": "accept"}}',
    *(json.dumps({name_of(6): bad}) for bad in (None, 7, "x", [], [[]], {"decision": "sure"},
      {"decision": None}, {"decision": "accept", "remark": None},
      {"decision": "accept", "remark": 7}, {"decision": {"a": 1}},
      {"decision": "accept", "remark": "x", "decided_at": 5})),
    json.dumps({"another picture.png": {"decision": "accept", "remark": ""}}),
    json.dumps({"constructor": {"decision": "accept", "remark": ""}, "toString": None}),
]  # fmt: skip


@pytest.mark.parametrize("kept", FOREIGN, ids=lambda kept: kept[:40])
def test_a_memory_with_foreign_content_stops_nothing(opened: Opened, kept: str) -> None:
    opened.page.evaluate("([key, text]) => localStorage.setItem(key, text)", [KEY, kept])
    opened.page.reload()
    assert opened.text("count") == f"0 of {COUNT + 1} decided"
    opened.press("a")
    assert opened.text("count") == f"1 of {COUNT + 1} decided"
    opened.page.reload()
    assert opened.text("count") == f"1 of {COUNT + 1} decided"


def test_one_damaged_entry_leaves_the_others(opened: Opened) -> None:
    sound = {"decision": "accept", "remark": "ok", "decided_at": "2026-01-02T03:04:05.678Z"}
    kept = json.dumps({name_of(6): None, name_of(7): sound})
    opened.page.evaluate("([key, text]) => localStorage.setItem(key, text)", [KEY, kept])
    opened.page.reload()
    assert opened.text("count") == f"1 of {COUNT + 1} decided"


@pytest.mark.parametrize("score", [None, "9", [], "NaN"])
def test_a_score_that_is_no_number_is_never_good(
    browser: Any, tmp_path: Path, score: object
) -> None:
    cards = [card_of(number, SHEET) for number in range(3)]
    cards[0] = replace(cards[0], found=replace(cards[0].found, verdict="good"))
    write_page(tmp_path / "index.html", SHEET, [*cards, Lost("lost.png", "lost.png: empty.")])
    text = (tmp_path / "index.html").read_text("utf-8")
    before = json.dumps(cards[0].found.score)
    assert text.count(f'"score":{before},"verdict":"good"') == 1
    changed = text.replace(
        f'"score":{before},"verdict":"good"', f'"score":{json.dumps(score)},"verdict":"good"'
    )
    (tmp_path / "index.html").write_text(changed, "utf-8")
    page = Opened(browser, tmp_path / "index.html")
    told = page.page.locator("#verdicts button").all_inner_texts()
    assert "not judged 1" in told, told
    assert page.text("shown") == "4 pictures"
    page.context.close()

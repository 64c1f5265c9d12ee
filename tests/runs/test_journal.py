"""The journal of a review: what is read back is what was written, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitmap.commands.review.facts import FACTS, fact_of
from vitmap.errors import DamagedFile, NotFinite, UnsafeName
from vitmap.files.checked import seal
from vitmap.runs.journal import Journal, read_facts

SHA = "0123456789abcdef" * 4
VIEW = {"source": [40, 60], "target": [32, 48], "patch": [8, 8], "fit": "keep"}
SEEN = {
    "maps": SHA,
    "sha256": SHA,
    "state": SHA,
    "view": VIEW,
    "score": 2.5,
    "notes": ["gray"],
    "files": {"tensors/a.safetensors": 120},
}
DRAWN = {"look": SHA, "files": {"heatmaps/a.png": 90, "masks/a.png": 0}}
GOOD = [("seen", "a", SEEN), ("drawn", "a", DRAWN), ("failed", "b", {"error": "no picture"})]


def opened(folder: Path) -> Journal:
    return Journal(folder, fact_of, doubtful=["drawn"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal with a fact of each kind."""
    journal = opened(tmp_path)
    for fact in (*GOOD, ("done", "", {"all": True})):
        journal.put(*fact)
    journal.close()
    return tmp_path


def facts_in(folder: Path) -> dict[tuple[str, str], Any]:
    journal = opened(folder)
    found = {}
    for kind in FACTS:
        for name in journal.names(kind):
            if (fact := journal.get(kind, name)) is not None:
                found[kind, name] = json.loads(json.dumps(fact))
    journal.close()
    return found


ALL = {**{(kind, name): value for kind, name, value in GOOD}, ("done", ""): {"all": True}}


def test_facts_come_back_and_each_line_is_sealed(folder: Path) -> None:
    assert facts_in(folder) == ALL
    for line in (folder / "journal.jsonl").read_text("utf-8").splitlines():
        found = json.loads(line)
        assert found == seal({key: found[key] for key in ("kind", "name", "value")})
    told = list(read_facts(folder, fact_of))
    assert {(kind, name): json.loads(json.dumps(value)) for kind, name, value in told} == ALL


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_never_makes_another_fact(data: st.DataObject, folder: Path) -> None:
    path = folder / "journal.jsonl"
    whole = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    path.write_bytes(flipped(whole, bit))
    try:
        found = facts_in(folder)
    finally:
        path.write_bytes(whole)
    assert found.items() <= ALL.items()
    assert found.keys() != ALL.keys(), "no bit of a line says nothing"


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_lines_from_before_digests_are_read_and_get_one(folder: Path) -> None:
    path = folder / "journal.jsonl"
    sealed = path.read_bytes()
    old = [{"kind": k, "name": n, "value": v} for (k, n), v in ALL.items()]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in old), encoding="utf-8")
    assert facts_in(folder) == ALL
    journal = opened(folder)
    journal.compact(["a", "b", ""], FACTS)
    journal.close()
    assert path.read_bytes() == sealed


OTHERS: list[Callable[[dict[str, Any]], Any]] = [
    lambda line: {**line, "digest": SHA},
    lambda line: {**line, "digets": SHA},
    lambda line: {"kind": line["kind"], "name": line["name"]},
    lambda line: seal({**line, "more": 1}),
    lambda line: seal({**line, "name": 1}),
    lambda line: seal({**line, "name": "../a"}),
    lambda line: seal({**line, "name": "/a"}),
    lambda line: {**line, "name": "x/../../a"},
    lambda line: {**line, "kind": None},
    lambda line: seal({**line, "value": None}),
    lambda line: [line],
    lambda _: None,
]


@pytest.mark.parametrize("number", range(len(OTHERS)))
@pytest.mark.parametrize("kind", ["seen", "drawn"])
def test_a_line_of_another_shape_is_not_believed(number: int, kind: str, tmp_path: Path) -> None:
    line = {"kind": kind, "name": "a", "value": {"seen": SEEN, "drawn": DRAWN}[kind]}
    text = json.dumps(OTHERS[number](line))
    (tmp_path / "journal.jsonl").write_text(f"{text}\n", encoding="utf-8")
    with pytest.raises(DamagedFile, match=r"journal.jsonl: line 1: .* not a journal that vitmap"):
        list(read_facts(tmp_path, fact_of))
    assert facts_in(tmp_path) == {}


@pytest.mark.parametrize(
    "line", [b"\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b'{"kind": "seen"' * 200_000 + b"\n"]
)
def test_what_is_no_line_at_all_is_passed_over(line: bytes, folder: Path) -> None:
    path = folder / "journal.jsonl"
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, line, *rest]))
    assert facts_in(folder) == ALL
    path.write_bytes(b"".join([first, *rest, line]))
    assert facts_in(folder) == {key: value for key, value in ALL.items() if key[0] != "drawn"}


def test_what_a_damaged_line_may_have_taken_back_is_done_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.put(*GOOD[0])
    journal.put(*GOOD[1])
    journal.put("drawn", "a", {"look": "", "files": {}})
    journal.close()
    path = tmp_path / "journal.jsonl"
    assert facts_in(tmp_path)["drawn", "a"]["look"] == ""
    path.write_bytes(flipped(path.read_bytes(), 8 * path.stat().st_size - 200))
    journal = opened(tmp_path)
    assert journal.get("drawn", "a") is None, "the files are not as the earlier line has them"
    assert journal.get("seen", "a") is not None
    assert journal.remarks() == [f"{path}: 1 line was damaged: what was said there is done again."]
    journal.close()


REFUSED = [
    ("seen", {"maps": SHA[1:]}, "field value.maps: expected str matching"),
    ("seen", {"sha256": SHA.upper()}, "field value.sha256: expected str matching"),
    ("seen", {"state": None}, "field value.state: expected str, seen null"),
    ("seen", {"score": "2"}, 'field value.score: expected float, seen "2"'),
    ("seen", {"score": None}, "field value.score: expected float, seen null"),
    ("seen", {"notes": "gray"}, 'field value.notes: expected array, seen "gray"'),
    ("seen", {"notes": [1]}, "field value.notes[0]: expected str, seen 1"),
    ("seen", {"view": {**VIEW, "source": [0, 60]}}, "field value.view.source[0]: expected int >="),
    ("seen", {"view": {**VIEW, "source": [1 << 40, 60]}}, "value.view.source[0]: expected int <="),
    ("seen", {"view": {**VIEW, "target": [33, 48]}}, "target[0]: expected whole patches of 8 px"),
    ("seen", {"view": {**VIEW, "fit": "kept"}}, "field value.view.fit: invalid enum value"),
    ("seen", {"view": {**VIEW, "zoom": 1}}, "field value.view.zoom is not known"),
    ("seen", {"files": {"tensors/a.safetensors": -1}}, "expected int >= 0, seen"),
    ("seen", {"files": {"tensors/a.safetensors": 1.5}}, "expected int, seen"),
    ("seen", {"files": {"../victim": 1}}, "\"../victim\" is no file of 'a'"),
    ("seen", {"files": {"/victim": 1}}, "\"/victim\" is no file of 'a'"),
    ("seen", {"files": {"index.html": 1}}, "\"index.html\" is no file of 'a'"),
    ("seen", {"files": {"journal/journal.jsonl": 1}}, "is no file of 'a'"),
    ("seen", {"files": {"tensors/b.safetensors": 1}}, "is no file of 'a'"),
    ("seen", {"more": 1}, "field value.more is not known"),
    ("drawn", {"look": "x"}, "field value.look: expected str matching"),
    ("drawn", {"files": {"heatmaps/../../a.png": 1}}, "is no file of 'a'"),
    ("drawn", {"files": []}, "field value.files: expected object, seen []"),
]


@pytest.mark.parametrize(("kind", "change", "said"), REFUSED)
def test_a_fact_that_no_review_writes_is_named(
    kind: str, change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    value = {**{"seen": SEEN, "drawn": DRAWN}[kind], **change}
    with pytest.raises(DamagedFile) as refused:
        fact_of(kind, "a", value, "journal.jsonl: line 7")
    assert str(refused.value).startswith("journal.jsonl: line 7: ")
    assert said in str(refused.value)
    assert str(refused.value).endswith(": not a journal that vitmap review wrote.")
    journal = opened(tmp_path)
    journal.put(kind, "a", value)
    assert journal.get(kind, "a") is None
    journal.close()
    assert facts_in(tmp_path) == {}


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_none_is_not_kept(score: float, folder: Path) -> None:
    before = (folder / "journal.jsonl").read_bytes()
    journal = opened(folder)
    with pytest.raises(NotFinite, match="is NaN or infinite"):
        journal.put("seen", "a", {**SEEN, "score": score})
    journal.close()
    assert (folder / "journal.jsonl").read_bytes() == before
    text = json.dumps({"kind": "seen", "name": "c", "value": {**SEEN, "score": score}})
    (folder / "journal.jsonl").write_bytes(before + text.encode() + b"\n")
    assert ("seen", "c") not in facts_in(folder)


def test_names_below_sub_folders_are_names(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.put("drawn", "x/y/a", {"look": SHA, "files": {"masks/x/y/a.png": 4}})
    journal.close()
    assert facts_in(tmp_path)["drawn", "x/y/a"]["files"] == {"masks/x/y/a.png": 4}


def test_a_journal_that_is_a_link_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/journal.jsonl").symlink_to(folder / "journal.jsonl")
    before = (folder / "journal.jsonl").read_bytes()
    with pytest.raises(UnsafeName, match="is a link"):
        opened(tmp_path / "other")
    with pytest.raises(UnsafeName, match="is a link"):
        list(read_facts(tmp_path / "other", fact_of))
    assert (folder / "journal.jsonl").read_bytes() == before

"""A review's own files after somebody changed them: no other results, no other files touched."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from command import Command, Said, command, contents
from vitmap.commands.review import run as review_module
from vitmap.commands.review.plan import read_plan
from vitmap.errors import DamagedFile
from vitmap.files.checked import seal
from vitmap.inspection.reading import HeadReading

Draw = Callable[..., Path]
SHA = "0123456789abcdef" * 4
VICTIM = b"mine, and nobody else's"


@pytest.fixture
def lot(draw: Draw, tmp_path: Path) -> Path:
    """Three pictures."""
    for seed, name in enumerate("abc"):
        draw(f"lot/{name}.png", height=40 + 7 * seed, width=60, seed=seed)
    return tmp_path / "lot"


@pytest.fixture
def review(
    tiny_classifier: Path, lot: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """`vitmap review` of the lot with a tiny model."""
    call: Command = command(capfd)

    def reviewing(*arguments: object, into: Path = out) -> Said:
        fixed = ["review", lot, "--model", tiny_classifier, "--size", 32, "--out", into]
        return call(*fixed, *arguments)

    return reviewing


@pytest.fixture
def merge(capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`vitmap merge`."""
    call: Command = command(capfd)
    return lambda *arguments: call("merge", *arguments)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder outside --out, with files of every name that is aimed at."""
    names = ["victim.png", "victim.safetensors", "victim.json", "a.png", "a.safetensors"]
    names += ["journal.jsonl", "plan.json", "run.json", "index.html", "pictures.csv"]
    for name in names:
        (tmp_path / "else" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "else" / name).write_bytes(VICTIM)
    return tmp_path / "else"


def untouched(victim: Path) -> bool:
    found = contents(victim)
    return len(found) == 10 and set(found.values()) == {VICTIM}


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pictures that go through the model from here on."""
    seen: list[str] = []
    real = review_module.look

    def counted(model, shown, *rest, **more):  # type: ignore[no-untyped-def]
        seen.extend(photo.path.name for photo, _ in shown)
        return real(model, shown, *rest, **more)

    monkeypatch.setattr(review_module, "look", counted)
    return seen


def lines_of(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text("utf-8").splitlines()]


def write_lines(journal: Path, lines: list[dict[str, Any]], *, sealed: bool) -> None:
    """Lines as this version writes them, or as those before digests were."""
    plain = [{key: line[key] for key in ("kind", "name", "value")} for line in lines]
    journal.write_text(
        "".join(f"{json.dumps(seal(line) if sealed else line)}\n" for line in plain), "utf-8"
    )


def names_of(victim: Path, out: Path) -> list[str]:
    """Names that lead from any of the review's folders, or from the root, to the victim's files."""
    return [
        "../../else/victim",
        "../../../else/victim",
        "x/../../../else/victim",
        str(victim / "victim"),
        f"../{os.path.relpath(victim, out / 'masks')}/victim",
    ]


@pytest.mark.parametrize("sealed", [True, False])
def test_names_in_a_journal_lead_nowhere(
    sealed: bool, review: Callable[..., Said], out: Path, victim: Path
) -> None:
    assert review("--export", "all").code == 0
    whole = contents(out)
    journal = out / "journal/journal.jsonl"
    lines = lines_of(journal)
    seen = next(line for line in lines if line["kind"] == "seen")
    for name in names_of(victim, out):
        write_lines(
            journal,
            [
                {**seen, "name": name},
                {"kind": "drawn", "name": name, "value": {"look": SHA, "files": {}}},
                {"kind": "failed", "name": name, "value": {"error": "none"}},
                *lines,
            ],
            sealed=sealed,
        )
        said = review("--export", "all")
        assert said.code == 0
        assert said.err == [
            f"vitmap: {journal}: 3 lines were damaged: what was said there is done again."
        ]
        assert contents(out) == whole
        assert untouched(victim)


def test_files_in_a_journal_lead_nowhere(
    review: Callable[..., Said], out: Path, victim: Path
) -> None:
    assert review().code == 0
    whole = contents(out)
    journal = out / "journal/journal.jsonl"
    for name in names_of(victim, out):
        lines = lines_of(journal)
        for line in lines:
            if line["kind"] in ("seen", "drawn"):
                line["value"]["files"] = {f"{name}.png": len(VICTIM)}
        write_lines(journal, lines, sealed=True)
        assert review().code == 0
        assert contents(out) == whole
        assert untouched(victim)


LINKS = [
    ("heatmaps", "", 1),
    ("masks", "", 1),
    ("journal", "", 1),
    ("journal/maps", "", 1),
    ("journal/journal.jsonl", "journal.jsonl", 1),
    ("journal/plan.json", "plan.json", 1),
    ("run.json", "run.json", 1),
    ("index.html", "index.html", 1),
    ("pictures.csv", "pictures.csv", 1),
    ("heatmaps/a.png", "a.png", 2),  # of one picture: it fails, the others do not
    ("journal/maps/a.safetensors", "a.safetensors", 2),
]


@pytest.mark.parametrize(("place", "target", "lines"), LINKS)
def test_nothing_is_written_or_removed_through_a_link(
    place: str, target: str, lines: int, review: Callable[..., Said], out: Path, victim: Path
) -> None:
    assert review().code == 0
    whole = contents(out)
    link = out / place
    shutil.rmtree(link) if link.is_dir() else link.unlink()
    link.symlink_to(victim / target)
    for options in ([], ["--layer", 0], ["--export", "mask", "--threshold", "2x"]):
        said = review(*options)
        if "mask" in options and place in ("heatmaps/a.png", "pictures.csv"):
            continue  # no file of that name is asked for
        assert (said.code, len(said.err) - said.err.count(other_settings(said))) == (3, lines)
        assert any(f"{link}: is a link, and " in line for line in said.err)
        assert link.is_symlink()
        assert untouched(victim)
    link.unlink()
    assert review().code == 0
    assert contents(out) == whole


def other_settings(said: Said) -> str:
    return next((line for line in said.err if "other settings" in line), "")


OTHER_KINDS = [
    ("journal", "pipe", 1),
    ("journal/maps", "file", 1),
    ("heatmaps", "file", 1),
    ("journal/journal.jsonl", "pipe", 1),
    ("journal/journal.jsonl", "folder", 1),
    ("journal/plan.json", "folder", 1),
    ("index.html", "folder", 1),
    ("run.json", "folder", 1),
    ("heatmaps/a.png", "folder", 2),
    ("journal/maps/a.safetensors", "folder", 2),
    ("heatmaps/a.png", "pipe", 0),
    ("journal/maps/a.safetensors", "pipe", 0),
    ("journal/plan.json", "pipe", 1),
    ("run.json", "pipe", 0),
]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_another_kind_of_thing_in_a_file_s_place_is_replaced_or_named(
    review: Callable[..., Said], out: Path
) -> None:
    assert review().code == 0
    whole = contents(out)
    for name, kind, lines in OTHER_KINDS:
        place = out / name
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        if kind == "pipe":
            os.mkfifo(place)
        else:
            mine = place / "mine" if kind == "folder" else place
            mine.parent.mkdir(exist_ok=True)
            mine.write_bytes(VICTIM)
        said = review()
        assert len(said.err) == lines, (name, kind, said.err)
        assert not lines or said.err[0].startswith(f"vitmap: {place}: ")
        if said.code:
            assert said.code == 3
            assert kind == "pipe" or mine.read_bytes() == VICTIM
            shutil.rmtree(place) if place.is_dir() else place.unlink()
            assert review().code == 0
        assert contents(out) == whole, (name, kind)


def test_half_written_files_are_not_written_through_either(
    review: Callable[..., Said], out: Path, victim: Path
) -> None:
    assert review().code == 0
    for folder in ("", "heatmaps", "journal", "journal/maps"):
        (out / folder / ".run.json.partial").symlink_to(victim / "run.json")
        (out / folder / ".0123.1-2.partial.png").symlink_to(victim / "a.png")
        (out / folder / ".0123.1-2.partial.x").symlink_to(victim / "nowhere")
    assert review("--layer", 0).code == 0
    assert not [path for path in out.rglob("*") if "partial" in path.name]
    assert untouched(victim)


def flip(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    bit = chance.randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_a_flipped_bit_changes_nothing(
    review: Callable[..., Said], out: Path, tmp_path: Path
) -> None:
    """Forty places, among the journal, the plan and the states."""
    options = ["--export", "csv,png,raw16"]
    review(*options)
    kept = tmp_path / "whole"
    shutil.copytree(out, kept)
    whole, chance = contents(out), random.Random(0)
    files = ["journal.jsonl", "plan.json", *(f"maps/{name}.safetensors" for name in "abc")]
    for number in range(40):
        path = out / "journal" / files[number % len(files)]
        flip(path, chance)
        said = review(*options)
        assert said.code == 0, said.err
        assert len(said.err) <= 1
        assert contents(out) == whole, (number, path)
        shutil.rmtree(out)
        shutil.copytree(kept, out)


def test_files_from_before_digests_are_read_on(
    review: Callable[..., Said], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert review("--export", "all").code == 0
    whole = contents(out)
    journal, plan, record = out / "journal/journal.jsonl", out / "journal/plan.json", "run.json"
    write_lines(journal, lines_of(journal), sealed=False)
    (out / "journal/lock").write_bytes(b"")
    for path, fields in ((plan, ["digest"]), (out / record, ["digest", "format"])):
        about = json.loads(path.read_text("utf-8"))
        for field in fields:
            del about[field]
        path.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")
    seen = counting(monkeypatch)
    said = review("--export", "all")
    assert (said.code, said.err, seen) == (0, [], [])
    assert contents(out) == whole


def test_a_score_that_is_no_number_fails_that_picture_and_is_not_kept(
    review: Callable[..., Said], lot: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = HeadReading.score
    with monkeypatch.context() as patch:
        scores = iter([1.0, float("nan"), 2.0])
        patch.setattr(HeadReading, "score", lambda *_: next(scores))
        said = review()
    assert real is HeadReading.score
    assert said.code == 3
    [failed] = [line for line in said.err if str(lot) in line]
    assert "nan, expected a finite number" in failed
    assert said.err[-1] == "vitmap: 1 of 3 inputs failed."
    lines = lines_of(out / "journal/journal.jsonl")
    assert sum(line["kind"] == "seen" for line in lines) == 2
    fresh = out.parent / "fresh"
    assert review().code == review(into=fresh).code == 0
    assert {n for n, c in contents(out).items() if contents(fresh)[n] != c} <= {
        "run.json",
        "index.html",
        "journal/journal.jsonl",
        *(f"{n}.csv" for n in ("pictures", "regions")),
        *(n for n in contents(fresh) if "maps" in n),
    }


@pytest.mark.parametrize("harm", [b"", b"{", b'{"files": 3}', b'{"files": ["coco.json", 7]}'])
def test_a_damaged_record_hides_no_earlier_file(
    harm: bytes, review: Callable[..., Said], out: Path
) -> None:
    assert review("--export", "coco,cvat").code == 0
    (out / "run.json").write_bytes(harm)
    (out / "mine.txt").write_bytes(VICTIM)
    assert review("--export", "csv").code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        *["index.html", "journal", "mine.txt", "pictures.csv", "regions.csv", "run.json"]
    ]


def test_a_damaged_plan_is_said(review: Callable[..., Said], out: Path) -> None:
    assert review().code == 0
    whole, plan = contents(out), out / "journal/plan.json"
    plan.write_bytes(plan.read_bytes().replace(b'"viridis"', b'"magma"'))
    said = review()
    assert (said.code, contents(out)) == (0, whole)
    assert said.err == [
        f"vitmap: {plan}: its digest does not fit: it was changed after it was written: not a plan "
        "that vitmap review wrote. Whether the earlier run had these settings cannot be told."
    ]


PLANS: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("a name", lambda p: p["lot"]["pictures"][0].__setitem__(1, "../../else/victim"), "leads out"),
    ("an absolute name", lambda p: p["lot"]["pictures"][0].__setitem__(1, "/else"), "leads out"),
    ("a name twice", lambda p: p["lot"]["pictures"][1].__setitem__(1, "A"), "stands there twice"),
    ("no name", lambda p: p["lot"]["pictures"][0].__setitem__(1, ""), "is no name of a file"),
    ("a null path", lambda p: p["lot"]["pictures"][0].__setitem__(0, "a\0"), "is no path"),
    ("a pair", lambda p: p["lot"]["pictures"][0].pop(), "expected array of length 3"),
    ("a shard", lambda p: p["lot"].__setitem__("shard", [3, 2]), "shard 3 of 2 cannot be"),
    ("a shard", lambda p: p["lot"].__setitem__("shard", [0, 2]), "expected int >= 1, seen 0"),
    ("a setting", lambda p: p["settings"].__setitem__("min_area", "4"), "settings.min_area"),
    ("a setting", lambda p: p["settings"].__setitem__("colormap", "none"), "field settings: "),
    ("an export", lambda p: p["settings"].__setitem__("exports", ["../x"]), "field settings: "),
    ("a field", lambda p: p["settings"].__setitem__("more", 1), "settings.more is not known"),
    ("a cut", lambda p: p["terms"]["cut"].__setitem__("value", 7), "field terms: "),
    ("a scale", lambda p: p["terms"].__setitem__("scale", [1]), "terms.scale: expected array"),
    ("a model", lambda p: p["about"].__setitem__("model", {}), "about.model.model: expected str"),
    ("a room", lambda p: p["about"].__setitem__("room", 0), "about.room: expected int >= 1"),
    ("terms", lambda p: p.pop("terms"), "expected the fields about, lot, settings, terms"),
]


@pytest.mark.parametrize("sealed", [True, False])
def test_a_plan_that_no_review_writes_is_named(
    sealed: bool, review: Callable[..., Said], merge: Callable[..., Said], out: Path, victim: Path
) -> None:
    for number in (1, 2):
        assert review("--shard", f"{number}/2").code == 0
    path = out / "shard-1-of-2/journal/plan.json"
    plain = json.loads(path.read_text("utf-8"))
    del plain["digest"]
    for _, change, said in PLANS:
        plan = json.loads(json.dumps(plain))
        change(plan)
        path.write_text(json.dumps(seal(plan) if sealed else plan), "utf-8")
        with pytest.raises(DamagedFile) as refused:
            read_plan(out / "shard-1-of-2")
        assert said in str(refused.value) or (said.startswith("expected the") and not sealed)
        answer = merge(out)
        assert (answer.code, answer.err) == (3, [f"vitmap: {refused.value}"])
        assert answer.err[0].startswith(f"vitmap: {path}: ")
        assert answer.err[0].endswith(": not a plan that vitmap review wrote.")
        assert not (out / "journal").exists()
        assert untouched(victim)


def shard_of(out: Path, number: int = 1) -> Path:
    return out / f"shard-{number}-of-2"


@pytest.fixture
def shards(review: Callable[..., Said], out: Path) -> Path:
    """The folder around two finished shards."""
    for number in (1, 2):
        assert review("--export", "all", "--shard", f"{number}/2").code == 0
    return out


def test_names_in_a_foreign_shard_lead_nowhere(
    shards: Path, merge: Callable[..., Said], victim: Path, tmp_path: Path
) -> None:
    journal = shard_of(shards) / "journal/journal.jsonl"
    lines = lines_of(journal)
    drawn = {"kind": "drawn", "name": "a", "value": {"look": SHA, "files": {}}}
    places = [f"{name}.png" for name in names_of(victim, shards)]
    for place in [*places, "journal/plan.json", "index.html", "masks/c.PNG"]:
        for kind in ("seen", "drawn"):
            changed = json.loads(json.dumps([*lines, drawn]))
            line = next(line for line in changed if line["kind"] == kind)
            line["value"]["files"][place] = len(VICTIM)
            write_lines(journal, changed, sealed=True)
            said = merge(shards, "--out", tmp_path / "merged")
            assert (said.code, len(said.err)) == (3, 1)
            assert said.err[0].startswith(f"vitmap: {journal}: line ")
            assert " is no file of 'a': not a journal that vitmap review wrote." in said.err[0]
            assert untouched(victim)


@pytest.mark.parametrize(
    "place",
    [
        *["tensors/a.safetensors", "tensors", "journal/maps/a.safetensors", "journal/maps"],
        *["journal", "journal/plan.json", "journal/journal.jsonl"],
    ],
)
def test_nothing_is_read_through_a_link_in_a_shard(
    place: str, shards: Path, merge: Callable[..., Said], tmp_path: Path
) -> None:
    link, other = shard_of(shards) / place, tmp_path / "other"
    link.rename(other)
    link.symlink_to(other)
    said = merge(shards, "--out", tmp_path / "merged")
    assert (said.code, len(said.err)) == (3, 1)
    assert f"{link}: is a link, and " in said.err[0]
    link.unlink()
    other.rename(link)
    assert merge(shards, "--out", tmp_path / "merged").code == 0


def test_nothing_is_merged_through_a_link(
    shards: Path, merge: Callable[..., Said], victim: Path, tmp_path: Path
) -> None:
    # A picture's own file is that picture's failure: the line is followed by the count.
    for place, target, lines in (("masks", "", 1), ("journal", "", 1), ("masks/a.png", "a.png", 2)):
        merged = tmp_path / f"merged-{place.replace('/', '-')}"
        (merged / place).parent.mkdir(parents=True)
        (merged / place).symlink_to(victim / target)
        said = merge(shards, "--out", merged)
        assert (said.code, len(said.err)) == (3, lines)
        assert f"{merged / place}: is a link, and " in said.err[0]
        assert untouched(victim)


def test_a_shard_with_a_flipped_bit_is_refused_and_made_good_by_its_command(
    review: Callable[..., Said], merge: Callable[..., Said], out: Path, tmp_path: Path
) -> None:
    options = ["--export", "csv,mask"]
    for number in (1, 2):
        review(*options, "--shard", f"{number}/2")
    shutil.copytree(out, tmp_path / "kept")
    merged = tmp_path / "merged"
    assert merge(out, "--out", merged).code == 0
    whole, chance = contents(merged), random.Random(0)
    files = ["journal.jsonl", "plan.json", "maps/a.safetensors", "maps/c.safetensors"]
    for number in range(8):
        shutil.rmtree(merged)
        path = shard_of(out) / "journal" / files[number % len(files)]
        flip(path, chance)
        said = merge(out, "--out", merged)
        assert (said.code, len(said.err)) == (3, 1), said
        assert str(shard_of(out)) in said.err[0]
        assert review(*options, "--shard", "1/2").code == 0
        assert merge(out, "--out", merged).code == 0
        assert contents(merged) == whole


def test_a_shard_that_is_being_written_is_not_merged(
    shards: Path, merge: Callable[..., Said], tmp_path: Path
) -> None:
    with FileLock(shard_of(shards, 2) / ".vitmap.lock"):
        said = merge(shards, "--out", tmp_path / "merged", "--wait", 0)
    assert (said.code, len(said.err)) == (3, 1)
    assert said.err[0].startswith(f"vitmap: {shard_of(shards, 2)}: another vitmap (process ")
    assert not (tmp_path / "merged").exists()
    assert merge(shards, "--out", tmp_path / "merged").code == 0
    assert not list(tmp_path.rglob(".vitmap.lock"))


def test_a_look_that_a_killed_run_began_is_not_taken_for_the_earlier_one(
    review: Callable[..., Said], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mask of another cut can have as many bytes: the journal must know that it began."""
    from vitmap.commands.review import place as review_place

    assert review().code == 0
    whole = contents(out)

    def stopped(*_: object) -> None:
        for mask in (out / "masks").iterdir():
            mask.write_bytes(bytes(mask.stat().st_size))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(review_place, "write_files", stopped)
        assert review("--threshold", "2x").code == 130
    assert review().code == 0
    same = {name for name, content in contents(out).items() if whole.get(name) == content}
    assert {"masks/a.png"} <= same

"""Rows that a ranking keeps: a changed one is measured again, and no other is believed."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save

from command import Command, contents
from parts import mvtec
from vitmap.commands.rank.kept import write_logs
from vitmap.errors import DamagedFile, InputError
from vitmap.files.checked import seal
from vitmap.photo.alignment import Shift
from vitmap.rank.histogram import BINS
from vitmap.rank.row import MEASURES, Row, Truth
from vitmap.rank.row_file import KIND, check_row, read_row, tensors_digest, write_row
from vitmap.reference.registration import Placed
from vitmap.reference.statistics import Place

SHA, KEY = "0123456789abcdef" * 4, "f" * 64
SHAPE = (3, 2)


def a_row(**changes: Any) -> Row:
    """A row of 2 × 3 patches, three maps and two candidates, with one defect of 5 px."""
    pixels = np.array([0, 3, 2, 0, 0, 0])
    truth = Truth(np.full(6, 4), pixels, np.array([[1, 1, 3], [1, 2, 2]]))
    measures = np.array([[1.5, 2.5, 0.5, 1.0, 0.25], [0.5, 1.0, 0.0, 0.0, 0.0]])
    placed = Placed(Place(0.5, 0.0), Shift(4, 0, (4.2, 0.1), 0.9))
    bins = np.arange(18, dtype=np.uint16).reshape(3, 6)
    row = Row("a.png", SHA, "dent", (2, 3), bins, measures, truth, placed)
    return replace(row, **changes)


def check(path: Path, **changes: Any) -> Row:
    given = {"key": KEY, "digest": SHA, "kind": "dent", "shape": SHAPE}
    return check_row(path, **{**given, **changes})


def test_a_kept_row_comes_back(tmp_path: Path) -> None:
    write_row(tmp_path / "row", a_row(), KEY)
    row, before = check(tmp_path / "row"), a_row()
    assert row.placed == before.placed
    assert row.truth is not None
    assert before.truth is not None
    pairs = [(row.bins, before.bins), (row.measures, before.measures)]
    pairs += zip(vars(row.truth).values(), vars(before.truth).values(), strict=True)
    assert all(np.array_equal(ours, theirs) for ours, theirs in pairs)
    write_row(tmp_path / "row", a_row(truth=None, placed=None), KEY)
    assert check(tmp_path / "row").truth is None


def test_a_flipped_bit_of_a_kept_row_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "row"
    write_row(path, a_row(), KEY)
    whole = path.read_bytes()
    said = set()
    for bit in range(0, 8 * len(whole), 7):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(InputError) as refused:
            check(path)
        said.add(str(refused.value).split(": ")[1])
    assert {"its digest does not fit", "its tensors were changed after they were written"} <= said


def test_rows_from_before_digests_are_read(tmp_path: Path) -> None:
    path = tmp_path / "row"
    write_row(path, a_row(), KEY)
    about = about_of(path)
    path.write_bytes(save(load_file(path), metadata={"vitmap": json.dumps(about["row"])}))
    assert check(path, key="another").placed == a_row().placed


def about_of(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="numpy") as file:
        found: dict[str, Any] = json.loads(file.metadata()["vitmap"])
    return found


OTHERS = [
    ({"key": "e" * 64}, "field key: is another row's"),
    ({"digest": "0" * 64}, "fields digest and kind: are another picture's"),
    ({"kind": "good"}, "fields digest and kind: are another picture's"),
    ({"shape": (3, 3)}, "expected (3, 3) maps and candidates, seen (3, 2)"),
]


@pytest.mark.parametrize(("wanted", "said"), OTHERS)
def test_another_row_is_refused(wanted: dict[str, Any], said: str, tmp_path: Path) -> None:
    write_row(tmp_path / "row", a_row(), KEY)
    with pytest.raises(DamagedFile) as refused:
        check(tmp_path / "row", **wanted)
    assert str(refused.value) == f"{tmp_path / 'row'}: {said}: not {KIND}."


def nan(place: tuple[int, int], value: float) -> np.ndarray:
    measures = a_row().measures.copy()
    measures[place] = value
    return measures


def rewrite(path: Path, **changes: Any) -> None:
    """A row whose fields and tensors are others, sealed as if vitmap had written it."""
    about, tensors = about_of(path), load_file(path)
    for name, value in changes.items():
        if name in tensors:
            tensors[name] = np.array(value)
        else:
            about["row"][name] = value
    sealed = seal({"row": about["row"], "key": KEY, "tensors": tensors_digest(tensors)})
    path.write_bytes(save(tensors, metadata={"vitmap": json.dumps(sealed)}))


NONSENSE = [
    ({"grid": [2, 4]}, "expected 8 patches and 5 measures"),
    ({"measures": np.ones((2, 4))}, f"expected 6 patches and {len(MEASURES)} measures"),
    ({"bins": np.full((3, 6), BINS, np.uint16)}, f"tensor bins: expected values below {BINS}"),
    ({"measures": nan((0, 0), np.nan)}, "tensor measures: expected finite numbers"),
    ({"measures": nan((1, 1), np.inf)}, "tensor measures: expected finite numbers"),
    ({"measures": nan((1, 4), np.inf)}, "tensor measures: expected finite numbers"),
    ({"measures": nan((0, 2), 1.5)}, "tensor measures: expected shares from 0 to 1"),
    ({"defect": [0, 5, 0, 0, 0, 0]}, "tensor defect: expected 0 pixels to all"),
    ({"defect": [0, -1, 0, 0, 0, 0]}, "tensor defect: expected 0 pixels to all"),
    ({"regions": [[1, 6, 2]]}, "tensor regions: expected patches of the grid"),
    ({"regions": [[1, -1, 2]]}, "tensor regions: expected patches of the grid"),
    ({"regions": [[1, 1, 0]]}, "tensor regions: expected patches of the grid"),
    ({"regions": [[1, 1, 5]]}, "tensor regions: expected patches of the grid"),
    ({"total": [4] * 5, "defect": [0] * 5}, "tensors total, defect and regions: expected 6"),
    ({"bins": np.zeros((3, 6), np.int16)}, "tensor bins: expected uint16, 2 axes"),
    ({"measures": np.zeros(2)}, "tensor measures: expected float64, 2 axes"),
    ({"name": 1}, "field name: expected str, seen 1"),
    ({"grid": [0, 6]}, "field grid[0]: expected int >= 1, seen 0"),
    ({"grid": [6]}, "field grid: expected array of length 2"),
    ({"placed": {"place": {"y": "x"}}}, 'field placed.place.y: expected float, seen "x"'),
    ({"placed": {"place": {"y": float("nan")}}}, "expected a finite number, seen NaN"),
    ({"placed": {"place": {"z": 1}}}, "field placed.place.z is not known"),
]


@pytest.mark.parametrize(("changes", "said"), NONSENSE)
def test_what_no_measuring_gives_is_named(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    write_row(tmp_path / "row", a_row(), KEY)
    rewrite(tmp_path / "row", **changes)
    with pytest.raises(DamagedFile) as refused:
        check(tmp_path / "row")
    assert said in str(refused.value)
    assert str(refused.value).endswith(f": not {KIND}.")


SHAPES: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda _: None, "expected the fields"),
    (lambda _: [], "expected the fields"),
    (lambda whole: {**whole, "digest": SHA}, "its digest does not fit"),
    (lambda whole: {k: v for k, v in whole.items() if k != "digest"}, "expected the fields"),
    (
        lambda whole: seal({**{k: whole[k] for k in ("key", "tensors")}, "row": None}),
        "expected object, seen null",
    ),
    (lambda whole: {**whole["row"], "more": 1}, "expected the fields"),
    (lambda whole: {**whole["row"], "kind": None}, "field kind: expected str, seen null"),
]


@pytest.mark.parametrize(("change", "said"), SHAPES)
def test_metadata_of_another_shape_is_refused(
    change: Callable[[dict[str, Any]], Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "row"
    write_row(path, a_row(), KEY)
    about = json.dumps(change(about_of(path)))
    path.write_bytes(save(load_file(path), metadata={"vitmap": about}))
    for read in (check, read_row):
        with pytest.raises(DamagedFile) as refused:
            read(path)
        assert said in str(refused.value)


def test_log_maps_are_read_as_they_were_written(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).normal(size=(3, 2, 2)).astype(np.float32)
    logs = write_logs(tmp_path, KEY, maps)
    assert np.array_equal(logs.read(), maps)
    content = bytearray(logs.path.read_bytes())
    content[-1] ^= 1
    logs.path.write_bytes(content)
    with pytest.raises(DamagedFile, match="it was changed after it was written"):
        logs.read()
    logs.path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        logs.read()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five good pictures to learn from, three defective ones and one good one to rank by."""
    return mvtec(tmp_path / "set", bad=3, good=1, train=5)


def files_of(out: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(out).items() if name != "run.json"}


def test_a_flipped_bit_of_the_rows_changes_nothing(
    rank: Command, root: Path, tmp_path: Path, out: Path
) -> None:
    rows = tmp_path / "rows"
    assert rank(root, "--rows", rows).code == 0
    before, kept, chance = files_of(out), contents(rows), random.Random(0)
    for number in range(10):
        name = sorted(kept)[number % len(kept)]
        bit = chance.randrange(8 * len(kept[name]))
        changed = bytearray(kept[name])
        changed[bit // 8] ^= 1 << bit % 8
        (rows / name).write_bytes(changed)
        said = rank(root, "--rows", rows)
        again = [line for line in said.err if "It is measured again." in line]
        assert (said.code, len(again)) == (0, int(name.endswith(".row.safetensors")))
        assert all(line.startswith(f"vitmap: {rows / name}: ") for line in again)
        assert (files_of(out), contents(rows)) == (before, kept)


def test_rows_are_no_way_to_other_files(
    rank: Command, root: Path, tmp_path: Path, out: Path
) -> None:
    rows, victim = tmp_path / "rows", tmp_path / "victim"
    assert rank(root, "--rows", rows).code == 0
    before = files_of(out)
    row, good = (next(rows.glob(f"*.{kind}.safetensors")) for kind in ("row", "good"))
    for link in (row, good):
        shutil.move(link, victim)
        content = victim.read_bytes()
        link.symlink_to(victim)
        said = rank(root, "--rows", rows)
        assert said.code == 3
        assert any(f"{link}: is a link, and " in line for line in said.err)
        assert victim.read_bytes() == content
        link.unlink()
    (rows / f"{KEY}.row.1-2.partial").symlink_to(victim)
    (rows / f"{KEY}.good.partial").write_bytes(b"half")
    (rows / "my.partial").write_bytes(b"mine")
    assert rank(root, "--rows", rows).code == 0
    assert [path.name for path in rows.glob("*partial")] == ["my.partial"]
    assert victim.read_bytes() == content
    assert files_of(out) == before

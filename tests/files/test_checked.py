"""The strict reader: a table of what is refused, with the sentence that says so."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta
from safetensors.numpy import save

from vitmap.errors import DamagedFile
from vitmap.files.checked import (
    convert,
    digest_of,
    load_tensors,
    parse_json,
    read_json,
    seal,
    unseal,
)

KIND = "a part's card"


@dataclass(frozen=True)
class Part:
    width: Annotated[float, Meta(gt=0)]
    count: Annotated[int, Meta(ge=0)]
    kind: Literal["disc", "ring"]
    scale: tuple[float, float]
    notes: dict[str, Any] | None = None


GOOD = {"width": 1.5, "count": 3, "kind": "disc", "scale": [0, 1.0]}

REFUSED = [
    ({"width": float("nan")}, "field width: expected a finite number, seen NaN"),
    ({"width": float("inf")}, "field width: expected a finite number, seen Infinity"),
    ({"scale": [0, -float("inf")]}, "field scale[1]: expected a finite number, seen -Infinity"),
    ({"notes": {"a": [{"b": float("nan")}]}}, "field notes.a[0].b: expected a finite number"),
    ({"count": 10**40}, "field count: expected a finite number, seen 1000"),
    ({"width": None}, "field width: expected float, seen null"),
    ({"width": "1.5"}, 'field width: expected float, seen "1.5"'),
    ({"width": True}, "field width: expected float, seen true"),
    ({"width": -1}, "field width: expected float > 0.0, seen -1"),
    ({"count": 3.5}, "field count: expected int, seen 3.5"),
    ({"count": -1}, "field count: expected int >= 0, seen -1"),
    ({"kind": "disk"}, "field kind: invalid enum value 'disk'"),
    ({"scale": [1, "x"]}, 'field scale[1]: expected float, seen "x"'),
    ({"scale": [1, 2, 3]}, "field scale: expected array of length 2"),
    ({"scale": 1}, "field scale: expected array, seen 1"),
    ({"wide": 1}, "field wide is not known"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_does_not_fit_is_named(change: dict[str, Any], said: str) -> None:
    content = json.dumps({**GOOD, **change}).encode()
    with pytest.raises(DamagedFile) as refused:
        convert(parse_json(content, "card.json", KIND), Part, "card.json", KIND)
    assert str(refused.value).startswith(f"card.json: {said}")
    assert str(refused.value).endswith(f": not {KIND}.")


def test_what_fits_is_read() -> None:
    value = parse_json(json.dumps(GOOD), "card.json", KIND)
    assert convert(value, Part, "card.json", KIND) == Part(1.5, 3, "disc", (0, 1))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (b'{"a": 1, "a": 2}', "a field stands there twice"),
        (b"[" * 100 + b"]" * 100, "nested deeper than 32 levels"),
        (b"[" * 200_000 + b"]" * 200_000, "nested deeper than 32 levels"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested deeper than 32 levels"),
        (b"1" * 5_000, "no JSON"),
    ],
)
def test_content_that_is_no_plain_json(content: bytes, said: str) -> None:
    with pytest.raises(DamagedFile, match=said):
        parse_json(content, "card.json", KIND)


def test_a_file_larger_than_its_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(" " * 2000 + "{}")
    with pytest.raises(OSError, match="more than the 1,000"):
        read_json(tmp_path / "card.json", KIND, limit=1000)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text().filter(lambda key: key != "digest"), JSON, max_size=5))
def test_a_sealed_object_comes_back(about: dict[str, Any]) -> None:
    written = json.loads(json.dumps(seal(about), ensure_ascii=False, indent=1))
    assert unseal(written, "a", KIND) == json.loads(json.dumps(about))


@given(st.data())
def test_a_flipped_bit_of_a_sealed_file_is_never_read_as_something_else(
    data: st.DataObject,
) -> None:
    content = bytearray(json.dumps(seal(GOOD)).encode())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    with suppress(DamagedFile):
        assert unseal(parse_json(bytes(content), "a", KIND), "a", KIND) == GOOD


def test_a_digest_that_is_missing_is_refused_where_it_is_required() -> None:
    with pytest.raises(DamagedFile, match="field digest is missing"):
        unseal(GOOD, "card.json", KIND)
    assert unseal(GOOD, "card.json", KIND, required=False) == GOOD
    with pytest.raises(DamagedFile, match="expected an object, seen"):
        unseal([GOOD], "card.json", KIND)
    assert digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})


EXPECTED = {"heat": (np.float32, 2), "seen": (np.floating, 1)}


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"heat": np.zeros((2, 2), np.float32)}, "tensor seen is missing"),
        (
            {"heat": np.zeros(2, np.float32), "seen": np.zeros(2)},
            "tensor heat: expected float32 with 2 axes, seen float32 with 1",
        ),
        (
            {"heat": np.zeros((2, 2), np.int32), "seen": np.zeros(2)},
            "tensor heat: expected float32 with 2 axes, seen int32 with 2",
        ),
        (
            {"heat": np.full((2, 2), np.nan, np.float32), "seen": np.zeros(2)},
            "tensor heat: expected finite numbers",
        ),
        (
            {"heat": np.zeros((2, 2), np.float32), "seen": np.zeros(2), "x": np.zeros(1)},
            "tensor 'x' is not known",
        ),
    ],
)
def test_tensors_are_of_their_type(tensors: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(DamagedFile, match=f"a.safetensors: {said}"):
        load_tensors(save(tensors), "a.safetensors", KIND, EXPECTED)


@pytest.mark.parametrize("content", [b"", b"x" * 7, b"\xff" * 64, save({"a": np.zeros(3)})[:-1]])
def test_what_is_no_safetensors_is_refused(content: bytes) -> None:
    with pytest.raises(DamagedFile, match="no safetensors"):
        load_tensors(content, "a.safetensors", KIND, EXPECTED)

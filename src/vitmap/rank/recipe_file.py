"""recipe.json and recipe.safetensors: what a recipe's files hold, checked when they are read.

Format 3 ends in a digest of all its other fields, among them the tensors' sha256. Earlier versions
wrote format 2, which names no method (its maps are attention), and format 1, which has no digest
either: `digest` is there what the others call `weights`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from msgspec import Meta
from safetensors.numpy import save

from vitmap.errors import InputError, UnsafeName, UsageError
from vitmap.files.checked import convert, damaged, load_tensors, parse_json, seal, shown, unseal
from vitmap.files.opener import GIB, MIB, read_file
from vitmap.files.place import inside
from vitmap.maps.query import Query
from vitmap.maps.stack import FLOOR
from vitmap.rank.threshold import Alarm, Count, Number, Share

FORMAT = 3
FILE, TENSORS = "recipe.json", "recipe.safetensors"
KIND = "a recipe that vitmap wrote (make it anew with vitmap rank)"

_JSON_LIMIT = 16 * MIB
_TENSORS_LIMIT = GIB
_WIDEST = 100.0  # no logarithm of attention lies so far from that of uniform attention

Tensors = Mapping[str, np.ndarray]

_Text = Annotated[str, Meta(max_length=4096)]
_Name = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"\A[^\0]+\Z")]
_Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Index = Annotated[int, Meta(ge=0, le=100_000)]
_Side = Annotated[int, Meta(ge=1, le=1_000_000)]


class _Estimate(TypedDict):
    value: Number | None
    low: Number | None
    high: Number | None


class _Against(_Estimate):
    p: Share
    verdict: _Text


class Evidence(TypedDict, total=False):
    """What spoke for the recipe when it was made; none of it changes what the recipe says."""

    dataset: _Text
    pictures: dict[str, Annotated[int, Meta(ge=0, le=10**9)]]
    golden: Annotated[int, Meta(ge=0, le=10**9)]
    metric: _Text
    held_out: _Estimate
    held_out_is: _Text
    folds: list[_Text]
    on_the_pictures_it_was_chosen_on: _Estimate
    baselines: dict[str, _Estimate]
    against_baselines: dict[str, _Against]
    tied_with_the_best: list[_Text]


@dataclass(frozen=True)
class GoldenFile:
    """Where the good pictures' numbers lie."""

    file: _Name
    sha256: _Sha256
    pictures: Count
    placed: bool


@dataclass(frozen=True, kw_only=True)
class About:
    """recipe.json, besides its format and the weights' digest."""

    label: _Text
    unit: _Text
    model: _Name
    revision: _Name | None
    precision: Literal["fp32", "bf16", "bf16 weights"]
    size: _Side | None
    fit: Literal["keep", "squash"] | None
    query: Annotated[str, Meta(min_length=1, max_length=100_000)]
    kind: Literal["raw", "brighter", "either"]
    layer: _Index
    head: _Index | None
    heads: Annotated[int, Meta(ge=1, le=100_000)]
    level: Number | None
    scale: tuple[Number, Number]
    alarm: Alarm | None
    golden: GoldenFile | None
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class _Now(About):
    vitmap_recipe: Literal[3]
    method: Literal["attention"]
    weights: _Sha256 | None


@dataclass(frozen=True, kw_only=True)
class _Second(About):
    vitmap_recipe: Literal[2]
    weights: _Sha256 | None


@dataclass(frozen=True, kw_only=True)
class _First(About):
    vitmap_recipe: Literal[1]
    digest: _Sha256 | None


_SHAPES: dict[int, type[_Now | _Second | _First]] = {FORMAT: _Now, 2: _Second, 1: _First}


def write(folder: Path, about: dict[str, Any], tensors: Tensors, placed: bool) -> list[str]:
    """Both files; gives their names. `about` holds the fields of `About`, and `weights`."""
    golden, files = None, [FILE]
    if tensors:
        content = save({name: np.ascontiguousarray(values) for name, values in tensors.items()})
        (folder / TENSORS).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        golden = asdict(GoldenFile(TENSORS, digest, about.pop("pictures"), placed))
        files.append(TENSORS)
    evidence = about.pop("evidence")
    whole = {"vitmap_recipe": FORMAT, **about, "golden": golden, "evidence": evidence}
    text = json.dumps(seal(whole), indent=1, ensure_ascii=False) + "\n"
    (folder / FILE).write_text(text, encoding="utf-8", errors="backslashreplace")
    return files


def read(path: Path) -> tuple[About, str | None, str, Tensors]:
    """What recipe.json says, the weights' digest, the method, and the good pictures' numbers.

    Raises DamagedFile for what is no recipe, UnsafeName for tensors elsewhere, InputError for a
    file that is missing or cannot be read, or tensors of another recipe.
    """
    name = str(path)
    about = parse_json(
        _content(path, _JSON_LIMIT, f"give the {FILE} that vitmap rank wrote"), name, KIND
    )
    if not isinstance(about, dict) or "vitmap_recipe" not in about:
        raise damaged(name, KIND, "field vitmap_recipe is missing")
    number = about["vitmap_recipe"]
    shape = _SHAPES.get(number) if type(number) is int else None
    if shape is None:
        known = ", ".join(map(str, sorted(_SHAPES)))
        raise damaged(
            name, KIND, f"field vitmap_recipe: expected one of {known}, seen {shown(number)}"
        )
    sealed = about if shape is _First else unseal(about, name, KIND)
    found: _First | _Second | _Now = convert(sealed, shape, name, KIND)
    wrong = _contradiction(found)
    if wrong is not None:
        raise damaged(name, KIND, wrong)
    weights = found.digest if isinstance(found, _First) else found.weights
    method = found.method if isinstance(found, _Now) else "attention"
    return found, weights, method, _tensors(path, found.golden) if found.golden else {}


def _contradiction(about: About) -> str | None:
    """The first field that does not fit the others."""
    if about.head is not None and about.head >= about.heads:
        return f"field head: expected less than heads ({about.heads}), seen {about.head}"
    if about.scale[0] > about.scale[1]:
        return f"field scale: expected low, then high, seen {shown(list(about.scale))}"
    if (about.kind == "raw") != (about.golden is None):
        return f"field kind: {about.kind} does not fit golden, seen {shown(bool(about.golden))}"
    if (about.level is None) != (about.alarm is None):
        return (
            "field level: expected a number where there is an alarm, and null where there is none"
        )
    alarm = about.alarm
    if alarm is not None and not alarm.low <= alarm.rate <= alarm.high:
        return (
            f"field alarm.rate: expected {alarm.low:g} to {alarm.high:g} (its low and high), "
            f"seen {alarm.rate:g}"
        )
    try:
        Query.parse(about.query)
    except UsageError as error:
        return f"field query: {str(error).rstrip('.')}"
    return _loose_evidence(about.evidence)


def _loose_evidence(evidence: Evidence) -> str | None:
    held = evidence.get("held_out")
    if held is None or held["value"] is None:
        return None
    if held["low"] is None or held["high"] is None:
        return "field evidence.held_out: expected low and high beside the value, seen null"
    missing = [name for name in ("metric", "dataset") if name not in evidence]
    return f"field evidence.{missing[0]} is missing beside held_out" if missing else None


def _content(path: Path, limit: int, otherwise: str) -> bytes:
    try:
        return read_file(path, limit)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: {otherwise}.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error


def _tensors(path: Path, golden: GoldenFile) -> Tensors:
    try:
        place = inside(path.parent, golden.file)
    except UnsafeName as error:
        raise UnsafeName(f"{path}: field golden.file: {error}") from None
    belongs = f"it holds the good pictures' numbers and belongs beside {path.name}"
    content = _content(place, _TENSORS_LIMIT, belongs)
    if hashlib.sha256(content).hexdigest() != golden.sha256:
        raise InputError(f"{place}: not the file that {path.name} was written with.")
    expected = {
        "mean": (np.floating, 3),
        "squares": (np.floating, 3),
        "seen": (np.floating, 2),
        **({"reference": (np.uint8, 2)} if golden.placed else {}),
    }
    name = str(place)
    found = load_tensors(content, name, KIND, expected)
    for tensor, wrong, wanted in _odd_tensors(found, golden.pictures):
        if wrong:
            raise damaged(name, KIND, f"tensor {tensor}: expected {wanted}")
    return found


def _odd_tensors(found: Tensors, pictures: int) -> list[tuple[str, bool, str]]:
    mean, squares, seen = found["mean"], found["squares"], found["seen"]
    one = mean.shape[0] == 1 and mean.size > 0
    empty = "reference" in found and not found["reference"].size
    most = pictures * _WIDEST**2
    return [
        ("mean", not one, f"one map of patches, seen {shown(list(mean.shape))}"),
        ("squares", squares.shape != mean.shape, f"the mean's shape {shown(list(mean.shape))}"),
        ("seen", seen.shape != mean.shape[1:], f"the mean's patches {shown(list(mean.shape[1:]))}"),
        ("reference", empty, "a picture, seen no pixel"),
        (
            "mean",
            bool((mean < np.log(FLOOR) - 0.1).any() or (mean > _WIDEST).any()),
            f"logarithms from {np.log(FLOOR):.1f} to {_WIDEST:g}",
        ),
        ("squares", bool((squares < 0).any() or (squares > most).any()), f"0 to {most:g}"),
        ("seen", bool((seen < 0).any() or (seen > pictures).any()), f"0 to {pictures} pictures"),
    ]

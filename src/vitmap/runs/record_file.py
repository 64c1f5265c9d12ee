"""What a run.json of `vitmap IMAGE…` holds, checked when it is read for --replay.

Format 2 ends in a digest of all its other fields; records from before have neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from vitmap.errors import InputError, UsageError
from vitmap.files.checked import convert, damaged, read_json, shown, unseal
from vitmap.files.opener import MIB
from vitmap.files.place import is_safe
from vitmap.maps.query import Query
from vitmap.maps.scale import PERCENTILE
from vitmap.registry import METHODS, setting_checks
from vitmap.runs.settings import CHOICES, Settings
from vitmap.runs.staging import RECORD_FORMAT

ATTENTION = "attention"
KIND = "a run.json that vitmap wrote (run the command anew without --replay)"

_LIMIT = 256 * MIB

_Text = Annotated[str, Meta(max_length=100_000)]
_Name = Annotated[str, Meta(min_length=1, max_length=4096)]
_Place = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"\A[^\0]+\Z")]
_Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Device = Annotated[str, Meta(pattern=r"\A[a-z]{1,20}(:\d{1,4})?\Z")]
_Selection = Annotated[str, Meta(max_length=10_000, pattern=r"\A[-+:,0-9 al]+\Z")]
_Index = Annotated[int, Meta(ge=0, le=100_000)]
_Side = Annotated[int, Meta(ge=1, le=1_000_000)]
_At = Annotated[int, Meta(ge=0, le=1_000_000)]
_Share = Annotated[float, Meta(ge=0, le=1.1)]  # bf16 sums end a little above 1
_Above = Annotated[float, Meta(ge=0, le=1e12)]
_Number = Annotated[float, Meta(ge=-1e12, le=1e12)]


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """`run.settings.Settings`, with the ranges of what can be recorded."""

    model: _Place | None
    classifier: _Place | None
    classify: bool
    size: _Side | None
    fit: str | None
    query: Annotated[str, Meta(max_length=100_000)] | None
    layer: _Selection
    head: _Selection
    reduce: str
    threshold: Annotated[float, Meta(gt=0, le=1)]
    upsample: str
    colormap: str
    scale: str | None
    at: str
    precision: str
    device: _Device
    recipe: _Place | None = None  # records of earlier versions say nothing of recipes,
    method: _Name = "attention"  # or of methods
    reference: _Place | None = None


@dataclass(frozen=True, kw_only=True)
class _Model:
    model: _Place
    revision: _Place | None
    digest: _Sha256 | None
    method: _Name
    precision: Literal["fp32", "bf16", "bf16 weights"]
    device: _Device
    versions: dict[_Name, _Name]
    prefix_tokens: list[_Name] = ()  # type: ignore[assignment]


@dataclass(frozen=True)
class _Recipe:
    path: _Place
    sha256: _Sha256
    label: _Text


@dataclass(frozen=True)
class _Normal:
    file: _Name
    sha256: _Sha256


@dataclass(frozen=True)
class Reference:
    """The normal images that a method compared with."""

    folder: _Place
    pictures: Annotated[tuple[_Normal, ...], Meta(min_length=1)]


class _Scale(TypedDict):
    name: Literal["cell", "image", "run", "good"]
    upper: Annotated[float, Meta(ge=-1e12, le=1e12)] | None
    lower: NotRequired[_Number]
    percentile: NotRequired[float]


class _Sign(TypedDict):
    kind: Literal["sink", "border", "prefix"]
    share: _Share
    limit: _Above


class _Map(TypedDict):
    map: _Text
    layers: list[_Index]
    heads: list[_Index]
    prefix_mass: _Share
    entropy_bits: _Above
    peak_times_uniform: _Above
    peak_at_xy: tuple[_At, _At]
    mask_area: _Share
    alarms: list[_Sign]


class _MethodMap(TypedDict):
    map: _Text
    layers: list[_Index]
    heads: list[_Index]
    unit: _Text
    peak: _Number
    peak_at_xy: tuple[_At, _At]
    mean: _Number


class _Label(TypedDict):
    label: _Text
    probability: _Share


class _Prediction(TypedDict):
    model: _Text
    size_yx: tuple[_Side, _Side]
    same_forward_as_maps: bool
    labels: list[_Label]


class _Judged(TypedDict):
    label: _Text
    unit: _Text
    score: _Number
    threshold: _Number | None
    defective: bool | None
    verdict: _Text
    peak: _Number
    peak_at_xy: tuple[_At, _At]
    level: _Number | None
    mask_area: _Share
    shift_patches_yx: tuple[_Number, _Number]
    doubtful: bool


class _Picture(TypedDict):
    path: _Place
    name: Annotated[str, Meta(min_length=1, max_length=255)] | None
    sha256: _Sha256 | None
    status: Literal["done", "failed"]
    error: NotRequired[_Text]
    notes: NotRequired[list[_Text]]
    photo_yx: NotRequired[tuple[_Side, _Side]]
    seen_at_yx: NotRequired[tuple[_Side, _Side]]
    patch_grid_yx: NotRequired[tuple[_Side, _Side]]
    method: NotRequired[_Name]  # these three: of another method than attention
    unit: NotRequired[_Text]
    compared: NotRequired[_Text | None]
    query: NotRequired[_Text | None]
    prediction: NotRequired[_Prediction | None]
    maps: NotRequired[list[dict[str, Any]]]  # of _Map, or of _MethodMap
    recipe: NotRequired[_Judged]
    files: NotRequired[list[_Name]]


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run, or one picture of it."""

    vitmap: _Name
    command: Annotated[list[_Text], Meta(min_length=1)]
    settings: _Settings
    model: _Model
    classifier: _Model | None
    remarks: list[_Text]
    scale: _Scale | None
    pictures: Annotated[list[_Picture], Meta(min_length=1)]
    format: Literal[2] | None = None
    recipe: _Recipe | None = None
    reference: Reference | None = None


def read(path: Path) -> dict[str, Any]:
    """The object of a run.json, its digest checked; of which command, the next step must ask.

    Raises DamagedFile, or InputError for a file that is missing or cannot be read.
    """
    name = str(path)
    try:
        about = read_json(path, KIND, _LIMIT)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: give the run.json of an earlier run.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    sealed = isinstance(about, dict) and ("format" in about or "digest" in about)
    whole = unseal(about, name, KIND, required=sealed)
    if sealed and whole.get("format") != RECORD_FORMAT:
        seen = shown(whole.get("format"))
        raise damaged(name, KIND, f"field format: expected {RECORD_FORMAT}, seen {seen}")
    return whole


def check(about: dict[str, Any], path: Path) -> Record:
    """The record of a run that --replay can do again.

    Raises DamagedFile where a field is missing, of another type, out of its range, or does not fit
    the others.
    """
    record: Record = convert(about, Record, str(path), KIND)
    wrong = (
        _of_settings(record)
        or _of_scale(record.scale)
        or _of_pictures(record.pictures)
        or _of_recipe(record)
        or _of_method(record)
        or (_of_one(record) if "files" in record.pictures[0] else None)
    )
    if wrong is not None:
        raise damaged(path, KIND, wrong)
    shape = _Map if record.settings.method == ATTENTION else _MethodMap
    for number, entry in enumerate(record.pictures):
        convert(entry.get("maps", []), list[shape], str(path), KIND, f"pictures[{number}].maps")  # type: ignore[valid-type]
    return record


def settings_of(record: Record) -> Settings:
    """The run's settings."""
    return Settings(**vars(record.settings))


def _of_settings(record: Record) -> str | None:
    settings = settings_of(record)
    for name, known in CHOICES.items():
        value = getattr(settings, name)
        if value not in known and not (value is None and name in ("fit", "scale")):
            expected = ", ".join(known)
            return f"field settings.{name}: expected one of {expected}, seen {shown(value)}"
    try:
        setting_checks.get("colormap")(settings.colormap)
    except UsageError:  # it names all of them
        seen = shown(settings.colormap)
        return f"field settings.colormap: expected the name of a colormap, seen {seen}"
    try:
        Query.parse(settings.query or "cls")
    except UsageError as error:
        return f"field settings.query: {str(error).rstrip('.')}"
    try:
        settings.check()
    except UsageError as error:
        return f"field settings: {str(error).rstrip('.')}"
    return None


def _of_scale(scale: _Scale | None) -> str | None:
    if scale is None:
        return None
    name, upper, known = scale["name"], scale["upper"], set(scale)
    wanted = {"name", "upper", "lower" if name == "good" else "percentile"}
    if known != wanted:
        odd = sorted(known ^ wanted)[0]
        return f"field scale.{odd}: {'missing' if odd in wanted else 'not known'} for {name}"
    if (upper is None) != (name == "cell"):
        return f"field scale.upper: expected a number, or null for cell, seen {shown(upper)}"
    if upper is not None and upper < scale.get("lower", 0.0):
        return f"field scale.upper: expected at least lower, seen {shown(upper)}"
    if scale.get("percentile", PERCENTILE) != PERCENTILE:
        seen = shown(scale.get("percentile"))
        return f"field scale.percentile: expected {PERCENTILE}, seen {seen}"
    return None


def _of_pictures(pictures: Sequence[_Picture]) -> str | None:
    names: set[str] = set()
    for number, entry in enumerate(pictures):
        at, name = f"field pictures[{number}]", entry["name"]
        if name is not None:
            if not is_safe(name) or "/" in name or name.startswith(".") or name in names:
                return (
                    f"{at}.name: expected the name of a folder that no other picture has, seen "
                    f"{shown(name)}"
                )
            names.add(name)
        if entry["status"] == "failed" and "error" not in entry:
            return f"{at}.error: missing for a picture that failed"
        if name is None and entry["status"] != "failed":
            return f"{at}.name: expected the name of a folder, seen null"
        if entry["status"] == "done" and entry["sha256"] is None:
            return f"{at}.sha256: expected the digest of a picture that was read, seen null"
    if len(pictures) > 1 and any("files" in entry for entry in pictures):
        return "field pictures: a record of several pictures names no files"
    return None


def _of_recipe(record: Record) -> str | None:
    path, recipe = record.settings.recipe, record.recipe
    if path == (recipe.path if recipe else None):
        return None
    return f"field settings.recipe: expected recipe.path, seen {shown(path)}"


def _of_method(record: Record) -> str | None:
    """The method is known, and the normal images stand there where it compares with any."""
    settings, name = record.settings, record.settings.method
    try:
        compares = "reference" in METHODS.get(name).needs
    except UsageError as error:
        return f"field settings.method: {str(error).rstrip('.')}"
    if record.model.method != name:
        return f"field model.method: expected {name}, seen {shown(record.model.method)}"
    if name != ATTENTION and record.recipe is not None:
        return f"field recipe: expected null for the method {name}"
    if compares != (settings.reference is not None):
        wanted = "the folder of the normal images" if compares else "null"
        return (
            f"field settings.reference: expected {wanted} for the method {name}, seen "
            f"{shown(settings.reference)}"
        )
    folder = record.reference.folder if record.reference else None
    if settings.reference != folder:
        return f"field reference.folder: expected settings.reference, seen {shown(folder)}"
    for number, entry in enumerate(record.pictures):
        wrong = _of_method_in(entry, name)
        if wrong is not None:
            return f"field pictures[{number}].{wrong}"
    return None


def _of_method_in(entry: _Picture, method: str) -> str | None:
    for field in ("method", "unit", "compared"):
        if "files" in entry and (field in entry) != (method != ATTENTION):
            return f"{field}: {'not known' if field in entry else 'missing'} for {method}"
    if entry.get("method", method) != method:
        return f"method: expected {method}, seen {shown(entry.get('method'))}"
    if "query" in entry and (entry["query"] is None) != (method != ATTENTION):
        expected = "str" if method == ATTENTION else "null"
        return f"query: expected {expected} for {method}, seen {shown(entry['query'])}"
    return None


def _of_one(record: Record) -> str | None:
    """One picture's own record says on which scale it was drawn: that is the settings' one."""
    wanted = "good" if record.recipe else record.settings.scale
    name = record.scale["name"] if record.scale else None
    if name is None or name != wanted:
        return f"field scale.name: expected {shown(wanted)}, seen {shown(name)}"
    if ("recipe" in record.pictures[0]) != (record.recipe is not None):
        return "field pictures[0].recipe: does not fit the record's recipe"
    return None

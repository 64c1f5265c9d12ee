"""One strict reader of vitmap's own files: types, ranges, finite numbers, bounded depth and size.

A schema is a dataclass, a TypedDict or any type that msgspec knows, with its ranges in the
annotation: `Annotated[float, Meta(ge=0)]`. What does not fit is one DamagedFile that names the
file, the field, what was seen and what was expected.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from vitmap.errors import DamagedFile, VitmapError
from vitmap.files.opener import MIB, read_file
from vitmap.files.place import parts_of

T = TypeVar("T")

DEPTH = 32  # levels of lists and objects: vitmap writes 8 at most
JSON_LIMIT = 256 * MIB
DIGEST = "digest"  # the key under which a JSON object holds the sha256 of all its others

_INTEGERS = 1 << 63  # what lies beyond belongs to no file of vitmap's
_PLACE = re.compile(r" - at (?:the key in )?`\$?(?P<field>[^`]*)`$")
_EXPECTED = re.compile(r"^Expected (?P<expected>.*?)(?:, got (?P<got>`[^`]*`))?$")


def read_json(path: Path, kind: str, limit: int = JSON_LIMIT) -> Any:
    """JSON from a regular file of bounded size and depth, with finite numbers alone.

    `kind` ends the sentence "not …": `a recipe that vitmap rank wrote`.

    Raises DamagedFile, or OSError where the file cannot be read.
    """
    return parse_json(read_file(path, limit), str(path), kind)


def parse_json(content: bytes | str, name: str, kind: str) -> Any:
    """The same of content that was read already; `name` is the file's, for the message."""
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        value = json.loads(text, object_pairs_hook=_each_once)
    except RecursionError:
        raise damaged(name, kind, f"nested deeper than {DEPTH} levels") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError too
        raise damaged(name, kind, f"no JSON ({error})") from error
    _require_plain(value, name, kind)
    return value


def convert(value: Any, schema: type[T] | Any, name: str, kind: str, at: str = "") -> T:
    """A value of the schema's type: "1" is no number, and an unknown field is refused.

    Raises DamagedFile that names the field, what was seen and what was expected.
    """
    try:
        found: T = msgspec.convert(value, schema, strict=True)
    except msgspec.ValidationError as error:
        raise damaged(name, kind, _told(str(error), value, at)) from error
    except (VitmapError, UnicodeError) as error:  # a dataclass refuses a value, msgspec a key
        where = f"field {at}: " if at else ""
        raise damaged(name, kind, f"{where}{str(error).rstrip('.')}") from error
    unknown = _unknown(value, msgspec.to_builtins(found, builtin_types=(bytes,)), at)
    if unknown is not None:
        raise damaged(name, kind, f"field {unknown} is not known")
    return found


def seal(about: Mapping[str, Any]) -> dict[str, Any]:
    """The object with a digest of itself as its last key."""
    return {**about, DIGEST: digest_of(about)}


def unseal(about: Any, name: str, kind: str, *, required: bool = True) -> dict[str, Any]:
    """The object without its digest, once that fits; files from before digests have none.

    Raises DamagedFile where the digest does not fit, or is missing and required.
    """
    if not isinstance(about, dict):
        raise damaged(name, kind, f"expected an object, seen {shown(about)}")
    rest = {key: value for key, value in about.items() if key != DIGEST}
    if DIGEST not in about:
        if required:
            raise damaged(name, kind, f"field {DIGEST} is missing")
        return rest
    if about[DIGEST] != digest_of(rest):
        raise damaged(name, kind, "its digest does not fit: it was changed after it was written")
    return rest


def digest_of(value: Any) -> str:
    """sha256 of a value as JSON, in one order of keys; floats as Python writes them."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def load_tensors(
    content: bytes,
    name: str,
    kind: str,
    expected: Mapping[str, tuple[Any, int]],
    optional: Iterable[str] = (),
) -> dict[str, np.ndarray]:
    """Tensors of a safetensors file: just the expected ones, of their type and axes, all finite.

    `expected` gives each tensor's dtype (or kind: `np.floating`) and its number of axes.

    Raises DamagedFile.
    """
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise damaged(name, kind, f"no safetensors ({error})") from error
    missing = sorted(set(expected) - set(optional) - set(tensors))
    if missing:
        raise damaged(name, kind, f"tensor {missing[0]} is missing")
    for tensor, values in tensors.items():
        if tensor not in expected:
            raise damaged(name, kind, f"tensor {tensor!r:.60} is not known")
        dtype, axes = expected[tensor]
        if not np.issubdtype(values.dtype, dtype) or values.ndim != axes:
            wanted = getattr(dtype, "__name__", str(dtype))
            raise damaged(
                name,
                kind,
                f"tensor {tensor}: expected {wanted} with {axes} axes, seen {values.dtype} with "
                f"{values.ndim}",
            )
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise damaged(
                name, kind, f"tensor {tensor}: expected finite numbers, seen NaN or infinity"
            )
    return tensors


def relative_name(value: str) -> str:
    """For schemas: a name that leads nowhere but below its folder."""
    parts_of(value)
    return value


def damaged(name: str | Path, kind: str, what: str) -> DamagedFile:
    """The error: `recipe.json: field scale[0]: expected float, seen "x": not a recipe that …`."""
    return DamagedFile(f"{name}: {what}: not {kind}.")


def shown(value: Any) -> str:
    """A value as a message shows it, never longer than a line."""
    try:
        text = json.dumps(value, ensure_ascii=True)
    except (TypeError, ValueError, RecursionError):
        text = repr(type(value).__name__)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands there twice")
    return found


def _require_plain(value: Any, name: str, kind: str) -> None:
    """Raises DamagedFile for numbers that are not finite or too large, and for too deep a nest."""
    waiting: list[tuple[str, Any, int]] = [("", value, 1)]
    while waiting:
        at, item, depth = waiting.pop()
        if isinstance(item, dict | list):
            if depth > DEPTH:
                raise damaged(name, kind, f"nested deeper than {DEPTH} levels")
            inner = item.items() if isinstance(item, dict) else enumerate(item)
            for key, child in inner:
                if isinstance(child, dict | list):
                    step = f"[{key}]" if isinstance(item, list) else f".{key}"
                    waiting.append((f"{at}{step}", child, depth + 1))
                elif isinstance(child, int | float) and not _is_plain(child):
                    step = f"[{key}]" if isinstance(item, list) else f".{key}"
                    field = f"{at}{step}".removeprefix(".")
                    raise damaged(
                        name, kind, f"field {field}: expected a finite number, seen {shown(child)}"
                    )
        elif isinstance(item, int | float) and not _is_plain(item):
            raise damaged(name, kind, f"expected a finite number, seen {shown(item)}")


def _is_plain(number: float) -> bool:
    if isinstance(number, float):
        return math.isfinite(number)
    return -_INTEGERS <= number < _INTEGERS


def _unknown(value: Any, known: Any, at: str) -> str | None:
    """The first field that the schema does not have: a name with one wrong letter is no default."""
    if isinstance(value, dict) and isinstance(known, dict):
        for key, child in value.items():
            if key not in known:
                return f"{at}.{key}".removeprefix(".")
            if (found := _unknown(child, known[key], f"{at}.{key}")) is not None:
                return found
    elif isinstance(value, list) and isinstance(known, list | tuple):
        for number, (child, other) in enumerate(zip(value, known, strict=False)):
            if (found := _unknown(child, other, f"{at}[{number}]")) is not None:
                return found
    return None


def _told(message: str, value: Any, at: str) -> str:
    """msgspec's sentence in vitmap's words, with what was seen."""
    place = _PLACE.search(message)
    path = place["field"] if place else ""
    said = message[: place.start()] if place else message
    field = f"{at}{path}".removeprefix(".")
    expected = _EXPECTED.match(said)
    where = f"field {field}: " if field else ""
    if expected is None:  # a missing or unknown field names itself
        return f"{where}{said[:1].lower()}{said[1:]}".replace("`", "")
    seen = _seen(value, path)
    return f"{where}expected {expected['expected']}, seen {seen}".replace("`", "")


def _seen(value: Any, path: str) -> str:
    for step in re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", path):
        try:
            value = value[step[0]] if step[0] else value[int(step[1])]
        except (KeyError, IndexError, TypeError, ValueError):
            return "something else"
    return shown(value)

"""Damage to a file: a field of its JSON, a number of its tensors, a cell of a table, a bit."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.faults.tensors import ENTRY, joined, sealed_entry, split
from vitmap.files.checked import DIGEST, digest_of, seal

_DEEP = "vitmap bench: a deep list"  # becomes one in the text: json writes none of that depth
_LEVELS = 60_000
PLAIN, RESEALED, OLD = "", "resealed, ", "in the old format, "
_DRESSES = (PLAIN, PLAIN, RESEALED, RESEALED, OLD)  # a digest fits no more, or fits, or is none
_HOSTILE = 0.25  # of the damage to fields is a name that leads elsewhere

Way = list[str | int]  # the keys that lead to a field


class Chance(random.Random):
    """Draws that a seed brings about again; `outside` is where hostile names and links lead."""

    def __init__(self, seed: str, outside: Path) -> None:
        super().__init__(seed)
        self.outside = outside


@dataclass(frozen=True)
class Damage:
    """What was done to a file.

    `firm` damage has no meaning: whoever reads the file must refuse it, or do without it. Other
    damage may be a legitimate setting of another run, whose results count for nothing here.
    """

    what: str
    firm: bool


def spoil(path: Path, folder: Path, chance: Chance) -> Damage:
    """Damage a file in one way; `folder` holds the files that tell its digest."""
    kinds = _SPECIAL if chance.random() < 0.08 else _RAW if chance.random() < 0.35 else None
    if kinds is not None:
        name = chance.choice(sorted(kinds))
        return kinds[name](path, chance)
    dress = chance.choice(_DRESSES)
    before = path.read_bytes()
    if path.suffix == ".safetensors":
        damage = _in_tensors(path, chance, dress)
    elif path.suffix == ".csv":
        return _in_table(path, chance)
    else:
        damage = _in_json(path, chance, dress)
    if dress != PLAIN:
        reseal(folder, before, path.read_bytes())
    return damage


def hostile_names(outside: Path) -> list[str]:
    """Names that lead out of the folder that they are joined to."""
    return [
        *(f"{'../' * depth}outside/victim" for depth in (1, 2, 3, 4, 5)),
        *(f"a/{'../' * depth}outside/victim.png" for depth in (2, 3, 4)),
        str(outside / "victim"),
        f"{outside}/",
        "..",
        ".",
        "",
        "a\0b",
        "../" * 40 + "etc/passwd",
        "C:\\victim",
        "..\\..\\victim",
        "//server/share",
    ]


def reseal(folder: Path, before: bytes, after: bytes) -> None:
    """As a tamperer would: digests of the file in others are those of its new content, and each of
    these fits again."""
    old, new = (hashlib.sha256(content).hexdigest() for content in (before, after))
    for path in sorted(folder.rglob("*.json*")):
        if path.is_symlink() or not path.is_file():
            continue
        text = path.read_text("utf-8", "surrogateescape")
        if old not in text:
            continue
        text = text.replace(old, new)
        if path.suffix == ".jsonl":
            lines = [_line(_sealed(json.loads(line))) for line in text.splitlines()]
            path.write_text("".join(lines), "utf-8", "surrogateescape")
        else:
            path.write_text(_text(_sealed(json.loads(text))), "utf-8", "surrogateescape")


def _sealed(about: Any) -> Any:
    """The object with a digest that fits, where it had one."""
    if isinstance(about, dict) and DIGEST in about:
        return seal(_without(about, DIGEST))
    return about


def _without(about: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in about.items() if key not in keys}


def as_old(about: dict[str, Any]) -> dict[str, Any]:
    """The object as versions before digests wrote it; such files are read to this day."""
    if "vitmap_recipe" in about:
        return {
            **_without(about, "weights", "method"),
            "vitmap_recipe": 1,
            DIGEST: about["weights"],
        }
    if "tensors" in about:  # the entry of a row
        return dict(about["row"])
    return _without(about, "format", DIGEST)


def _in_json(path: Path, chance: Chance, dress: str) -> Damage:
    lines = path.suffix == ".jsonl"
    texts = (
        path.read_text("utf-8").splitlines(keepends=True) if lines else [path.read_text("utf-8")]
    )
    number = chance.randrange(len(texts))
    about = json.loads(texts[number])
    was_sealed = isinstance(about, dict) and about.get(DIGEST) == digest_of(_without(about, DIGEST))
    dress = dress if was_sealed else PLAIN
    about, what, firm = spoil_value(
        as_old(about) if dress == OLD else about, chance, dress != PLAIN
    )
    about = _sealed(about) if dress == RESEALED else about
    texts[number] = _line(about) if lines else _text(about)
    path.write_text("".join(texts), "utf-8", "surrogateescape")
    where = f"line {number + 1}, " if lines else ""
    return Damage(f"{dress}{where}{what}", firm)


def spoil_value(about: Any, chance: Chance, resealed: bool) -> tuple[Any, str, bool]:
    """A copy with one field damaged, what was done, and whether no reader may take it."""
    about = copy.deepcopy(about)
    ways = [way for way in _ways(about) if way != [DIGEST] or not resealed]
    hostile = chance.random() < _HOSTILE
    if hostile:
        ways = [way for way in ways if isinstance(_at(about, way), str | dict)] or ways
    way = chance.choice(ways)
    value = _at(about, way)
    choices = [name for name, (fits, _, _) in _FAULTS.items() if fits(value)]
    if hostile:
        choices = [name for name in choices if "hostile" in name] or choices
    name = chance.choice(choices)
    _, change, firm = _FAULTS[name]
    field = ".".join(map(str, way))
    if name == "missing":
        del _at(about, way[:-1])[way[-1]]
        return about, f"{field} is missing", not resealed
    changed = change(value, chance)
    _at(about, way[:-1])[way[-1]] = changed
    firm = firm or not resealed
    return about, f"{field} = {name} ({_short(value)} → {_short(changed)})", firm


def _ways(value: Any, before: Way | None = None) -> list[Way]:
    """Every field, those inside others too; of long lists the first few."""
    before = before or []
    pairs = value.items() if isinstance(value, dict) else enumerate(value[:4])
    found: list[Way] = []
    for key, child in pairs:
        found.append([*before, key])
        if isinstance(child, dict | list):
            found += _ways(child, [*before, key])
    return found


def _at(value: Any, way: Way) -> Any:
    for key in way:
        value = value[key]
    return value


def _other_type(value: Any, chance: Chance) -> Any:
    if isinstance(value, bool):
        return chance.choice(["yes", 2.5, []])
    if isinstance(value, int | float):
        return chance.choice([str(value), [value], {"value": value}])
    if isinstance(value, str):
        return chance.choice([7, 2.5, [value], {"name": value}, True])
    if isinstance(value, list):
        return chance.choice([{}, "list", 3, {str(i): v for i, v in enumerate(value)}])
    if isinstance(value, dict):
        return chance.choice([[], "object", 3, list(value.items())])
    return chance.choice([[], {}, [None]])  # for null, which may well be a number or a name


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _huge(value: Any, chance: Chance) -> Any:
    if isinstance(value, int):
        return chance.choice([2**31, 2**63, 10**30])
    return chance.choice([1e300, 3.5e38])


Fits = Callable[[Any], bool]
Change = Callable[[Any, Chance], Any]

# Name → which values it fits, what it makes of them, and whether no reader may take it even from a
# file whose digest fits.
_FAULTS: dict[str, tuple[Fits, Change, bool]] = {
    "null": (lambda v: v is not None, lambda _, __: None, False),
    "another type": (lambda _: True, _other_type, True),
    "NaN": (lambda v: v is None or _number(v), lambda _, __: math.nan, True),
    "infinity": (
        lambda v: v is None or _number(v),
        lambda _, c: c.choice([math.inf, -math.inf]),
        True,
    ),
    "a deep list": (lambda _: True, lambda _, __: _DEEP, True),
    "negative": (_number, lambda v, _: -abs(v) - 1, False),
    "huge": (_number, _huge, False),
    "long": (lambda v: isinstance(v, str), lambda v, _: v + 100_000 * "x", False),
    "empty": (
        lambda v: isinstance(v, str | list | dict) and bool(v),
        lambda v, _: type(v)(),
        False,
    ),
    "hostile": (
        lambda v: isinstance(v, str),
        lambda _, c: c.choice(hostile_names(c.outside)),
        False,
    ),
    "hostile key": (
        lambda v: isinstance(v, dict) and bool(v),
        lambda v, c: {c.choice(hostile_names(c.outside)): next(iter(v.values())), **v},
        False,
    ),
    "one more": (lambda v: isinstance(v, dict), lambda v, _: {**v, "extra": 1}, False),
    "missing": (lambda _: True, lambda _, __: None, False),
}


def _in_tensors(path: Path, chance: Chance, dress: str) -> Damage:
    """Damage to a number of a tensor, a field of the header, or one of the JSON within it."""
    header, data = split(path.read_bytes())
    notes = header.get("__metadata__", {})
    about = json.loads(notes[ENTRY]) if ENTRY in notes else None
    if dress == OLD:
        about = as_old(about) if about is not None else None
    where = chance.choice(("number", "number", "header", "entry"))
    if where == "entry" and about is not None:
        about, what, firm = spoil_value(about, chance, dress != PLAIN)
    elif where == "number":
        name = chance.choice([name for name in header if name != "__metadata__"])
        fault = _spoil_number(data, header[name], chance)
        # Not measured is NaN in a row.
        never = fault in ("infinity", "-infinity") or (fault == "NaN" and name != "measures")
        what, firm = f"tensor {name} = {fault}", never or dress == PLAIN
    else:
        # A header may say more than is read: what is said of it elsewhere fits all the same.
        header, what, firm = spoil_value(header, chance, dress != PLAIN)
    if dress == RESEALED and about is not None:
        about = sealed_entry(about, header, data, notes[ENTRY], path.read_bytes())
    if about is not None and isinstance(header.get("__metadata__"), dict):
        header["__metadata__"][ENTRY] = _deep(json.dumps(about, sort_keys=True))
    path.write_bytes(joined(header, data, _deep))
    return Damage(f"{dress}{what}", firm)


_FLOATS = {"F64": "<d", "F32": "<f", "F16": "<e"}


def _spoil_number(data: bytearray, about: dict[str, Any], chance: Chance) -> str:
    start, end = about["data_offsets"]
    form = _FLOATS.get(about["dtype"])
    if form is None or start == end:
        if start < end:
            data[chance.randrange(start, end)] ^= 1 << chance.randrange(8)
        return "another bit"
    size = struct.calcsize(form)
    at = start + size * chance.randrange((end - start) // size)
    fault = chance.choice(("NaN", "infinity", "-infinity", "negative", "huge"))
    value = {"negative": -3.0, "huge": 60000.0}.get(fault)
    struct.pack_into(form, data, at, float(fault) if value is None else value)
    return fault


def _in_table(path: Path, chance: Chance) -> Damage:
    """Damage to a cell of a table, which people may write by hand: a number is one like others."""
    text = path.read_text("utf-8-sig")
    lines = [line.split(",") for line in text.splitlines()]
    row = chance.randrange(len(lines))
    column = chance.randrange(len(lines[row]))
    cell = chance.choice(["", "x", "nan", "inf", "-inf", "1e999", 5000 * "[", "null", '"', "1,2"])
    was, lines[row][column] = lines[row][column], cell
    path.write_text("".join(",".join(line) + "\n" for line in lines), "utf-8")
    names = "rows" in path.name and row > 0 and column > 0
    return Damage(f"line {row + 1}, cell {column + 1} = {_short(cell)} ({was})", not names)


def _flip(path: Path, chance: Chance) -> Damage:
    content = bytearray(path.read_bytes())
    at, bit = chance.randrange(len(content)), chance.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    # Tables may be written by hand: they hold no digest that a flipped digit would not fit.
    return Damage(f"bit {bit} of byte {at} flipped", path.suffix != ".csv")


def _cut(path: Path, chance: Chance) -> Damage:
    content = path.read_bytes()
    length = chance.randrange(len(content))
    path.write_bytes(content[:length])
    return Damage(f"cut off after byte {length} of {len(content)}", path.suffix != ".csv")


def _more(path: Path, chance: Chance) -> Damage:
    with path.open("ab") as file:
        file.write(chance.choice([b"\0" * 64, b"{}", b"[" * 9000, b"\xff\xfe", b'"}\n']))
    return Damage("something more at the end", path.suffix != ".csv")


def _zeros(path: Path, chance: Chance) -> Damage:
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    content[at : at + 32] = bytes(len(content[at : at + 32]))
    path.write_bytes(content)
    return Damage(f"zeros from byte {at}", path.suffix != ".csv")


def _replaced(
    what: str, make: Callable[[Path, Chance], object]
) -> Callable[[Path, Chance], Damage]:
    def replace(path: Path, chance: Chance) -> Damage:
        path.unlink()
        make(path, chance)
        return Damage(f"{what} in its place", True)

    return replace


def _gone(path: Path, _: Chance) -> Damage:
    path.unlink()
    # SOART tables may come without settings and names: then what they would tell is not checked.
    return Damage("nothing in its place", "settings" not in path.name and "rows" not in path.name)


_RAW = {"flip": _flip, "flip too": _flip, "flip again": _flip, "cut": _cut, "more": _more}
_RAW |= {"zeros": _zeros}
_SPECIAL = {
    "empty": _replaced("an empty file", lambda path, _: path.write_bytes(b"")),
    "pipe": _replaced("a named pipe", lambda path, _: os.mkfifo(path)),
    "folder": _replaced("a folder", lambda path, _: path.mkdir()),
    "loop": _replaced("a link to itself", lambda path, _: path.symlink_to(path.name)),
    "device": _replaced("a link to /dev/zero", lambda path, _: path.symlink_to("/dev/zero")),
    "victim": _replaced(
        "a link to a victim", lambda path, chance: path.symlink_to(chance.outside / "victim")
    ),
    "gone": _gone,
}


def _deep(text: str) -> str:
    for quoted in (json.dumps(_DEEP), json.dumps(json.dumps(_DEEP))[1:-1]):
        text = text.replace(quoted, "[" * _LEVELS + "]" * _LEVELS)
    return text


def _line(about: Any) -> str:
    return _deep(json.dumps(about)) + "\n"


def _text(about: Any) -> str:
    return _deep(json.dumps(about, indent=1, ensure_ascii=False)) + "\n"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 50 else f"{text[:47]}…"


def files_in(folder: Path, pattern: str) -> Iterator[Path]:
    """The regular files of a folder that a pattern names, sorted."""
    return (path for path in sorted(folder.glob(pattern)) if path.is_file())

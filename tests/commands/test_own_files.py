"""Files of vitmap's own that come back changed: each field by what it cannot be, each bit flipped.

The changed files are sealed anew, so that types, ranges and what fits what are tested, and not the
digest alone; flipped bits are what the digest is for.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.numpy import load, save

from own_files import DIGEST, HEAT, distances, maps, recipe
from vitmap.errors import DamagedFile, InputError, UsageError
from vitmap.files.checked import seal
from vitmap.formats import raw16
from vitmap.formats.maps_file import digest_of_maps
from vitmap.formats.raw16 import read_raw16, write_raw16
from vitmap.formats.tensors import read_maps, write_maps
from vitmap.rank.candidates import RAW
from vitmap.rank.recipe import read_recipe, write_recipe
from vitmap.runs.record import Replay, read_record

NESTED: Any = json.loads("[" * 20 + "]" * 20)
BAD: dict[str, Any] = {
    "null": None,
    "text": "x\0y",
    "object": {"a": [1]},
    "list": NESTED,
    "true": True,
    "NaN": float("nan"),
    "infinity": -float("inf"),
    "negative": -1,
    "fraction": 0.5,
    "huge": 10**15,
    "beyond": 1e300,
}
At = tuple[str | int, ...]


ABOUT = {
    "model": "owner/a-model",
    "revision": None,
    "digest": DIGEST,
    "method": "attention",
    "precision": "fp32",
    "device": "cpu",
    "versions": {"torch": "2.14.1"},
}
ENTRY = {"path": "/lot/cat.png", "name": "cat", "sha256": DIGEST, "status": "done"}
LOST = {
    "path": "/lot/none.png",
    "name": None,
    "sha256": None,
    "status": "failed",
    "error": "/lot/none.png: no such file.",
}
JUDGED = {
    "label": "L8 H1",
    "unit": "× uniform attention",
    "score": 1.0,
    "threshold": 2.0,
    "defective": False,
    "verdict": "passes as good",
    "peak": 3.0,
    "peak_at_xy": [3, 4],
    "level": 2.0,
    "mask_area": 0.1,
    "shift_patches_yx": [0.0, 0.5],
    "doubtful": False,
}
CELL = {
    "map": "L11 H0",
    "layers": [11],
    "heads": [0],
    "prefix_mass": 0.1,
    "entropy_bits": 5.0,
    "peak_times_uniform": 9.0,
    "peak_at_xy": [3, 4],
    "mask_area": 0.2,
    "alarms": [{"kind": "sink", "share": 0.3, "limit": 0.2}],
}
PREDICTION = {
    "model": "owner/a-classifier",
    "size_yx": [224, 224],
    "same_forward_as_maps": False,
    "labels": [{"label": "cat", "probability": 0.9}],
}
ONE = {
    **ENTRY,
    "notes": ["16 bits"],
    "photo_yx": [40, 60],
    "seen_at_yx": [32, 48],
    "patch_grid_yx": [4, 6],
    "query": "CLS token",
    "prediction": PREDICTION,
    "maps": [CELL],
    "files": ["heads.png", "run.json"],
}
FAR = {
    "map": "L11",
    "layers": [11],
    "heads": [],
    "unit": "cosine distance to the nearest reference patch",
    "peak": 0.4,
    "peak_at_xy": [3, 4],
    "mean": 0.1,
}
COMPARED = {
    **ONE,
    "method": "distance",
    "unit": "cosine distance to the nearest reference patch",
    "compared": "compared with 2 reference images",
    "query": None,
    "maps": [FAR],
    "files": ["maps.png", "run.json"],
}
NORMAL = {
    "folder": "/lot/good",
    "pictures": [{"file": f"{name}.png", "sha256": DIGEST} for name in "ab"],
}
PLACE = "/recipes/recipe.json"
RUN = {"name": "run", "upper": 7.5, "percentile": 99.5}
GOOD = {"name": "good", "lower": 0.5, "upper": 2.0}


def record(kind: str) -> dict[str, Any]:
    """A run.json of a whole run, of one picture, of one that a recipe judged, or of distances."""
    led = kind == "judged"
    if kind == "distance":
        about = record("one")
        about["settings"] |= {"method": "distance", "reference": NORMAL["folder"], "query": None}
        model = {**about["model"], "method": "distance"}
        return {**about, "model": model, "pictures": [COMPARED], "reference": NORMAL}
    return {
        "vitmap": "0.1.0",
        "format": 2,
        "command": ["vitmap", "cat.png", "dog.png"],
        "settings": {
            "model": "owner/a-model",
            "classifier": None,
            "classify": True,
            "size": 32,
            "fit": "keep",
            "query": "cls",
            "layer": "-1",
            "head": "all",
            "reduce": "none",
            "threshold": 0.6,
            "upsample": "nearest",
            "colormap": "viridis",
            "scale": None if led else "run",
            "at": "photo",
            "precision": "fp32",
            "device": "auto",
            "recipe": PLACE if led else None,
            "method": "attention",
            "reference": None,
        },
        "model": {**ABOUT, "prefix_tokens": ["CLS"]},
        "classifier": ABOUT,
        "recipe": {"path": PLACE, "sha256": DIGEST, "label": "L8 H1"} if led else None,
        "remarks": ["No label."],
        "scale": GOOD if led else RUN,
        "pictures": {
            "run": [ENTRY, LOST],
            "one": [ONE],
            "judged": [{**ONE, "recipe": JUDGED}],
        }[kind],
    }


@dataclass(frozen=True)
class Own:
    """A kind of file: what it says, how it is written so, and how it is read."""

    about: dict[str, Any]
    write: Callable[[Path, dict[str, Any]], None]
    read: Callable[[Path], Any]
    name: str


def without(about: dict[str, Any], key: str = "digest") -> dict[str, Any]:
    return {name: value for name, value in about.items() if name != key}


def write_object(path: Path, about: dict[str, Any]) -> None:
    path.write_text(json.dumps(seal(without(about)), ensure_ascii=False), encoding="utf-8")


def recipe_about(folder: Path) -> dict[str, Any]:
    write_recipe(recipe(), folder)
    return json.loads((folder / "recipe.json").read_text("utf-8"))


def write_the_recipe(path: Path, about: dict[str, Any]) -> None:
    write_recipe(recipe(), path.parent)  # the tensors beside it
    write_object(path, about)


def write_the_maps(path: Path, about: dict[str, Any]) -> None:
    write_a_stack(path, about, {"values": maps().values, "prefix": maps().prefix})


def write_the_distances(path: Path, about: dict[str, Any]) -> None:
    write_a_stack(path, about, {"values": distances().values})


def write_a_stack(path: Path, about: dict[str, Any], stack: dict[str, np.ndarray]) -> None:
    about = without(about)
    try:
        about["digest"] = digest_of_maps(about, stack)
    except ValueError:
        about["digest"] = DIGEST
    path.write_bytes(save(stack, metadata={"vitmap": json.dumps(about)}))


def maps_about(folder: Path, found: Any = None) -> dict[str, Any]:
    write_maps(folder / "m.safetensors", found or maps())
    return said_by((folder / "m.safetensors").read_bytes())


def said_by(content: bytes) -> dict[str, Any]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["vitmap"])


def write_the_heat(path: Path, about: dict[str, Any]) -> None:
    levels = np.rint(HEAT / 0.01).astype(np.uint16)
    text = PngInfo()
    about = without(about)
    text.add_text("vitmap", json.dumps({**about, "digest": raw16._digest(about, levels)}))
    Image.fromarray(levels).save(path, "PNG", pnginfo=text)


# What a field may be besides what it is, by patterns of its name.
NUMBER, TEXT, SHARE = "negative fraction", "text", "fraction"
RECORD = {
    "vitmap": TEXT,
    "command.0": TEXT,
    "*.label": TEXT,
    "remarks.0": TEXT,
    "settings.model": "null",
    "settings.classifier": "null",
    "settings.classify": "true",
    "settings.size": "null",
    "settings.fit": "null",
    "settings.query": "null",
    "settings.threshold": SHARE,
    "classifier": "null",
    "model.digest": "null",
    "classifier.digest": "null",
    "*.revision": "null",
    "classifier.method": TEXT,
    "*.versions.torch": TEXT,
    "model.prefix_tokens.0": TEXT,
    "scale.upper": SHARE,
}
ONE_FREE = {
    **RECORD,
    "pictures.0.notes.0": TEXT,
    "pictures.0.query": TEXT,
    "pictures.0.prediction": "null",
    "pictures.0.prediction.*": "text fraction true",
    "pictures.0.maps.0.*": "text fraction",
    "pictures.0.files.0": TEXT,
}
FREE: dict[str, dict[str, str]] = {
    "recipe": {
        "label": TEXT,
        "unit": TEXT,
        "revision": "null",
        "size": "null",
        "fit": "null",
        "head": "null",
        "level": NUMBER,
        "weights": "null",
        "scale.0": NUMBER,
        "alarm.threshold": NUMBER,
        "alarm.high": SHARE,
        "golden.placed": "true",
        "evidence.*": f"{TEXT} {NUMBER} null",
    },
    "run": {**RECORD, "scale": "null", "settings.scale": "null", "pictures.0.error": TEXT},
    "one": ONE_FREE,
    "judged": {
        **ONE_FREE,
        "scale.lower": NUMBER,
        "pictures.0.recipe.*": f"{TEXT} {NUMBER} null true",
    },
    "distance": {
        **ONE_FREE,
        "reference.pictures.0.file": TEXT,
        "pictures.0.unit": TEXT,
        "pictures.0.compared": f"{TEXT} null",
        "pictures.0.query": "null",
        "pictures.0.maps.0.*": f"{TEXT} {NUMBER}",
    },
    "distances": {
        "unit": TEXT,
        "signed": "true",
        "source.model": TEXT,
        "source.device": TEXT,
        "source.versions.*": TEXT,
        "source.revision": "null text",
        "source.digest": "null",
        "source.photo": "null",
    },
    "maps": {
        "query.points.0.?": SHARE,
        "source.*": TEXT,
        "source.revision": "null text",
        "source.digest": "null",
        "source.photo": "null",
    },
    "raw16": {"low": NUMBER, "unit": TEXT},
}
KINDS = list(FREE)


def own(kind: str, folder: Path) -> Own:
    about: dict[str, Any]
    if kind == "recipe":
        return Own(without(recipe_about(folder)), write_the_recipe, read_recipe, "recipe.json")
    if kind == "maps":
        return Own(without(maps_about(folder)), write_the_maps, read_maps, "maps.safetensors")
    if kind == "distances":
        about = without(maps_about(folder, distances()))
        return Own(about, write_the_distances, read_maps, "maps.safetensors")
    if kind == "raw16":
        about = {"low": 0.0, "step": 0.01, "unit": "x", "format": 2}
        return Own(about, write_the_heat, read_raw16, "heat.png")
    return Own(record(kind), write_object, read_record, "run.json")


def places(value: Any, at: At = ()) -> Iterator[At]:
    """Every field, and the first item of every list."""
    if at:
        yield at
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*at, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*at, 0))


def changed(about: dict[str, Any], at: At, value: Any) -> dict[str, Any]:
    about = copy.deepcopy(about)
    place: Any = about
    for step in at[:-1]:
        place = place[step]
    place[at[-1]] = value
    return about


def named(at: At) -> str:
    return ".".join(str(step) for step in at)


def may_be(kind: str, at: At, bad: str) -> bool:
    """Whether a changed field leaves a file that could have been written so."""
    patterns = FREE[kind].items()
    return any(fnmatch(named(at), name) and bad in what.split() for name, what in patterns)


def refusal(read: Callable[[Path], Any], path: Path) -> str | None:
    """What a reader says of a file; None where it reads it."""
    try:
        read(path)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", BAD)
def test_no_field_is_believed(kind: str, bad: str, tmp_path: Path) -> None:
    one = own(kind, tmp_path)
    path = tmp_path / one.name
    refused = 0
    for at in places(one.about):
        if changed(one.about, at, BAD[bad]) == one.about and bad == "null":
            continue
        one.write(path, changed(one.about, at, BAD[bad]))
        said = refusal(one.read, path)
        if said is None:
            assert may_be(kind, at, bad), f"{named(at)} as {bad} was read"
            continue
        assert str(path) in said, said
        assert "\n" not in said, said
        assert len(said) < 500 + len(str(tmp_path)), said
        assert any(str(step) in said for step in at), (named(at), said)
        refused += 1
    assert refused > len(list(places(one.about))) / 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_is_missing_or_new_is_named(kind: str, tmp_path: Path) -> None:
    one = own(kind, tmp_path)
    path = tmp_path / one.name
    for at in places(one.about):
        if isinstance(at[-1], int):
            continue
        about = copy.deepcopy(one.about)
        place: Any = about
        for step in at[:-1]:
            place = place[step]
        place[f"{at[-1]}x"] = place[at[-1]]
        one.write(path, about)
        if at[-2:-1] in (("versions",), ("pictures",), ("baselines",), ("against_baselines",)):
            one.read(path)  # names that are anybody's
            continue
        with pytest.raises(InputError, match=rf"{at[-1]}"):
            one.read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_changed_is_read(kind: str, tmp_path: Path) -> None:
    one = own(kind, tmp_path)
    one.write(tmp_path / one.name, one.about)
    assert one.read(tmp_path / one.name) is not None


def state(kind: str, found: Any) -> Any:
    """What was read, so that two readings can be compared."""
    if kind == "recipe":
        golden = found.golden
        arrays = [golden.mean, golden.squares, golden.seen, found.reference]
        rest = replace(found, golden=None, reference=None)
        return vars(rest), golden.count, [array.tobytes() for array in arrays]
    if kind == "maps":
        rest = {name: value for name, value in vars(found).items() if name not in ARRAYS}
        return rest, *(getattr(found, name).tobytes() for name in ARRAYS)
    if kind == "distances":
        return {**vars(found), "values": found.values.tobytes()}
    return found.tobytes() if kind == "raw16" else found


ARRAYS = ("values", "prefix")


def as_written(kind: str, folder: Path) -> tuple[Path, list[Path]]:
    """A file as vitmap itself writes it, and all that belong to it."""
    one = own(kind, folder)
    path = folder / one.name
    if kind == "recipe":
        return path, [path, folder / "recipe.safetensors"]
    if kind == "maps":
        write_maps(path, maps())
    elif kind == "distances":
        write_maps(path, distances())
    elif kind == "raw16":
        write_raw16(path, HEAT, "x")
    else:
        one.write(path, one.about)
    return path, [path]


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_gives_something_else(kind: str, tmp_path: Path) -> None:
    path, files = as_written(kind, tmp_path)
    read = own(kind, tmp_path).read
    path, files = as_written(kind, tmp_path)
    good = state(kind, read(path))
    chance, refused = random.Random(7), 0
    for file in files:
        content = file.read_bytes()
        bits = 8 * len(content)
        first = range(0, min(bits, 8 * 300), 11)  # the header, where every bit means something
        for bit in {*first, *chance.sample(range(bits), min(bits, 200))}:
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            file.write_bytes(flipped)
            found = good
            try:
                found = state(kind, read(path))
            except InputError:
                refused += 1
            assert found == good, f"bit {bit} of {file.name}"
        file.write_bytes(content)
    assert refused > 200
    assert state(kind, read(path)) == good


# Files of versions from before digests.


def old_recipe(folder: Path) -> Path:
    about = recipe_about(folder)
    about |= {"vitmap_recipe": 1, "digest": about["weights"]}
    (folder / "recipe.json").write_text(
        json.dumps(without(without(about, "weights"), "method")), encoding="utf-8"
    )
    return folder / "recipe.json"


def old_record(kind: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "run.json").write_text(json.dumps(without(record(kind), "format")))
        return folder / "run.json"

    return write


def old_maps(folder: Path) -> Path:
    about = without(without(maps_about(folder)), "format")
    stack = {name: getattr(maps(), name) for name in ARRAYS}
    path = folder / "maps.safetensors"
    path.write_bytes(save(stack, metadata={"vitmap": json.dumps(about)}))
    return path


def old_raw16(folder: Path) -> Path:
    text = PngInfo()
    text.add_text("vitmap", json.dumps({"low": 0.0, "step": 0.01, "unit": "x"}))
    levels = np.rint(HEAT / 0.01).astype(np.uint16)
    Image.fromarray(levels).save(folder / "heat.png", "PNG", pnginfo=text)
    return folder / "heat.png"


def second_recipe(folder: Path) -> Path:
    about = without(recipe_about(folder), "method") | {"vitmap_recipe": 2}
    write_object(folder / "recipe.json", about)
    return folder / "recipe.json"


@pytest.mark.parametrize("write", [second_recipe, old_recipe])
def test_recipes_from_before_methods_read_attention(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    assert read_recipe(write(tmp_path)).method == "attention"
    about = json.loads((tmp_path / "recipe.json").read_text("utf-8"))
    write_object(tmp_path / "recipe.json", {**about, "method": "attention", "vitmap_recipe": 2})
    with pytest.raises(DamagedFile, match=r"recipe\.json: .*(method|weights)"):
        read_recipe(tmp_path)


def test_distances_without_a_seal_are_none(tmp_path: Path) -> None:
    for gone in ("digest", "format"):
        about = without(maps_about(tmp_path, distances()), gone)
        content = save({"values": distances().values}, metadata={"vitmap": json.dumps(about)})
        (tmp_path / "maps.safetensors").write_bytes(content)
        with pytest.raises(DamagedFile, match=f"field {gone}|missing required field {gone}"):
            read_maps(tmp_path / "maps.safetensors")


OLD: dict[str, Callable[[Path], Path]] = {
    "recipe": old_recipe,
    "run": old_record("run"),
    "one": old_record("one"),
    "judged": old_record("judged"),
    "maps": old_maps,
    "raw16": old_raw16,
}


@pytest.mark.parametrize("kind", OLD)
def test_files_from_before_digests_are_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "old").mkdir()
    new, _ = as_written(kind, tmp_path / "new")
    read = own(kind, tmp_path).read
    before, after = read(OLD[kind](tmp_path / "old")), read(new)
    if isinstance(before, Replay):
        before, after = replace(before, out=Path()), replace(after, out=Path())
    assert state(kind, before) == state(kind, after)


def test_a_record_from_before_recipes_is_read(tmp_path: Path) -> None:
    about = without(without(record("one"), "format"), "recipe")
    del about["settings"]["recipe"]
    (tmp_path / "run.json").write_text(json.dumps(about))
    assert read_record(tmp_path / "run.json").settings.recipe is None


@pytest.mark.parametrize("kind", ["run", "one", "judged"])
@pytest.mark.parametrize("gone", ["digest", "format"])
def test_a_record_that_lost_its_seal_is_not_an_old_one(
    kind: str, gone: str, tmp_path: Path
) -> None:
    whole = seal(record(kind))
    (tmp_path / "run.json").write_text(json.dumps(without(whole, gone)))
    with pytest.raises(DamagedFile, match=r"field digest is missing|its digest does not fit"):
        read_record(tmp_path / "run.json")
    (tmp_path / "run.json").write_text(json.dumps(seal(without(record(kind), "format"))))
    with pytest.raises(DamagedFile, match="field format: expected 2, seen null"):
        read_record(tmp_path / "run.json")


# What lies there is no file of the kind at all.


def fifo(path: Path) -> str:
    os.mkfifo(path)
    return "a named pipe, not a regular file"


def folder(path: Path) -> str:
    path.mkdir()
    return "a folder, not a file"


def device(path: Path) -> str:
    path.symlink_to("/dev/zero")
    return "a device, not a regular file"


def loop(path: Path) -> str:
    path.symlink_to(path)
    return "symbolic links"


def huge(path: Path) -> str:
    with path.open("wb") as file:
        file.truncate(5 << 30)  # no byte of it is on the disk
    return "bytes, more than the"


def nothing(path: Path) -> str:  # noqa: ARG001
    return "o such file"


def text(path: Path) -> str:
    path.write_text("buy milk")
    return "not a"


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices of other systems")
@pytest.mark.parametrize("lies", [fifo, folder, device, loop, huge, nothing, text])
@pytest.mark.parametrize("kind", ["recipe", "one", "maps", "raw16"])
def test_what_is_no_file_is_said_in_one_line(
    kind: str, lies: Callable[[Path], str], tmp_path: Path
) -> None:
    one = own(kind, tmp_path)
    place = tmp_path / "here"
    place.mkdir()
    expected = lies(place / one.name)
    with pytest.raises(InputError) as refused:
        one.read(place / one.name)
    said = str(refused.value)
    if (kind, lies) == ("recipe", folder):  # a folder stands for the recipe in it
        expected = "no such file"
    assert expected in said
    assert str(place / one.name) in said
    assert "\n" not in said


# Tensors.

GRID = (1, 4, 5)
TENSORS: dict[str, tuple[dict[str, Any], str]] = {
    "one less": ({"seen": None}, "tensor seen is missing"),
    "one more": ({"extra": np.zeros(3)}, "tensor 'extra' is not known"),
    "axes": ({"mean": np.zeros((4, 5))}, "tensor mean: expected floating with 3 axes"),
    "whole numbers": ({"seen": np.full((4, 5), 12)}, "tensor seen: expected floating"),
    "two maps": ({"mean": np.zeros((2, 4, 5))}, "tensor mean: expected one map of patches"),
    "no patch": ({"mean": np.zeros((1, 0, 5))}, "tensor mean: expected one map of patches"),
    "another grid": ({"squares": np.zeros((1, 5, 4))}, "tensor squares: expected the mean's shape"),
    "seen elsewhere": ({"seen": np.full((5, 4), 12.0)}, "tensor seen: expected the mean's patches"),
    "NaN": ({"mean": np.full(GRID, np.nan)}, "tensor mean: expected finite numbers"),
    "infinity": ({"squares": np.full(GRID, np.inf)}, "tensor squares: expected finite numbers"),
    "below the floor": ({"mean": np.full(GRID, -9.0)}, "tensor mean: expected logarithms from"),
    "far too high": ({"mean": np.full(GRID, 1e300)}, "tensor mean: expected logarithms from"),
    "negative squares": ({"squares": np.full(GRID, -1.0)}, "tensor squares: expected 0 to"),
    "huge squares": ({"squares": np.full(GRID, 1e200)}, "tensor squares: expected 0 to"),
    "seen too often": ({"seen": np.full((4, 5), 13.0)}, "tensor seen: expected 0 to 12 pictures"),
    "seen less than never": ({"seen": np.full((4, 5), -1.0)}, "tensor seen: expected 0 to 12"),
    "no reference": ({"reference": None}, "tensor reference is missing"),
    "a reference in floats": ({"reference": np.zeros((4, 5))}, "tensor reference: expected uint8"),
    "an empty reference": ({"reference": np.zeros((0, 5), np.uint8)}, "tensor reference: expected"),
}


@pytest.mark.parametrize("case", TENSORS)
def test_a_recipe_s_tensors_are_not_believed(case: str, tmp_path: Path) -> None:
    changes, said = TENSORS[case]
    about = recipe_about(tmp_path)
    found = load((tmp_path / "recipe.safetensors").read_bytes()) | changes
    content = save({name: values for name, values in found.items() if values is not None})
    (tmp_path / "recipe.safetensors").write_bytes(content)
    about["golden"]["sha256"] = hashlib.sha256(content).hexdigest()
    write_object(tmp_path / "recipe.json", about)
    with pytest.raises(DamagedFile) as refused:
        read_recipe(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'recipe.safetensors'}: {said}")


@pytest.mark.parametrize(
    "file", ["../other.safetensors", "/etc/passwd", "a/../b", "", ".", "..", "a//b", "link/x"]
)
def test_a_recipe_s_tensors_lie_below_it(file: str, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/link").symlink_to(tmp_path)
    about = recipe_about(tmp_path / "here")
    for elsewhere in ("other.safetensors", "x"):
        shutil.copy(tmp_path / "here/recipe.safetensors", tmp_path / elsewhere)
    write_object(tmp_path / "here/recipe.json", changed(about, ("golden", "file"), file))
    with pytest.raises(InputError, match=r"recipe\.json: field golden\.file: "):
        read_recipe(tmp_path / "here")


ROWS: dict[str, tuple[Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]], str]] = {
    "halves": (
        lambda t: {name: values.astype(np.float16) for name, values in t.items()},
        "expected float32 with",
    ),
    "NaN": (lambda t: {**t, "values": t["values"] * np.nan}, "tensor values: expected finite"),
    "negative": (lambda t: {**t, "values": -t["values"]}, "tensor values: expected probabilities"),
    "above 1": (lambda t: {**t, "prefix": t["prefix"] + 1}, "tensor prefix: expected probabilit"),
    "halved": (lambda t: {**t, "values": t["values"] / 2}, "tensor values: expected rows that sum"),
    "turned": (
        lambda t: {**t, "values": np.ascontiguousarray(t["values"].swapaxes(2, 3))},
        "tensor values: expected 2 layers, heads, 4 × 6 patches, seen [2, 3, 6, 4]",
    ),
    "a layer less": (lambda t: {**t, "values": t["values"][:1]}, "tensor values: expected 2 lay"),
    "a head less": (
        lambda t: {**t, "prefix": np.ascontiguousarray(t["prefix"][:, :2])},
        "tensor prefix: expected 2 layers, 3 heads, seen [2, 2, 2]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_no_model_gives(case: str, tmp_path: Path) -> None:
    change, said = ROWS[case]
    stack = change({name: getattr(maps(), name) for name in ARRAYS})
    about = without(maps_about(tmp_path))
    about["digest"] = digest_of_maps(about, stack)
    path = tmp_path / "maps.safetensors"
    path.write_bytes(save(stack, metadata={"vitmap": json.dumps(about)}))
    with pytest.raises(DamagedFile) as refused:
        read_maps(path)
    assert said in str(refused.value)


CROSSED: list[tuple[str, At, Any, str]] = [
    ("recipe", ("head",), 6, "field head: expected less than heads (6), seen 6"),
    ("recipe", ("scale",), [4.0, 1.0], "field scale: expected low, then high, seen [4.0, 1.0]"),
    ("recipe", ("kind",), RAW, "field kind: raw does not fit golden"),
    ("recipe", ("golden",), None, "field kind: brighter does not fit golden"),
    ("recipe", ("level",), None, "field level: expected a number where there is an alarm"),
    ("recipe", ("alarm", "high"), 0.01, "field alarm.rate: expected 0.002 to 0.01"),
    ("recipe", ("query",), "somewhere", "field query: Query 'somewhere' is not known"),
    ("recipe", ("golden", "placed"), False, "tensor 'reference' is not known"),
    ("recipe", ("golden", "sha256"), DIGEST, "not the file that recipe.json was written with"),
    ("recipe", ("vitmap_recipe",), 4, "field vitmap_recipe: expected one of 1, 2, 3, seen 4"),
    ("recipe", ("evidence", "held_out", "low"), None, "field evidence.held_out: expected low and"),
    ("maps", ("layers",), [3, 12], "field layers: expected numbers below depth (12)"),
    ("maps", ("layers",), [3, 3], "field layers: expected numbers below depth (12), each once"),
    ("maps", ("layers",), [3], "tensor values: expected 1 layers"),
    ("maps", ("view", "target"), [32, 50], "field view.target: expected whole patches of 8 × 8"),
    ("maps", ("view", "patch"), [16, 8], "tensor values: expected 2 layers, heads, 2 × 6"),
    ("maps", ("query", "kind"), "cls", "field query.points: do not fit cls"),
    ("maps", ("query", "points"), [], "field query.points: do not fit patch"),
    ("maps", ("query", "points"), [[70, 7]], "field query.points: expected places in 60 × 40 px"),
    ("maps", ("query", "index"), 1, "field query.index: expected 0 for patch"),
    ("maps", ("source", "method"), "distance", "field source.method: expected attention"),
    ("distances", ("source", "method"), "attention", "field keys: not known for the method att"),
    ("distances", ("source", "method"), "distanse", "did you mean 'distance'?"),
    ("distances", ("keys",), [{"layers": [3], "heads": []}], "tensor values: expected 1 maps"),
    ("distances", ("keys", 1, "layers"), [3], "field keys[1].layers: expected each map and number"),
    ("distances", ("keys", 1, "layers"), [5, 5], "field keys[1].layers: expected each map and"),
    ("distances", ("view", "target"), [32, 50], "field view.target: expected whole patches"),
    ("distances", ("view", "patch"), [16, 8], "tensor values: expected 2 maps (keys) of 2 × 6"),
    ("distance", ("settings", "method"), "attention", "field model.method: expected attention"),
    ("distance", ("settings", "method"), "distanse", "field settings.method: Map method 'distans"),
    ("distance", ("settings", "reference"), None, "field settings.reference: expected the folder"),
    ("distance", ("settings", "reference"), "/x", "field reference.folder: expected settings.ref"),
    ("distance", ("reference",), None, "field reference.folder: expected settings.reference"),
    ("distance", ("pictures", 0, "method"), "norm", "field pictures[0].method: expected distance"),
    ("distance", ("pictures", 0, "query"), "CLS", "field pictures[0].query: expected null"),
    ("distance", ("pictures", 0, "maps"), [CELL], "field pictures[0].maps[0]"),
    ("one", ("settings", "reference"), "/x", "field settings.reference: expected null for the"),
    ("one", ("reference",), NORMAL, "field reference.folder: expected settings.reference, seen"),
    ("one", ("pictures", 0, "unit"), "x", "field pictures[0].unit: not known for attention"),
    ("one", ("pictures", 0, "query"), None, "field pictures[0].query: expected str for attention"),
    ("raw16", ("step",), 0.02, "field step: expected float <= 0.01"),
    ("one", ("scale",), None, 'field scale.name: expected "run", seen null'),
    ("one", ("scale", "name"), "cell", "field scale.upper: expected a number, or null for cell"),
    ("one", ("scale", "percentile"), 99.0, "field scale.percentile: expected 99.5, seen 99.0"),
    ("one", ("scale",), GOOD, 'field scale.name: expected "run", seen "good"'),
    ("one", ("settings", "scale"), "cell", 'field scale.name: expected "cell", seen "run"'),
    ("one", ("settings", "threshold"), 1.5, "field settings.threshold: expected float <= 1.0"),
    ("one", ("settings", "upsample"), "cubic", "field settings.upsample: expected one of nearest"),
    ("one", ("settings", "query"), "here", "field settings.query: Query 'here' is not known"),
    ("one", ("settings", "colormap"), "mud", "field settings.colormap: expected the name of a"),
    ("one", ("settings", "recipe"), PLACE, "field settings.recipe: expected recipe.path, seen"),
    ("judged", ("recipe", "path"), "/x", "field settings.recipe: expected recipe.path, seen"),
    ("judged", ("pictures", 0, "name"), "..", "field pictures[0].name: expected the name of a"),
    ("run", ("pictures", 1, "name"), "cat", "field pictures[1].name: expected the name of a"),
    ("run", ("pictures", 0, "name"), None, "field pictures[0].name: expected the name of a folder"),
    ("run", ("pictures", 0, "sha256"), None, "field pictures[0].sha256: expected the digest of a"),
    ("run", ("pictures", 0, "status"), "failed", "field pictures[0].error: missing for a picture"),
    ("run", ("pictures", 0, "files"), [], "a record of several pictures names no files"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "at", "value", "said"), CROSSED)
def test_fields_that_do_not_fit_each_other(
    kind: str, at: At, value: object, said: str, tmp_path: Path
) -> None:
    one = own(kind, tmp_path)
    path = tmp_path / one.name
    one.write(path, changed(one.about, at, value))
    with pytest.raises(InputError) as refused:
        one.read(path)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "name",
    ["../cat", "..", ".", "a/b", "/cat", ".cat", "", "a\0", "C:", "C:/x", "x" * 300],
)
def test_a_record_names_folders_below_out_alone(name: str, tmp_path: Path) -> None:
    about = changed(record("one"), ("pictures", 0, "name"), name)
    write_object(tmp_path / "run.json", about)
    with pytest.raises(DamagedFile, match=r"field pictures\[0\]\.name: expected"):
        read_record(tmp_path / "run.json")


@pytest.mark.parametrize("word", ["compare", "explore", "merge", "rank", "review", "soart"])
@pytest.mark.parametrize("sealed", [True, False])
def test_other_commands_records_are_refused_by_name(
    word: str, sealed: bool, tmp_path: Path
) -> None:
    about: dict[str, Any] = {"vitmap": "0.1.0", "command": ["vitmap", word, "a b.png", "--x"]}
    about = seal({**about, "format": 2}) if sealed else about
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.raises(UsageError) as refused:
        read_record(tmp_path / "run.json")
    assert str(refused.value) == (
        f"{tmp_path / 'run.json'} is the record of `vitmap {word}`, which --replay cannot repeat: "
        f"run its command again: vitmap {word} 'a b.png' --x"
    )


def test_a_long_command_is_told_in_one_short_line(tmp_path: Path) -> None:
    about = {"command": ["vitmap", "rank", "a\nb", *["picture.png"] * 5000]}
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.raises(UsageError) as refused:
        read_record(tmp_path / "run.json")
    assert len(str(refused.value)) < 2500
    assert "\n" not in str(refused.value)

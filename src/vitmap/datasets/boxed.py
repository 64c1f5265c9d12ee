"""Pictures with a file of boxes: which entry of the file belongs to which picture."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from vitmap.datasets.coco import read_coco
from vitmap.datasets.entries import Entry
from vitmap.datasets.places import folders_in, name_of, pictures_in
from vitmap.datasets.samples import DEFECT, GOOD, Dataset, Sample, counted, is_good, some
from vitmap.datasets.shapes import Box
from vitmap.datasets.table import read_table
from vitmap.errors import InputError
from vitmap.photo.find import find_pictures, is_folder

_FORMATS = {".json": read_coco, ".csv": read_table, ".tsv": read_table, ".txt": read_table}
Name = tuple[str, ...]  # of a picture: its folders and its file


def read_boxed(images: Sequence[str | Path], boxes: str | Path) -> Dataset:
    """Pictures (folders, files, patterns) with boxes from a COCO `.json` or a `.csv`.

    Of a folder, its pictures are meant, and those of the folders in it that the file names or that
    are called good. An
    entry finds its picture among these alone, by its name and as many of its folders as agree:
    `../x/a.png` and `/x/a.png` open nothing else. A picture without boxes is a good one.

    Raises InputError for a file that cannot be read, and for entries whose picture is not there.
    """
    path, entries = _read(boxes)
    paths = _pictures(images, {_parts(entry.name)[:-1] for entry in entries})
    found, remarks = _owners(path, entries, images, paths)
    unlisted = [picture for picture in paths if picture not in found]
    if unlisted:
        remarks.append(
            f"{counted(len(unlisted), 'picture')} of {len(paths)} not named in {path.name}: taken "
            "as good."
        )
    samples = tuple(_sample(picture, found.get(picture)) for picture in paths)
    return Dataset(name_of(images, paths), "boxes", samples, (), tuple(remarks))


def read_places(pictures: Sequence[Path], boxes: str | Path) -> tuple[dict[Path, Entry], list[str]]:
    """What a file of boxes (see `read_boxed`) says of these pictures, and what is to be said of it.

    Entries of other pictures are left out: the file may be of a whole data set.

    Raises InputError for a file that cannot be read, and for one that names none of the pictures.
    """
    path, entries = _read(boxes)
    found, remarks = _owners(path, entries, pictures, pictures, others=True)
    if not found:
        raise InputError(
            f"{path}: names {counted(len(entries), 'picture')}, none of those given: expected "
            f"{some([picture.name for picture in pictures])} among them."
        )
    return found, remarks


def _read(boxes: str | Path) -> tuple[Path, list[Entry]]:
    path = Path(boxes)
    if not str(boxes) or path.suffix.lower() not in _FORMATS:
        raise InputError(f"{boxes}: expected a COCO file (.json) or a table of boxes (.csv).")
    entries = _FORMATS[path.suffix.lower()](path)
    _refuse_fractions(path, entries)
    return path, entries


def _sample(picture: Path, entry: Entry | None) -> Sample:
    if entry is None or not entry.shapes:
        return Sample(picture, GOOD)
    kinds = sorted({kind or DEFECT for kind in entry.kinds})
    return Sample(picture, " + ".join(kinds), entry.shapes, entry.size)


def _refuse_fractions(path: Path, entries: Sequence[Entry]) -> None:
    boxes = [shape for entry in entries for shape in entry.shapes if isinstance(shape, Box)]
    small = all(box.x1 <= 1 and box.y1 <= 1 for box in boxes)
    if boxes and small and any(edge % 1 for b in boxes for edge in (b.x0, b.y0, b.x1, b.y1)):
        raise InputError(
            f"{path}: all boxes lie between 0 and 1: they look like fractions of the picture: "
            "expected pixels."
        )


def _pictures(images: Sequence[str | Path], folders: set[Name]) -> list[Path]:
    inputs: list[str | Path] = []
    for given in images:
        place = Path(given)
        deeper = [
            place.joinpath(*f) for f in sorted(folders) if f and is_folder(place.joinpath(*f))
        ]
        if given and is_folder(place):
            deeper += [f for f in folders_in(place) if is_good(f.name) and f not in deeper]
        deeper = [folder for folder in deeper if pictures_in(folder)] if given else []
        if not deeper or pictures_in(place):
            inputs.append(given)
        inputs += deeper
    found, errors = find_pictures(inputs)
    for error in errors.values():
        raise error
    if not found:
        raise InputError("No pictures were given: name folders or files.")
    return found


def _parts(name: str) -> Name:
    """A name's folders and file, whatever system wrote it, without what leads elsewhere.

    >>> _parts("C:\\\\lot\\\\a.png"), _parts("../lot/./a.png")
    (('lot', 'a.png'), ('lot', 'a.png'))
    """
    pieces = re.split(r"[/\\]", unicodedata.normalize("NFC", name))
    kept = [p for p in pieces if p not in ("", ".", "..") and not re.fullmatch("[A-Za-z]:", p)]
    return tuple(kept)


def _owners(
    path: Path,
    entries: Sequence[Entry],
    images: Sequence[str | Path],
    pictures: Sequence[Path],
    *,
    others: bool = False,
) -> tuple[dict[Path, Entry], list[str]]:
    """The entry of each picture that has one; whether the file may name others, too."""
    known: dict[str, list[tuple[Name, Path]]] = defaultdict(list)
    for picture in pictures:
        whole = _parts(str(picture.absolute()))
        known[whole[-1]].append((whole, picture))
    found: dict[Path, Entry] = {}
    missing: list[str] = []
    elsewhere: list[str] = []
    for entry in entries:
        name = _parts(entry.name)
        near = [(_shared(name, w), p) for w, p in known.get(name[-1] if name else "", ())]
        best = max((shared for shared, _ in near), default=0)
        picked = [picture for shared, picture in near if shared == best]
        if len(picked) > 1:  # `a.png` of the folder that was given, and `deep/a.png`
            here = {Path(given).joinpath(*name) for given in images}
            picked = [picture for picture in picked if picture in here] or picked
        if not picked:
            missing.append(entry.name)
            continue
        if len(picked) > 1:
            raise InputError(
                f"{path}: {entry.name} may be {some(picked)}: name its folder in the file too."
            )
        if picked[0] in found:
            raise InputError(
                f"{path}: {found[picked[0]].name} and {entry.name} both mean {picked[0]}: give the "
                "folder above, where each has a picture of its own, or keep one."
            )
        found[picked[0]] = entry
        elsewhere += [entry.name] if best < len(name) else []
    if missing and not others:
        raise InputError(
            f"{path}: names {counted(len(missing), 'picture')} not among those given: "
            f"{some(missing)}: give these too, or delete them from the file."
        )
    return found, list(_remarks(elsewhere))


def _remarks(elsewhere: Sequence[str]) -> Iterable[str]:
    if elsewhere:
        yield (
            f"{counted(len(elsewhere), 'picture')} found by the file's name, in another folder "
            f"than named: {some(elsewhere)}."
        )


def _shared(name: Name, whole: Name) -> int:
    """How many parts agree, from the last one on."""
    count = 0
    for one, other in zip(reversed(name), reversed(whole), strict=False):
        if one != other:
            break
        count += 1
    return count

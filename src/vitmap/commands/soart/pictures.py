"""Pictures with classes: which files were meant, what each shows, and a stream of their pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitmap.errors import InputError, PictureError
from vitmap.photo.find import find_pictures, is_folder
from vitmap.photo.read import read_photo
from vitmap.soart.tables import Row
from vitmap.soart.vectors import Pixels


@dataclass
class Stream:
    """Decodes one picture at a time; what it could not read is in `failed`, the others go on.

    `rows`, `records` and `sizes` grow with the pictures that were read: memory holds one picture.
    """

    pictures: Sequence[tuple[Path, str]]  # path and class
    rows: list[Row] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    failed: list[InputError] = field(default_factory=list)
    seen: Callable[[], None] = lambda: None

    def pixels(self) -> Iterator[Pixels]:
        """The pixels of every picture that can be read."""
        for path, group in self.pictures:
            entry: dict[str, Any] = {"path": str(path.absolute()), "class": group}
            try:
                photo = read_photo(path)
            except PictureError as error:
                self.failed.append(error)
                self.records.append({**entry, "status": "failed", "error": str(error)})
                continue
            finally:
                self.seen()
            self.rows.append(Row(str(len(self.rows) + 1), path.name, group))
            self.records.append({**entry, "sha256": photo.digest, "status": "done"})
            self.sizes.append(photo.size)
            yield photo.pixels


def gather(inputs: Sequence[str]) -> tuple[list[tuple[Path, str]], list[PictureError]]:
    """Pictures with their classes, and an error for each input that names none.

    The class is the name of the folder that a picture lies in. A folder that holds folders of
    pictures, and none itself, stands for all of them: `parts/` for `parts/good`, `parts/error-a` …
    """
    wanted: list[str] = []
    for given in inputs:
        inner = _class_folders(Path(given)) if given else []
        wanted += [str(folder) for folder in inner] or [given]
    paths, missing = find_pictures(wanted)
    return [(path, path.absolute().parent.name) for path in paths], list(missing.values())


def _class_folders(place: Path) -> list[Path]:
    """The folders with pictures inside one that has none of its own."""
    if not is_folder(place) or not find_pictures([place])[1]:
        return []
    try:
        inner = sorted(p for p in place.iterdir() if is_folder(p) and not p.name.startswith("."))
    except OSError:  # which is the error of the input itself
        return []
    return [folder for folder in inner if not find_pictures([folder])[1]]


def shape_remarks(stream: Stream, standard: tuple[int, int], size: int) -> list[str]:
    """What to know of pictures that have another shape than the standard, or few pixels."""
    aspect = standard[1] / standard[0]
    other = [
        row.image
        for row, (height, width) in zip(stream.rows, stream.sizes, strict=True)
        if abs(width / height / aspect - 1) > 0.02
    ]
    small = [
        row.image for row, side in zip(stream.rows, stream.sizes, strict=True) if min(side) < size
    ]
    found = []
    if other:
        found.append(
            f"{_count(other)} of another shape than the standard ({other[0]}): all are squeezed "
            f"to {size} × {size}, so the same part looks different in them."
        )
    if small:
        found.append(
            f"{_count(small)} smaller than {size} × {size} px ({small[0]}): pixels repeat."
        )
    return found


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} picture{'s are' if len(names) > 1 else ' is'}"

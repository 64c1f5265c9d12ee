"""What an earlier run left in a review's folder, and how it differs from the one that begins."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from vitmap.commands.review.facts import places_of
from vitmap.commands.review.files import require_no_folder
from vitmap.commands.review.plan import JOURNAL, PLAN, About, Plan, read_plan
from vitmap.commands.review.settings import EXPORTS, ReviewSettings
from vitmap.errors import DamagedFile, InputError, OutputError, UnsafeName
from vitmap.files.checked import DIGEST, convert, read_json, unseal
from vitmap.files.place import inside
from vitmap.runs.journal import LINES

PAGE = "index.html"
RECORD = "run.json"
_KIND = "a record that vitmap review wrote"
_LOT_FILES = {PAGE, *(f for files in EXPORTS.values() for f in files if "{}" not in f)}


def state_name(name: str) -> str:
    """Where a picture's heat and thumbnail lie below the review's folder."""
    return f"{JOURNAL}/maps/{name}.safetensors"


def require_own_places(out: Path) -> None:
    """Whether the files of the whole lot, and the folders for others, can be where they belong.

    Raises UnsafeName where a link lies there, OutputError where another kind of thing does.
    """
    folders = {place.rpartition("/")[0] for place in {state_name("name"), *places_of("name")}}
    for name in sorted({JOURNAL, *folders}):
        place = inside(out, name)
        if os.path.lexists(place) and not place.is_dir():
            raise OutputError(f"{place}: is no folder, and the review's files go there: remove it.")
    for name in sorted({*_LOT_FILES, RECORD, f"{JOURNAL}/{PLAN}", f"{JOURNAL}/{LINES}"}):
        require_no_folder(inside(out, name))


def are_there(out: Path, files: Mapping[str, int]) -> bool:
    """Whether files below a folder have the sizes that they were written with; a link is none."""
    try:
        found = [(inside(out, place).lstat(), size) for place, size in files.items()]
    except (OSError, UnsafeName):
        return False
    return all(at.st_size == size and stat.S_ISREG(at.st_mode) for at, size in found)


def remove_file(out: Path, name: str) -> None:
    """Remove a file of the review's own; a link or a folder is somebody else's, and stays."""
    with suppress(UnsafeName):
        place = inside(out, name)
        if not place.is_dir():
            place.unlink(missing_ok=True)


def remove_files(out: Path, name: str, kept: set[str] | frozenset[str] = frozenset()) -> None:
    """Whatever a review may have written of one picture, apart from what is to be kept."""
    for place in places_of(name) - kept:
        remove_file(out, place)


def remove_partials(out: Path) -> None:
    """What a killed run left half-written, wherever a review writes."""
    around = [next(os.walk(folder)) for folder in (out, out / JOURNAL)]
    for folder, names in [*((Path(f), names) for f, _, names in around), *_own_folders(out)]:
        for name in names:
            if name.startswith(".") and ".partial" in name:
                (folder / name).unlink(missing_ok=True)


def remove_empty_folders(out: Path) -> None:
    """The folders of a review that hold no file any more."""
    for folder, _ in reversed(list(_own_folders(out))):
        with suppress(OSError):  # it holds files
            folder.rmdir()


def lot_files_of(out: Path) -> set[str]:
    """The files about the whole lot that an earlier run wrote.

    As its record has them; where that is damaged, what its plan asked for.
    """
    try:
        record = read_json(inside(out, RECORD), _KIND)
        if isinstance(record, dict):  # from before digests: neither of the two
            required = DIGEST in record or "format" in record
            record = unseal(record, RECORD, _KIND, required=required)
            return _LOT_FILES & set(convert(record.get("files"), list[str], RECORD, _KIND, "files"))
    except FileNotFoundError:
        return set()
    except (OSError, InputError):
        pass
    with suppress(OSError, InputError):
        exports = read_plan(out).settings.exports
        return _LOT_FILES & {PAGE, *(file for name in exports for file in EXPORTS[name])}
    return set()


def remarks_on(out: Path, about: About, settings: ReviewSettings) -> list[str]:
    """What is asked for otherwise than in the run that lies here, if one does.

    Raises UnsafeName where a link leads to its plan.
    """
    try:
        plan = read_plan(out)
    except FileNotFoundError:
        return []
    except OSError as error:
        why = f"{out / JOURNAL / PLAN}: cannot be read ({error.strerror})."
    except DamagedFile as error:
        why = str(error)
    else:
        return _differing(out, plan, about, settings)
    return [f"{why} Whether the earlier run had these settings cannot be told."]


def _differing(out: Path, plan: Plan, about: About, settings: ReviewSettings) -> list[str]:
    parts = (
        (plan.about, about, "all maps are made again"),
        (asdict(plan.settings), asdict(settings), "its maps are kept, the files are made again"),
    )
    for before, now, what in parts:
        then, written = json.loads(json.dumps(before)), json.loads(json.dumps(now))
        other = [name for name in written if then.get(name) != written[name]]
        if other:
            return [
                f"{out}: an earlier run lies here with other settings ({', '.join(other)}): {what}."
            ]
    return []


def _own_folders(out: Path) -> Iterator[tuple[Path, list[str]]]:
    """The folders with a file for each picture, those within them too, and what each holds."""
    for top in sorted({place.split("/")[0] for place in places_of("name")} | {f"{JOURNAL}/maps"}):
        if (out / top).is_symlink():
            continue
        for folder, _, names in os.walk(out / top):  # follows no links
            yield Path(folder), names

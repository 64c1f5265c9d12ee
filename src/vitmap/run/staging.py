"""Staging: a picture's files are written aside and appear together, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vitmap.errors import OutputError
from vitmap.files.checked import seal

RECORD_FORMAT = 2  # the `format` of every run.json; those from before digests have none


def prepare(out: Path, option: str = "--out") -> None:
    """Make the output folder; raises OutputError where nothing can be written into it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = _aside(out, "probe")
        probe.mkdir(exist_ok=True)
        probe.rmdir()
    except OSError as error:
        raise OutputError(
            f"{out}: cannot be written ({error.strerror}): choose another folder with {option}."
        ) from error


def rehearse(out: Path, option: str = "--out") -> None:
    """Whether files can go to a folder, before the work that they cost; leaves no trace.

    Raises OutputError as `prepare` does.
    """
    made = [place for place in (out, *out.parents) if not os.path.lexists(place)]
    try:
        prepare(out, option)
    finally:
        for place in made:
            with suppress(OSError):  # it was not made after all
                place.rmdir()


class Stage:
    """A folder beside the final one, for the files of one picture."""

    def __init__(self, out: Path, name: str, record: str = "run.json") -> None:
        self.final = out / name
        self.record = record
        self.folder = _aside(out, name)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Begin with an empty folder, also where an earlier run was killed; gone on any failure."""
        try:
            with writing(self.final):
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder.mkdir()
                yield
        except BaseException:
            self.discard()
            raise

    def commit(self) -> None:
        """Put the files in their place; earlier files of vitmap's own go, others stay.

        Raises OutputError where the place cannot be written.
        """
        try:
            self._move()
        finally:
            self.discard()

    def _move(self) -> None:
        with writing(self.final):
            if not self.final.exists():
                self.folder.rename(self.final)
                return
            new = sorted(path.name for path in self.folder.iterdir())
            record = self.record  # last: while it is the old one, the folder is the old run's
            for name in _own_files(self.final, record) - set(new):
                (self.final / name).unlink(missing_ok=True)
            for name in [*(name for name in new if name != record), record]:
                (self.folder / name).replace(self.final / name)

    def files(self) -> list[str]:
        """The names that the folder will hold, in order, with the record that may come last."""
        return sorted({path.name for path in self.folder.iterdir()} | {self.record})

    def discard(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def staged(out: Path, record: str = "run.json") -> Iterator[Stage]:
    """The stage of a folder that the user named; its files are in their place afterwards.

    Raises OutputError where the place cannot be written.
    """
    out = out.resolve()
    prepare(out.parent)
    stage = Stage(out.parent, out.name, record)
    with stage.opened():
        yield stage
    stage.commit()


def write_json(path: Path, value: object) -> None:
    """JSON that reads well and is the same for the same value; whole or not at all."""
    with writing(path):
        partial = path.with_name(f".{path.name}.partial")
        text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        # A file name that is not UTF-8 is written escaped, and read back as what it was.
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
        partial.replace(path)


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """A command's run.json: its last key is the digest of all others (`files.checked.seal`)."""
    write_json(path, seal(record))


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Raises OutputError where what is done inside fails for the file system's reasons."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(f"{place}: cannot be written ({reason}).") from error


def _own_files(folder: Path, name: str) -> set[str]:
    try:
        record = json.loads((folder / name).read_text(encoding="utf-8"))
        files = record["files"] if "files" in record else record["pictures"][0]["files"]
        return {Path(file).name for file in files}
    except (OSError, ValueError, LookupError, TypeError):
        return set()  # not vitmap's folder: nothing in it is ours to remove


def _aside(out: Path, name: str) -> Path:
    return out / f".{name}.partial"

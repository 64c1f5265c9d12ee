"""Journal: what a run has finished, line by line on the disk, so that a killed run can go on."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from vitmap.errors import InputError

_LINES = "journal.jsonl"


class Journal:
    """Facts by kind and name; the last one holds. Only where each stands is kept in memory.

    A line counts once it is on the disk (fsync). A line that was cut off, by a kill or a full
    disk, is as if it had never been begun: what it would have said is done again.
    """

    def __init__(self, folder: Path) -> None:
        """Open or begin the journal in a folder, and keep other processes out of it.

        Raises InputError where another process has it open.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / _LINES
        self._guard = threading.Lock()
        self._owner = _claim(folder / "lock")
        try:
            self._file: IO[bytes] = self.path.open("a+b")
            self._places: dict[tuple[str, str], tuple[int, int]] = {}
            self._end = 0
            self._read()
        except BaseException:
            _release(self._owner)
            raise

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """The last fact of that kind about a name."""
        with self._guard:
            place = self._places.get((kind, name))
            if place is None:
                return None
            self._file.seek(place[0])
            value: dict[str, Any] = json.loads(self._file.read(place[1]))["value"]
            return value

    def put(self, kind: str, name: str, value: dict[str, Any]) -> None:
        """Add a fact; it is on the disk when this returns.

        Raises OSError where it cannot be, and the journal stays as it was.
        """
        line = json.dumps({"kind": kind, "name": name, "value": value}).encode() + b"\n"
        with self._guard:
            try:
                self._file.write(line)
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError:
                with suppress(OSError):
                    self._file.close()  # what is buffered would be tried again
                self._file = self.path.open("a+b")
                self._file.truncate(self._end)
                raise
            self._places[kind, name] = (self._end, len(line))
            self._end += len(line)

    def drop(self, kind: str, name: str) -> None:
        """Forget a fact; on the disk it is gone after `compact`."""
        self._places.pop((kind, name), None)

    def names(self, kind: str) -> Iterator[str]:
        """The names with a fact of that kind."""
        return iter([name for other, name in self._places if other == kind])

    def compact(self, names: Iterable[str], kinds: Iterable[str]) -> None:
        """Keep the last facts about these names, in their order: however often a run was begun
        again, its finished journal is the same."""
        kinds = list(kinds)
        partial = self.path.with_name(f".{_LINES}.partial")
        with partial.open("wb") as file:
            for name in names:
                for kind in kinds:
                    with self._guard:
                        place = self._places.get((kind, name))
                        if place is not None:
                            self._file.seek(place[0])
                            file.write(self._file.read(place[1]))
            file.flush()
            os.fsync(file.fileno())
        with self._guard:
            self._file.close()
            partial.replace(self.path)
            self._file = self.path.open("a+b")
            self._places, self._end = {}, 0
            self._read()

    def close(self) -> None:
        """Let other processes have it."""
        self._file.close()
        _release(self._owner)

    def _read(self) -> None:
        self._file.seek(0)
        for line in self._file:
            if not line.endswith(b"\n"):  # cut off
                break
            with suppress(ValueError, LookupError, TypeError):
                fact = json.loads(line)
                self._places[fact["kind"], fact["name"]] = (self._end, len(line))
            self._end += len(line)
        self._file.truncate(self._end)


def read_facts(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The facts of a journal that nobody writes, in the order of the file."""
    with (folder / _LINES).open("rb") as file:
        for line in file:
            with suppress(ValueError, LookupError, TypeError):
                fact = json.loads(line)
                yield fact["kind"], fact["name"], fact["value"]


def _claim(path: Path) -> IO[str]:
    """The lock goes with the process that holds it, however it ends."""
    file = path.open("a+", encoding="ascii")
    try:
        _lock(file)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "?"
        file.close()
        raise InputError(
            f"{path.parent.parent}: another run (process {holder}) is writing here: wait until it "
            "is done, or choose another folder with --out."
        ) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _lock(file: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: one byte far behind the text, which stays readable
        import msvcrt

        file.seek(4096)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _release(file: IO[str]) -> None:
    with suppress(OSError, ValueError):
        file.seek(0)
        file.truncate(0)
    file.close()

"""Journal: what a run has finished, line by line on the disk, so that a killed run can go on.

Each line is a fact with a digest of itself. A line that was cut off or changed is as if it had
never been written: what it would have said is done again.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from vitmap.errors import DamagedFile, NotFinite
from vitmap.files.checked import DIGEST, damaged, parse_json, unseal
from vitmap.files.opener import MIB, open_file
from vitmap.files.place import inside, is_safe

# Kind, name, value, where it stands → the value, once it is what such a fact must be.
FactReader = Callable[[str, str, Any, str], dict[str, Any]]

LINES = "journal.jsonl"
_LONGEST = MIB  # bytes of a line; vitmap's own have some hundred
_KIND = "a journal that vitmap wrote"
_FIELDS = {"kind", "name", "value"}
_TAIL = len(f', "{DIGEST}": "{"":64}"}}\n')


class Journal:
    """Facts by kind and name; the last one holds. Only where each stands is kept in memory.

    A line counts once it is on the disk (fsync). Whoever opens a journal holds the lock of the
    folder that it is about.
    """

    def __init__(self, folder: Path, read: FactReader, doubtful: Iterable[str] = ()) -> None:
        """Open or begin the journal in a folder.

        A damaged line may have been the last word on anything: what earlier lines say in one of
        the `doubtful` kinds is not believed then.

        Raises UnsafeName where a link lies there, OSError where it cannot be opened.
        """
        self.damaged = 0  # lines that were not believed
        self._fact_of, self._doubtful = read, set(doubtful)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = inside(folder, LINES)
        with suppress(FileNotFoundError):
            open_file(self.path).close()  # a named pipe would be waited for
        self._guard = threading.Lock()
        self._file: IO[bytes] = self.path.open("a+b")
        self._places: dict[tuple[str, str], tuple[int, int]] = {}
        self._end = 0
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """The last fact of that kind about a name; None also where it is not what it must be."""
        line = self._line_of(kind, name)
        if line is None:
            return None
        try:
            return self._fact_of(kind, name, _value_of(line, str(self.path)), str(self.path))
        except DamagedFile:
            self.damaged += 1
            self.drop(kind, name)
            return None

    def put(self, kind: str, name: str, value: dict[str, Any]) -> None:
        """Add a fact; it is on the disk when this returns.

        Raises NotFinite for a number that is none, and OSError where it cannot be written: the
        journal stays as it was.
        """
        line = _line(kind, name, value)
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

    def remarks(self) -> list[str]:
        """A word on lines that were not believed."""
        if not self.damaged:
            return []
        lines = "1 line was" if self.damaged == 1 else f"{self.damaged} lines were"
        return [f"{self.path}: {lines} damaged: what was said there is done again."]

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
        partial = self.path.with_name(f".{LINES}.{os.getpid()}.partial")
        partial.unlink(missing_ok=True)
        with partial.open("xb") as file:
            for name in names:
                for kind in kinds:
                    line = self._line_of(kind, name)
                    if line is not None and _sealed_text(line) is None:  # from before digests
                        fact = self.get(kind, name)
                        line = None if fact is None else _line(kind, name, fact)
                    file.write(line or b"")
            file.flush()
            os.fsync(file.fileno())
        with self._guard:
            self._file.close()
            partial.replace(self.path)
            self._file = self.path.open("a+b")
            self._places, self._end = {}, 0
            self._read()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _line_of(self, kind: str, name: str) -> bytes | None:
        with self._guard:
            place = self._places.get((kind, name))
            if place is None:
                return None
            self._file.seek(place[0])
            return self._file.read(place[1])

    def _read(self) -> None:
        self._file.seek(0)
        believed = 0  # from where on every line is what was written
        for line, size in _lines(self._file):
            if not line.endswith(b"\n"):  # cut off
                break
            try:
                self._places[_about(line, str(self.path))] = (self._end, size)
            except DamagedFile:
                self.damaged += 1
                believed = self._end
            self._end += size
        self._file.truncate(self._end)
        for about, (start, _) in list(self._places.items()):
            if start < believed and about[0] in self._doubtful:
                del self._places[about]


def read_facts(folder: Path, read: FactReader) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The facts of a journal that nobody writes, in the order of the file.

    Raises DamagedFile for a line that is not what was written, UnsafeName where a link lies there,
    OSError where it cannot be read.
    """
    path = inside(folder, LINES)
    with open_file(path) as file:
        for number, (line, _) in enumerate(_lines(file), 1):
            where = f"{path}: line {number}"
            if not line.endswith(b"\n"):
                raise damaged(where, _KIND, "it was cut off")
            kind, name = _about(line, where)
            yield kind, name, read(kind, name, _value_of(line, where), where)


def _line(kind: str, name: str, value: dict[str, Any]) -> bytes:
    """As `files.checked.seal` has it: the digest is that of the text before it."""
    try:
        text = json.dumps(
            {"kind": kind, "name": name, "value": value}, sort_keys=True, allow_nan=False
        )
    except ValueError:
        raise NotFinite(f"{name}: a number of it is NaN or infinite: it is not kept.") from None
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{text[:-1]}, "{DIGEST}": "{digest}"}}\n'.encode()


def _lines(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Each line with its size; one that is longer than any fact is given as a blank one."""
    while line := file.readline(_LONGEST):
        size = len(line)
        if size == _LONGEST and not line.endswith(b"\n"):
            while rest := file.readline(_LONGEST):
                size += len(rest)
                if rest.endswith(b"\n"):
                    break
            line = b"\n"
        yield line, size


def _sealed_text(line: bytes) -> bytes | None:
    """The JSON of a line that is byte for byte what `_line` makes, without its digest."""
    text = line[:-_TAIL]
    digest = hashlib.sha256(text + b"}").hexdigest()
    return text + b"}" if line == text + f', "{DIGEST}": "{digest}"}}\n'.encode() else None


def _about(line: bytes, where: str) -> tuple[str, str]:
    """Kind and name of a line that is what was written."""
    text = _sealed_text(line)
    if text is not None:
        # Just what vitmap writes: of 200,000 such lines all are read when a journal is opened.
        try:
            fact = json.loads(text)
        except (ValueError, RecursionError):
            raise damaged(where, _KIND, "no JSON") from None
    else:
        fact = parse_json(line, where, _KIND)
        if not (isinstance(fact, dict) and fact.keys() == _FIELDS):  # from before digests
            fact = unseal(fact, where, _KIND)
    if not isinstance(fact, dict) or fact.keys() != _FIELDS:
        raise damaged(where, _KIND, f"expected the fields {', '.join(sorted(_FIELDS))}")
    kind, name = fact["kind"], fact["name"]
    if not isinstance(kind, str) or not isinstance(name, str):
        raise damaged(where, _KIND, "fields kind and name: expected str")
    if name and not is_safe(name):
        raise damaged(where, _KIND, f"field name: {name!r:.200} leads out of its folder")
    return kind, name


def _value_of(line: bytes, where: str) -> Any:
    """The value of a line that `_about` has read."""
    return parse_json(line, where, _KIND)["value"]

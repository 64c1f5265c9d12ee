"""A folder of outputs as digests, and the few things that must be made alike before."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

TEXT = {".csv", ".html", ".json", ".jsonl", ".md", ".txt", ".xml"}
_DATE = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def make_alike(folder: Path, place: Path) -> None:
    """Rewrite, in place, what differs between two runs of the same program.

    In workbooks the time of writing becomes a fixed one. In text files the place becomes `<place>`,
    since records name pictures in full: two runs in one place are alike without it. Nothing else
    is touched.
    """
    name = str(place).encode()
    for path in sorted(folder.rglob("*")):
        if path.suffix in TEXT and path.is_file():
            content = path.read_bytes()
            if name in content:
                path.write_bytes(content.replace(name, b"<place>"))
        elif path.suffix == ".xlsx":
            without_dates(path)


def without_dates(path: Path) -> None:
    """Write a workbook again, every member at one fixed time."""
    with zipfile.ZipFile(path) as book:
        members = [(member.filename, book.read(member)) for member in book.infolist()]
    with zipfile.ZipFile(path, "w") as book:
        for name, content in members:
            if name == "docProps/core.xml":
                content = _DATE.sub(rb"\g<1>2000-01-01T00:00:00Z", content)
            book.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), content)


def digests_of(folder: Path) -> dict[str, str]:
    """The sha256 of every file below a folder, hidden ones included, by its path.

    An empty folder is listed too, with a slash at its end: a command should leave none.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif not any(path.iterdir()):
            found[f"{name}/"] = "empty folder"
    return found


def state_of(source: Path) -> str:
    """One digest of all source files: two runs can be compared only if it stood still."""
    state = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            state.update(f"{path.relative_to(source)}\n".encode())
            state.update(hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()

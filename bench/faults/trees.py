"""Trees of files: as they are, and whether they are what they were."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Tree = dict[str, bytes]


def remove(place: Path) -> None:
    """Make it not be there, whatever it is."""
    if place.is_symlink() or not place.is_dir():
        place.unlink(missing_ok=True)
    else:
        shutil.rmtree(place)


def files_of(folder: Path) -> Tree:
    """The content of every file below a folder by its path, locks apart; links are not followed."""
    found: Tree = {}
    for above, folders, names in os.walk(folder):
        for name in (*names, *folders):
            path = Path(above, name)
            key = path.relative_to(folder).as_posix()
            if path.is_symlink():
                found[key] = b"-> " + os.fsencode(path.readlink())
            elif name in names and not is_lock(name):
                found[key] = path.read_bytes()
    return found


def is_lock(name: str) -> bool:
    """Whether a file of that name is a lock: it says nothing of what a command did."""
    return name == "lock" or name.endswith(".lock")


def left_over(*folders: Path) -> list[str]:
    """Stages, partial files and held locks that nobody needs any more."""
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if "partial" in path.name or (path.name.startswith(".") and is_lock(path.name)):
                found.append(path.relative_to(folder).as_posix())
    return found


def state_of(folder: Path, times: bool = True) -> dict[str, tuple[Any, ...]]:
    """All that a stranger could change below a folder: content, kind, links, permissions, times.

    A folder's own time tells that a file came and went; without `times` that does not count.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for above, folders, names in os.walk(folder):
        for name in (*names, *folders, "."):
            path = Path(above, name)
            about = path.lstat()
            content = ""
            if stat.S_ISREG(about.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(about.st_mode):
                content = str(path.readlink())
            key = path.relative_to(folder).as_posix()
            is_folder = stat.S_ISDIR(about.st_mode)
            when = about.st_mtime_ns if times or not is_folder else 0
            found[key] = (about.st_mode, when, 0 if is_folder else about.st_size, content)
    return found


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """What is missing, foreign or other; a few words each."""
    said = [f"{name} is missing" for name in sorted(set(expected) - set(found))]
    said += [f"{name} is foreign" for name in sorted(set(found) - set(expected))]
    both = sorted(set(found) & set(expected))
    return said + [f"{name} is another" for name in both if found[name] != expected[name]]


def without_digests(tree: Tree, *unlike: str) -> Tree:
    """The same tree where some digests do not count, as those of a file that was tampered with.

    A record names the recipe that it read by its digest, and is sealed itself.
    """
    plain: Tree = {}
    for name, content in tree.items():
        if name.endswith(".json"):
            about = json.loads(content)
            about.pop("digest", None) if isinstance(about, dict) else None
            content = json.dumps(about, sort_keys=True).encode()
            for digest in unlike:
                content = content.replace(digest.encode(), b"~")
        plain[name] = content
    return plain

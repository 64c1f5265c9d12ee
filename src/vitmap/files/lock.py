"""One lock: while a command writes into a folder, no other command does.

The lock is the operating system's (flock, or its Windows twin, by the filelock library): it goes
with the process that holds it, however that ends: a dead process leaves nothing to clear away.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from vitmap.errors import FolderInUse, OutputError

WAIT = 60.0  # seconds that a command waits for another one by default
NAME = ".vitmap.lock"


@contextmanager
def folder_lock(folder: Path, wait: float = WAIT, option: str = "--out") -> Iterator[None]:
    """Keep other vitmap processes out of a folder; it exists already.

    Raises FolderInUse where another process still writes there after `wait` seconds, OutputError
    where nothing can be written there.
    """
    with _held(folder / NAME, folder, wait, option):
        yield


@contextmanager
def name_lock(parent: Path, name: str, wait: float = WAIT, option: str = "--out") -> Iterator[None]:
    """The same for a folder that may not exist yet: the lock lies beside it, as `.NAME.lock`."""
    with _held(parent / f".{name}.lock", parent / name, wait, option):
        yield


@contextmanager
def folder_locks(folders: Sequence[tuple[Path, str]], wait: float = WAIT) -> Iterator[None]:
    """Several folders, each with its option, each once and in one order: two commands that want the
    same ones never wait for each other in a circle."""
    by_place = {folder.resolve(): (folder, option) for folder, option in folders}
    with ExitStack() as stack:
        for place in sorted(by_place):
            folder, option = by_place[place]
            stack.enter_context(folder_lock(folder, wait, option))
        yield


@contextmanager
def _held(path: Path, what: Path, wait: float, option: str) -> Iterator[None]:
    lock = FileLock(path, timeout=max(0.0, wait), is_singleton=False, thread_local=False)
    try:
        lock.acquire(poll_interval=0.05)
    except Timeout:
        raise FolderInUse(
            f"{what}: another vitmap (process {_holder(path)}) writes there, and did not end "
            f"within {wait:g} s: wait until it is done, or choose another folder with {option}."
        ) from None
    except OSError as error:
        raise OutputError(
            f"{what}: cannot be written ({error.strerror or error}): choose another folder with "
            f"{option}."
        ) from error
    try:
        with suppress(OSError):  # for the message of whoever waits; Windows lets nobody write it
            path.write_text(f"{os.getpid()}\n", encoding="ascii")
        yield
    finally:
        # While the lock is still held: a process that waits sees that the file has gone, and makes
        # its own. Windows removes no file that is open, and keeps it.
        with suppress(OSError):
            path.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()[:20] or "?"
    except (OSError, ValueError):
        return "?"

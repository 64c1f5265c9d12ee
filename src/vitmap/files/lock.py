"""One lock: while a command writes into a folder, no other command does.

The lock is the operating system's (flock, or its Windows twin, by the filelock library): it goes
with the process that holds it, however that ends: a dead process leaves nothing to clear away.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from vitmap.errors import FolderInUse, OutputError
from vitmap.files.opener import is_file, read_file

WAIT = 60.0  # seconds that a command waits for another one by default
NAME = ".vitmap.lock"

_SILENT = 1.0  # seconds: a shorter wait is not worth a word
_TRIES = 20  # a folder that another run made and took away again is made so often
_LONGEST = 200  # bytes of a name that others are made from; file systems take 255


@dataclass(frozen=True)
class _Patience:
    seconds: float = WAIT
    tell: Callable[[str], None] | None = None


_USUAL = _Patience()
_PATIENCE: ContextVar[_Patience] = ContextVar("patience", default=_USUAL)
_OWNERS: dict[Path, tuple[int, int]] = {}  # lock file → process and thread that hold it


@contextmanager
def patience(seconds: float, tell: Callable[[str], None] | None = None) -> Iterator[None]:
    """How long locks are waited for inside, and who is told, once, that one is waited for."""
    token = _PATIENCE.set(_Patience(seconds, tell))
    try:
        yield
    finally:
        _PATIENCE.reset(token)


@contextmanager
def folder_lock(
    folder: Path,
    wait: float | None = None,
    option: str = "--out",
    *,
    nested: bool = False,
    shown: Path | None = None,
) -> Iterator[bool]:
    """Keep other vitmap processes out of a folder; it exists already.

    `wait` is in seconds (None: what `patience` says), `shown` the folder as the user wrote it.
    With `nested` a thread that holds the lock already goes on and gets False.

    Raises FolderInUse where another process still writes there after that time, OutputError where
    nothing can be written there.
    """
    with _held(folder / NAME, shown or folder, wait, option, nested) as taken:
        yield taken


@contextmanager
def name_lock(
    parent: Path,
    name: str,
    wait: float | None = None,
    option: str = "--out",
    *,
    nested: bool = False,
    shown: Path | None = None,
) -> Iterator[bool]:
    """The same for a folder that may not exist yet: the lock lies beside it, as `.NAME.lock`."""
    place = parent / f".{short(name)}.lock"
    with _held(place, shown or parent / name, wait, option, nested) as taken:
        yield taken


@contextmanager
def folder_locks(
    folders: Sequence[tuple[Path, str]], wait: float | None = None, *, nested: bool = False
) -> Iterator[None]:
    """Several folders, each with its option, each once and in one order: two commands that want the
    same ones never wait for each other in a circle."""
    by_place = {folder.resolve(): (folder, option) for folder, option in folders}
    with ExitStack() as stack:
        for place in sorted(by_place):
            folder, option = by_place[place]
            stack.enter_context(folder_lock(folder, wait, option, nested=nested))
        yield


def short(name: str) -> str:
    """A name that `.NAME.…` can be made from: a very long one is replaced by its digest."""
    letters = os.fsencode(name)
    return name if len(letters) <= _LONGEST else sha256(letters).hexdigest()[:32]


@contextmanager
def _held(path: Path, what: Path, wait: float | None, option: str, nested: bool) -> Iterator[bool]:
    me, lock = (os.getpid(), threading.get_ident()), None
    try:
        path = path.parent.resolve() / path.name
        if not nested or _OWNERS.get(path) != me:
            lock = FileLock(path, is_singleton=False, thread_local=False)
            _acquire(lock, path, what, wait, option)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{what}: cannot be written ({reason}): choose another folder with {option}."
        ) from error
    if lock is None:
        yield False
        return
    try:
        _OWNERS[path] = me
        with suppress(OSError):  # for the message of whoever waits; Windows lets nobody write it
            if is_file(path):
                path.write_text(f"{os.getpid()}\n", encoding="ascii")
        yield True
    finally:
        _OWNERS.pop(path, None)
        # While the lock is still held: a process that waits sees that the file has gone, and makes
        # its own. Windows removes no file that is open, and keeps it.
        with suppress(OSError):
            path.unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, path: Path, what: Path, wait: float | None, option: str) -> None:
    """Take the lock, or raise FolderInUse or OSError; a word is said where that takes long."""
    known = _PATIENCE.get()
    wait = min(max(0.0, known.seconds if wait is None else wait), threading.TIMEOUT_MAX / 2)
    end, tell, tries = time.monotonic() + wait, known.tell, _TRIES
    while True:
        left = max(0.0, end - time.monotonic())
        try:
            lock.acquire(timeout=left if tell is None else min(left, _SILENT), poll_interval=0.05)
        except Timeout:
            if tell is None or left <= _SILENT:
                raise FolderInUse(
                    f"{what}: another vitmap (process {_holder(path)}) writes there, and did not "
                    f"end within {wait:g} s: wait until it is done, or choose another folder with "
                    f"{option}."
                ) from None
            tell(
                f"{what}: another vitmap (process {_holder(path)}) writes there: waiting up to "
                f"{wait:g} s."
            )
            tell = None
        except (FileNotFoundError, FileExistsError):
            # Whoever had made the folder took it away, since it was empty, between two steps.
            tries -= 1
            if not tries:
                raise
        else:
            return


def _holder(path: Path) -> str:
    try:
        return read_file(path, 100).decode("ascii").strip()[:20] or "?"
    except (OSError, ValueError):
        return "?"

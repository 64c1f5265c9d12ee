"""Keeping: a run has its folders to itself, from before the work until the files are in place."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from vitmap.errors import FolderInUse, OutputError
from vitmap.files.lock import folder_lock, folder_locks, name_lock, short

_MARK = r"\d+-[0-9a-f]{8}"  # what `mark` makes
_TRIES = 20  # a folder that another run made and took away again is made so often


@contextmanager
def keep_folder(out: Path, option: str = "--out") -> Iterator[None]:
    """Keep a folder that a run fills file by file; it is made where it is missing.

    Runs that write one whole folder use `keep_result`. A thread may keep a folder that it keeps.

    Raises OutputError where nothing can be written there, FolderInUse where another vitmap does.
    """
    with _no_trace(out):
        prepare(out, option)
        with folder_lock(out, option=option, nested=True) as taken:
            if taken:
                _clear(out, rf"\.partial\.{_MARK}")
            yield


@contextmanager
def keep_result(out: Path, rows: Path | None = None) -> Iterator[None]:
    """Keep a folder that appears at the end of a run, and the one of its --rows.

    Two runs never wait for each other in a circle: names are locked before folders, each in one
    order, and whoever keeps a folder waits for none but those inside it.

    Raises what `keep_folder` raises, before the work; leaves no folder behind that stayed empty.
    """
    real = _real(out, "--out")
    with ExitStack() as stack:
        stack.enter_context(_no_trace(real, *([rows] if rows else [])))
        rehearse(real, shown=out)
        names = {real: (out, "--out")}
        if rows:
            names.setdefault(_real(rows, "--rows"), (rows, "--rows"))
        for place in sorted(names):
            shown, option = names[place]
            taken = _take_name(stack, place, shown, option)
            if place == real and not taken:  # by this thread: all is kept already
                yield
                return
        _clear(real.parent, rf"\.{re.escape(short(real.name))}\.{_MARK}\.partial")
        if rows:
            prepare(rows, "--rows")
        folders = [(rows, "--rows")] if rows else []
        if real.is_dir():  # whoever is at work there is waited for now, not after the work
            folders.append((real, "--out"))
        stack.enter_context(folder_locks(folders, nested=True))
        yield


def prepare(out: Path, option: str = "--out") -> None:
    """Make the output folder; raises OutputError where nothing can be written into it."""
    _tried(out, out, option)


def rehearse(out: Path, option: str = "--out", shown: Path | None = None) -> None:
    """Whether a folder can be made, and files in it, before the work that they cost.

    The folders around it stay. Raises OutputError as `prepare` does.
    """
    new = not os.path.lexists(out)
    _tried(out, shown or out, option)
    if new:
        with suppress(OSError):  # another run has begun to fill it
            out.rmdir()


def mark() -> str:
    """What tells apart the half-written files of two processes, and of one process."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def _tried(out: Path, shown: Path, option: str) -> None:
    probe = out / f".probe.{mark()}"
    for left in reversed(range(_TRIES)):
        try:
            out.mkdir(parents=True, exist_ok=True)
            probe.mkdir()
            probe.rmdir()
        except (FileNotFoundError, FileExistsError) as error:
            # Another run had made it and took it away again, between two steps of ours.
            if not left:
                raise _unwritable(shown, option, error) from error
        except OSError as error:
            raise _unwritable(shown, option, error) from error
        else:
            return


def _take_name(stack: ExitStack, place: Path, shown: Path, option: str) -> bool:
    try:
        lock = name_lock(place.parent, place.name, option=option, nested=True, shown=shown)
        return stack.enter_context(lock)
    except FolderInUse:
        raise
    except OutputError:
        if option == "--out":
            raise
        return False  # nothing can be made beside --rows: no run can have it as its --out either


@contextmanager
def _no_trace(*places: Path) -> Iterator[None]:
    """Take away the folders that were made inside and stayed empty."""
    made = {
        folder for place in places for folder in (place, *place.parents) if not _is_there(folder)
    }
    try:
        yield
    finally:
        for folder in sorted(made, key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):  # it was not made after all, or holds files
                folder.rmdir()


def _is_there(place: Path) -> bool:
    return os.path.lexists(place)


def _clear(folder: Path, pattern: str) -> None:
    """Take away what a killed run left; whoever holds the lock knows that nobody is at it."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if re.fullmatch(pattern, entry.name) and entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)


def _real(place: Path, option: str) -> Path:
    try:
        return place.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        raise _unwritable(place, option, error) from error


def _unwritable(place: Path, option: str, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or error
    return OutputError(
        f"{place}: cannot be written ({reason}): choose another folder with {option}."
    )

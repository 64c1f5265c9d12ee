"""One opener: regular files alone, and never more bytes than were agreed on.

A named pipe never ends, a device fills the memory, and both can lie in a folder of pictures.
Whatever is wrong is an OSError whose `strerror` says what was found, so that each caller names it
in its own words.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30

_KINDS = (
    (stat.S_ISDIR, "a folder, not a file", errno.EISDIR),
    (stat.S_ISFIFO, "a named pipe, not a regular file", errno.EINVAL),
    (stat.S_ISSOCK, "a socket, not a regular file", errno.EINVAL),
    (stat.S_ISCHR, "a device, not a regular file", errno.EINVAL),
    (stat.S_ISBLK, "a device, not a regular file", errno.EINVAL),
)


class NotAFile(OSError):
    """What lies there is no regular file, or is larger than any file of its kind."""


def open_file(path: str | Path, limit: int | None = None) -> BufferedReader:
    """A regular file, open for reading; links to one are followed.

    Raises FileNotFoundError, IsADirectoryError, NotAFile for anything that is no regular file or
    has more than `limit` bytes, and OSError for what else the file system refuses.
    """
    # Before it is opened: opening a device may do something. After it: it may have been replaced.
    _require_regular(path, Path(path).stat())
    try:
        descriptor = os.open(path, os.O_RDONLY | _flags("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
    except OSError as error:
        error.filename = str(path)
        raise
    try:
        found = os.fstat(descriptor)
        _require_regular(path, found)
        if limit is not None and found.st_size > limit:
            raise NotAFile(
                errno.EFBIG,
                f"{found.st_size:,} bytes, more than the {limit:,} it may have",
                str(path),
            )
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: str | Path, limit: int) -> bytes:
    """All bytes of a regular file; raises what `open_file` raises, also where it grows."""
    with open_file(path, limit) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise NotAFile(errno.EFBIG, f"more than the {limit:,} bytes it may have", str(path))
    return content


def is_file(path: str | Path) -> bool:
    """Whether a regular file lies there; False also for what cannot be asked, such as a loop."""
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def kind_of(path: str | Path) -> str | None:
    """What lies there where it is no regular file: `a named pipe, not a regular file`."""
    mode = Path(path).stat().st_mode
    return next((what for test, what, _ in _KINDS if test(mode)), None)


def _require_regular(path: str | Path, found: os.stat_result) -> None:
    for test, what, code in _KINDS:
        if test(found.st_mode):
            kind = IsADirectoryError if code == errno.EISDIR else NotAFile
            raise kind(code, what, str(path))


def _flags(*names: str) -> int:
    """The flags that this system knows."""
    return sum(getattr(os, name, 0) for name in names)

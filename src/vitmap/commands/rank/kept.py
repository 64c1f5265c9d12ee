"""What a ranking keeps in its folder: rows of pictures, and good pictures' log maps."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from vitmap.errors import InputError
from vitmap.files.checked import damaged, load_tensors
from vitmap.files.opener import GIB, read_file
from vitmap.files.place import inside
from vitmap.reference.statistics import Maps

_KIND = "the log maps that vitmap rank wrote"
_LIMIT = 4 * GIB
_PARTIAL = re.compile(r"[0-9a-f]{64}\.(row|good)\.(\d+-\d+\.)?partial")
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Logs:
    """The file with a good picture's log maps, and the digest of what it holds."""

    path: Path
    sha256: str

    def read(self) -> Maps:
        """Raises DamagedFile where it is not what was written, InputError where it has gone."""
        try:
            content = read_file(self.path, _LIMIT)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror}).") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise damaged(self.path, _KIND, "it was changed after it was written")
        maps = load_tensors(content, str(self.path), _KIND, {"logs": (np.float32, 3)})
        return maps["logs"]


def write_logs(folder: Path, key: str, logs: Maps) -> Logs:
    """The log maps of a good picture; raises UnsafeName where a link lies there, OSError."""
    path = inside(folder, f"{key}.good.safetensors")
    content = save({"logs": logs})
    write_whole(path, lambda partial: partial.write_bytes(content))
    return Logs(path, hashlib.sha256(content).hexdigest())


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """A file that is there whole or not at all, also when the run is killed."""
    partial = path.with_suffix(f".{os.getpid()}-{next(_NUMBERS)}.partial")
    try:
        partial.unlink(missing_ok=True)  # a link with that name would be written through
        write(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def remove_partials(folder: Path) -> None:
    """What a killed run left half-written; whoever has the folder's lock may ask for it."""
    for _, _, names in itertools.islice(os.walk(folder), 1):
        for name in names:
            if _PARTIAL.fullmatch(name):
                (folder / name).unlink(missing_ok=True)

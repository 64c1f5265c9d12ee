"""A file that tells when it is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Trap:
    """What a malicious checkpoint holds: a call that runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)

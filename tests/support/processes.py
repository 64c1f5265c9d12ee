"""`vitmap` in processes of their own, which begin at the same moment."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vitmap.commands import main


@dataclass(frozen=True)
class Done:
    """The exit code (negative: the signal), and what was said on standard error."""

    code: int
    err: str


class Child:
    """A call in a forked process: it has all libraries that this one has loaded."""

    def __init__(self, call: Callable[[], int], folder: Path, number: int) -> None:
        self._err = folder / f"err-{number}.txt"
        with warnings.catch_warnings():  # threads of the parent that the child does not need
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid:
            return
        code = 70
        try:
            with (
                self._err.open("w", buffering=1) as sys.stderr,
                Path(os.devnull).open("w") as sys.stdout,
            ):
                code = call()
        finally:
            os._exit(code)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def said(self) -> str:
        """What was said on standard error so far."""
        return self._err.read_text() if self._err.exists() else ""

    def ended(self) -> Done:
        _, status = os.waitpid(self.pid, 0)
        return Done(os.waitstatus_to_exitcode(status), self._err.read_text())


def at_once(folder: Path, *commands: Sequence[object]) -> list[Done]:
    """What became of commands that begin at the same moment."""
    gate = folder / "gate"

    def call(arguments: Sequence[object]) -> int:
        while not gate.exists():
            time.sleep(0.001)
        return main([str(argument) for argument in arguments])

    children = [
        Child(lambda given=given: call(given), folder, number)  # type: ignore[misc]
        for number, given in enumerate(commands)
    ]
    gate.touch()
    try:
        return [child.ended() for child in children]
    finally:
        gate.unlink()


def until(there: Callable[[], object], seconds: float = 20) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)

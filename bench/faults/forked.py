"""`vitmap` commands as processes of their own that start in milliseconds.

One parent imports torch and vitmap once; each command is a fork of it, with its own standard output
and error, its own folder and a time limit. Only the entry point `vitmap` that the package declares
is called, so that nothing here depends on where vitmap keeps its modules.
"""

from __future__ import annotations

import copy
import gc
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

LIMIT = 20.0  # seconds; a command that takes longer hangs
_MEMORY = 12 << 30  # bytes of addresses: a bomb shall not take the machine along
_FILE = 1 << 30  # bytes of a file that a command writes

_TRACE = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Ended:
    """What became of a command."""

    code: int  # the exit code; minus the signal where it was killed
    out: str
    err: str
    seconds: float
    hung: bool

    @property
    def traceback(self) -> bool:
        """Whether it died of an error that nobody had thought of."""
        return _TRACE in self.err or _TRACE in self.out

    @property
    def last(self) -> str:
        """Its last words."""
        said = (self.err.strip() or self.out.strip() or "nothing said").splitlines()
        return f"exit {self.code}: {said[-1][:300]}"


class Running:
    """A command under way."""

    def __init__(self, process: int, out: Path, err: Path, limit: float) -> None:
        self.process, self._out, self._err, self._limit = process, out, err, limit
        self._begun = time.monotonic()
        self._ended: Ended | None = None

    def kill(self) -> None:
        """SIGKILL, to the command and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)

    def poll(self) -> Ended | None:
        """What became of it, once it has ended; a command beyond its time is killed."""
        if self._ended is not None:
            return self._ended
        process, status = os.waitpid(self.process, os.WNOHANG)
        hung = False
        if not process:
            if time.monotonic() - self._begun < self._limit:
                return None
            hung = True
            self.kill()
            _, status = os.waitpid(self.process, 0)
        self._ended = Ended(
            os.waitstatus_to_exitcode(status),
            self._out.read_text("utf-8", "replace"),
            self._err.read_text("utf-8", "replace"),
            time.monotonic() - self._begun,
            hung,
        )
        return self._ended

    def wait(self) -> Ended:
        """What became of it."""
        while (ended := self.poll()) is None:
            time.sleep(0.002)
        return ended


class Starter:
    """Starts commands; their words lie in files below `folder` until the next one starts."""

    def __init__(self, folder: Path) -> None:
        """Import everything that a command may need, and look at nothing twice."""
        os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
        import torch

        torch.set_num_threads(1)
        [point] = entry_points(group="console_scripts", name="vitmap")
        self.main: Callable[[], int | None] = point.load()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._count = 0

    def warm(self, *commands: Sequence[object], cwd: Path) -> None:
        """Run commands in this process: what they import, all later ones have imported."""
        before = Path.cwd(), sys.argv
        keep = os.dup(1), os.dup(2)
        words = os.open(self.folder / "warm", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.chdir(cwd)
            os.dup2(words, 1), os.dup2(words, 2)
            for command in commands:
                sys.argv = ["vitmap", *map(str, command)]
                try:
                    code = self.main()
                except SystemExit as error:
                    code = int(error.code or 0)
                if code:
                    said = (self.folder / "warm").read_text("utf-8", "replace")
                    raise RuntimeError(f"{command}: exit {code}:\n{said}")
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            for descriptor, saved in zip((1, 2), keep, strict=True):
                os.dup2(saved, descriptor)
                os.close(saved)
            os.close(words)
            os.chdir(before[0])
            sys.argv = before[1]
        gc.collect()
        gc.freeze()  # a child that collects what the parent made would copy all its memory

    def apart(self, folder: Path) -> Starter:
        """The same for a fork of this process."""
        own = copy.copy(self)
        own.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        return own

    def start(self, command: Sequence[object], cwd: Path, limit: float = LIMIT) -> Running:
        """`vitmap` with these words, in that folder."""

        def entry() -> int | None:
            sys.argv = ["vitmap", *map(str, command)]
            return self.main()

        return self.fork(entry, cwd, limit)

    def run(self, command: Sequence[object], cwd: Path, limit: float = LIMIT) -> Ended:
        """The same, to its end."""
        return self.start(command, cwd, limit).wait()

    def fork(self, entry: Callable[[], int | None], cwd: Path, limit: float = LIMIT) -> Running:
        """Any function as a process of its own; what it returns is the exit code."""
        self._count = (self._count + 1) % 64
        out, err = (self.folder / f"{self._count}.{name}" for name in ("out", "err"))
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process:
            with suppress(OSError):  # the child does the same: whoever is first
                os.setpgid(process, process)
            return Running(process, out, err, limit)
        code = 70
        try:
            _settle(out, err, cwd)
            code = _code_of(entry)
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(Exception):
                sys.stdout.flush()
            with suppress(Exception):
                sys.stderr.flush()
            os._exit(code)


def _settle(out: Path, err: Path, cwd: Path) -> None:
    """In the child: its own group, words, limits and folder."""
    with suppress(OSError):
        os.setpgid(0, 0)
    for descriptor, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, descriptor)
        os.close(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE, _FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(cwd)


def _code_of(entry: Callable[[], int | None]) -> int:
    """As the interpreter ends: SystemExit is a code, any other error a traceback and 1."""
    try:
        code = entry()
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return code or 0

"""How a command is started: in a new process, or in a copy of one that has imported torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Protocol

from cases import GIVEN

# A variable of the user's own must not change what a command writes.
FOREIGN = ("CUDA", "HF_", "HUGGINGFACE", "PYTHON", "SAFETENSORS", "TORCH", "TRANSFORMERS", "VITMAP")
SAME = {
    "COLUMNS": "100",
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "LC_ALL": "C.UTF-8",
    "MKL_NUM_THREADS": "1",
    "NO_COLOR": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONUTF8": "1",
    "TZ": "UTC",
}


def environment(root: Path, place: Path) -> dict[str, str]:
    """One thread, no network, no model but what comes along, and the root's own source.

    Python's hash seed stays random: an output that depends on the order of a set is to be found.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    kept |= {"PYTHONDONTWRITEBYTECODE": "1"} if "PYTHONDONTWRITEBYTECODE" in os.environ else {}
    empty = str(place / GIVEN / "no-models")
    return {**kept, **SAME, "PYTHONPATH": str(root / "src"), "HF_HOME": empty, "TORCH_HOME": empty}


class Start(Protocol):
    """Runs a command; what it says goes to these files. Returns its exit code."""

    def __call__(self, argv: Sequence[str], out: Path, err: Path) -> int: ...


@dataclass(frozen=True)
class Cold:
    """A new process for every command."""

    place: Path
    variables: dict[str, str]

    def __call__(self, argv: Sequence[str], out: Path, err: Path) -> int:
        with out.open("wb") as said, err.open("wb") as complained:
            return subprocess.run(
                [sys.executable, "-m", "vitmap", *argv],
                cwd=self.place,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=complained,
                check=False,
            ).returncode


class Warm:
    """A copy, for every command, of a process that has imported torch: see warm.py."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self.idle: Queue[subprocess.Popen[str]] = Queue()
        for process in processes:
            self.idle.put(process)

    def __call__(self, argv: Sequence[str], out: Path, err: Path) -> int:
        process = self.idle.get()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps([argv, str(out), str(err)]) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())
        finally:
            self.idle.put(process)


def warm_process(place: Path, variables: dict[str, str]) -> subprocess.Popen[str]:
    """A process that runs warm.py; it ends with the `with` block that holds it."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("warm.py"))],
        cwd=place,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

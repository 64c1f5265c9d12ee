"""A run that is killed, again and again, and the files of one that was not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from command import contents
from vitmap.commands import main

# The n-th file that is put in its place, or the n-th line that reaches the disk, is the last deed.
KILLED = """
import os, pathlib, signal, sys
from vitmap.commands import main
kind, last = sys.argv[1], int(sys.argv[2])
count = 0
def counted(real):
    def call(*given, **named):
        global count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **named)
    return call
if kind == "replace":
    pathlib.Path.replace = counted(pathlib.Path.replace)
else:
    os.fsync = counted(os.fsync)
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_runs_go_on_and_leave_the_same_files(
    tiny_classifier: Path, draw: Callable[..., Path], tmp_path: Path
) -> None:
    for seed in range(5):
        draw(f"lot/{seed}.png", seed=seed)
    out = tmp_path / "out"
    fixed = ["--model", tiny_classifier, "--size", 32, "--out", out, "--export", "all"]
    arguments = [str(a) for a in ["review", tmp_path / "lot", *fixed]]
    assert main(arguments) == 0
    expected = contents(out)
    shutil.rmtree(out)
    # In turn: while a state is written, between journal lines, among drawings, at the exports.
    for kind, last in (("replace", 4), ("fsync", 6), ("replace", 9), ("replace", 24)):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, kind, str(last), *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert contents(out) != expected
    assert main(arguments) == 0
    assert contents(out) == expected

"""The bar of a run of several pictures, on a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path


def test_a_bar_on_a_terminal_ends_at_the_end(
    draw: Callable[..., Path], tiny_classifier: Path, tmp_path: Path
) -> None:
    pictures = [str(draw(f"{name}.png", seed=seed)) for seed, name in enumerate("abc")]
    command = [sys.executable, "-m", "vitmap", *pictures, "--model", str(tiny_classifier)]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(
        [*command, "--size", "32", "--out", str(tmp_path / "out")],
        stderr=theirs,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the terminal closed with the program
                break
        out = process.stdout.read() if process.stdout else ""
    assert process.returncode == 0
    assert b"100%|" in shown
    assert b" 50%|" in shown or b" 67%|" in shown
    assert out.count("start with heads.png") == 3

"""What differs inside a file that has changed: lines of a text, pixels, or numbers."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path

import numpy as np
from hashing import TEXT
from PIL import Image
from safetensors.numpy import load_file

LINES, WIDTH = 16, 140  # of a difference that is shown
MANY = 5000  # lines; more of them take too long to be matched


def explain(old: Path, new: Path) -> list[str]:
    """A few lines on how the new file differs from the old one; none where nobody can tell."""
    if old.suffix in TEXT:
        return _text(_lines(old), _lines(new))
    if old.suffix == ".png":
        return [_pixels(old, new)]
    if old.suffix == ".safetensors":
        return _numbers(old, new)
    return [f"{old.stat().st_size:,} bytes, now {new.stat().st_size:,}"]


def _lines(path: Path) -> list[str]:
    """A text's lines; JSON a value a line, and the endless lines of a page in pieces."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        try:
            return json.dumps(json.loads(text), indent=1, ensure_ascii=False).splitlines()
        except ValueError:
            pass
    pieces = []
    for line in text.splitlines():
        pieces += [line] if len(line) <= 2 * WIDTH else re.findall(r"[^,{}<>]+[,{}<>]*", line)
    return pieces


def _text(old: list[str], new: list[str]) -> list[str]:
    """A unified diff, short: what both begin and end with is left out first."""
    shortest = min(len(old), len(new))
    start = next((i for i in range(shortest) if old[i] != new[i]), shortest)
    rest = shortest - start
    end = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    if len(before) + len(after) > MANY:
        shown = [f"@@ line {start + 1}: {len(before):,} lines differ, now {len(after):,}"]
        shown += [f"-{line}" for line in before[:3]] + [f"+{line}" for line in after[:3]]
    else:
        shown = [f"@@ from line {start + 1}"]
        shown += [
            line
            for line in difflib.unified_diff(before, after, n=1, lineterm="")
            if not line.startswith(("---", "+++", "@@"))
        ]
    left = len(shown) - LINES
    shown = [_cut(line) for line in shown[:LINES]]
    return [*shown, f"… and {left} more lines"] if left > 0 else shown


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}…"


def _pixels(old: Path, new: Path) -> str:
    before, after = _picture(old), _picture(new)
    if before.shape != after.shape:
        return f"an array of {before.shape}, now {after.shape}"
    apart = np.abs(before - after)
    if not apart.any():
        return "the same pixels: only how they are packed, or what is said of them, has changed"
    many = np.count_nonzero(apart.reshape(*before.shape[:2], -1).any(-1))
    return (
        f"{many:,} of {before.shape[0] * before.shape[1]:,} pixels, by at most {apart.max()} levels"
    )


def _picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def _numbers(old: Path, new: Path) -> list[str]:
    before, after = load_file(old), load_file(new)
    found = []
    for name in sorted({*before, *after}):
        if name not in before or name not in after:
            found.append(f"{name}: {'added' if name in after else 'removed'}")
        elif before[name].shape != after[name].shape or before[name].dtype != after[name].dtype:
            kinds = [f"{array.dtype} {array.shape}" for array in (before[name], after[name])]
            found.append(f"{name}: {kinds[0]}, now {kinds[1]}")
        elif before[name].tobytes() != after[name].tobytes():
            apart = np.abs(before[name].astype(float) - after[name].astype(float)).max(initial=0)
            found.append(f"{name}: differs by at most {apart:.3g}")
    return found or ["the same numbers: only what is said of them has changed"]

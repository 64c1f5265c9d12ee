"""Checkpoints: everything a resumed run needs, written whole or not at all."""

from pathlib import Path
from typing import Any

import torch


def save(file: Path, state: dict[str, Any]) -> None:
    """Write aside, then rename."""
    aside = file.with_suffix(".partial")
    torch.save(state, aside)
    aside.replace(file)


def load(file: Path) -> dict[str, Any] | None:
    """The state, or None where there is none yet."""
    if not file.exists():
        return None
    return torch.load(file, map_location="cpu", weights_only=True)


def average(smooth: dict[str, torch.Tensor], fresh: dict[str, torch.Tensor], step: int) -> None:
    """Exponential moving average in place; short at first, some 500 steps long in the end."""
    decay = min(0.998, (1 + step) / (10 + step))
    for name, value in smooth.items():
        value.lerp_(fresh[name].float(), 1 - decay)

"""Labels: names cut to a width so that each still tells which one it is."""

from __future__ import annotations

from collections.abc import Sequence

from vitmap.render.page import fitted, width_of


def times(value: float) -> str:
    """A multiple of uniform attention, in three digits or all that stand before the point.

    >>> times(0.3784), times(8.2), times(1084.5)
    ('0.378×', '8.2×', '1,084×')
    """
    return f"{value:,.0f}×" if value >= 999.5 else f"{value:.3g}×"


def telling(names: Sequence[str], inches: float, size: float, cut: str = "") -> list[str]:
    """Names in a width; those that would look alike lose what they share, not what differs.

    >>> telling(["part-number-000123-left.png", "part-number-000124-left.png"], 1.0, 8)
    ['…mber-000123…', '…mber-000124…']
    """
    shown = {name: fitted(name, inches, size, cut) for name in names}
    alike: dict[str, list[str]] = {}
    for name, text in shown.items():
        alike.setdefault(text, []).append(name)
    for group in alike.values():
        if len(group) > 1:
            shown.update(zip(group, _differing(group, inches, size, cut), strict=True))
    return [shown[name] for name in names]


def _differing(names: Sequence[str], inches: float, size: float, cut: str) -> list[str]:
    """Without the end that all share, and without as much of their beginning as must go."""
    start = _shared(names)
    end = _shared([name[start:][::-1] for name in names])
    bodies = [f"{name[: len(name) - end]}…" if end > 1 else name for name in names]
    texts = bodies
    for dropped in range(1, start + 1):
        texts = [f"…{body[dropped:]}" for body in bodies]
        if all(width_of(text, size, cut) <= inches for text in texts):
            break
    return [fitted(text, inches, size, cut) for text in texts]


def _shared(names: Sequence[str]) -> int:
    """How many letters all begin with."""
    pairs = enumerate(zip(*names, strict=False))
    return next((i for i, letters in pairs if len(set(letters)) > 1), min(map(len, names)))

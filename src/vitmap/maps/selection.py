"""Which layers and heads were asked for: `-1`, `0,3,11`, `4:8`, `all`."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from vitmap.errors import UsageError

Selection = str | int | Sequence[int]


def select(wanted: Selection, count: int, noun: str) -> tuple[int, ...]:
    """The 0-based indices that a selection names, in order and without repeats.

    A range is half open, as in Python: `4:8` is 4, 5, 6, 7.

    >>> select("-1", 12, "layer")
    (11,)
    >>> select("0,3,-1", 12, "layer")
    (0, 3, 11)
    >>> select("4:8", 12, "layer")
    (4, 5, 6, 7)

    Raises UsageError for an index that the model does not have, and for text that is no selection.
    """
    if isinstance(wanted, str):
        parts: list[str | int] = [part.strip() for part in wanted.split(",")]
    else:
        try:  # numpy's integers are integers too
            many = wanted if isinstance(wanted, Sequence) else [wanted]
            parts = [part if isinstance(part, str) else index(part) for part in many]
        except TypeError:
            raise UsageError(
                f"{noun.capitalize()} {wanted!r} is no index: expected -1, 0,3,11, 4:8 or all."
            ) from None
    found = [one for part in parts for one in _indices(part, count, noun)]
    if not found:
        raise UsageError(f"{noun.capitalize()} {wanted!r} is empty: {_available(count, noun)}.")
    return tuple(dict.fromkeys(found))


def _indices(part: str | int, count: int, noun: str) -> Sequence[int]:
    if isinstance(part, str):
        if part == "all":
            return range(count)
        if ":" in part:
            return _span(part, count, noun)
        try:
            part = int(part)
        except ValueError:
            raise UsageError(
                f"{noun.capitalize()} {part!r} is no index: expected -1, 0,3,11, 4:8 or all."
            ) from None
    return [_index(part, count, noun)]


def _span(part: str, count: int, noun: str) -> Sequence[int]:
    try:
        start, stop = (int(end) if end.strip() else None for end in part.split(":"))
    except ValueError:
        raise UsageError(
            f"{noun.capitalize()} range {part!r} is not of the form 4:8 (4 to 7), 4: or :8."
        ) from None
    for end, limit in ((start, count - 1), (stop, count)):
        if end is not None and not -count <= end <= limit:
            raise UsageError(
                f"{noun.capitalize()} range {part} asked for, but {_available(count, noun)}."
            )
    return range(count)[start:stop]


def _index(wanted: int, count: int, noun: str) -> int:
    if not -count <= wanted < count:
        raise UsageError(f"{noun.capitalize()} {wanted} asked for, but {_available(count, noun)}.")
    return wanted % count


def _available(count: int, noun: str) -> str:
    return f"the model has {noun}s 0..{count - 1} (or -{count}..-1)"

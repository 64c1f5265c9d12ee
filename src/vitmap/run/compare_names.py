"""The folder of a comparison: named by what is compared, shortened sensibly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vitmap.run.names import folder_names

_LONGEST = 60  # letters; more names are counted


def folder_of(
    pictures: Sequence[Path], models: Sequence[str], root: str = "outputs/compare"
) -> Path:
    """Where a comparison goes that was not told where.

    >>> folder_of([Path("car.jpg"), Path("cat.jpg")], []).as_posix()
    'outputs/compare/car-cat'
    >>> folder_of([Path("cat.jpg")], ["owner/name", "embedded"]).as_posix()
    'outputs/compare/cat-in-name-embedded'
    >>> folder_of([Path(f"part-number-{n:03}.png") for n in range(40)], []).name
    'part-number-000-part-number-001-part-number-002-and-37-more'
    """
    names = folder_names(list(pictures))
    if models:
        called = [Path(model.replace("\\", "/").replace(":", "-").rstrip("/")) for model in models]
        own = folder_names([Path(place.name + ".x") for place in called])
        name = f"{names[0] if names else 'picture'}-in-{_joined(own)}"
    else:
        name = _joined(names) or "pictures"
    return Path(root) / name


def _joined(names: Sequence[str]) -> str:
    for count in range(len(names), 0, -1):
        rest = f"-and-{len(names) - count}-more" if count < len(names) else ""
        joined = "-".join(names[:count]) + rest
        if len(joined) <= _LONGEST:
            return joined
    return (
        f"{names[0][:_LONGEST]}-and-{len(names) - 1}-more"
        if len(names) > 1
        else "".join(names)[:_LONGEST]
    )

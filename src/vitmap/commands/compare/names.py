"""Names of a comparison: its rows, no two alike, and its folder, shortened sensibly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

from vitmap.maps.names import display_name
from vitmap.runs.names import folder_names

_LONGEST = 60  # letters; more names are counted


def picture_names(pictures: Sequence[Path]) -> list[str]:
    """What the rows of pictures are called.

    >>> picture_names([Path("lot/a/1.png"), Path("lot/b/1.png"), Path("cat.png")])
    ['a/1.png', 'b/1.png', 'cat.png']
    """
    return _apart([picture.name for picture in pictures], pictures)


def model_names(models: Sequence[str]) -> list[str]:
    """What the rows of models are called: a folder by its own name.

    >>> model_names(["owner/name", "/runs/a/best", "/runs/b/best"])
    ['owner/name', 'a/best', 'b/best']
    """
    folders = [PurePath(model) for model in models]
    short = [
        folder.name if Path(folder).is_dir() and folder.name else display_name(model)
        for folder, model in zip(folders, models, strict=True)
    ]
    return _apart(short, folders)


def _apart(short: Sequence[str], places: Sequence[PurePath]) -> list[str]:
    """Short names; those that are alike with as many of their folders as tell them apart."""
    names = list(short)
    for name in {name for name in short if short.count(name) > 1}:
        alike = [number for number, other in enumerate(short) if other == name]
        for depth in range(2, 1 + max(len(places[number].parts) for number in alike)):
            tails = [PurePath(*places[number].parts[-depth:]).as_posix() for number in alike]
            if len(set(tails)) == len(tails):
                for number, tail in zip(alike, tails, strict=True):
                    names[number] = tail
                break
    return names


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

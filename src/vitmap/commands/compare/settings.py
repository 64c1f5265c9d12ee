"""What a comparison depends on besides its pictures; what its run.json records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vitmap.errors import UsageError, VitmapError
from vitmap.maps.maps import AttentionMaps, PatchMap
from vitmap.registry import suggest
from vitmap.runs.settings import Settings

SHOWS = ("map", "overlay", "mask")
MOST_CELLS, MOST_ROWS, MOST_MAPS = 192, 40, 800  # beyond these no page can be read


@dataclass(frozen=True)
class CompareSettings:
    """Which maps, of which models, drawn how; the defaults are the command line's."""

    maps: Settings
    models: tuple[str, ...] = ()  # rows are these models, not pictures
    show: str = "map"
    labels: tuple[str, ...] = ()  # what the pictures show: one for all, or one each
    parts: str | None = None  # path of a file of boxes

    def check(self) -> None:
        """Raises UsageError for what no model and no picture could make possible."""
        self.maps.check()
        if self.show not in SHOWS:
            raise suggest("show", self.show, SHOWS)
        if any(not label.strip() for label in self.labels):
            raise UsageError(
                "--label names nothing: expected a class, such as --label 'tabby cat'."
            )
        if self.labels and not self.maps.classify:
            raise UsageError("--label and --no-classify exclude each other: give one of them.")
        if not self.models:
            return
        if len(self.models) < 2:
            raise UsageError(
                f"--models names one model, {self.models[0]}: expected two or more, separated by "
                "spaces (for one model, --model and two pictures or more)."
            )
        for name in ("model", "classifier"):
            if getattr(self.maps, name) is not None:
                raise UsageError(
                    f"--models and --{name} exclude each other: each model names what it sees "
                    "itself, where it can."
                )

    def check_pictures(self, found: int, missing: Mapping[str, VitmapError]) -> None:
        """Raises UsageError where so many pictures cannot be compared like this.

        Of `missing`, inputs that name no picture, the first one's error where too few are left.
        """
        count = found + len(missing)
        if missing and found < (1 if self.models else 2):
            first = next(iter(missing.values()))
            left = "1 picture is" if found else "no picture is"
            several = f"{left} left to compare, of {count}; the first failure: "
            raise type(first)(f"{several if count > 1 else ''}{first}")
        if len(self.labels) > 1 and missing:
            raise UsageError(
                f"--label was given once a picture, but {len(missing)} of {count} inputs name "
                "none: mend or leave out these, so that each label finds its picture."
            )
        if self.models and count > 1:
            raise UsageError(
                f"{count} pictures were given with --models: expected one; for several pictures, "
                "run it once a picture, or give one --model."
            )
        if not self.models and count == 1:
            raise UsageError(
                "One picture was given (one that is named twice counts once): name two or more to "
                "compare (vitmap compare car.jpg cat.jpg), or --models A B for one picture in "
                "several models; vitmap IMAGE draws the heads of one."
            )
        if max(count, len(self.models)) > MOST_ROWS:
            raise UsageError(
                f"{max(count, len(self.models))} rows asked for: a figure has {MOST_ROWS} at most. "
                "Name fewer, or let vitmap IMAGE... write a folder a picture."
            )
        if len(self.labels) not in (0, 1, count):
            raise UsageError(
                f"--label was given {len(self.labels)} times for {count} pictures: give it once "
                "for all, or once a picture, in their order."
            )


def cells_of(maps: AttentionMaps, settings: Settings) -> list[PatchMap]:
    """The maps of one row, in the order of layers and heads."""
    return [cell for row in maps.cells(settings.head, settings.reduce) for cell in row]


def check_count(layers: int, heads: int, settings: Settings, rows: int) -> None:
    """Raises UsageError where so many layers and heads are more maps than a figure can hold."""
    cells = 1
    cells *= 1 if settings.reduce in ("layers", "mean") else layers
    cells *= 1 if settings.reduce in ("heads", "mean") else heads
    if cells > MOST_CELLS or rows * cells > MOST_MAPS:
        raise UsageError(
            f"{cells} maps a row in {rows} rows asked for: a figure has {MOST_CELLS} a row "
            f"and {MOST_MAPS} in all at most. Choose with --layer and --head, or average with "
            "--reduce."
        )


def label_for(labels: Sequence[str], number: int) -> str | None:
    """What the picture of that number is said to show."""
    if not labels:
        return None
    return labels[0] if len(labels) == 1 else labels[number]

"""ReviewSettings: everything that the files of a review depend on besides its pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vitmap.errors import UsageError
from vitmap.maps.query import Query
from vitmap.maps.regions import Cut
from vitmap.photo.view import FITS, UPSAMPLINGS
from vitmap.registry import suggest
from vitmap.render.colormap import palette

# What --export takes, and what it writes; `{}` stands for a picture's name.
EXPORTS = {
    "csv": ("pictures.csv", "regions.csv"),
    "heatmap": ("heatmaps/{}.png",),
    "mask": ("masks/{}.png",),
    "overlay": ("overlays/{}.png",),
    "raw16": ("raw16/{}.png",),
    "tensors": ("tensors/{}.safetensors",),
    "coco": ("coco.json", "coco-polygons.json"),
    "label-studio": ("label-studio.json",),
    "cvat": ("cvat.xml",),
    "labelme": ("labelme/{}.json",),
}
PNG = ("heatmap", "mask", "overlay")
_LEVEL = re.compile(r"(-?\d+\.?\d*|-?\.\d+)\s*[x×z]", re.IGNORECASE)


@dataclass(frozen=True)
class ReviewSettings:
    """What to look at, what counts as a region, and what is written; defaults are the command's."""

    recipe: str | None = None
    model: str | None = None
    size: int | None = None
    fit: str | None = None
    query: str | None = None
    layer: str = "-1"
    head: str = "all"
    precision: str = "fp32"
    device: str = "auto"
    threshold: str | None = None  # 0.6: share of the mass; 4x: in the heat's unit
    min_area: int = 0  # pixels
    merge: int = 0  # pixels
    scale: str | None = None  # None: good where the recipe has it, else run
    upsample: str = "nearest"
    colormap: str = "viridis"
    label: str = "defect"
    exports: tuple[str, ...] = ("csv", *PNG)

    def check(self) -> None:
        """Raises UsageError for what no model and no picture could make possible."""
        known = {
            "fit": FITS,
            "upsample": UPSAMPLINGS,
            "scale": ("good", "run"),
            "precision": ("fp32", "bf16"),
        }
        for name, names in known.items():
            value = getattr(self, name)
            if value is not None and value not in names:
                raise suggest(name, value, names)
        if self.query is not None:
            Query.parse(self.query)
        if self.size is not None and self.size < 1:
            raise UsageError(f"Size {self.size} asked for: expected pixels, such as 480.")
        if self.min_area < 0 or self.merge < 0:
            raise UsageError(
                f"--min-area {self.min_area} and --merge {self.merge} asked for: both are pixels, "
                "0 or more."
            )
        if not self.label.strip():
            raise UsageError("--label is empty: expected what a region is called, such as defect.")
        for name in self.exports:
            if name not in EXPORTS:
                raise suggest("export", name, tuple(EXPORTS))
        palette(self.colormap)
        if self.threshold is not None:
            parse_cut(self.threshold)

    def per_picture(self) -> list[str]:
        """The exports that write a file a picture, apart from the raw maps."""
        return [name for name in self.exports if "{}" in EXPORTS[name][0] and name != "tensors"]


def parse_cut(text: str) -> Cut:
    """`0.6`: the fewest patches with that share of the mass; `4x`: patches at or above a level.

    Raises UsageError for anything else.
    """
    level = _LEVEL.fullmatch(text.strip())
    if level:
        return Cut("level", float(level[1]))
    try:
        share = float(text)
    except ValueError:
        share = float("nan")
    if not 0 < share <= 1:
        raise UsageError(
            f"Threshold {text!r} asked for: expected a share of the mass above 0 and at most 1, "
            "such as 0.6, or a level in the map's own unit, such as 4x."
        )
    return Cut("mass", share)


def parse_exports(text: str) -> tuple[str, ...]:
    """`csv,coco` in the order of the table; `png` is heatmap, mask and overlay, `all` everything.

    Raises UsageError for an unknown name.
    """
    groups = {"png": PNG, "all": tuple(EXPORTS), "none": ()}
    names: set[str] = set()
    for part in (part.strip() for part in text.split(",") if part.strip()):
        if part not in EXPORTS and part not in groups:
            raise suggest("export", part, [*EXPORTS, *groups])
        names |= set(groups.get(part, (part,)))
    return tuple(name for name in EXPORTS if name in names)

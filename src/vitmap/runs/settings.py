"""Settings: everything a run depends on besides its pictures; what run.json records."""

from __future__ import annotations

from dataclasses import dataclass

from vitmap.errors import UsageError
from vitmap.maps.maps import REDUCTIONS
from vitmap.maps.mass import check_share
from vitmap.maps.query import Query
from vitmap.maps.scale import MEANINGS
from vitmap.photo.view import FITS, UPSAMPLINGS
from vitmap.registry import suggest

CHOICES = {
    "fit": FITS,
    "reduce": REDUCTIONS,
    "upsample": UPSAMPLINGS,
    "scale": tuple(MEANINGS),
    "at": ("photo", "model"),
    "precision": ("fp32", "bf16"),
}


@dataclass(frozen=True)
class Settings:
    """What to draw and how; the defaults are the command line's."""

    model: str | None = None  # None: the default backbone
    classifier: str | None = None  # None: the model's own where it has one, else the default
    classify: bool = True
    size: int | None = None  # None: 480, or the one size that the model takes
    fit: str | None = None  # None: keep, or squash where the model takes one size
    query: str | None = None  # None: the model's own
    layer: str = "-1"
    head: str = "all"
    reduce: str = "none"
    threshold: float = 0.6
    upsample: str = "nearest"
    colormap: str = "viridis"
    scale: str | None = None  # None: image for one photo, run for several
    at: str = "photo"
    precision: str = "fp32"
    device: str = "auto"
    recipe: str | None = None  # path of a recipe.json, which then says model, layer, head and scale
    method: str = "attention"  # what the maps show
    reference: str | None = None  # folder of normal images, for methods that compare with them

    def check(self) -> None:
        """Raises UsageError for what no model and no photo could make possible."""
        check_share(self.threshold)
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                raise suggest(name, value, known)
        if self.query is not None:
            Query.parse(self.query)
        if self.size is not None and self.size < 1:
            raise UsageError(f"Size {self.size} asked for: expected pixels, such as 480.")
        if self.classifier and not self.classify:
            raise UsageError("--classifier and --no-classify exclude each other: give one of them.")

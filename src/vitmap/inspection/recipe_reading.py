"""A recipe's reading: one cell against good pictures, in the recipe's own unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vitmap.inspection.reading import Heat, Terms
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.regions import Cut
from vitmap.photo.read import Photo
from vitmap.rank.recipe import Recipe

_LOW = -100.0  # deviations: what lies so far below good pictures is below all doubt


@dataclass(frozen=True, eq=False)
class RecipeReading:
    """What `vitmap rank` found, with level, scale and threshold of its good pictures."""

    recipe: Recipe
    digest: str  # sha256 of recipe.json, which has that of the golden maps

    @property
    def layers(self) -> tuple[int, ...]:
        """The recipe's layer."""
        return (self.recipe.layer,)

    @property
    def terms(self) -> Terms:
        """With too few good pictures there is no level, and no scale by it."""
        recipe = self.recipe
        if recipe.level is None:
            cut, scale = Cut("mass", 0.6), None
        else:  # what is above the level, in the heat's own float32
            above = np.nextafter(np.float32(recipe.level), np.float32(np.inf))
            cut, scale = Cut("level", float(above)), recipe.scale
        return Terms(
            label=recipe.label,
            unit=recipe.unit,
            cut=cut,
            scale=scale,
            threshold=recipe.threshold,
            low=0.0 if recipe.golden is None else _LOW,
            grounds=f"above {recipe.alarm}" if recipe.alarm else "",
        )

    def heat(self, maps: AttentionMaps, photo: Photo) -> tuple[Heat, tuple[str, ...]]:
        """Deviations from good pictures, or multiples of uniform attention.

        Raises NotFinite where a patch has no number, and what `Recipe.read` raises besides.
        """
        heat, placed = self.recipe.read(maps, photo)
        doubt = "does not look like the good pictures: not aligned, mind the verdict"
        return heat, (doubt,) if placed.doubtful else ()

    def score(self, heat: Heat) -> float:
        """The mean over the hottest percent of patches."""
        return self.recipe.score(heat)

    def about(self) -> dict[str, Any]:
        """The recipe, by its digest."""
        return {"recipe": self.digest, "label": self.recipe.label}

"""What a recipe asks of a run: its own model, size, fit, query, precision, layer and head."""

from __future__ import annotations

from typing import Any

from vitmap.maps.names import pinned
from vitmap.rank.recipe import Recipe


def as_made(recipe: Recipe, model: str | None) -> dict[str, Any]:
    """The recipe's model (or the one that was named), size, fit, query, precision, layer, head."""
    return {"model": model or pinned(recipe.model, recipe.revision), **recipe.options}

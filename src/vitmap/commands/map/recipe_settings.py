"""Settings of a run that a recipe leads: its numbers hold for its own model, size and precision."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vitmap.errors import UsageError
from vitmap.rank.recipe import conflicts, read_recipe, recipe_file
from vitmap.rank.recipe_options import as_made
from vitmap.runs.settings import Settings

_ITS_OWN = ("reduce", "scale", "at", "reference")


def by_recipe(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """The settings with what the recipe says; `given` are those that the user set.

    Raises InputError for what is no recipe, UsageError for an option that contradicts it.
    """
    assert settings.recipe is not None
    recipe = read_recipe(settings.recipe)
    path = Path(os.path.realpath(recipe_file(settings.recipe)))
    conflicts(recipe, dict(given))
    for name in _ITS_OWN:
        if name in given:
            raise UsageError(f"--{name} cannot be chosen with --recipe: leave it out.")
    return replace(
        settings,
        **as_made(recipe, settings.model),
        recipe=str(path),
        method=recipe.method,
        classify=settings.classify and settings.classifier is not None,
        reduce="heads" if recipe.head is None else "none",
    )

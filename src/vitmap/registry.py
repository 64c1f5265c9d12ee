"""Name → thing, found when it is needed; an unknown name is answered with the nearest known one.

A registry holds `module:attribute` strings, so that naming a thing does not import it, and so that
a lower layer can hand work to an upper one that it must not know. Third parties add theirs under
the entry-point group `vitmap.<registry>`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from vitmap.errors import UsageError


def suggest(noun: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for an unknown name, with what was probably meant.

    >>> print(suggest("scale", "imag", ["cell", "image", "run"]))
    Scale 'imag' is not known: did you mean 'image'? Known: cell, image, run.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f": did you mean '{near[0]}'?" if near else "."
    return UsageError(f"{noun.capitalize()} {name!r} is not known{hint} Known: {', '.join(names)}.")


class Registry:
    """Named things, imported on first use."""

    def __init__(self, noun: str, targets: Mapping[str, str]) -> None:
        self.noun = noun
        self._targets = dict(targets)

    def names(self) -> list[str]:
        """Every known name, third parties' included."""
        return sorted({*self._targets, *(entry.name for entry in self._third_parties())})

    def get(self, name: str) -> Any:
        """The thing of that name; raises UsageError with a suggestion where there is none."""
        if name in self._targets:
            module, attribute = self._targets[name].split(":")
            return getattr(import_module(module), attribute)
        for entry in self._third_parties():
            if entry.name == name:
                return entry.load()
        raise suggest(self.noun, name, self.names())

    def require(self, name: str) -> None:
        """Raises UsageError for an unknown name; imports nothing."""
        if name not in self.names():
            raise suggest(self.noun, name, self.names())

    def _third_parties(self) -> Iterable[Any]:
        return entry_points(group=f"vitmap.{self.noun.replace(' ', '_')}")


# What a map can show: see `methods.method.MapMethod`. Named here, since files name methods too.
METHODS = Registry(
    "map method",
    {
        "attention": "vitmap.methods.attention:ATTENTION",
        "distance": "vitmap.methods.distance:DISTANCE",
    },
)

notebook_views = Registry(
    "notebook view",
    {
        "Photo": "vitmap.render.figures.notebook:photo",
        "PatchMap": "vitmap.render.figures.notebook:patch_map",
        "AttentionMaps": "vitmap.render.figures.notebook:attention_maps",
        "Heatmap": "vitmap.render.figures.notebook:heatmap",
    },
)

# What a record's settings are held against where the answer lies above the rooms that read records.
setting_checks = Registry("setting", {"colormap": "vitmap.render.colormap:palette"})

"""What did this Vision Transformer look at, and which layer and head shows it?

>>> import vitmap
>>> model = vitmap.load("facebook/dino-vits8")            # doctest: +SKIP
>>> maps = vitmap.attend(model, "car.jpg", layers=-1)     # doctest: +SKIP
>>> maps.at(layer=-1, head=4).keep_mass(0.6)              # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vitmap.errors import VitmapError
    from vitmap.formats.tensors import read_maps, write_maps
    from vitmap.maps.maps import AttentionMaps, Heatmap, PatchMap, Prediction, Source
    from vitmap.maps.mass import keep_mass
    from vitmap.maps.method_maps import Map, Maps
    from vitmap.maps.query import Query
    from vitmap.maps.regions import Cut, Region, find_regions
    from vitmap.methods.attention import attend, attend_batch
    from vitmap.methods.labels import predict
    from vitmap.models.hf import from_transformers
    from vitmap.models.load import load
    from vitmap.models.timm import from_timm
    from vitmap.models.torchvision import from_torchvision
    from vitmap.photo.read import Photo, read_photo
    from vitmap.photo.view import View
    from vitmap.rank.recipe import Recipe, read_recipe
    from vitmap.render.figures.heads import draw_heads

_HOMES = {
    "AttentionMaps": "maps.maps",
    "Cut": "maps.regions",
    "Heatmap": "maps.maps",
    "Map": "maps.method_maps",
    "Maps": "maps.method_maps",
    "PatchMap": "maps.maps",
    "Photo": "photo.read",
    "Prediction": "maps.maps",
    "Query": "maps.query",
    "Recipe": "rank.recipe",
    "Region": "maps.regions",
    "Source": "maps.maps",
    "View": "photo.view",
    "VitmapError": "errors",
    "attend": "methods.attention",
    "attend_batch": "methods.attention",
    "draw_heads": "render.figures.heads",
    "find_regions": "maps.regions",
    "from_timm": "models.timm",
    "from_torchvision": "models.torchvision",
    "from_transformers": "models.hf",
    "keep_mass": "maps.mass",
    "load": "models.load",
    "predict": "methods.labels",
    "read_maps": "formats.tensors",
    "read_photo": "photo.read",
    "read_recipe": "rank.recipe",
    "write_maps": "formats.tensors",
}

__all__ = [
    "AttentionMaps",
    "Cut",
    "Heatmap",
    "Map",
    "Maps",
    "PatchMap",
    "Photo",
    "Prediction",
    "Query",
    "Recipe",
    "Region",
    "Source",
    "View",
    "VitmapError",
    "attend",
    "attend_batch",
    "draw_heads",
    "find_regions",
    "from_timm",
    "from_torchvision",
    "from_transformers",
    "keep_mass",
    "load",
    "predict",
    "read_maps",
    "read_photo",
    "read_recipe",
    "write_maps",
]


def __getattr__(name: str) -> Any:
    """Public names arrive when they are used: saved maps need no torch, `--help` needs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vitmap' has no attribute {name!r}")
    try:
        return getattr(import_module(f"vitmap.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        from vitmap.errors import require_models

        raise require_models(error) from error


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

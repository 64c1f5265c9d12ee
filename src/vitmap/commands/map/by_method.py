"""Maps by a method other than attention: what may be asked of it, and what it compares with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from vitmap.errors import InputError, UsageError
from vitmap.formats.png import write_heatmap, write_picture
from vitmap.maps.keys import MapKey
from vitmap.maps.maps import Prediction
from vitmap.maps.method_maps import Maps, refuse_mass
from vitmap.maps.numbers import describe_map
from vitmap.maps.query import Query
from vitmap.maps.scale import Scale
from vitmap.methods import METHODS
from vitmap.methods.method import REFERENCE, Inputs, Learning, MapMethod, require
from vitmap.models.engine import Engine, Facts
from vitmap.photo.find import find_pictures
from vitmap.photo.read import Photo, read_bytes, read_photo
from vitmap.photo.view import View
from vitmap.render.colormap import palette
from vitmap.render.figures.method import Compared, draw_maps
from vitmap.render.overlay import overlay
from vitmap.runs.record import Replay
from vitmap.runs.settings import Settings

ATTENTION = "attention"
FIGURE = "maps.png"


@dataclass(frozen=True, eq=False)
class ByMethod:
    """A method, the maps that are wanted of it, and the normal images that it has learnt."""

    method: MapMethod
    keys: tuple[MapKey, ...]
    reference: Any = None
    about: dict[str, Any] | None = None  # of the normal images, for run.json
    compared: Compared | None = None

    @classmethod
    def of(cls, settings: Settings, engine: Engine, replay: Replay | None) -> ByMethod | None:
        """None for attention. Reads the normal images where the method compares with any.

        Raises UnsupportedModel where the engine cannot, InputError for images that cannot be read
        or are not those of the record.
        """
        if settings.method == ATTENTION:
            return None
        method: MapMethod = METHODS.get(settings.method)
        require(method, engine.facts)
        keys = _plan(method, settings, engine.facts)
        if settings.reference is None or REFERENCE not in method.needs:
            return cls(method, keys)
        learning: Learning = METHODS.get(settings.method)
        paths = _pictures(settings.reference)
        digests = tuple(sha256(read_bytes(path)).hexdigest() for path in paths)
        pictures = [
            {"file": path.name, "sha256": digest}
            for path, digest in zip(paths, digests, strict=True)
        ]
        about = {"folder": settings.reference, "pictures": pictures}
        if replay is not None and replay.reference not in (None, digests):
            raise InputError(
                f"{settings.reference}: not the reference images of the recorded run (their sha256 "
                "are others): run it anew without --replay."
            )
        images = _Images(engine, list(zip(paths, digests, strict=True)), settings)
        compared = Compared(len(paths), read_photo(paths[0]))
        return cls(method, keys, learning.learn(engine, images, keys), about, compared)

    def maps(
        self, engine: Engine, photo: Photo, view: View, pixels: Float32[np.ndarray, "1 3 y x"]
    ) -> Maps:
        """The maps of one photo."""
        source = replace(engine.facts.source, photo=photo.digest)
        inputs = Inputs(photo, view, pixels, source)
        return self.method.maps(engine, inputs, self.keys, self.reference)

    def write(
        self,
        folder: Path,
        photo: Photo,
        maps: Maps,
        scale: Scale,
        prediction: Prediction | str,
        settings: Settings,
    ) -> dict[str, Any]:
        """Heatmap and overlay of each map, and the figure; what run.json says of the maps."""
        colors = palette(settings.colormap)
        for found in maps:
            levels = scale.levels(found.heatmap(settings.upsample).values)
            write_heatmap(folder / f"{found.stem}-heatmap.png", levels, colors)
            laid = overlay(photo.pixels, levels, colors)
            write_picture(folder / f"{found.stem}-overlay.png", laid)
        figure = draw_maps(
            photo,
            maps,
            scale,
            summary=self.method.summary,
            compared=self.compared,
            prediction=None if isinstance(prediction, str) else prediction,
            colormap=settings.colormap,
            upsample=settings.upsample,
        )
        write_picture(folder / FIGURE, np.asarray(figure), figure.info["dpi"][0])
        return {
            "method": self.method.name,
            "unit": self.method.unit,
            "compared": str(self.compared) if self.compared else None,
            "maps": [describe_map(found) for found in maps],
        }


def check_method(settings: Settings, given: Mapping[str, object]) -> Settings:
    """The settings, with the folder of normal images in full; `given` are those that the user set.

    Raises UsageError for what means nothing for the method, or is missing for it.
    """
    method: MapMethod = METHODS.get(settings.method)
    compares = REFERENCE in method.needs
    if compares and settings.reference is None:
        raise UsageError(
            f"Method {method.name} compares with normal images: name their folder with --reference."
        )
    if not compares and settings.reference is not None:
        raise UsageError(
            f"--reference was given, but method {method.name} compares with no images: leave it "
            "out, or choose --method distance."
        )
    if method.name == ATTENTION:
        return settings
    if "threshold" in given:
        refuse_mass(method.name, method.unit, "A mask that keeps a share of the mass (--threshold)")
    if settings.reduce != "none":
        raise UsageError(
            f"--reduce {settings.reduce} averages attention, and maps of {method.name} are not "
            "averaged: leave it out."
        )
    if settings.at != "photo":
        raise UsageError(
            f"--at {settings.at} writes the original program's files, which show attention: leave "
            f"it out with --method {method.name}."
        )
    if settings.reference is None:
        return settings
    return replace(settings, reference=str(Path(settings.reference).resolve()))


def _plan(method: MapMethod, settings: Settings, facts: Facts) -> tuple[MapKey, ...]:
    """The maps that are wanted; raises UsageError for heads or a query that the method has not."""
    query = Query.parse(settings.query) if settings.query else None
    keys = method.plan(facts, settings.layer, settings.head, query)
    for option, value, has in (
        ("head", settings.head, settings.head == "all" or any(key.heads for key in keys)),
        ("query", settings.query, query is None or any(key.query for key in keys)),
    ):
        if not has:
            raise UsageError(
                f"--{option} {value} was given, but maps of {method.name} have no {option}: leave "
                "it out."
            )
    return keys


def _pictures(folder: str) -> list[Path]:
    paths, errors = find_pictures([folder])
    for error in errors.values():
        raise error
    return paths


class _Images(Sequence[Inputs]):
    """Normal images, each read when it is asked for, and the same as when its digest was taken."""

    def __init__(
        self, engine: Engine, images: Sequence[tuple[Path, str]], settings: Settings
    ) -> None:
        self._engine, self._images, self._settings = engine, images, settings

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: Any) -> Any:
        path, digest = self._images[number]
        photo = read_photo(path)
        if photo.digest != digest:
            raise InputError(f"{path}: the file changed while it was read.")
        return Inputs.of(self._engine, photo, self._settings.size, self._settings.fit)

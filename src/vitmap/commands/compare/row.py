"""One row of a comparison: a picture in a model, its maps and all their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from vitmap.commands.compare.labels import Naming, Verdict
from vitmap.commands.compare.numbers import Numbers, numbers_of, parts_of
from vitmap.commands.compare.settings import CompareSettings, cells_of
from vitmap.datasets import Sample, truth_mask
from vitmap.datasets.entries import Entry
from vitmap.maps.agreement import agreement
from vitmap.maps.maps import AttentionMaps, PatchMap, Prediction, Source
from vitmap.maps.parts import OnPart
from vitmap.maps.query import Query
from vitmap.methods.seeing import see
from vitmap.models.engine import Engine
from vitmap.photo.read import Photo

_SHOWN = 900  # px of a photo's longer side that are kept for the figure
NAMELESS = "part"  # what a box without a label is called


@dataclass(frozen=True, eq=False)
class ComparedRow:
    """All that the figure and the tables need; the photo itself is gone but for a small copy."""

    name: str
    photo: Photo = field(repr=False)  # small
    size: tuple[int, int]  # (y, x) of the photo as it was
    source: Source
    prefix: tuple[str, ...]
    depth: int  # layers in the model
    heads: int
    query: Query
    numbers: tuple[Numbers, ...]
    agreement: Float[np.ndarray, "cell cell"]
    prediction: Prediction | str
    verdict: Verdict | None
    parts: dict[str, list[OnPart]]
    outlines: tuple[tuple[str, Bool[np.ndarray, "y x"]], ...]  # on the small copy

    @property
    def cells(self) -> list[PatchMap]:
        """The maps."""
        return [one.cell for one in self.numbers]


def look_at(
    model: Engine,
    photo: Photo,
    settings: CompareSettings,
    *,
    name: str,
    naming: Naming,
    entry: Entry | None,
) -> ComparedRow:
    """The row of one photo in one model.

    Raises what `attend` raises, and InputError for parts that do not fit the photo.
    """
    outlines = _outlines(photo, entry)
    facts = model.facts
    maps, distances, prediction = _attend(model, photo, settings, naming.classifier)
    cells = cells_of(maps, settings.maps)
    kept = np.stack([cell.keep_mass(settings.maps.threshold) for cell in cells])
    means = np.array([_over(distances, maps, cell) for cell in cells])
    small = _small(photo)
    return ComparedRow(
        name=name,
        photo=small,
        size=photo.size,
        source=maps.source,
        prefix=facts.prefix,
        depth=facts.depth,
        heads=facts.heads,
        query=maps.query,
        numbers=numbers_of(cells, kept, means),
        agreement=agreement(kept),
        prediction=prediction or naming.why,
        verdict=naming.verdict(prediction),
        parts=parts_of(cells, kept, _joined(outlines)),
        outlines=tuple((label, _shrunk(mask, small.size)) for label, mask in outlines),
    )


def _attend(
    model: Engine, photo: Photo, settings: CompareSettings, classifier: Engine | None
) -> tuple[AttentionMaps, Float[np.ndarray, "layer head"], Prediction | None]:
    """The maps, how far every head looks (a pooling query has no place to look from), the label."""
    asked = settings.maps
    view = model.facts.view(photo.size, asked.size, asked.fit)
    pixels = model.pixels(photo, view)
    maps, captured, prediction = see(
        model, classifier, photo, view, pixels, asked.layer, asked.query, spans=True
    )
    nowhere = np.full(maps.heads, np.nan)
    found = [captured.spans.get(layer, nowhere) for layer in maps.layers]
    return maps, np.stack(found), prediction


def _over(distances: Float[np.ndarray, "layer head"], maps: AttentionMaps, cell: PatchMap) -> float:
    """The mean over the heads that a map is the mean of."""
    rows = [maps.layers.index(layer) for layer in cell.layers]
    return float(distances[np.ix_(rows, list(cell.heads))].mean())


def _outlines(photo: Photo, entry: Entry | None) -> list[tuple[str, Bool[np.ndarray, "y x"]]]:
    """Every part that is known, with its label, in the photo's pixels."""
    if entry is None or photo.path is None:
        return []
    return [
        (
            kind or NAMELESS,
            truth_mask(Sample(photo.path, kind or NAMELESS, (shape,), entry.size), photo),
        )
        for shape, kind in zip(entry.shapes, entry.kinds, strict=True)
    ]


def _joined(
    outlines: list[tuple[str, Bool[np.ndarray, "y x"]]],
) -> dict[str, Bool[np.ndarray, "y x"]]:
    """By label: everything that carries it, two wheels as one mask."""
    found: dict[str, Bool[np.ndarray, "y x"]] = {}
    for label, mask in outlines:
        found[label] = found[label] | mask if label in found else mask
    return found


def _small(photo: Photo) -> Photo:
    """The photo at no more pixels than a figure shows: many large ones would fill the memory."""
    shrink = min(1.0, _SHOWN / max(photo.size))
    height, width = (max(1, round(side * shrink)) for side in photo.size)
    image = Image.fromarray(photo.pixels).resize((width, height), Image.Resampling.BOX)
    return Photo(np.asarray(image), photo.path, photo.digest, photo.notes)


def _shrunk(mask: Bool[np.ndarray, "y x"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """A mask at another size; no marked pixel is lost."""
    y, x = np.nonzero(mask)
    small = np.zeros(size, dtype=bool)
    small[y * size[0] // mask.shape[0], x * size[1] // mask.shape[1]] = True
    return small

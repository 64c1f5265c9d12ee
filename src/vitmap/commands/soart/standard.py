"""The standard of a map run: one picture, or good ones laid over each other, and their limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Real

from vitmap.errors import PictureError
from vitmap.photo.alignment import align, overlap
from vitmap.photo.find import find_pictures
from vitmap.photo.read import Photo, read_photo
from vitmap.soart.defect_map import Reference, planes_of
from vitmap.soart.map_settings import MapSettings

FEWEST = 3  # good pictures that can set a limit


class Standard:
    """The standard picture, or the mean of a folder of good ones, with the limit that they set."""

    def __init__(self, given: str, settings: MapSettings) -> None:
        """Read the standard; several pictures are laid over the first one and averaged.

        Raises PictureError for pictures that cannot be read, differ in size or do not align.
        """
        paths, missing = find_pictures([given])
        if missing:
            raise next(iter(missing.values()))
        self.paths, self.given = paths, given
        photos = [(path, read_photo(path)) for path in paths[:1]]
        self.first = photos[0][1]
        self.digests = [self.first.digest]
        self.total = self.first.pixels.astype(np.float32)
        for path in paths[1:]:
            photo = read_photo(path)
            self.digests.append(photo.digest)
            self.total += _laid_over(self.first, photo, path, settings)
        mean = self.total / np.float32(len(paths))
        self.pixels: Real[np.ndarray, "y x 3"] = mean if len(paths) > 1 else self.first.pixels
        self.reference = Reference(self.pixels, settings)

    @property
    def shown(self) -> np.ndarray:
        """The standard as a picture."""
        return np.rint(self.pixels).astype(np.uint8)

    def limit(self) -> float | None:
        """The hottest patch of any good picture against the mean of the others.

        None where there are fewer than three: then one picture would be the others' mean.
        """
        count = len(self.paths)
        if count < FEWEST:
            return None
        hottest = 0.0
        for path in self.paths:
            photo, settings = read_photo(path), self.reference.settings
            rest = (self.total - _laid_over(self.first, photo, path, settings)) / (count - 1)
            found = Reference(rest, settings).map(photo.pixels, str(path))
            hottest = max(hottest, float(found.anomaly.max()))
        return hottest


def _laid_over(first: Photo, photo: Photo, path: Path, settings: MapSettings) -> np.ndarray:
    if photo.size != first.size:
        raise PictureError(
            f"{path}: {photo.size[1]} × {photo.size[0]} px, but the standard's first picture has "
            f"{first.size[1]} × {first.size[0]} px: give good pictures of one size."
        )
    if not settings.align:
        return photo.pixels.astype(np.float32)
    own, other = (planes_of(p.pixels, settings).mean(axis=0) for p in (first, photo))
    shift = align(own, other)
    if not shift.credible:
        raise PictureError(
            f"{path}: it cannot be aligned with {first.name} (correlation "
            f"{shift.correlation:.2f}): is it the same part? --align off takes it as it lies."
        )
    laid = first.pixels.astype(np.float32)
    for channel in range(3):
        target, source = overlap(
            laid[:, :, channel], photo.pixels[:, :, channel].astype(np.float32), shift.y, shift.x
        )
        target[:] = source
    return laid

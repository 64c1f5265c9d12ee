"""Row: what a ranking keeps of one picture; rows of any runs can be put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, Shaped, UInt16

from vitmap.errors import InputError
from vitmap.maps.mass import keep_mass
from vitmap.rank.candidates import EITHER, Candidate
from vitmap.rank.histogram import BINS, Histogram, count, overlap_of
from vitmap.reference.registration import Placed

MEASURES = ("score", "peak", "mass", "hit", "iou")
SCORE, PEAK, MASS, HIT, IOU = range(len(MEASURES))
TOP = (
    0.01  # a picture's score is the mean over this share of its patches, the hottest, one at least
)


@dataclass(frozen=True, eq=False)
class Truth:
    """A picture's defect pixels on the patch grid, in whole pixels: exact for nearest upsampling.

    `regions` lists (region, patch, pixels) of the connected defect areas. A good picture has none.
    """

    total: Int64[np.ndarray, " patch"]
    defect: Int64[np.ndarray, " patch"]
    regions: Int64[np.ndarray, "entry 3"]


@dataclass(frozen=True, eq=False)
class Row:
    """One picture: the bins of every stored map, its truth, and four measures a candidate.

    `truth` is None where only the picture's kind is known. Measures are NaN where they mean
    nothing: mass, hit and IoU of a picture without a mask. `placed` is None where nobody asked.
    """

    name: str
    digest: str
    kind: str  # "good", or the defect's name
    grid: tuple[int, int]
    bins: UInt16[np.ndarray, "stored patch"]
    measures: Float[np.ndarray, "candidate measure"]
    truth: Truth | None
    placed: Placed | None = None

    @property
    def good(self) -> bool:
        """Whether it is a picture of a good part."""
        return self.kind == "good"

    def histogram(self, lines: slice) -> Histogram:
        """Pixels a bin for some of the stored maps; needs the truth."""
        if self.truth is None:
            raise InputError(f"{self.name}: has no mask to count pixels by.")
        bins = self.bins[lines]
        regions = np.zeros((len(bins), BINS), dtype=np.int64)
        for region in self._regions():
            regions += overlap_of(bins, region)
        truth = self.truth
        return Histogram(
            count(bins, truth.defect), count(bins, truth.total - truth.defect), regions
        )

    def _regions(self) -> list[Int64[np.ndarray, " patch"]]:
        entries, found = self.truth.regions if self.truth else np.empty((0, 3)), []
        for number in np.unique(entries[:, 0]):
            region = np.zeros(self.bins.shape[1], dtype=np.int64)
            own = entries[entries[:, 0] == number]
            region[own[:, 1].astype(np.int64)] = own[:, 2]
            found.append(region)
        return found


def score_of(values: Float32[np.ndarray, "*map patch"]) -> Float[np.ndarray, "*map"]:
    """A picture's score: the mean over the hottest percent of its patches, one at least."""
    top = max(1, round(TOP * values.shape[-1]))
    hottest = np.partition(values, -top, axis=-1)[..., -top:]
    return np.asarray(hottest.mean(axis=-1, dtype=np.float64))


def measure(
    heats: Float32[np.ndarray, "stored patch"],
    candidates: Sequence[Candidate],
    truth: Truth | None,
    share: float,
) -> Float[np.ndarray, "candidate measure"]:
    """Picture score and peak, mass inside the defect, pointing hit, IoU of the mask at a share.

    Deviations count where they are above 0 (`either`: by their size). The score is the mean over
    the hottest percent of the patches; a hit means that the hottest patch touches the defect.
    """
    lines = np.array([candidate.stored for candidate in candidates])
    values = heats[lines]
    either = np.array([candidate.kind == EITHER for candidate in candidates])
    values[either] = np.abs(values[either])
    found = np.full((len(candidates), len(MEASURES)), np.nan)
    found[:, SCORE] = score_of(values)
    found[:, PEAK] = values.max(axis=1)
    if truth is None or not truth.defect.any():
        return found
    positive = np.maximum(values, 0)
    inside, whole = _sums(positive, truth.defect), _sums(positive, truth.total)
    found[:, MASS] = np.divide(inside, whole, out=np.zeros_like(inside), where=whole > 0)
    found[:, HIT] = truth.defect[values.argmax(axis=1)] > 0
    found[:, IOU] = _iou(positive, truth, share)
    return found


def _iou(
    values: Float32[np.ndarray, "candidate patch"], truth: Truth, share: float
) -> Float[np.ndarray, " candidate"]:
    kept: Bool[np.ndarray, "candidate 1 patch"] = keep_mass(values[:, None], share)
    marked = kept[:, 0] & (values > 0)
    common, area = _sums(marked, truth.defect), _sums(marked, truth.total)
    return common / (area + truth.defect.sum() - common)


def _sums(
    values: Shaped[np.ndarray, "candidate patch"], pixels: Int64[np.ndarray, " patch"]
) -> Float[np.ndarray, " candidate"]:
    """Values over pixels, a sum a candidate; only patches that hold some count."""
    held = np.flatnonzero(pixels)
    return np.einsum("cp,p->c", values[:, held].astype(np.float64), pixels[held])

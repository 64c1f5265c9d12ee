"""Labelled pictures: which are good, which show a defect, and where it lies in each."""

from vitmap.dataset.boxed import read_boxed, read_places
from vitmap.dataset.layouts import read_dataset
from vitmap.dataset.masks import read_masked
from vitmap.dataset.samples import Dataset, Sample
from vitmap.dataset.shapes import Box, Polygon, Runs
from vitmap.dataset.truth import truth_mask

__all__ = [
    "Box",
    "Dataset",
    "Polygon",
    "Runs",
    "Sample",
    "read_boxed",
    "read_dataset",
    "read_masked",
    "read_places",
    "truth_mask",
]

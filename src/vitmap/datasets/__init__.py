"""Labelled pictures: which are good, which show a defect, and where it lies in each."""

from vitmap.datasets.boxed import read_boxed, read_places
from vitmap.datasets.layouts import read_dataset
from vitmap.datasets.masks import read_masked
from vitmap.datasets.samples import Dataset, Sample
from vitmap.datasets.shapes import Box, Polygon, Runs
from vitmap.datasets.truth import truth_mask

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

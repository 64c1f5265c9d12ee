"""load: what a user calls a model → Backbone."""

from __future__ import annotations

from pathlib import Path

from vitmap.errors import UnsupportedModel, UsageError
from vitmap.models.backbone import Backbone
from vitmap.models.hf import DTYPES, read_checkpoint
from vitmap.models.hub import find_checkpoint

MAPS = "facebook/dino-vits8"
CLASSIFIER = "google/vit-base-patch16-224"


def load(
    model: str | Path = MAPS,
    *,
    precision: str = "fp32",
    device: str = "auto",
    classify: bool = True,
) -> Backbone:
    """A Hugging Face id (`owner/name`, `owner/name@revision`) or a local folder → Backbone.

    >>> model = load("facebook/dino-vits8")    # doctest: +SKIP
    >>> model.depth, model.heads, model.patch  # doctest: +SKIP
    (12, 6, (8, 8))

    `classify=False` leaves a classifier's head unread.

    Raises ModelUnavailable where it cannot be had, UnsupportedModel where it cannot be read
    exactly, UsageError for an unknown precision.
    """
    if precision not in DTYPES:
        raise UsageError(f"Precision {precision!r} is not known: choose {' or '.join(DTYPES)}.")
    return read_checkpoint(find_checkpoint(str(model)), precision, device, classify)


def require_classifier(backbone: Backbone) -> Backbone:
    """The same backbone; raises UnsupportedModel where it cannot name what it sees."""
    if backbone.labels is None:
        raise UnsupportedModel(
            f"{backbone.name} has no classifier: name one with --classifier, or use --no-classify."
        )
    return backbone

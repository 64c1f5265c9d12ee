"""load: what a user calls a model → Backbone."""

from __future__ import annotations

from pathlib import Path

from vitmap.errors import ModelUnavailable, UnsupportedModel, UsageError
from vitmap.models.backbone import Backbone
from vitmap.models.hf import DTYPES, read_checkpoint
from vitmap.models.hub import EMBEDDED, find_checkpoint

MAPS = "facebook/dino-vits8"
CLASSIFIER = "google/vit-base-patch16-224"


def load(
    model: str | Path = MAPS,
    *,
    precision: str = "fp32",
    device: str = "auto",
    classify: bool = True,
) -> Backbone:
    """A Hugging Face id (`owner/name`, `owner/name@revision`), a local folder, or `embedded`.

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


def load_default(*, precision: str = "fp32", device: str = "auto") -> tuple[Backbone, str | None]:
    """The default backbone, or the embedded one and the sentence that says why.

    Raises ModelError where even that cannot be read.
    """
    try:
        return load(MAPS, precision=precision, device=device), None
    except ModelUnavailable as error:
        embedded = load(EMBEDDED, precision=precision, device=device)
        return embedded, f"The embedded model draws the maps. {error}"


def require_classifier(backbone: Backbone) -> Backbone:
    """The same backbone; raises UnsupportedModel where it cannot name what it sees."""
    if backbone.labels is None:
        raise UnsupportedModel(
            f"{backbone.name} has no classifier: name one with --classifier, or use --no-classify."
        )
    return backbone

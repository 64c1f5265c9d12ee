"""load: what a user calls a model → its engine."""

from __future__ import annotations

import os
from pathlib import Path

from vitmap.errors import (
    ModelUnavailable,
    UnsupportedModel,
    UsageError,
    VitmapError,
    require_models,
)
from vitmap.files.opener import is_file
from vitmap.models.engine import Engine
from vitmap.models.facts import PRECISIONS
from vitmap.models.hub import EMBEDDED, find_checkpoint
from vitmap.registry import Registry

MAPS = "facebook/dino-vits8"
CLASSIFIER = "google/vit-base-patch16-224"

# What stands before the colon in `timm:NAME`; read(NAME, precision, device, classify) → Engine.
# A third party adds its own under the entry-point group `vitmap.model_library`.
model_libraries = Registry(
    "model library",
    {"timm": "vitmap.models.timm:read", "torchvision": "vitmap.models.torchvision:read"},
)


def load(
    model: str | Path = MAPS,
    *,
    precision: str = "fp32",
    device: str = "auto",
    classify: bool = True,
) -> Engine:
    """A model by its name.

    A Hugging Face id (`owner/name`, `owner/name@revision`), `timm:NAME`, `torchvision:NAME`, a
    local folder in the layout of Hugging Face or timm, a DINO checkpoint (`.pth`), or `embedded`.

    >>> model = load("facebook/dino-vits8")    # doctest: +SKIP
    >>> model.facts.depth, model.facts.heads  # doctest: +SKIP
    (12, 6)

    `classify=False` leaves a classifier's head unread.

    Raises ModelUnavailable where it cannot be had, UnsupportedModel where it cannot be read
    exactly, UsageError for an unknown precision or library.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"Precision {precision!r} is not known: choose {' or '.join(PRECISIONS)}.")
    try:
        return _read(str(model), precision, device, classify)
    except ModuleNotFoundError as error:
        raise require_models(error) from error
    except (VitmapError, MemoryError):
        raise
    except Exception as error:  # what a file holds may break any library that reads it
        lines = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
        raise UnsupportedModel(f"{model}: it cannot be read ({reason}).") from error


def _read(name: str, precision: str, device: str, classify: bool) -> Engine:
    """Each library is imported only where one of its models is named."""
    library, colon, rest = name.partition(":")
    prefixed = len(library) > 1 and library.replace("_", "").isalnum()  # C:\ is a drive
    if colon and prefixed and not rest:
        raise ModelUnavailable(f"{name} names no model: expected one after the colon.")
    if colon and prefixed and not os.path.lexists(name):
        engine: Engine = model_libraries.get(library)(rest, precision, device, classify)
        return engine
    from vitmap.models import dino

    if name.endswith(dino.SUFFIXES) and is_file(name):
        return dino.read(Path(name).resolve(), precision, device)
    checkpoint = find_checkpoint(name)
    if checkpoint.is_timm():
        from vitmap.models import timm

        return timm.read_folder(checkpoint, precision, device, classify)
    from vitmap.models.hf import read_checkpoint

    return read_checkpoint(checkpoint, precision, device, classify)


def load_default(*, precision: str = "fp32", device: str = "auto") -> tuple[Engine, str | None]:
    """The default backbone, or the embedded one and the sentence that says why.

    Raises ModelError where even that cannot be read.
    """
    try:
        return load(MAPS, precision=precision, device=device), None
    except ModelUnavailable as error:
        embedded = load(EMBEDDED, precision=precision, device=device)
        return embedded, f"The embedded model draws the maps. {error}"


def load_maps_model(
    name: str | None, *, precision: str = "fp32", device: str = "auto"
) -> tuple[Engine, tuple[str, ...]]:
    """The model that draws the maps, without a classifier, and what is to be said of it.

    `None` is the default one. Raises what `load` and `load_default` raise.
    """
    if name is not None:
        return load(name, precision=precision, device=device, classify=False), ()
    model, remark = load_default(precision=precision, device=device)
    return model, (remark,) if remark else ()


def require_classifier(engine: Engine) -> Engine:
    """The same engine; raises UnsupportedModel where it cannot name what it sees."""
    if engine.facts.labels is None:
        raise UnsupportedModel(
            f"{engine.facts.name} has no classifier: name one with --classifier, or use "
            "--no-classify."
        )
    return engine

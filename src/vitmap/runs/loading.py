"""Lineup: which model draws the maps, which one names the photo, and why none does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from vitmap.errors import ModelError, ModelUnavailable
from vitmap.models.engine import Engine
from vitmap.models.load import CLASSIFIER, load, load_default, require_classifier
from vitmap.runs.settings import Settings


@dataclass(frozen=True)
class Lineup:
    """The models of a run; `remarks` say in one line each what the user did not ask for."""

    maps: Engine
    classifier: Engine | None
    remarks: tuple[str, ...]

    @property
    def one_model(self) -> bool:
        """Whether the label and the maps come from the same model."""
        return self.classifier is self.maps

    def require(self, digests: tuple[str | None, str | None]) -> None:
        """Raises ModelError for weights other than the recorded ones (maps, classifier)."""
        for model, digest in zip((self.maps, self.classifier), digests, strict=True):
            if model is not None and model.facts.source.digest != digest:
                raise ModelError(
                    f"{model.facts.name}: not the weights of the recorded run (their sha256 is "
                    "another): run it anew without --replay."
                )


def line_up(settings: Settings) -> Lineup:
    """Load what the settings name.

    A model that was named and cannot be had is an error. Where none was named, the embedded model
    stands in for the default backbone, and a missing default classifier means no label: each is a
    remark, and the run goes on.

    Raises ModelError (see `vitmap.models.load.load`).
    """
    read = partial(load, precision=settings.precision, device=settings.device)
    one = settings.classify and settings.classifier in (None, settings.model)
    if settings.model is not None:
        maps, remark = read(settings.model, classify=one), None
    else:
        maps, remark = load_default(precision=settings.precision, device=settings.device)
    remarks = (remark,) if remark else ()
    if not settings.classify:
        return Lineup(maps, None, remarks)
    if settings.classifier is not None:
        chosen = maps if one else read(settings.classifier)
        return Lineup(maps, require_classifier(chosen), remarks)
    if maps.facts.labels is not None:
        return Lineup(maps, maps, remarks)
    try:
        return Lineup(maps, read(CLASSIFIER), remarks)
    except ModelUnavailable as error:
        return Lineup(maps, None, (*remarks, f"No label. {error}"))

"""Lineup: which model draws the maps, which one names the photo, and why none does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from vitmap.errors import ModelUnavailable
from vitmap.models.backbone import Backbone
from vitmap.models.load import CLASSIFIER, MAPS, load, require_classifier
from vitmap.run.settings import Settings


@dataclass(frozen=True)
class Lineup:
    """The models of a run; `remarks` say in one line each what the user did not ask for."""

    maps: Backbone
    classifier: Backbone | None
    remarks: tuple[str, ...]

    @property
    def one_model(self) -> bool:
        """Whether the label and the maps come from the same model."""
        return self.classifier is self.maps


def line_up(settings: Settings) -> Lineup:
    """Load what the settings name.

    A model that was named and cannot be had is an error; the default classifier that cannot be had
    is a remark, and the run goes on without a label.

    Raises ModelError (see `vitmap.models.load.load`).
    """
    read = partial(load, precision=settings.precision, device=settings.device)
    named = settings.model or MAPS
    wants_own = settings.classify and settings.classifier is None
    maps = read(named, classify=wants_own)
    if not settings.classify:
        return Lineup(maps, None, ())
    if settings.classifier is not None:
        chosen = read(settings.classifier)
        return Lineup(maps, require_classifier(chosen), ())
    if maps.labels is not None:
        return Lineup(maps, maps, ())
    try:
        return Lineup(maps, read(CLASSIFIER), ())
    except ModelUnavailable as error:
        return Lineup(maps, None, (f"No label: {error}",))

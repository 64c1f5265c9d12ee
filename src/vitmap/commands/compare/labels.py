"""Right or wrong: what a classifier calls a picture, against what the user says it shows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from vitmap.errors import UsageError
from vitmap.maps.maps import Prediction
from vitmap.models.engine import Engine

_LISTED = 5  # near names that an error lists: of a thousand classes nobody wants them all


@dataclass(frozen=True)
class Verdict:
    """Whether a classifier says what the picture shows; None where it knows no such class."""

    right: bool | None
    label: str

    def __str__(self) -> str:
        if self.right is None:
            return f"has no class {self.label!r}"
        return "correct" if self.right else f"wrong: it is {self.label}"


@dataclass(frozen=True, eq=False)
class Naming:
    """Who names a picture, and what it is said to show; `why` nobody does."""

    classifier: Engine | None
    label: str | None
    why: str

    def verdict(self, prediction: Prediction | None) -> Verdict | None:
        """Whether the classifier is right, where both sides have said something."""
        if self.label is None or prediction is None or self.classifier is None:
            return None
        return verdict_of(prediction, self.label, (self.classifier.facts.labels or {}).values())


def names_of(label: str) -> set[str]:
    """The names that a class goes by: ImageNet joins synonyms by commas.

    >>> sorted(names_of("tabby, tabby_cat"))
    ['tabby', 'tabby cat', 'tabby, tabby cat']
    """
    return {_plain(name) for name in (label, *label.split(",")) if name.strip()}


def verdict_of(prediction: Prediction, label: str, classes: Iterable[str]) -> Verdict:
    """Whether the likeliest class goes by the label, in any case; a synonym is enough."""
    wanted = _plain(label)
    if not any(wanted in names_of(name) for name in classes):
        return Verdict(None, label)
    return Verdict(wanted in names_of(prediction.labels[0][0]), label)


def unknown_label(label: str, classes: Iterable[str], who: str) -> UsageError:
    """The error for a label that is no class of any model, with what was probably meant."""
    known = sorted({name.strip() for one in classes for name in one.split(",") if name.strip()})
    plain = {_plain(name): name for name in known}
    wanted = _plain(label)
    near = difflib.get_close_matches(wanted, plain, n=_LISTED)
    words = [name for name in plain if wanted in name.split()]
    listed = [plain[name] for name in dict.fromkeys([*words, *near])][:_LISTED]
    hint = (
        f"did you mean {', '.join(repr(name) for name in listed)}?"
        if listed
        else (f"expected a class such as {', '.join(repr(name) for name in known[:3])}.")
    )
    return UsageError(f"Label {label!r} is not among the {len(known)} names that {who}: {hint}")


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())

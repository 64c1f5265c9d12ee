"""Verdict: which way from metrics to classes earns its place on these pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from vitmap.errors import InputError, NotFinite
from vitmap.registry import suggest
from vitmap.soart.classifiers import NAMES as CLASSIFIERS
from vitmap.soart.classifiers import predict
from vitmap.soart.mahalanobis import nearest_class, normal_alone
from vitmap.soart.scores import Predict, Score, held_out, score

FOLDS = 5
_FEWEST = 3  # pictures of a class, below which no fold can learn it


@dataclass(frozen=True)
class Method:
    """A way to tell classes; the earlier in the list, the simpler."""

    name: str
    features: str  # metrics or attention
    predict: Predict
    kinds: bool = True  # whether it tells kinds of error apart


@dataclass(frozen=True)
class Judged:
    """What a method said of every picture without having seen it, and how good that is."""

    method: Method
    told: tuple[str, ...]
    found: Score  # normal or not
    kinds: Score | None  # all classes; None where it tells only normal or not
    judgement: str = ""


def methods(normal: str, classifiers: Sequence[str] = CLASSIFIERS) -> list[Method]:
    """Every method, simplest first.

    Raises UsageError for an unknown classifier.
    """
    for name in classifiers:
        if name not in CLASSIFIERS:
            raise suggest("classifier", name, [*CLASSIFIERS, "none"])
    found = [
        Method(
            "Mahalanobis, normal alone",
            "metrics",
            partial(normal_alone, normal=normal),
            kinds=False,
        ),
        Method("Mahalanobis, nearest class", "metrics", nearest_class),
        Method("max/min, nearest class", "attention", nearest_class),
    ]
    for name in classifiers:
        for features, title in (("metrics", name), ("attention", f"max/min, {name}")):
            found.append(Method(title, features, partial(predict, name)))
    return found


def judge(
    metrics: Float[np.ndarray, "row metric"],
    attention: Float[np.ndarray, "row feature"],
    classes: Sequence[str],
    normal: str,
    classifiers: Sequence[str] = CLASSIFIERS,
) -> list[Judged]:
    """Every method's held-out score, side by side, each with a word on what it is worth.

    Recommended is the simplest method that is within one standard error of the best; one that
    tells kinds apart, where there are several kinds of error.

    Raises InputError for fewer than two classes, no normal one, or classes too small to learn,
    NotFinite for a picture whose numbers are not finite.
    """
    check(classes, normal)
    for features, rows in (("metrics", metrics), ("attention features", attention)):
        _require_numbers(features, rows, classes)
    found = []
    truth = [normal if kind == normal else "error" for kind in classes]
    for method in methods(normal, classifiers):
        rows = metrics if method.features == "metrics" else attention
        told = held_out(method.predict, rows, classes, FOLDS)
        binary = [normal if kind == normal else "error" for kind in told]
        kinds = score(classes, told) if method.kinds else None
        found.append(Judged(method, tuple(told), score(truth, binary), kinds))
    several = len(set(classes)) > 2
    return _judgements(found, several)


def recommended(found: Sequence[Judged]) -> Judged | None:
    """The method to use; None where none is better than guessing."""
    return next((judged for judged in found if judged.judgement == "recommended"), None)


def check(classes: Sequence[str], normal: str) -> None:
    """Raises InputError for classes that nothing can be learned from."""
    counts = Counter(classes)
    if normal not in counts:
        raise InputError(
            f"No picture is of the class {normal!r}: there are {', '.join(sorted(counts))}; "
            "name the good ones with --normal."
        )
    if len(counts) < 2:
        raise InputError(
            f"Every picture is of the class {normal!r}: a verdict needs a folder of each kind of "
            "error beside it."
        )
    small = min(counts, key=lambda kind: counts[kind])
    if counts[small] < _FEWEST:
        raise InputError(
            f"Class {small!r} has {counts[small]} measured pictures: at least {_FEWEST} are needed "
            "to hold some out."
        )


def _require_numbers(
    what: str, rows: Float[np.ndarray, "row feature"], classes: Sequence[str]
) -> None:
    """Raises NotFinite for a row that could be called normal by a comparison that is false."""
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if wrong.size:
        raise NotFinite(
            f"Row {wrong[0] + 1} of {len(rows)} (class {classes[wrong[0]]!r}): its {what} hold NaN "
            "or infinity, so it cannot be told normal from defective: leave the picture out."
        )


def _judgements(found: Sequence[Judged], several: bool) -> list[Judged]:
    def value(judged: Judged) -> Score | None:
        return judged.kinds if several else judged.found

    scores = [s for judged in found if (s := value(judged))]
    best = max(scores, key=lambda s: s.value)
    chosen, words = False, []
    for judged in found:
        own = value(judged)
        if own is None:
            guess = judged.found.low <= judged.found.chance
            words.append("no better than guessing" if guess else "needs no errors to learn from")
        elif own.low <= own.chance:
            words.append("no better than guessing")
        elif own.value < best.value - best.error:
            words.append("worse than the best")
        else:
            words.append("as good, less simple" if chosen else "recommended")
            chosen = True
    return [
        Judged(judged.method, judged.told, judged.found, judged.kinds, word)
        for judged, word in zip(found, words, strict=True)
    ]

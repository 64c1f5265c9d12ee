"""Classifiers of scikit-learn, each as a function of training rows, their classes and new rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vitmap.errors import require_extra
from vitmap.registry import suggest
from vitmap.soart.mahalanobis import Rows

NAMES = ("logistic", "svm", "forest")


def predict(name: str, train: Rows, classes: Sequence[str], new: Rows) -> list[str]:
    """The classes of new rows.

    Raises UsageError for an unknown name, MissingExtra where scikit-learn is not installed.
    """
    found = classifier(name).fit(train, list(classes)).predict(new)
    return [str(kind) for kind in found]


def classifier(name: str) -> Any:
    """scikit-learn's own, on standardised features, classes weighted alike; the seed is fixed."""
    if name not in NAMES:
        raise suggest("classifier", name, NAMES)
    try:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC
    except ModuleNotFoundError as error:
        raise require_extra(
            error, f"The classifier {name}", "--classifiers none does without"
        ) from error
    made: Any
    if name == "forest":
        made = RandomForestClassifier(100, class_weight="balanced", random_state=0, n_jobs=1)
    elif name == "svm":
        made = SVC(class_weight="balanced")
    else:
        made = LogisticRegression(class_weight="balanced", max_iter=1000)
    return make_pipeline(StandardScaler(), made)

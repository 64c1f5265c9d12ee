"""Verdicts: the covariance against scikit-learn, planted classes, honest scores."""

from __future__ import annotations

import numpy as np
import pytest

from vitmap.errors import InputError, UsageError
from vitmap.soart.classifiers import NAMES, predict
from vitmap.soart.mahalanobis import distances, nearest_class, normal_alone, shrunk_covariance
from vitmap.soart.scores import held_out, score
from vitmap.soart.verdict import judge, methods, recommended


def rows_of(counts: dict[str, int], apart: float, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Twelve features; each class has a mean of its own, so far apart."""
    chance = np.random.default_rng(seed)
    classes = [name for name, count in counts.items() for _ in range(count)]
    means = {name: apart * chance.normal(size=12) for name in counts}
    return np.stack([chance.normal(size=12) + means[name] for name in classes]), classes


@pytest.mark.parametrize("count", [5, 12, 60])
def test_the_covariance_is_ledoit_and_wolf_s(count: int) -> None:
    reference = pytest.importorskip("sklearn.covariance").ledoit_wolf
    rows = np.random.default_rng(count).normal(size=(count, 12)) @ np.diag(np.arange(1, 13.0))
    rows -= rows.mean(axis=0)
    expected, _ = reference(rows, assume_centered=True)
    assert np.allclose(shrunk_covariance(rows), expected)


def test_a_planted_class_is_found_and_noise_is_not() -> None:
    counts = {"good": 20, "mark": 12, "disc": 12}
    for apart, low, high in ((4.0, 0.95, 1.0), (0.0, 0.0, 0.6)):
        rows, classes = rows_of(counts, apart)
        for way in (nearest_class, lambda *a: predict("svm", *a)):
            found = score(classes, held_out(way, rows, classes))
            assert low <= found.value <= high


def test_held_out_means_held_out() -> None:
    """A method that remembers what it was shown knows nothing of what it was not."""

    def memory(train: np.ndarray, classes: list[str], new: np.ndarray) -> list[str]:
        known = {row.tobytes(): name for row, name in zip(train, classes, strict=True)}
        return [known.get(row.tobytes(), "never seen") for row in new]

    rows, classes = rows_of({"good": 10, "bad": 7}, 1.0)
    assert held_out(memory, rows, classes) == ["never seen"] * 17


def test_every_fold_holds_every_class() -> None:
    seen = []

    def watch(_: np.ndarray, classes: list[str], new: np.ndarray) -> list[str]:
        seen.append((sorted(set(classes)), len(new)))
        return ["good"] * len(new)

    rows, classes = rows_of({"good": 11, "bad": 5}, 1.0)
    held_out(watch, rows, classes)
    assert len(seen) == 5
    assert all(kinds == ["bad", "good"] for kinds, _ in seen)
    assert sum(count for _, count in seen) == 16


def test_one_class_alone_tells_the_others() -> None:
    rows, classes = rows_of({"good": 20, "bad": 10}, 4.0)
    told = normal_alone(rows[:20], classes[:20], rows[20:], "good")
    assert told == ["error"] * 10
    assert np.array_equal(distances(rows[:20], rows[:1]), distances(rows[:20], rows[:1] * 1.0))


def test_a_constant_feature_changes_nothing() -> None:
    rows, _ = rows_of({"good": 20, "bad": 5}, 3.0)
    wider = np.concatenate([rows, np.ones((25, 1))], axis=1)
    assert np.isfinite(distances(wider[:20], wider[20:])).all()


def test_scores_by_hand() -> None:
    found = score(["a"] * 8 + ["b"] * 2, ["a"] * 8 + ["b", "a"])
    assert found.value == pytest.approx(0.75)
    # Wilson's interval at 4 / (1/8 + 1/2) = 6.4 pictures.
    n, p, z = 6.4, 0.75, 1.96
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half))
    assert found.chance == 0.5


def test_the_simplest_of_the_best_is_recommended() -> None:
    metrics, classes = rows_of({"good": 20, "mark": 12, "disc": 12}, 4.0)
    nothing = np.random.default_rng(1).normal(size=(44, 6))
    judged = judge(metrics, nothing, classes, "good")
    assert [j.method.name for j in judged[:3]] == [
        "Mahalanobis, normal alone",
        "Mahalanobis, nearest class",
        "max/min, nearest class",
    ]
    assert recommended(judged) is judged[1]
    assert judged[0].judgement == "needs no errors to learn from"
    assert judged[2].judgement in ("no better than guessing", "worse than the best")
    assert judged[3].judgement == "as good, less simple"
    assert len(judged) == 3 + 2 * len(NAMES)


def test_where_nothing_is_to_be_seen_nothing_is_recommended() -> None:
    """Chance alone passes one method in forty; three are tried here, 20 times."""
    wrongly = 0
    for seed in range(20):
        rows, classes = rows_of({"good": 15, "bad": 15}, 0.0, seed)
        judged = judge(rows, rows[:, :6], classes, "good", [])
        wrongly += recommended(judged) is not None
    assert wrongly <= 4


def test_attention_features_can_win_too() -> None:
    features, classes = rows_of({"good": 20, "mark": 12, "disc": 12}, 4.0)
    nothing = np.random.default_rng(1).normal(size=(44, 12))
    best = recommended(judge(nothing, features[:, :6], classes, "good", []))
    assert best is not None
    assert best.method.name == "max/min, nearest class"


def test_classes_that_nothing_can_be_learned_from() -> None:
    rows, classes = rows_of({"good": 6, "bad": 2}, 1.0)
    with pytest.raises(InputError, match="No picture is of the class 'ok': there are bad, good"):
        judge(rows, rows, classes, "ok")
    with pytest.raises(InputError, match="Every picture is of the class 'good'"):
        judge(rows[:6], rows[:6], classes[:6], "good")
    with pytest.raises(InputError, match="Class 'bad' has 2 measured pictures: at least 3"):
        judge(rows, rows, classes, "good")
    with pytest.raises(UsageError, match="Classifier 'sv' is not known: did you mean 'svm'"):
        methods("good", ["sv"])

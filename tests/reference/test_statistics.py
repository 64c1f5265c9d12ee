"""Golden samples: what good pictures are like, where a part lies, and when to call an alarm."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitmap.errors import InputError, UsageError
from vitmap.maps.stack import FLOOR, logs
from vitmap.photo.read import Photo
from vitmap.photo.view import View
from vitmap.rank.answer import calibrate, left_out
from vitmap.rank.candidates import BRIGHTER, EITHER
from vitmap.rank.row import score_of
from vitmap.rank.threshold import _beta_quantile, alarm_of
from vitmap.reference.registration import STILL, gray_of, place_of
from vitmap.reference.statistics import HERE, PRIOR, Golden, Place, learn, moved

SHAPE = (3, 5, 7)  # cells, rows and columns of patches
PLACES = [HERE, Place(1.0, -2.0), Place(-0.4, 0.75), Place(0.0, 1.5), Place(2.0, 0.0), HERE]


def pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    """Log maps of good pictures."""
    chance = np.random.default_rng(seed)
    level = chance.normal(size=SHAPE)
    return [(level + 0.3 * chance.normal(size=SHAPE)).astype(np.float32) for _ in range(count)]


def learnt(found: list[np.ndarray], places: list[Place] | None = None) -> Golden:
    pairs = list(zip(found, places or [HERE] * len(found), strict=True))
    return learn(pairs, pairs)


def test_logs_have_a_floor() -> None:
    maps = np.array([[[0.0, 1e-9, 0.01, 1.0, 50.0]]], dtype=np.float32)
    expected = np.log([[[FLOOR, FLOOR, 0.01, 1, 50]]])
    assert np.allclose(logs(maps), expected, atol=1e-6)


@pytest.mark.parametrize("count", [4, 12])
def test_mean_and_shrunk_spread_are_numpy_s(count: int) -> None:
    found = pictures(count)
    stack = np.stack(found).astype(np.float64)
    golden = learnt(found)
    own = stack.var(axis=0, ddof=1)
    pooled = own.mean(axis=(1, 2), keepdims=True)
    shrunk = ((count - 1) * own + PRIOR * pooled) / (count - 1 + PRIOR)
    assert np.allclose(golden.mean, stack.mean(axis=0), atol=1e-12)
    assert np.allclose(golden.spread(), np.sqrt(shrunk), atol=1e-12)
    new = pictures(1, seed=9)[0]
    expected = (new - stack.mean(axis=0)) / np.sqrt(shrunk)
    assert np.allclose(golden.deviations(new), expected, atol=1e-5)
    assert (golden.seen == count).all()


def test_deviations_of_good_pictures_are_about_one() -> None:
    golden = learnt(pictures(40))
    away = golden.deviations(pictures(41)[40])
    assert 0.85 < away.std() < 1.2
    assert golden.deviations(golden.mean.astype(np.float32)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("places", [[HERE] * 6, PLACES], ids=["as they lie", "shifted"])
def test_without_a_picture_is_learning_without_it(places: list[Place]) -> None:
    found = pictures(6)
    golden = learnt(found, places)
    for left in range(1, 6):
        others = [i for i in range(6) if i != left]
        expected = learnt([found[i] for i in others], [places[i] for i in others])
        without = golden.without(found[left], places[left])
        assert np.array_equal(without.seen, expected.seen)
        covered = without.seen > 0
        assert np.allclose(without.mean[:, covered], expected.mean[:, covered], atol=1e-10)
        assert np.allclose(without.squares[:, covered], expected.squares[:, covered], atol=1e-10)
        assert without.count == 5
        near = without.deviations(found[left], places[left])
        assert np.allclose(near, expected.deviations(found[left], places[left]), atol=1e-5)


def test_a_patch_that_no_other_picture_covers_says_nothing() -> None:
    """Two pictures at least: of one alone there is no spread."""
    found, far = pictures(5), Place(0.0, 3.0)
    golden = learnt(found, [HERE, *[far] * 4])
    assert golden.seen[0].tolist() == [5, 5, 5, 5, 1, 1, 1]
    away = golden.deviations(found[0])
    assert (away[:, :, 4:] == 0).all()
    assert (away[:, :, :4] != 0).all()


@pytest.mark.parametrize("shift", [(0, 0), (1, 2), (-2, 1), (4, -6)])
def test_a_shift_by_whole_patches_is_exact(shift: tuple[int, int]) -> None:
    [found] = pictures(1)
    y, x = shift
    back, inside = moved(found, Place(float(y), float(x)))
    for i in range(SHAPE[1]):
        for j in range(SHAPE[2]):
            known = 0 <= i + y < SHAPE[1] and 0 <= j + x < SHAPE[2]
            assert inside[i, j] == known
            if known:
                assert np.array_equal(back[:, i, j], found[:, i + y, j + x])


def test_between_patches_values_are_joined_by_straight_lines() -> None:
    ramp = np.add.outer(10.0 * np.arange(5), np.arange(7))[None]
    back, inside = moved(ramp, Place(0.25, -0.5))
    assert np.allclose(back[0, :4, 1:], (ramp + 2.5 - 0.5)[0, :4, 1:])
    assert inside.all()  # half a patch beyond the last centre still shows the part


def test_a_part_that_moved_deviates_no_more_than_one_that_did_not() -> None:
    """The good ones' numbers follow the part: what is bright there is bright here."""
    scene = np.random.default_rng(2).normal(0, 2, (1, 20, 30)).astype(np.float32)

    def seen(y: int, x: int, seed: int) -> np.ndarray:
        noise = 0.1 * np.random.default_rng(seed).normal(size=(1, 10, 12))
        return (scene[:, 5 - y : 15 - y, 9 - x : 21 - x] + noise).astype(np.float32)

    places = [(0, 0), (1, 0), (0, -1), (-1, 1), (0, 0), (2, 1)]
    golden = learnt(
        [seen(*place, number) for number, place in enumerate(places)],
        [Place(float(y), float(x)) for y, x in places],
    )
    new = seen(1, -2, 99)
    there, here = golden.deviations(new, Place(1.0, -2.0)), golden.deviations(new)
    assert np.abs(there).max() < 5
    assert np.abs(here).mean() > 5


def scene(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Something with structure: blobs of all sizes."""
    chance = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for size in (4, 8, 16, 32):
        coarse = chance.normal(size=(height // size + 2, width // size + 2))
        image = Image.fromarray(coarse.astype(np.float32))
        total += np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)) * size
    low, high = total.min(), total.max()
    return ((total - low) / (high - low) * 255).astype(np.uint8)


def photo_of(gray: np.ndarray) -> Photo:
    return Photo(np.repeat(gray[:, :, None], 3, axis=2), None, "")


@pytest.mark.parametrize("shift", [(0, 0), (24, -16), (-30, 9), (3, 40)])
def test_a_planted_shift_is_found(shift: tuple[int, int]) -> None:
    """In patches of 8 px at the model, of photos three quarters of that size."""
    world, (y, x) = scene(400, 500), shift
    view = View((240, 300), (320, 400), (8, 8))
    first, second = world[80:320, 100:400], world[80 - y : 320 - y, 100 - x : 400 - x]
    placed = place_of(gray_of(photo_of(first), view), gray_of(photo_of(second), view), view)
    assert not placed.doubtful
    assert placed.place.y == pytest.approx(y * 40 / 240, abs=0.15)
    assert placed.place.x == pytest.approx(x * 50 / 300, abs=0.15)


def test_a_small_shift_is_left_alone_and_another_picture_is_doubted() -> None:
    world, view = scene(400, 500), View((240, 300), (320, 400), (8, 8))
    first = gray_of(photo_of(world[80:320, 100:400]), view)
    near = gray_of(photo_of(world[79:319, 100:400]), view)
    assert STILL > 40 / 240
    assert place_of(first, near, view).place == HERE
    other = place_of(first, gray_of(photo_of(scene(240, 300, seed=5)), view), view)
    assert (other.place, other.doubtful) == (HERE, True)
    blank = gray_of(photo_of(np.full((240, 300), 80, dtype=np.uint8)), view)
    placed = place_of(blank, first, view)
    assert (placed.place, placed.doubtful) == (HERE, False)
    assert placed.shift is not None
    assert placed.shift.blind


@pytest.mark.parametrize("count", [0, 1, 3])
def test_fewer_than_four_good_pictures(count: int) -> None:
    s = "s" if count != 1 else ""
    expected = (
        f"^{count} good picture{s} to compare with: expected at least 4, better 12 or more\\.$"
    )
    with pytest.raises(InputError, match=expected):
        learnt(pictures(count))


@pytest.mark.parametrize(
    ("count", "rate", "above"),
    [
        *((4, None, 0), (12, None, 0), (19, None, 0), (20, None, 0), (39, None, 1), (99, None, 4)),
        *((12, 1 / 13, 0), (12, 0.2, 1), (12, 0.5, 5), (12, 0.99, 11), (40, 0.1, 3)),
        (2999, None, 149),
    ],
)
def test_the_threshold_is_an_order_statistic(count: int, rate: float | None, above: int) -> None:
    """`above` good pictures lie above it: the most that the rate allows."""
    scores = np.random.default_rng(count).permutation(count).astype(float)
    found = alarm_of(scores.tolist(), rate)
    assert (scores > found.threshold).sum() == above
    assert found.rate == (above + 1) / (count + 1)
    assert found.low < found.rate < found.high
    wanted = rate or max(0.05, 1 / (count + 1))
    assert found.rate <= wanted * (1 + 1e-9) or above == 0
    assert (above + 2) / (count + 1) > wanted or above == count - 1


@pytest.mark.parametrize(("count", "rate"), [(4, None), (19, 0.05), (40, 0.1)])
def test_false_alarms_come_as_often_as_stated(count: int, rate: float | None) -> None:
    """New good pictures: on average at the rate, and within the interval 95 times in 100."""
    known = np.random.default_rng(3).random((20_000, count))  # uniform: a rate is what lies above
    found = alarm_of(np.arange(count, dtype=float).tolist(), rate)
    rates = 1 - np.sort(known, axis=1)[:, int(found.threshold)]
    error = rates.std() / len(rates) ** 0.5
    assert rates.mean() == pytest.approx(found.rate, abs=4 * error)
    inside = ((found.low <= rates) & (rates <= found.high)).mean()
    assert inside == pytest.approx(0.95, abs=0.006)


@pytest.mark.parametrize("share", [0.025, 0.5, 0.975])
def test_beta_quantiles_in_closed_form(share: float) -> None:
    for n in (1, 4, 12, 300):
        assert _beta_quantile(share, 1, n) == pytest.approx(1 - (1 - share) ** (1 / n), abs=1e-12)
        assert _beta_quantile(share, n, 1) == pytest.approx(share ** (1 / n), abs=1e-12)


def test_beta_quantiles_are_scipy_s() -> None:
    beta = pytest.importorskip("scipy.stats").beta
    for a, b in ((1, 4), (2, 11), (7, 7), (30, 400), (150, 2851)):
        for share in (0.025, 0.5, 0.975):
            assert _beta_quantile(share, a, b) == pytest.approx(beta.ppf(share, a, b), abs=1e-10)


WRONG_RATES = {
    0.0: "False-alarm rate 0 asked for: expected a share such as 0.05",
    1.5: "False-alarm rate 1.5 asked for: expected a share such as 0.05",
    0.05: "False-alarm rate 0.05 asked for, but 12 good pictures cannot tell rates below "
    "1/13 = 0.077: give more good pictures",
}


@pytest.mark.parametrize("rate", WRONG_RATES)
def test_rates_that_cannot_be_had(rate: float) -> None:
    with pytest.raises(UsageError, match=WRONG_RATES[rate]):
        alarm_of([0.0] * 12, rate)


def test_what_a_good_picture_reaches_is_told_without_it() -> None:
    """Each against the others: one that is unlike them must not hide behind its own weight."""
    found = pictures(8)
    found[3] = found[3].copy()
    found[3][1, 2, 2] -= 9  # darker than good: only `either` may see it
    golden = learnt(found)
    pairs = [(one, HERE) for one in found]
    expected: dict[str, list[float]] = {BRIGHTER: [], EITHER: []}
    for left in range(8):
        others = learnt([one for i, one in enumerate(found) if i != left])
        away = others.deviations(found[left])[1]
        expected[BRIGHTER].append(away.max())
        expected[EITHER].append(np.abs(away).max())
    for kind, peaks in expected.items():
        scores, found_peaks = left_out(golden, 1, pairs, kind)
        assert found_peaks == pytest.approx(peaks, abs=1e-4)
        assert scores == pytest.approx(peaks, abs=1e-4)  # one percent of 35 patches is one
    assert max(expected[EITHER]) > 2 * max(expected[BRIGHTER])
    assert int(np.argmax(expected[EITHER])) == 3


def test_the_scale_leaves_good_pictures_in_the_dark() -> None:
    scores, peaks = [1.0, 2.0, 1.5, 1.2], [3.0, 4.0, 2.0, 3.5]
    found = calibrate(scores, peaks, None, [50.0])
    assert (found.level, found.scale) == (4.0, (2.0, 8.0))
    assert found.alarm is not None
    assert (found.alarm.threshold, found.alarm.rate) == (2.0, 0.2)
    few = calibrate(scores[:3], peaks[:3], None, [10.0, 30.0, 50.0])
    assert (few.alarm, few.level, few.scale) == (None, None, (0.0, 30.0))
    with pytest.raises(UsageError, match="no telling it from 3 good pictures: expected at least 4"):
        calibrate(scores[:3], peaks[:3], 0.1, [50.0])


def test_a_picture_s_score_is_the_mean_over_its_hottest_percent() -> None:
    values = np.random.default_rng(0).permutation(1000).astype(np.float32)
    assert score_of(values) == np.mean(range(990, 1000))
    assert score_of(values[:20]) == values[:20].max()

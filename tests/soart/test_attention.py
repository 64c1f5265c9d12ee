"""Attention: exact mode to the printed digit, safe mode by its laws, and what both report."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import soart as oracle
from vitmap.errors import InputError, UsageError
from vitmap.soart.attention import ASSIGNMENTS, Attention, attend, order_of, softmax
from vitmap.soart.diagnosis import diagnose, effective_rank, perplexity
from vitmap.soart.features import features_of
from vitmap.soart.safe import Judges, temperature
from vitmap.soart.tables import Row, Tables


def tables(values: np.ndarray) -> Tables:
    return Tables(values, tuple(Row(str(i)) for i in range(values.shape[1])))


def like_the_originals(rows: int, columns: int, seed: int) -> np.ndarray:
    """Values of the size that the original program's files hold, with their three decimals."""
    chance = np.random.default_rng(seed)
    beta = chance.normal(-0.3, 0.2, (rows, columns))
    eta = chance.normal(4.0, 0.6, (rows, columns))
    gamma = chance.normal(0.35, 0.1, (rows, columns))
    return np.stack([beta, eta, gamma]).round(3)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
@pytest.mark.parametrize(
    ("measured", "members", "columns"),
    [
        (9, 9, 4),
        (30, 9, 4),
        (10, 15, 4),
        (4, 4, 4),
        (15, 10, 12),
        (9, 1, 4),
        (60, 10, 2),
        (2, 3, 9),
    ],
)
def test_exact_mode_equals_the_specification_to_the_printed_digit(
    measured: int, members: int, columns: int, assignment: str
) -> None:
    for seed in range(5):
        learn = like_the_originals(members, columns, seed)
        valid = like_the_originals(measured, columns, 100 + seed)
        found = attend(tables(learn), tables(valid), "exact", assignment)
        att, adjusted, features, positions = oracle.exact_attention(
            learn.tolist(), valid.tolist(), order_of(assignment)
        )
        assert np.array_equal(found.att, att)
        assert np.array_equal(found.adjusted, adjusted, equal_nan=True)
        if not np.isnan(adjusted).any():
            assert np.array_equal(found.features, features)
            assert np.array_equal(found.positions, positions)


def test_the_six_assignments_are_six_results() -> None:
    learn, valid = like_the_originals(9, 4, 0), like_the_originals(9, 4, 1)
    found = {
        attend(tables(learn), tables(valid), "exact", name).att.tobytes() for name in ASSIGNMENTS
    }
    assert len(ASSIGNMENTS) == len(found) == 6


def test_exact_mode_depends_on_the_batch_and_safe_mode_does_not() -> None:
    learn, valid = like_the_originals(9, 4, 0), like_the_originals(12, 4, 1)
    for mode, alike in (("exact", False), ("safe", True)):
        whole = attend(tables(learn), tables(valid), mode)
        part = attend(tables(learn), tables(valid[:, 3:7]), mode)
        assert np.allclose(whole.adjusted[:, 3:7], part.adjusted, equal_nan=True) == alike


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 12), st.integers(1, 6), st.integers(0, 10_000), st.sampled_from(ASSIGNMENTS))
def test_the_laws_of_safe_mode(members: int, columns: int, seed: int, assignment: str) -> None:
    learn, valid = like_the_originals(members, columns, seed), like_the_originals(5, columns, 7)
    found = attend(tables(learn), tables(valid), "safe", assignment)
    assert np.allclose(found.weights.sum(axis=2), 1)
    assert np.isfinite(found.adjusted).all()
    # Units do not matter: each column is scaled by the members' own mean and deviation.
    scale, offset = np.array([3.0, 0.1, 20.0])[:, None, None], np.array([5.0, -2, 0])[:, None, None]
    again = attend(
        tables(learn * scale + offset), tables(valid * scale + offset), "safe", assignment
    )
    assert np.allclose(found.adjusted, again.adjusted, atol=1e-5)
    # The members' order does not matter either.
    turned = attend(tables(learn[:, ::-1]), tables(valid), "safe", assignment)
    assert np.allclose(found.adjusted, turned.adjusted[:, :, ::-1], atol=1e-5)


def test_the_temperature_spreads_left_out_members_over_half_of_them() -> None:
    learn = like_the_originals(9, 4, 3)
    found = attend(tables(learn), tables(learn), "safe")
    for metric, tau in enumerate(found.temperatures):
        spread = []
        for i in range(9):
            judge = Judges.of(np.delete(learn, i, axis=1), order_of(found.assignment))
            scores = judge.scores(learn[:, [i]])[metric]
            spread.append(float(perplexity(softmax(scores / tau))[0]))
        assert np.median(spread) == pytest.approx(4.5, rel=1e-3)


def test_a_row_measured_by_others_is_centred_by_them() -> None:
    """Each member, judged by the others alone, is what the centre and the range are taken from."""
    learn = like_the_originals(6, 4, 5)
    found = attend(tables(learn), tables(learn[:, :1]), "safe")
    own = np.full((6, 6), np.nan)
    for i in range(6):
        kept = np.delete(np.arange(6), i)
        judge = Judges.of(learn[:, kept], order_of(found.assignment))
        weights = softmax(judge.scores(learn[:, [i]])[1] / found.temperatures[1])
        own[i, kept] = (weights @ judge.content[1])[0]
    span = np.nanmax(own, axis=0) - np.nanmin(own, axis=0)
    expected = (found.att[1, 0] - np.nanmean(own, axis=0)) / span
    assert np.allclose(found.adjusted[1, 0], expected)


def test_a_temperature_that_is_not_to_be_had_is_said() -> None:
    assert temperature(np.zeros((4, 3)), 2.0)[1] is False
    tau, reached = temperature(np.array([[0.0, 1.0, 5.0]]), 2.0)
    assert reached
    assert perplexity(softmax(np.array([[0.0, 1.0, 5.0]]) / tau))[0] == pytest.approx(2)


# Features.


def test_features_are_greatest_and_smallest_with_their_places() -> None:
    adjusted = np.array([[[0.5, -0.5, 0.5]], [[0.0, 0.1, -0.2]], [[-1.0, 1.0, 0.0]]])
    values, members = features_of(adjusted)
    assert values.tolist() == [[0.5, -0.5, 0.1, -0.2, 1.0, -1.0]]
    assert members.tolist() == [[0, 1, 1, 2, 1, 0]]


def test_features_pass_over_columns_without_numbers() -> None:
    adjusted = np.array([[[np.nan, 0.2, -0.1]], [[np.nan] * 3], [[0.0, np.nan, 1.0]]])
    values, members = features_of(adjusted)
    assert members.tolist() == [[1, 2, -1, -1, 2, 0]]
    assert np.isnan(values[0, 2:4]).all()
    assert values[0, [0, 1, 4, 5]].tolist() == [0.2, -0.1, 1.0, 0.0]


# What is reported.


def test_perplexity_and_rank_of_known_tables() -> None:
    assert perplexity(np.full((1, 8), 1 / 8))[0] == pytest.approx(8)
    assert perplexity(np.eye(3)).tolist() == [1, 1, 1]
    assert effective_rank(np.outer([1.0, 2, 3], [1.0, 1])) == pytest.approx(1)
    assert effective_rank(np.zeros((2, 2))) == 0


def test_the_faults_of_the_original_are_visible() -> None:
    learn, valid = like_the_originals(9, 4, 0), like_the_originals(9, 4, 1)
    learn[0] -= learn[0].mean() - 1e-4
    found = attend(tables(learn), tables(valid), "exact")
    assert any("learn_btY1: the mean is only 0.0001" in remark for remark in found.remarks)
    assert any("valid_btY1: the mean is -0" in remark for remark in found.remarks)
    first = diagnose(found, learn, valid)[0]
    assert first.saturated > 0.9
    assert first.rank < 2
    assert first.learn_mean == pytest.approx(1e-4)
    assert "one-hot" in first.sentence()


def test_planted_one_hot_and_even_weights_are_told_apart() -> None:
    even = np.full((3, 4, 5), 0.2)
    hot = np.tile(np.eye(4, 5), (3, 1, 1))
    for weights, share, tokens in ((even, 0.0, 5.0), (hot, 1.0, 1.0)):
        att = np.random.default_rng(0).normal(size=(3, 4, 5))
        step = Attention("safe", "Y3,Y1,Y2", att, att, weights, (1.0, 1.0, 1.0), ())
        found = diagnose(step, np.ones((3, 5, 4)), np.ones((3, 4, 4)))[0]
        assert (found.saturated, found.perplexity) == (share, pytest.approx(tokens))


# What cannot be.


def refused(learn: np.ndarray, valid: np.ndarray, mode: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        attend(tables(learn), tables(valid), mode)


def test_numbers_that_no_step_can_be_taken_with() -> None:
    learn, valid = like_the_originals(9, 4, 0), like_the_originals(5, 4, 1)
    zero = learn.copy()
    zero[0] = np.where(np.arange(36).reshape(9, 4) % 2, 1.0, -1.0)
    refused(zero, valid, "exact", "learn_btY1: the mean of the table is 0")
    refused(learn, valid * 0, "exact", "valid_btY1: the mean of the table is 0")
    constant = learn.copy()
    constant[2] = 0.5
    refused(constant, valid, "safe", r"learn_gmY3: every value is 0\.5, so there is no spread")
    attend(tables(constant), tables(valid), "exact")
    refused(learn[:, :1], valid, "safe", "1 member given.*at least 4 learn rows")
    refused(learn[:, :2], valid, "safe", "2 members given")
    hole = valid.copy()
    hole[1, 2, 3] = np.nan
    refused(learn, hole, "exact", "valid_snY2: row 2, X3 is no number")
    refused(learn, valid[:, :0], "safe", "The valid tables have no rows")


def test_exact_mode_says_what_its_results_depend_on() -> None:
    learn, valid = like_the_originals(9, 4, 0), like_the_originals(9, 4, 1)
    valid[1] = learn[1]
    found = attend(tables(learn), tables(valid), "exact")
    assert any("depends on what else is measured with it" in remark for remark in found.remarks)
    [apart] = [remark for remark in found.remarks if "scaled by different means" in remark]
    assert f"btY1 {learn[0].mean():+.3g} and {valid[0].mean():+.3g}, gmY3" in apart
    alone = attend(tables(learn), tables(learn), "exact")
    assert not any("different means" in remark for remark in alone.remarks)
    safe = attend(tables(learn), tables(valid), "safe")
    assert not any("depends on what else" in remark for remark in safe.remarks)


@pytest.mark.parametrize("factor", [2.0**660, 2.0**-660, 1e200])
def test_safe_mode_takes_numbers_of_any_size(factor: float) -> None:
    learn, valid = like_the_originals(9, 4, 0), like_the_originals(5, 4, 1)
    small = attend(tables(learn), tables(valid), "safe").adjusted
    large = attend(tables(learn * factor), tables(valid * factor), "safe").adjusted
    assert np.allclose(small, large, atol=1e-6)
    refused(learn * 1e-100, valid * 1e300, "safe", "out of all proportion")


def test_one_row_has_no_range_in_exact_mode() -> None:
    learn, valid = like_the_originals(9, 4, 0), like_the_originals(1, 4, 1)
    found = attend(tables(learn), tables(valid), "exact")
    assert np.isnan(found.adjusted).all()
    assert np.isnan(found.features).all()
    assert (found.positions == -1).all()
    assert any("its range is 0" in remark for remark in found.remarks)
    assert np.isfinite(attend(tables(learn), tables(valid), "safe").features).all()


def test_members_that_agree_leave_a_column_at_zero() -> None:
    """Two pairs of twins: whoever is left out, the others' attention is the same."""
    learn = np.tile(like_the_originals(1, 4, 0), (1, 4, 1))
    learn[:, 0] += 1e-9  # not all one value
    found = attend(tables(learn), tables(like_the_originals(2, 4, 1)), "safe")
    assert np.isfinite(found.adjusted).all()
    agreed = [remark for remark in found.remarks if "the members agree in" in remark]
    assert len(agreed) == len({remark[:2] for remark in agreed})  # a line a table


def test_tables_that_do_not_belong_together() -> None:
    learn = like_the_originals(9, 4, 0)
    with pytest.raises(UsageError, match="learn tables have 4 columns, the valid tables 3"):
        attend(tables(learn), tables(learn[:, :, :3]))
    with pytest.raises(UsageError, match=r"no Y3 \(variant rt\)"):
        attend(tables(learn[:2]), tables(learn[:2]))
    with pytest.raises(UsageError, match="Mode 'exakt' is not known: did you mean 'exact'"):
        attend(tables(learn), tables(learn), "exakt")
    with pytest.raises(UsageError, match="Assignment 'Y1,Y1,Y2' is not known"):
        attend(tables(learn), tables(learn), "safe", "Y1,Y1,Y2")

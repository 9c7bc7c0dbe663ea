"""Scores and groups of recency, frequency and value."""

from collections import Counter

import numpy as np

from retention_ml.profiles.rfm import GROUPS, groups, scores


def test_scores_are_fifths_where_values_differ() -> None:
    values = np.random.default_rng(1).permutation(1_000)
    assert Counter(scores(values).tolist()) == dict.fromkeys(range(1, 6), 200)
    assert (np.diff(scores(np.sort(values))) >= 0).all()


def test_equal_values_have_equal_scores_and_all_equal_ones_the_lowest() -> None:
    assert scores(np.ones(50)).tolist() == [1] * 50
    tied = np.array([1] * 70 + [2] * 30)
    assert set(scores(tied)[:70].tolist()) == {1}
    assert set(scores(tied)[70:].tolist()) == {4}
    assert scores(np.empty(0)).tolist() == []


def test_one_huge_value_moves_no_other_score() -> None:
    values = np.arange(100.0)
    huge = values.copy()
    huge[99] = 1e12
    assert scores(values).tolist() == scores(huge).tolist()


def test_every_combination_has_the_group_of_the_table() -> None:
    r, f, v = (axis.ravel() for axis in np.meshgrid(*[np.arange(1, 6)] * 3, indexing="ij"))
    for recency, frequency, value, code in zip(r, f, v, groups(r, f, v), strict=True):
        mean = (frequency + value) / 2
        row = {
            4: ("champions", "loyal", "recent"),
            3: ("loyal", "loyal", "needs_attention"),
            1: ("at_risk", "at_risk", "inactive"),
        }[4 if recency >= 4 else 3 if recency == 3 else 1]
        assert GROUPS[code] == row[0 if mean >= 4 else 1 if mean >= 3 else 2]

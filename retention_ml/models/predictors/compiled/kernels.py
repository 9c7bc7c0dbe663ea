"""Loops over rows, compiled to machine code.

Values come as columns, shape (k, n): what is read together then lies together. Each row is computed
alone and in one order, so results depend neither on how rows are cut into parts nor on threads.
"""

from typing import Any

import numpy as np

from retention_ml.models.predictors.compiled.cache import compiled
from retention_ml.statistics.arrays import Floats, Ints

# Rows that are worked on at once: what belongs to them stays in the processor's cache.
BLOCK = 1_024
_ZERO_MAX = 1e-35
_NAN_IS_LOWEST, _NAN_IS_HIGHEST = 0, 1
_HIGHEST = 65_535


@compiled
def _ranks(cuts: Floats, step: int, x: Floats, m: int, rank: Ints) -> None:
    """How many cuts are below each of the first m values, 0 for NaN; see `cuts.Cuts`.

    Each value is compared with every cut that ends a step, then within one step by halves: without
    a branch, for many values at once.
    """
    for r in range(m):
        rank[r] = 0
    for end in range(step - 1, len(cuts) - 1, step):
        cut = cuts[end]
        for r in range(m):
            rank[r] += step if cut < x[r] else 0
    half = step // 2
    while half > 0:
        for r in range(m):
            rank[r] += half if cuts[rank[r] + half - 1] < x[r] else 0
        half //= 2


@compiled
def _bins(
    values: Floats,
    begin: int,
    m: int,
    columns: Ints,
    sides: Ints,
    cut_start: Ints,
    cut_step: Ints,
    cuts: Floats,
    x: Floats,
    rank: Ints,
    bins: Any,
) -> None:
    """The bin of m rows in each column of cuts, by where NaN goes, as LightGBM compares."""
    for c in range(len(columns)):
        column = values[columns[c]]
        for r in range(m):
            x[r] = 0.0 if abs(column[begin + r]) <= _ZERO_MAX else column[begin + r]
        if sides[c] > _NAN_IS_HIGHEST:
            for r in range(m):
                x[r] = 0.0 if np.isnan(x[r]) else x[r]
        _ranks(cuts[cut_start[c] : cut_start[c + 1]], cut_step[c], x, m, rank)
        if sides[c] == _NAN_IS_HIGHEST:
            for r in range(m):
                rank[r] = _HIGHEST if np.isnan(x[r]) else rank[r]
        for r in range(m):
            bins[c, r] = rank[r]


@compiled
def _patterns(
    bins: Any, m: int, first: int, last: int, columns: Ints, cuts: Any, strides: Any, pattern: Any
) -> None:
    """The number of each row's pattern of decisions, of the decisions from first to last."""
    for r in range(m):
        pattern[r] = 0
    for at in range(first, last):
        column, cut, stride = bins[columns[at]], cuts[at], strides[at]
        for r in range(m):
            pattern[r] += stride if column[r] > cut else np.uint16(0)


@compiled
def tree_sums(
    values: Floats,
    begin: int,
    end: int,
    columns: Ints,
    sides: Ints,
    cut_start: Ints,
    cut_step: Ints,
    cuts: Floats,
    decision_start: Ints,
    decision_column: Ints,
    decision_cut: Any,
    decision_stride: Any,
    booster_start: Ints,
    worth_start: Ints,
    worth: Floats,
    out: Floats,
) -> None:
    """Sums of each booster's leaves into `out`, shape (boosters, n), in the order of its trees."""
    bins = np.empty((len(columns), BLOCK), dtype=np.uint16)
    x, rank = np.empty(BLOCK), np.empty(BLOCK, dtype=np.int64)
    pattern, sums = np.empty(BLOCK, dtype=np.uint16), np.empty(BLOCK)
    for at in range(begin, end, BLOCK):
        m = min(BLOCK, end - at)
        _bins(values, at, m, columns, sides, cut_start, cut_step, cuts, x, rank, bins)
        for booster in range(len(booster_start) - 1):
            for r in range(m):
                sums[r] = 0.0
            for piece in range(booster_start[booster], booster_start[booster + 1]):
                first, last = decision_start[piece], decision_start[piece + 1]
                _patterns(
                    bins, m, first, last, decision_column, decision_cut, decision_stride, pattern
                )
                table = worth[worth_start[piece] : worth_start[piece + 1]]
                for r in range(m):
                    sums[r] += table[pattern[r]]
            for r in range(m):
                out[booster, at + r] = sums[r]


@compiled
def tree_contributions(
    values: Floats,
    begin: int,
    end: int,
    columns: Ints,
    sides: Ints,
    cut_start: Ints,
    cut_step: Ints,
    cuts: Floats,
    decision_start: Ints,
    decision_column: Ints,
    decision_cut: Any,
    decision_stride: Any,
    slot_start: Ints,
    slot_feature: Ints,
    table_start: Ints,
    tables: Floats,
    out: Floats,
) -> None:
    """What each feature adds, into `out`, shape (features, n)."""
    bins = np.empty((len(columns), BLOCK), dtype=np.uint16)
    x, rank = np.empty(BLOCK), np.empty(BLOCK, dtype=np.int64)
    pattern, sums = np.empty(BLOCK, dtype=np.uint16), np.empty((len(out), BLOCK))
    for at in range(begin, end, BLOCK):
        m = min(BLOCK, end - at)
        _bins(values, at, m, columns, sides, cut_start, cut_step, cuts, x, rank, bins)
        sums[:] = 0.0
        for piece in range(len(decision_start) - 1):
            first, last = decision_start[piece], decision_start[piece + 1]
            _patterns(bins, m, first, last, decision_column, decision_cut, decision_stride, pattern)
            for slot in range(slot_start[piece], slot_start[piece + 1]):
                added = sums[slot_feature[slot]]
                table = tables[table_start[slot] : table_start[slot + 1]]
                for r in range(m):
                    added[r] += table[pattern[r]]
        for feature in range(len(out)):
            for r in range(m):
                out[feature, at + r] = sums[feature, r]


@compiled
def fill_tables(
    digit_start: Ints,
    digit_size: Ints,
    leaf_start: Ints,
    leaf_value: Floats,
    player_start: Ints,
    player_slot: Ints,
    player_share: Floats,
    condition_start: Ints,
    condition_digit: Ints,
    condition_low: Ints,
    condition_high: Ints,
    slot_start: Ints,
    factor: Floats,
    times: Floats,
    weights: Floats,
    worth_start: Ints,
    worth: Floats,
    table_start: Ints,
    tables: Floats,
) -> None:
    """For every pattern of a piece's decisions: the leaf's worth, and what each slot's feature adds."""
    players_max = 0
    for leaf in range(len(leaf_value)):
        players_max = max(players_max, player_start[leaf + 1] - player_start[leaf])
    shap = np.empty((max(players_max, 1), 1 << players_max))
    factors, is_met = np.empty(max(players_max, 1)), np.empty(max(players_max, 1))
    digits = np.empty(max(len(digit_size), 1), dtype=np.int64)
    for piece in range(len(worth_start) - 1):
        count = worth_start[piece + 1] - worth_start[piece]
        for leaf in range(leaf_start[piece], leaf_start[piece + 1]):
            first = player_start[leaf]
            players = player_start[leaf + 1] - first
            half = (players + 1) // 2
            for met in range(1 << players):
                for j in range(players):
                    is_met[j] = (met >> j) & 1
                    shap[j, met] = 0.0
                for t in range(half):
                    product = weights[half, t]
                    for j in range(players):
                        share, time = player_share[first + j], times[half, t]
                        factors[j] = share * (1.0 - time) + is_met[j] * time
                        product *= factors[j]
                    for j in range(players):
                        shap[j, met] += product / factors[j]
                for j in range(players):
                    gain = is_met[j] - player_share[first + j]
                    shap[j, met] *= leaf_value[leaf] * gain * factor[piece]
            digits[:] = 0
            for pattern in range(count):
                met = 0
                for j in range(players):
                    meets = 1
                    for at in range(condition_start[first + j], condition_start[first + j + 1]):
                        digit = digits[condition_digit[at]]
                        if digit < condition_low[at] or digit >= condition_high[at]:
                            meets = 0
                    met |= meets << j
                for j in range(players):
                    slot = slot_start[piece] + player_slot[first + j]
                    tables[table_start[slot] + pattern] += shap[j, met]
                if met == (1 << players) - 1:
                    worth[worth_start[piece] + pattern] = leaf_value[leaf]
                for at in range(digit_start[piece], digit_start[piece + 1]):
                    digit = at - digit_start[piece]
                    digits[digit] += 1
                    if digits[digit] < digit_size[at]:
                        break
                    digits[digit] = 0


@compiled
def _terms(
    column: Floats,
    begin: int,
    m: int,
    count: int,
    step: int,
    knots: Floats,
    knot_scores: Floats,
    slopes: Floats,
    coefficient: float,
    if_present: float,
    if_missing: float,
    x: Floats,
    rank: Ints,
    terms: Floats,
) -> None:
    """Coefficient × score + term of being missing of m rows of a column, as `numpy.interp`."""
    for r in range(m):
        x[r] = column[begin + r]
        terms[r] = 0.0
    if count > 0:
        _ranks(knots, step, x, m, rank)
        for r in range(m):
            above = min(rank[r], count - 1)
            below = max(rank[r] - 1, 0)
            between = slopes[below] * (x[r] - knots[below]) + knot_scores[below]
            is_at_knot = rank[r] == 0 or rank[r] == count or x[r] == knots[above]
            score = knot_scores[above] if is_at_knot else between
            terms[r] = 0.0 if np.isnan(x[r]) else score
    for r in range(m):
        terms[r] = terms[r] * coefficient + (if_missing if np.isnan(x[r]) else if_present)


@compiled
def add_linear_terms(
    values: Floats,
    begin: int,
    end: int,
    columns: Ints,
    counts: Ints,
    start: Ints,
    step: Ints,
    knots: Floats,
    knot_scores: Floats,
    slopes: Floats,
    coefficients: Floats,
    if_present: Floats,
    if_missing: Floats,
    factor: float,
    out: Floats,
) -> None:
    """Factor × the terms of a regression onto the rows of `out`, shape (k, n), of its columns."""
    x, rank = np.empty(BLOCK), np.empty(BLOCK, dtype=np.int64)
    terms = np.empty(BLOCK)
    for at in range(begin, end, BLOCK):
        m = min(BLOCK, end - at)
        for j in range(len(columns)):
            part = slice(start[j], start[j + 1])
            _terms(
                values[columns[j]], at, m, counts[j], step[j], knots[part], knot_scores[part],
                slopes[part], coefficients[j], if_present[j], if_missing[j], x, rank, terms,
            )  # fmt: skip
            added = out[columns[j]]
            for r in range(m):
                added[at + r] += factor * terms[r]

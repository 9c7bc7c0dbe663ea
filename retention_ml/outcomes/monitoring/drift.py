"""What changed between two days, by how much, and from which size on it counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.distances import (
    counts_in,
    edges_of,
    jensen_shannon,
    psi,
    psi_by_chance,
)

# The index grows with the square of a movement: ten times the median of the baseline is a movement
# three times as large. Where a quantity moves steadily, twice the largest is enough.
_BASELINE_FACTOR = 10.0
_LARGEST_FACTOR = 2.0
# The customary bound of a major change, relative to that of a noticeable one (0.25 and 0.10).
_UNCALIBRATED_FACTOR = 2.5
_VALUES_MIN = 30

Key = tuple[str, str, str]

WHOLE = "all"  # the name where a change is not about a single feature or code
NOT_COMPARED = "not_compared"  # the measure where there is nothing to compare with


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of `outcomes.drift`: one thing watched, one measure of its change.

    Parameters
    ----------
    kind, name, measure : str
        As the columns of the table.
    value : float
        Size of the change, or a quantity that is only shown.
    threshold : float or None
        The size above which it counts; None where it is only shown.
    reference : str
        What it was compared with, in words.
    """

    kind: str
    name: str
    measure: str
    value: float
    threshold: float | None = None
    reference: str = ""

    @property
    def key(self) -> Key:
        """What identifies the change on every day."""
        return self.kind, self.name, self.measure

    @property
    def is_beyond(self) -> bool:
        """Whether it exceeds its threshold."""
        return self.threshold is not None and self.value > self.threshold


# Values of the same things, by name, on an earlier day and on a later one: float64 of shape (n,)
# and (m,), NaN where missing.
Values = Mapping[str, Floats]
Pair = tuple[Values, Values]
# Rows per category, likewise.
Counts = tuple[Mapping[str, int], Mapping[str, int]]
# Rows per bin, likewise: int64 of shape (k,).
Bins = tuple[Ints, Ints]


def drift_threshold(baseline: Sequence[float], *, effect_min: float, by_chance: float) -> float:
    """The index above which a change counts.

    The largest of: the setting; the baseline, that is the index between earlier days as far apart
    (twice the largest, but at most ten times the median: one odd day is not typical); what chance
    alone gives for so few customers. Without a baseline, two and a half times the setting.

    Examples
    --------
    >>> drift_threshold([0.001, 0.002, 0.02], effect_min=0.1, by_chance=0.01)
    0.1
    >>> drift_threshold([0.02, 0.03, 2.0], effect_min=0.1, by_chance=0.01)
    0.3
    >>> drift_threshold([1.0, 1.1, 0.9], effect_min=0.1, by_chance=0.01)
    2.2
    >>> drift_threshold([], effect_min=0.1, by_chance=0.01)
    0.25
    """
    if len(baseline):
        expected = min(
            _BASELINE_FACTOR * float(np.median(baseline)), _LARGEST_FACTOR * max(baseline)
        )
    else:
        expected = _UNCALIBRATED_FACTOR * effect_min
    return max(effect_min, expected, by_chance)


def not_compared(kind: str, reason: str) -> Change:
    """That nothing of a kind is compared on a day, and why; of value 0, the days to compare with."""
    return Change(kind=kind, name=WHOLE, measure=NOT_COMPARED, value=0.0, reference=reason)


def value_drift(
    kind: str,
    names: Sequence[str],
    pair: Pair,
    baseline_pairs: Sequence[Pair],
    *,
    effect_min: float,
    only_shown: frozenset[str] = frozenset(),
    needs_baseline: frozenset[str] = frozenset(),
) -> list[Change]:
    """Index and distance of each feature's values on bins of equal counts of the reference.

    Missing values are ignored (see `missing_drift`); a feature with fewer than 30 values on one of
    the two days is left out. Features in `only_shown` have no threshold, those in
    `needs_baseline` have one only where there is a baseline. A pair of earlier days that lacks a
    feature is no baseline for it.
    """
    changes = []
    for name in names:
        counts = _bin_counts(pair, name)
        if counts is None:
            continue
        baseline = [each for other in baseline_pairs if (each := _bin_counts(other, name))]
        is_only_shown = name in only_shown or (name in needs_baseline and not baseline)
        changes += _distances(kind, name, counts, baseline, None if is_only_shown else effect_min)
    return changes


def missing_drift(
    names: Sequence[str],
    pair: Pair,
    baseline_pairs: Sequence[Pair],
    *,
    effect_min: float,
    only_shown: frozenset[str] = frozenset(),
    needs_baseline: frozenset[str] = frozenset(),
) -> list[Change]:
    """Share missing of each feature, and the index of missing against present.

    For `only_shown` and `needs_baseline` see `value_drift`. A pair of earlier days that lacks a
    feature is no baseline for it.
    """
    changes = []
    for name in names:
        before, now = _missing(pair, name)
        if now.sum() == 0 or before.sum() == 0:
            continue
        baseline = [
            _missing(other, name)
            for other in baseline_pairs
            if all(name in values for values in other)
        ]
        is_only_shown = name in only_shown or (name in needs_baseline and not baseline)
        limit = None if is_only_shown else effect_min
        changes += [
            Change(kind="missing", name=name, measure="share", value=float(now[1] / now.sum())),
            _index("missing", name, (before, now), baseline, limit),
        ]
    return changes


def share_drift(
    kind: str,
    pair: Counts,
    baseline_pairs: Sequence[Counts],
    *,
    effect_min: float,
    is_comparable: bool = True,
) -> list[Change]:
    """Share of each category now, and the index over all of them (name `all`).

    Parameters
    ----------
    pair : two mappings of str to int
        Customers per category on the earlier and the later day.
    baseline_pairs : sequence of the same
        For pairs of earlier days.
    is_comparable : bool
        False where the meaning of the categories has changed: then it is only shown.
    """
    changes = _count_drift(kind, WHOLE, pair, baseline_pairs, effect_min if is_comparable else None)
    total = sum(pair[1].values())
    return [
        *changes,
        *(
            Change(kind=kind, name=name, measure="share", value=count / total)
            for name, count in sorted(pair[1].items())
            if changes
        ),
    ]


def code_drift(name: str, pair: Counts, *, effect_min: float) -> list[Change]:
    """The index over the codes of a column, and the shares that are new or gone.

    Parameters
    ----------
    name : str
        Table and column.
    pair : two mappings of str to int
        Rows per code earlier and later.
    """
    before, now = pair
    changes = _count_drift("category", name, pair, (), effect_min)
    if not changes:
        return []
    new = sum(count for code, count in now.items() if code not in before) / sum(now.values())
    gone = sum(count for code, count in before.items() if code not in now) / sum(before.values())
    return [
        *changes,
        Change(kind="category", name=name, measure="new_share", value=new),
        Change(kind="category", name=name, measure="gone_share", value=gone),
    ]


def _count_drift(
    kind: str, name: str, pair: Counts, baseline_pairs: Sequence[Counts], effect_min: float | None
) -> list[Change]:
    if not _is_filled(pair):
        return []
    baseline = [_align(other) for other in baseline_pairs if _is_filled(other)]
    return _distances(kind, name, _align(pair), baseline, effect_min)


def _distances(
    kind: str, name: str, counts: Bins, baseline: Sequence[Bins], effect_min: float | None
) -> list[Change]:
    """Index and distance of two days."""
    distance = jensen_shannon(*counts)
    return [
        _index(kind, name, counts, baseline, effect_min),
        Change(kind=kind, name=name, measure="jensen_shannon", value=distance),
    ]


def _index(
    kind: str, name: str, counts: Bins, baseline: Sequence[Bins], effect_min: float | None
) -> Change:
    """The index of two days with its threshold; only shown where `effect_min` is None."""
    before, now = counts
    threshold = None
    if effect_min is not None:
        threshold = drift_threshold(
            [psi(*other) for other in baseline],
            effect_min=effect_min,
            by_chance=psi_by_chance(len(before), int(before.sum()), int(now.sum())),
        )
    return Change(kind=kind, name=name, measure="psi", value=psi(before, now), threshold=threshold)


def _bin_counts(pair: Pair, name: str) -> Bins | None:
    if not all(name in values for values in pair):
        return None
    before, now = (values[name][~np.isnan(values[name])] for values in pair)
    if min(len(before), len(now)) < _VALUES_MIN:
        return None
    edges = edges_of(before)
    return counts_in(edges, before), counts_in(edges, now)


def _missing(pair: Pair, name: str) -> Bins:
    """How many values are present and how many missing, shape (2,) each."""
    before, now = (
        np.bincount(np.isnan(values[name]).astype(np.int64), minlength=2) for values in pair
    )
    return before, now


def _is_filled(pair: Counts) -> bool:
    return all(sum(counts.values()) for counts in pair)


def _align(pair: Counts) -> Bins:
    names = sorted({*pair[0], *pair[1]})
    before, now = (
        np.array([counts.get(name, 0) for name in names], dtype=np.int64) for counts in pair
    )
    return before, now

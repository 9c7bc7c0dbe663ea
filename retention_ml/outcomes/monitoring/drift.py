"""What changed between two days, how much, and from where on it counts."""

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

# The index grows with the square of a movement: ten times its usual (median) size is a movement
# three times the usual one. Where a quantity moves steadily, twice the largest is enough.
_TIMES_USUAL = 10.0
_TIMES_LARGEST = 2.0
# The customary bound of a major change, relative to that of a noticeable one (0.25 and 0.10).
_TIMES_UNCALIBRATED = 2.5
_LEAST_VALUES = 30

WHOLE = "all"  # the name of what is no feature or code


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of `outcomes.drift`: one thing watched, one measure of its change.

    Parameters
    ----------
    kind, name, measure : str
        As the columns of the table.
    value : float
        Size of the change, or the thing itself where it is only shown.
    threshold : float or None
        From where on it counts; None where it is only shown.
    """

    kind: str
    name: str
    measure: str
    value: float
    threshold: float | None = None

    @property
    def is_beyond(self) -> bool:
        """Whether it counts."""
        return self.threshold is not None and self.value > self.threshold


# Values of the same things, by name, on an earlier day and on a later one: float64 of shape (n,)
# and (m,), NaN where missing.
Values = Mapping[str, Floats]
Pair = tuple[Values, Values]
# Rows per category, likewise.
Counts = tuple[Mapping[str, int], Mapping[str, int]]


def limit_of(usual: Sequence[float], *, effect_min: float, by_chance: float) -> float:
    """The index from which a change counts.

    The largest of: the setting; what is usual between days as far apart (twice the largest, but
    at most ten times the median: one odd day is not what is usual); what chance alone gives for so
    few customers. Where nothing is known of what is usual, two and a half times the setting.

    Examples
    --------
    >>> limit_of([0.001, 0.002, 0.02], effect_min=0.1, by_chance=0.01)
    0.1
    >>> limit_of([0.02, 0.03, 2.0], effect_min=0.1, by_chance=0.01)
    0.3
    >>> limit_of([1.0, 1.1, 0.9], effect_min=0.1, by_chance=0.01)
    2.2
    >>> limit_of([], effect_min=0.1, by_chance=0.01)
    0.25
    """
    if len(usual):
        expected = min(_TIMES_USUAL * float(np.median(usual)), _TIMES_LARGEST * max(usual))
    else:
        expected = _TIMES_UNCALIBRATED * effect_min
    return max(effect_min, expected, by_chance)


def of_values(
    kind: str,
    names: Sequence[str],
    pair: Pair,
    usual: Sequence[Pair],
    *,
    effect_min: float,
    only_shown: frozenset[str] = frozenset(),
    growing: frozenset[str] = frozenset(),
) -> list[Change]:
    """Index and distance of each thing's values on bins of equal counts of the reference.

    Values that are missing are left out (see `of_missing`); a thing of which one of the two days
    has fewer than 30 values is left out as a whole. Things that are `only_shown` have no threshold;
    those that are `growing` by nature have one only where what is usual is known.
    """
    found = []
    for name in names:
        counted = _counted(pair, name)
        if counted is None:
            continue
        before, now = counted
        sizes = [psi(*other) for other in (_counted(p, name) for p in usual) if other]
        limit = limit_of(
            sizes,
            effect_min=effect_min,
            by_chance=psi_by_chance(len(before), int(before.sum()), int(now.sum())),
        )
        found += [
            Change(
                kind=kind,
                name=name,
                measure="psi",
                value=psi(before, now),
                threshold=None if name in only_shown or (name in growing and not sizes) else limit,
            ),
            Change(
                kind=kind, name=name, measure="jensen_shannon", value=jensen_shannon(before, now)
            ),
        ]
    return found


def of_missing(
    names: Sequence[str], pair: Pair, usual: Sequence[Pair], *, effect_min: float
) -> list[Change]:
    """Share missing of each thing, and the index of missing against present."""
    found = []
    for name in names:
        before, now = _missing(pair[0][name]), _missing(pair[1][name])
        if now.sum() == 0 or before.sum() == 0:
            continue
        sizes = [psi(_missing(first[name]), _missing(then[name])) for first, then in usual]
        limit = limit_of(
            sizes,
            effect_min=effect_min,
            by_chance=psi_by_chance(2, int(before.sum()), int(now.sum())),
        )
        found += [
            Change(kind="missing", name=name, measure="share", value=float(now[1] / now.sum())),
            Change(
                kind="missing", name=name, measure="psi", value=psi(before, now), threshold=limit
            ),
        ]
    return found


def of_shares(
    kind: str,
    pair: Counts,
    usual: Sequence[Counts],
    *,
    effect_min: float,
    is_comparable: bool = True,
) -> list[Change]:
    """Share of each category now, and the index over all of them (name `all`).

    Parameters
    ----------
    pair : two mappings of str to int
        Customers per category on the earlier and the later day.
    usual : sequence of the same
        For pairs of earlier days.
    is_comparable : bool
        False where the categories have another meaning since: then it is only shown.
    """
    found = _of_counts(kind, WHOLE, pair, usual, effect_min if is_comparable else None)
    total = sum(pair[1].values())
    return [
        *found,
        *(
            Change(kind=kind, name=name, measure="share", value=count / total)
            for name, count in sorted(pair[1].items())
            if found
        ),
    ]


def of_codes(name: str, pair: Counts, *, effect_min: float) -> list[Change]:
    """The index over the codes of a column, and the shares that are new or gone.

    Parameters
    ----------
    name : str
        Table and column.
    pair : two mappings of str to int
        Rows per code earlier and later.
    """
    before, now = pair
    found = _of_counts("category", name, pair, (), effect_min)
    if not found:
        return []
    new = sum(count for code, count in now.items() if code not in before) / sum(now.values())
    gone = sum(count for code, count in before.items() if code not in now) / sum(before.values())
    return [
        *found,
        Change(kind="category", name=name, measure="new_share", value=new),
        Change(kind="category", name=name, measure="gone_share", value=gone),
    ]


def _of_counts(
    kind: str, name: str, pair: Counts, usual: Sequence[Counts], effect_min: float | None
) -> list[Change]:
    if not all(sum(counts.values()) for counts in pair):
        return []
    before, now = _aligned(pair)
    limit = None
    if effect_min is not None:
        limit = limit_of(
            [psi(*_aligned(other)) for other in usual if all(sum(c.values()) for c in other)],
            effect_min=effect_min,
            by_chance=psi_by_chance(len(before), int(before.sum()), int(now.sum())),
        )
    return [
        Change(kind=kind, name=name, measure="psi", value=psi(before, now), threshold=limit),
        Change(kind=kind, name=name, measure="jensen_shannon", value=jensen_shannon(before, now)),
    ]


def _counted(pair: Pair, name: str) -> tuple[Ints, Ints] | None:
    before, now = _present(pair[0][name]), _present(pair[1][name])
    if min(len(before), len(now)) < _LEAST_VALUES:
        return None
    edges = edges_of(before)
    return counts_in(edges, before), counts_in(edges, now)


def _present(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _missing(values: Floats) -> Ints:
    """How many are present and how many missing, shape (2,)."""
    missing = int(np.isnan(values).sum())
    return np.array([len(values) - missing, missing], dtype=np.int64)


def _aligned(pair: Counts) -> tuple[Ints, Ints]:
    before, now = pair
    names = sorted({*before, *now})
    return (
        np.array([before.get(name, 0) for name in names], dtype=np.int64),
        np.array([now.get(name, 0) for name in names], dtype=np.int64),
    )

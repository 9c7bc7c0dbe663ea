"""Names of personas from what distinguishes them, and which new persona is which old one."""

from collections.abc import Collection, Sequence
from itertools import combinations, count

import numpy as np
from scipy.optimize import linear_sum_assignment

from retention_ml.profiles.personas.behaviour import TRAITS
from retention_ml.statistics.arrays import Floats, Ints

OVERLAP_MIN = 0.25
"""Share of the customers of either who are in both, below which two personas are not the same."""
_PLAIN = 0.25
"""Standard deviations from the mean below which a trait distinguishes nobody."""


def traits_in_words(centre: Floats) -> list[str]:
    """What distinguishes a centroid, the strongest first: one word per theme, at least one.

    >>> traits_in_words(np.array([-0.9, 1.2, 1.5, 0.1, -0.6, 0.3, 1.0]))
    ['big-spending', 'frequent', 'busy lately', 'quick rhythm', 'long-standing']
    """
    words: list[str] = []
    themes: set[str] = set()
    for place in np.argsort(-np.abs(centre), kind="stable"):
        trait = TRAITS[place]
        is_plain = abs(centre[place]) < _PLAIN and bool(words)
        if trait.theme not in themes and not is_plain:
            themes.add(trait.theme)
            words.append(trait.high if centre[place] > 0 else trait.low)
    return words


def name_of(words: Sequence[str], used: Collection[str]) -> str:
    """The first two traits, or the first pair or triple of them that is no name yet.

    >>> name_of(["silent", "few orders", "young"], {"silent, few orders"})
    'silent, young'
    """
    for size in (2, 3):
        for chosen in combinations(words, min(size, len(words))):
            name = ", ".join(chosen)
            if name not in used:
                return name
    whole = ", ".join(words)
    return next(name for name in (f"{whole} ({number})" for number in count(2)) if name not in used)


def matched(
    previous: Ints, current: Ints, counts: tuple[int, int]
) -> list[tuple[int, float] | None]:
    """For each current cluster the previous one that it continues, and how far the two overlap.

    Pairs are chosen so that the overlaps (customers in both, of those in either) sum to the most
    (Hungarian algorithm); a pair with less than `OVERLAP_MIN` is none.

    Parameters
    ----------
    previous, current : array of int64, shape (n,)
        The clusters of the same customers.
    counts : (int, int)
        How many clusters there are of either.

    Examples
    --------
    >>> matched(np.array([0, 0, 1, 1]), np.array([1, 1, 1, 0]), (2, 2))
    [(1, 0.5), (0, 0.6666666666666666)]
    """
    both = np.zeros(counts, dtype=np.int64)
    np.add.at(both, (previous, current), 1)
    either = both.sum(axis=1)[:, None] + both.sum(axis=0)[None] - both
    overlap = both / np.maximum(either, 1)
    pairs: list[tuple[int, float] | None] = [None] * counts[1]
    for before, now in zip(*linear_sum_assignment(-overlap), strict=True):
        if overlap[before, now] >= OVERLAP_MIN:
            pairs[now] = (int(before), float(overlap[before, now]))
    return pairs

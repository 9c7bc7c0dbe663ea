"""Recency, frequency and value as scores from 1 to 5, and named groups of them."""

from enum import StrEnum

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints

SCORES = 5


class Group(StrEnum):
    """Every group, the best customers first."""

    CHAMPIONS = "champions"
    LOYAL = "loyal"
    RECENT = "recent"
    NEEDS_ATTENTION = "needs_attention"
    AT_RISK = "at_risk"
    INACTIVE = "inactive"


GROUPS = tuple(Group)


def scores(values: Ints | Floats) -> Ints:
    """By how many fifths of the customers each is surpassed, 1 to 5, shape (n,); more is better.

    Equal values have equal scores: the share of customers below counts, so that of a shop where
    nearly everybody ordered once, these all have 1.

    >>> scores(np.array([3, 1, 1, 1, 9])).tolist()
    [4, 1, 1, 1, 5]
    """
    if len(values) == 0:
        return np.zeros(0, dtype=np.int64)
    below = np.searchsorted(np.sort(values), values, side="left")
    return np.asarray(np.minimum(below * SCORES // len(values), SCORES - 1) + 1, dtype=np.int64)


def groups(recency: Ints, frequency: Ints, value: Ints) -> Ints:
    """The group of each customer by their three scores, a place in `GROUPS`, shape (n,).

    | recency | mean of frequency and value: 4 or more | 3 or more | less |
    |---|---|---|---|
    | 4, 5 | champions | loyal | recent |
    | 3 | loyal | loyal | needs_attention |
    | 1, 2 | at_risk | at_risk | inactive |

    >>> [GROUPS[one] for one in groups(np.array([5, 1, 1]), np.array([5, 4, 1]), np.array([5, 4, 1]))]
    [<Group.CHAMPIONS: 'champions'>, <Group.AT_RISK: 'at_risk'>, <Group.INACTIVE: 'inactive'>]
    """
    weight = frequency + value  # twice the mean
    code = {group: place for place, group in enumerate(GROUPS)}
    return np.asarray(
        np.select(
            [
                (recency >= 4) & (weight >= 8),
                (recency >= 3) & (weight >= 6),
                recency >= 4,
                recency == 3,
                weight >= 6,
            ],
            [
                code[name]
                for name in (
                    Group.CHAMPIONS, Group.LOYAL, Group.RECENT, Group.NEEDS_ATTENTION, Group.AT_RISK,
                )
            ],
            code[Group.INACTIVE],
        ),
        dtype=np.int64,
    )  # fmt: skip

"""How sure one can be of a single customer's value: 80 % intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from retention_ml.statistics.arrays import Floats

SHARE = 0.8
_BINS_MAX = 20
_CUSTOMERS_MIN = 100
_DRAWS_AT_ONCE = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeCustomers:
    """What customers of like value brought on a past day, in bins of rising value, shape (k,).

    Parameters
    ----------
    value_share : array of float64
        Mean value of a bin, as a share of the mean of all; rising.
    lower, upper : array of float64
        Ends of the interval of what its customers brought, as a share of the mean of all.
    """

    value_share: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, expected: Floats, outcome: Floats) -> Self:
        """From what was expected of customers and what they brought, shape (n,), n > 0."""
        scale = max(float(outcome.mean()), 1.0)
        order = np.argsort(expected, kind="stable")
        count = int(np.clip(len(expected) // _CUSTOMERS_MIN, 1, _BINS_MAX))
        bins = np.array_split(order, count)
        ends = np.array([shortest(np.sort(outcome[each])[None, :])[0] for each in bins]) / scale
        share = np.array([expected[each].mean() for each in bins]) / scale
        distinct = np.append(True, np.diff(share) > 1e-9)
        return cls(value_share=share[distinct], lower=ends[distinct, 0], upper=ends[distinct, 1])

    def intervals(self, expected: Floats) -> Floats:
        """Lower and upper end for customers, shape (n, 2), by what is expected of each.

        Between bins linear; beyond the last, in proportion.
        """
        scale = max(float(expected.mean()), 1e-12) if len(expected) else 1.0
        share = expected / scale
        ends = [np.interp(share, self.value_share, end) for end in (self.lower, self.upper)]
        beyond = np.maximum(share / max(float(self.value_share[-1]), 1e-12), 1.0)
        return np.column_stack(ends) * (scale * beyond)[:, None]

    def to_dict(self) -> dict[str, list[float]]:
        """Plain JSON values."""
        return {name: getattr(self, name).tolist() for name in ("value_share", "lower", "upper")}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What `to_dict` gave; ValueError where it makes no sense."""
        values = {
            name: np.asarray(content[name], dtype=np.float64)
            for name in ("value_share", "lower", "upper")
        }
        share, lower, upper = values.values()
        sound = len(share) == len(lower) == len(upper) > 0 and bool(
            np.isfinite(np.concatenate([share, lower, upper])).all()
            and (np.diff(share) > 0).all()
            and (lower <= upper).all()
        )
        if not sound:
            raise ValueError("intervals of like customers do not rise or are not finite")
        return cls(**values)


def shortest(outcomes: Floats) -> Floats:
    """Lower and upper end of 80 % of sorted outcomes, shape (n, m) to (n, 2).

    The middle 80 %, unless a tenth or more brought nothing: then from 0 up, so that the interval
    holds 80 % of the others' sides too and is no wider than it must be.

    >>> shortest(np.array([[0.0, 0.0, 0.0, 4.0, 5.0]])).tolist()
    [[0.0, 4.0]]
    """
    n, m = outcomes.shape
    tail = (1.0 - SHARE) / 2
    middle = np.quantile(outcomes, [tail, 1.0 - tail], axis=1, method="inverted_cdf").T
    negative = (outcomes < 0).sum(axis=1)
    last = np.minimum(np.ceil(SHARE * m).astype(np.int64) + negative, m) - 1
    upper = np.maximum(outcomes[np.arange(n), last], 0.0)
    from_zero = np.column_stack([np.zeros(n), upper])
    return np.where(middle[:, :1] > 0, middle, from_zero)


def drawn_intervals(draws: Floats) -> Floats:
    """Lower and upper end by draws of each customer's value, shape (n, m) to (n, 2)."""
    return shortest(np.sort(draws, axis=1)) if draws.size else np.zeros((len(draws), 2))

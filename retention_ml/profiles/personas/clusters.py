"""K-means on logged, winsorised traits, and how many clusters are stable.

Stability is measured as in Hennig, "Cluster-wise assessment of cluster stability", 2007, with the
adjusted Rand index of Hubert and Arabie (1985): clusters are found again in bootstrap samples, all
customers are assigned to both, and the two divisions are compared. 1 means equal, 0 no better than
chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from retention_ml.statistics.arrays import Floats, Ints

COUNTS = range(2, 8)
"""Numbers of clusters that are tried."""
COUNT_PREFERRED_MIN = 3
"""Two clusters, good and bad customers, are taken only where no larger number is stable."""
EQUAL_STABILITY = 0.02
WINSORISED_SHARE = 0.01
BOOTSTRAPS = 15
CUSTOMERS_MAX = 4_000
"""More customers are sampled: centroids are means of hundreds, not of tens of thousands."""
_STARTS, _BOOTSTRAP_STARTS = 10, 6
_SEED = 20_260_601
_CHUNK = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From traits to what distances are measured in, each shape (t,), on the scale log(1 + x).

    Parameters
    ----------
    lower, upper : array of float64
        Beyond them lie one in a hundred customers on either side: these are moved to the edge.
    mean, spread : array of float64
        Of the winsorised logs; a trait that does not vary has spread 0 and does not count.
    """

    lower: Floats
    upper: Floats
    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, traits: Floats) -> "Scale":
        """The scale on which customers have mean 0 and spread 1."""
        logs = np.log1p(traits)
        lower, upper = np.quantile(logs, [WINSORISED_SHARE, 1 - WINSORISED_SHARE], axis=0)
        clipped = np.clip(logs, lower, upper)
        arrays = (lower, upper, clipped.mean(axis=0), clipped.std(axis=0))
        return cls(
            **dict(zip(("lower", "upper", "mean", "spread"), map(_rounded, arrays), strict=True))
        )

    def points(self, traits: Floats) -> Floats:
        """Customers in standard deviations from the mean, shape (n, t)."""
        clipped = np.clip(np.log1p(traits), self.lower, self.upper)
        return np.asarray(
            np.divide(
                clipped - self.mean,
                self.spread,
                out=np.zeros_like(clipped),
                where=self.spread > 0,
            )
        )


def centroids(points: Floats, count: int) -> Floats:
    """The centres of `count` clusters, rounded so that they can be stored as they are."""
    return _rounded(_fit(points, count, _SEED, _STARTS))


def nearest(points: Floats, centres: Floats) -> Ints:
    """The nearest centre of each customer, a row of `centres`, shape (n,)."""
    chosen = [np.zeros(0, dtype=np.int64)]
    for begins in range(0, len(points), _CHUNK):
        part = points[begins : begins + _CHUNK]
        distance = ((part[:, None, :] - centres[None]) ** 2).sum(axis=2)
        chosen.append(distance.argmin(axis=1).astype(np.int64))
    return np.concatenate(chosen)


def stability(points: Floats, centres: Floats, *, bootstraps: int = BOOTSTRAPS) -> float:
    """The mean adjusted Rand index of a division and of those found in bootstrap samples."""
    draw = np.random.default_rng(_SEED)
    division = nearest(points, centres)
    indices = []
    for number in range(bootstraps):
        sample = points[draw.integers(0, len(points), len(points))]
        again = _fit(sample, len(centres), _SEED + number + 1, _BOOTSTRAP_STARTS)
        indices.append(adjusted_rand_index(division, nearest(points, again)))
    return float(np.mean(indices))


@dataclass(frozen=True, slots=True, kw_only=True)
class Steadiness:
    """How steady a number of clusters is.

    Parameters
    ----------
    stability : float
        Mean adjusted Rand index over bootstrap samples.
    change : float or None
        Share of the customers who belong to another cluster than a month ago; None without any.
    """

    stability: float
    change: float | None


def steadiest(tried: Mapping[int, Steadiness], stability_min: float, change_max: float) -> int:
    """The number of clusters to take, 0 if none is stable.

    Of the stable ones those in which few customers move in a month, of these the most stable of
    three or more clusters, else two. Numbers that differ by less than the bootstrap can tell
    (`EQUAL_STABILITY`) are equally stable: the largest says most. Where customers move in all of
    them, the one in which fewest do.

    >>> def of(**tried):
    ...     return {int(k[1:]): Steadiness(stability=s, change=c) for k, (s, c) in tried.items()}
    >>> steadiest(of(k2=(0.97, 0.05), k3=(0.79, 0.08), k4=(0.93, 0.1), k5=(0.96, 0.2)), 0.85, 0.15)
    4
    >>> steadiest(of(k2=(0.97, 0.2), k3=(0.9, 0.17)), 0.85, 0.15)
    3
    >>> steadiest(of(k2=(0.6, 0.1), k3=(0.5, 0.1)), 0.85, 0.15)
    0
    """
    stable = {count: one for count, one in tried.items() if one.stability >= stability_min}
    steady = {
        count: one
        for count, one in stable.items()
        if one.change is None or one.change <= change_max
    }
    if not steady:
        return min(stable, key=lambda count: stable[count].change or 0.0, default=0)
    preferred = [count for count in steady if count >= COUNT_PREFERRED_MIN] or list(steady)
    best = max(steady[count].stability for count in preferred)
    return max(count for count in preferred if steady[count].stability >= best - EQUAL_STABILITY)


def sampled(points: Floats) -> Floats:
    """At most `CUSTOMERS_MAX` of the customers, drawn with a fixed seed."""
    if len(points) <= CUSTOMERS_MAX:
        return points
    chosen = np.random.default_rng(_SEED).choice(len(points), CUSTOMERS_MAX, replace=False)
    return points[np.sort(chosen)]


def adjusted_rand_index(first: Ints, second: Ints) -> float:
    """How equal two divisions of the same customers are, whatever their clusters are called.

    >>> adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    """
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(first, second))


def _fit(points: Floats, count: int, seed: int, starts: int) -> Floats:
    from sklearn.cluster import KMeans

    with threadpool_limits(1):  # sums in another order are other sums
        model = KMeans(n_clusters=count, n_init=starts, random_state=seed).fit(points)
    return np.asarray(model.cluster_centers_, dtype=np.float64)


def _rounded(values: Floats) -> Floats:
    return np.asarray(np.round(values, 6))

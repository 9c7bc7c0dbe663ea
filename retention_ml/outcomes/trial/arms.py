"""What became of the customers each model served: retention by arm, and whether the deal was fair.

References
----------
Newcombe (1998), Interval estimation for the difference between independent proportions: comparison
of eleven methods, Statistics in Medicine 17, method 10. Korn, Graubard (1998), Confidence
intervals for proportions with small expected number of positive counts estimated from survey
data, Survey Methodology 24: the effective number of customers.
"""

import math

import numpy as np

from retention_ml.outcomes.trial.paired import Compared, mean_of, standard_error
from retention_ml.outcomes.trial.sample import Codes, Units
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.metrics import Z_95

RETENTION = "retention_rate"


def arms(units: Units, segment: str) -> Compared | None:
    """Share of customers who came back, by whose tier they were served; None without both arms.

    The interval is Newcombe's, with the effective number of customers where customers were
    counted in several windows.
    """
    theirs = units.is_challenged
    if not theirs.any() or theirs.all():
        return None
    retained = 1 - units.churned
    champion, champion_lower, champion_upper = _share(retained[~theirs], units.codes[~theirs])
    own, own_lower, own_upper = _share(retained[theirs], units.codes[theirs])
    difference = own - champion
    return Compared(
        comparison="arms",
        segment=segment,
        metric=RETENTION,
        champion_value=champion,
        challenger_value=own,
        difference=difference,
        lower=difference - math.hypot(own - own_lower, champion_upper - champion),
        upper=difference + math.hypot(own_upper - own, champion - champion_lower),
        customers_count=len(units),
    )


def _share(values: Floats, codes: Codes) -> tuple[float, float, float]:
    """A share with Wilson's 95 % interval for the effective number of customers."""
    share, influence = mean_of(values)
    count = float(len(values))
    spread = standard_error(influence, codes) ** 2
    if 0 < share < 1 and 0 < spread < math.inf:
        count = min(count, 1 + share * (1 - share) / spread)  # the sample's variance has n - 1
    return share, *wilson(share, count)


def wilson(share: float, count: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share.

    >>> tuple(round(end, 4) for end in wilson(81 / 263, 263))
    (0.2553, 0.3662)
    """
    middle = share + Z_95**2 / (2 * count)
    half = Z_95 * math.sqrt(share * (1 - share) / count + Z_95**2 / (4 * count**2))
    below = 1 + Z_95**2 / count
    return (middle - half) / below, (middle + half) / below


def of_newest_day(units: Units) -> Bools:
    """The units of the newest day on which most customers counted, shape (n,)."""
    day = max(units.whole_days, default=0)
    return np.asarray(units.days == day, dtype=np.bool_)

"""Retention of the customers that each model served, by arm.

References
----------
Newcombe (1998), Interval estimation for the difference between independent proportions: comparison
of eleven methods, Statistics in Medicine 17, method 10. Korn, Graubard (1998), Confidence
intervals for proportions with small expected number of positive counts estimated from survey
data, Survey Methodology 24: the effective number of customers.
"""

import math

from retention_ml.outcomes.trial.paired import Compared, mean_of, standard_error
from retention_ml.outcomes.trial.sample import Codes, TrialSample
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.metrics import Z_95

RETENTION = "retention_rate"


def arms(sample: TrialSample, segment: str) -> Compared | None:
    """Share of customers who came back, by the model that served them; None without both arms.

    The interval is Newcombe's, with the effective number of customers where customers were
    counted in several windows.
    """
    mask = sample.assigned_to_challenger
    if not mask.any() or mask.all():
        return None
    retained = 1 - sample.churned
    champion, champion_lower, champion_upper = _share(retained[~mask], sample.codes[~mask])
    challenger, challenger_lower, challenger_upper = _share(retained[mask], sample.codes[mask])
    difference = challenger - champion
    return Compared(
        comparison="arms",
        segment=segment,
        metric=RETENTION,
        champion_value=champion,
        challenger_value=challenger,
        difference=difference,
        lower=difference - math.hypot(challenger - challenger_lower, champion_upper - champion),
        upper=difference + math.hypot(challenger_upper - challenger, champion - champion_lower),
        customers_count=len(sample),
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

"""Who is in the holdout: a place from the period's salt and the customer's number, below the share.

The same on every day of the period, whatever is learnt about the customer meanwhile.
"""

from collections.abc import Sequence

import numpy as np

from retention_ml.statistics.arrays import Bools
from retention_ml.statistics.lots import place_sql, places

P_VALUE_MIN = 1e-6
"""Below this a draw is taken for broken: once in a million days by chance."""


def period_salt(salt: str, number: int) -> str:
    """The salt of a period: with its purpose, and from the second with the same salt its number.

    Examples
    --------
    >>> period_salt("h1", 1), period_salt("h1", 2)
    ('holdout:h1', 'holdout:h1/2')
    """
    return f"holdout:{salt}" if number == 1 else f"holdout:{salt}/{number}"


def in_holdout(customer_ids: Sequence[str], salt: str, share: float) -> Bools:
    """Who of n customers is in the holdout of a period with that salt and share, shape (n,).

    Examples
    --------
    >>> in_holdout(["12347", "12348"], "holdout:h1", 0.5).tolist()
    [False, True]
    """
    return np.asarray(places(customer_ids, salt) < share)


def in_holdout_sql(salt: str, share: str, customer_id: str) -> str:
    """The same as a condition of Postgres; salt, share and number are SQL expressions."""
    return f"({place_sql(salt, customer_id)} < {share})"


def dependence_p_value(holdout: Bools, other_arm: Bools) -> float:
    """How probable so uneven shares of the holdout in another draw's two arms are by chance.

    Two draws with one salt put the whole holdout into one arm; independent ones the same share
    into both, whatever it is among the customers asked about. Fisher's exact test.

    Parameters
    ----------
    holdout, other_arm : array of bool, shape (n_customers,)
        Who is in the holdout, and who in the arm of the other draw.

    Returns
    -------
    float
        In [0, 1]; 1 where there is nobody.

    Examples
    --------
    >>> ids = [str(number) for number in range(2_000)]
    >>> arm = places(ids, "1") < 0.1
    >>> dependence_p_value(in_holdout(ids, "holdout:1", 0.1), arm) > 0.01
    True
    >>> dependence_p_value(in_holdout(ids, "1", 0.1), arm) < 1e-20
    True
    """
    from scipy.stats import fisher_exact

    table = [
        [int((arm & member).sum()) for member in (holdout, ~holdout)]
        for arm in (other_arm, ~other_arm)
    ]
    return float(fisher_exact(table).pvalue)

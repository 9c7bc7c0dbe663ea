"""Gamma-Gamma: what a customer pays on average, from what they paid so far.

A customer's payments are Gamma(p, nu) with their own nu, drawn from Gamma(q, v); what they pay
does not depend on how often they buy. Money is in any unit, the same throughout (here: cents).

References
----------
Fader and Hardie, "The Gamma-Gamma model of monetary value", 2013.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from scipy.special import digamma, gammaln

from retention_ml.errors import UsageError
from retention_ml.models.btyd.likelihood import maximize, read_parameters
from retention_ml.statistics.arrays import Floats

_NAMES = ("p", "q", "v")
_PRIOR_MEAN = (4.0, 4.0, 1.0)  # money counted in mean values
_STARTS = ((4.0, 4.0, 1.0), (1.5, 3.0, 1.0), (8.0, 8.0, 2.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendModel:
    """A fitted distribution of customers' mean payments.

    Parameters
    ----------
    p, q : float
        Shapes of the payments of one customer and of the rates of all.
    v : float
        Scale of the rates, in units of money.
    has_weak_prior : bool
        The payments alone did not determine all parameters; see `likelihood.maximize`.
    """

    p: float
    q: float
    v: float
    has_weak_prior: bool = False

    def expected_value(self, payments: Floats, mean: Floats) -> Floats:
        """Expected mean payment of customers, shape (n,).

        Parameters
        ----------
        payments : array of float64, shape (n,)
            How many payments `mean` is taken over; 0 gives what a new customer is expected to pay.
        mean : array of float64, shape (n,)
            Their mean; without meaning where there are none.
        """
        paid = np.where(payments > 0, payments * mean, 0.0)
        # With q near 1 or below, so few pay so much that a new customer's mean is infinite: the
        # shape is clipped just above.
        shape = np.maximum(self.p * payments + self.q - 1.0, 0.05)
        return np.asarray(self.p * (self.v + paid) / shape)

    def to_dict(self) -> dict[str, Any]:
        """The model as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What `to_dict` gave.

        Raises
        ------
        UnfitModel
            A parameter is missing, or not positive and finite.
        """
        return cls(**read_parameters(content, "spend model", _NAMES, ("has_weak_prior",)))


def fit(payments: Floats, mean: Floats) -> SpendModel:
    """The model of highest likelihood; with too little data to determine it, see `has_weak_prior`.

    Parameters
    ----------
    payments : array of float64, shape (n,)
        How many payments of each customer `mean` is taken over. Customers without any, or whose
        mean is not above 0, are skipped.
    mean : array of float64, shape (n,)
        Their means.

    Raises
    ------
    UsageError
        A payment count or mean is negative or not finite.
    """
    payments, mean = _with_payments(payments, mean)
    unit = float((payments * mean).sum() / payments.sum()) if len(mean) else 1.0
    # Sorted, so that equal customers give equal sums whatever their order.
    order = np.lexsort((mean, payments))
    payments, scaled = payments[order], mean[order] / unit
    parameters, has_weak_prior = maximize(
        lambda parameters: _log_likelihood(parameters, payments, scaled),
        count=float(len(scaled)),
        prior_mean=_PRIOR_MEAN,
        starts=_STARTS,
    )
    p, q, v = parameters.tolist()
    return SpendModel(p=p, q=q, v=v * unit, has_weak_prior=has_weak_prior)


def _with_payments(payments: Floats, mean: Floats) -> tuple[Floats, Floats]:
    """The customers who paid something."""
    payments, mean = np.asarray(payments, np.float64), np.asarray(mean, np.float64)
    paid = payments > 0
    wrong = ~np.isfinite(payments) | (payments < 0) | (paid & ~(np.isfinite(mean) & (mean >= 0)))
    if wrong.any():
        raise UsageError(
            f"{int(wrong.sum()):,} of {len(wrong):,} customers have a negative or unknown number "
            "or mean of payments; expected 0 or more. Take them from features.customer_day."
        )
    positive = paid & (np.nan_to_num(mean) > 0)
    return payments[positive], mean[positive]


def _log_likelihood(parameters: Floats, payments: Floats, mean: Floats) -> tuple[float, Floats]:
    """The log-likelihood of all customers and its gradient by p, q and v."""
    p, q, v = parameters
    shape, total = p * payments, payments * mean
    log_v, log_all = np.log(v), np.log(v + total)
    each = (
        gammaln(shape + q) - gammaln(shape) - gammaln(q)
        + q * log_v - np.log(mean) + shape * np.log(total) - (shape + q) * log_all
    )  # fmt: skip
    of_all = digamma(shape + q) - log_all
    by_p = payments * (of_all - digamma(shape) + np.log(total))
    by_q = of_all - digamma(q) + log_v
    by_v = q / v - (shape + q) / (v + total)
    return float(each.sum()), np.array([by_p.sum(), by_q.sum(), by_v.sum()])

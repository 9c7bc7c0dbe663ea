"""BG/NBD and MBG/NBD: customers buy at their own rate until they drop out, unobserved.

Times between purchases are exponential, with a rate drawn from Gamma(r, alpha) for each customer.
After each repeat purchase a customer drops out with a probability drawn from Beta(a, b) for each
customer; in the modified model also right after the first purchase.

References
----------
Fader, Hardie and Lee, "Counting your customers the easy way: an alternative to the Pareto/NBD
model", Marketing Science 24 (2), 2005.
Batislam, Denizel and Filiztekin, "Empirical validation and comparison of models for customer base
analysis", International Journal of Research in Marketing 24 (3), 2007; the same model as the
CBG/NBD of Hoppe and Wagner, Marketing JRM 3 (2), 2007.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.special import betaln, digamma, expit, gammaln, hyp2f1

from retention_ml.models.btyd.likelihood import maximize, read_parameters
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.statistics.arrays import Floats

_NAMES = ("r", "alpha", "a", "b")
_PRIOR_MEAN = (1.0, 1.0, 1.0, 2.0)  # time counted in mean days observed
_STARTS = ((1.0, 1.0, 1.0, 2.0), (0.3, 0.2, 0.5, 2.0), (3.0, 0.5, 0.3, 3.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaGeoNBD:
    """A fitted model; every argument below is an array of shape (n,), or broadcasts to it.

    `frequency` (x), `recency` (t_x) and `T` are those of `PurchaseSummary`, in days.

    Parameters
    ----------
    r, alpha : float
        Purchase rates, per day, are Gamma(r, alpha): r / alpha in the mean.
    a, b : float
        Probabilities to drop out after a purchase are Beta(a, b): a / (a + b) in the mean.
    modified : bool
        MBG/NBD: customers can also drop out right after their first purchase.
    has_weak_prior : bool
        The purchases alone did not determine all parameters; see `likelihood.maximize`.
    """

    r: float
    alpha: float
    a: float
    b: float
    modified: bool
    has_weak_prior: bool = False

    def p_alive(self, frequency: Floats, recency: Floats, T: Floats) -> Floats:
        """Probability that the customer has not dropped out."""
        silent = np.log(self.alpha + T) - np.log(self.alpha + recency)
        chances = frequency + float(self.modified)  # to drop out before T
        log_odds = np.log(self.a) - np.log(self.b + np.maximum(chances, 1.0) - 1.0)
        log_odds_dropout = np.where(chances > 0, log_odds + (self.r + frequency) * silent, -np.inf)
        return np.asarray(expit(-log_odds_dropout))

    def p_no_order(
        self, frequency: Floats, recency: Floats, T: Floats, horizon_days: Floats | float
    ) -> Floats:
        """Probability of no purchase in (T, T + horizon]."""
        later = np.log1p(horizon_days / (self.alpha + T))
        buys_if_alive = -np.expm1(-(self.r + frequency) * later)
        return np.asarray(1.0 - self.p_alive(frequency, recency, T) * buys_if_alive)

    def expected_orders(
        self, frequency: Floats, recency: Floats, T: Floats, horizon_days: Floats | float
    ) -> Floats:
        """Expected purchases in (T, T + horizon]."""
        alive = self.p_alive(frequency, recency, T)
        return np.asarray(alive * self.expected_orders_if_alive(frequency, T, horizon_days))

    def expected_orders_if_alive(
        self, frequency: Floats, T: Floats, horizon_days: Floats | float
    ) -> Floats:
        """Expected purchases in (T, T + horizon] of a customer who has not dropped out by T.

        Equation 10 of Fader, Hardie and Lee after Euler's and Pfaff's transformations: of the
        arguments of 2F1 only the last then grows with x, which keeps it exact for large x.
        """
        # At a = 1 the formula is 0 / 0 with a limit: close to it, it is right to six digits.
        a = self.a if abs(self.a - 1.0) > 1e-7 else 1.0 + 1e-7
        later = np.log1p(horizon_days / (self.alpha + T))
        survived = a + self.b + (frequency + float(self.modified)) - 1.0
        fixed = a + self.b + float(self.modified) - 1.0 - self.r
        fewer = np.exp((1.0 - a) * later) * hyp2f1(fixed, a - 1.0, survived, -np.expm1(-later))
        return np.asarray(survived / (a - 1.0) * (1.0 - fewer))

    def days_to_order_quantile(self, frequency: Floats, T: Floats, q: Floats | float) -> Floats:
        """Days until a customer who has not dropped out buys with probability q, 0 <= q < 1."""
        waits = np.expm1(-np.log1p(-np.asarray(q)) / (self.r + frequency))
        return np.asarray((self.alpha + T) * waits)

    def log_likelihood(self, summary: PurchaseSummary) -> float:
        """Sum over all customers of the log-likelihood of their purchases."""
        return _log_likelihood(
            np.array([getattr(self, name) for name in _NAMES]), summary, self.modified
        )[0]

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
        flags = ("modified", "has_weak_prior")
        return cls(**read_parameters(content, "buying process", _NAMES, flags))


def fit(summary: PurchaseSummary, *, modified: bool) -> BetaGeoNBD:
    """The model of highest likelihood; with too little data to determine it, see `has_weak_prior`.

    Parameters
    ----------
    summary : PurchaseSummary
        Of all customers, also of those who have been silent for long.
    modified : bool
        MBG/NBD instead of BG/NBD.
    """
    # Times in units of the mean T: the parameters then are all of the order of 1.
    weights = summary.counts / max(summary.counts.sum(), 1.0)
    unit = float((weights * summary.T).sum()) or 1.0
    scaled = replace(summary, recency=summary.recency / unit, T=summary.T / unit)
    parameters, has_weak_prior = maximize(
        lambda parameters: _log_likelihood(parameters, scaled, modified),
        count=float(summary.counts.sum()),
        prior_mean=_PRIOR_MEAN,
        starts=_STARTS,
    )
    r, alpha, a, b = parameters.tolist()
    return BetaGeoNBD(
        r=r, alpha=alpha * unit, a=a, b=b, modified=modified, has_weak_prior=has_weak_prior
    )


def _log_likelihood(
    parameters: Floats, summary: PurchaseSummary, modified: bool
) -> tuple[float, Floats]:
    """The log-likelihood of all customers and its gradient by r, alpha, a and b.

    Both models in one formula: there are n = x chances to drop out, x + 1 in the modified
    model. A customer survived all of them and was silent since, or dropped out at the last.
    """
    r, alpha, a, b = parameters
    x, counts = summary.frequency, summary.counts
    n = x + float(modified)
    log_start, log_last, log_end = (np.log(alpha + at) for at in (0.0, summary.recency, summary.T))
    stayed = b + np.maximum(n, 1.0) - 1.0
    odds = np.where(n > 0, np.log(a) - np.log(stayed) + (r + x) * (log_end - log_last), -np.inf)
    dropout = expit(odds)
    each = (
        gammaln(r + x) - gammaln(r) + r * log_start - (r + x) * log_end
        + betaln(a, b + n) - betaln(a, b)
        + np.logaddexp(0.0, odds)
    )  # fmt: skip
    all_of_b = digamma(a + b) - digamma(a + b + n)
    by_r = digamma(r + x) - digamma(r) + log_start - log_end + dropout * (log_end - log_last)
    by_alpha = r / alpha - (r + x) * (
        (1.0 - dropout) / (alpha + summary.T) + dropout / (alpha + summary.recency)
    )
    by_a = all_of_b + dropout / a
    by_b = all_of_b + digamma(b + n) - digamma(b) - dropout / stayed
    gradient = np.array([(counts * by).sum() for by in (by_r, by_alpha, by_a, by_b)])
    return float((counts * each).sum()), gradient

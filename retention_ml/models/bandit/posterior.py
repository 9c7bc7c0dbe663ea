"""Effects of actions on the probability of an order, from decisions drawn by lot.

The residual of an order against its forecast is explained by a base, common to all actions, and by
effects. An effect's column holds 1 minus the action's logged probability where it was drawn and
minus that probability where it was not. Such columns have mean zero whatever the base, so a wrong
forecast, or one that the bandit's own choices have bent, does not bias the effects.

References
----------
Greenewald, Tewari, Murphy, Klasnja (2017), Action centered contextual bandits, NeurIPS.
Krishnamurthy, Wu, Syrgkanis (2018), Semiparametric contextual bandits, ICML.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.models.bandit.customers import ClosedDecisions, Customers
from retention_ml.statistics.arrays import Floats, Ints

BASE_SD = 0.2  # of the forecast's error, by stage and feature
SLOPE_SHARE = 0.5  # spread of an effect over stages and over a feature, of that of its mean
_VARIANCE_MIN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What effects depend on: a mean, the stage, and standardised features.

    Parameters
    ----------
    stages_count : int
    centres, spreads : array of float64, shape (k,)
        Of the features, over the customers at the start; kept for good.
    """

    stages_count: int
    centres: Floats
    spreads: Floats

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1 + self.stages_count + len(self.centres)

    def columns(self, features: Floats, stages: Ints) -> Floats:
        """The columns, shape (n, width); a missing feature counts as its mean.

        Raises
        ------
        ValueError
            A stage or the number of features is not that of the design.
        """
        if features.shape[1] != len(self.centres) or (
            len(stages) and not 0 <= stages.min() <= stages.max() < self.stages_count
        ):
            raise ValueError(
                f"There are {features.shape[1]} features and stages up to "
                f"{max(stages, default=0)}; the bandit began with {len(self.centres)} features "
                f"and {self.stages_count} stages. Begin a new one where they have changed."
            )
        standard = np.nan_to_num((features - self.centres) / self.spreads)
        indicator = np.eye(self.stages_count)[stages]
        return np.hstack([np.ones((len(stages), 1)), indicator, np.clip(standard, -4, 4)])


def design_of(customers: Customers, stages_count: int) -> Design:
    """The design whose scales are those of the first customers."""
    centres, spreads = scales_of(customers.features)
    return Design(stages_count=stages_count, centres=centres, spreads=spreads)


def scales_of(columns: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column, shape (k,); 1 where nothing differs."""
    present = np.where(np.isfinite(columns), columns, np.nan)
    counts = np.maximum(np.isfinite(present).sum(axis=0), 1)
    centres = np.nansum(present, axis=0) / counts
    spreads = np.sqrt(np.nansum((present - centres) ** 2, axis=0) / counts)
    return centres, np.where(spreads > 0, spreads, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """A normal distribution over base and effects, as sums over decisions.

    Attributes
    ----------
    precision : array of float64, shape (n_actions · width, n_actions · width)
        The base in the place of none, then each action's effect.
    shift : array of float64, shape (n_actions · width,)
        Precision times mean.
    """

    precision: Floats
    shift: Floats

    def effects(self, n_actions: int) -> tuple[Floats, Floats]:
        """Mean, shape (n_actions − 1, width), and covariance of the actions' effects."""
        width = len(self.shift) // n_actions
        covariance = np.asarray(np.linalg.inv(self.precision), dtype=np.float64)
        mean = covariance @ self.shift
        return mean[width:].reshape(n_actions - 1, width), covariance[width:, width:]


def prior(n_actions: int, design: Design, effect_sd: float) -> Posterior:
    """Before any decision: effects about 0, with `effect_sd` for their mean over customers."""
    spread = np.full(design.width, SLOPE_SHARE)
    spread[0] = 1.0
    variances = np.concatenate(
        [(BASE_SD * spread) ** 2, np.tile((effect_sd * spread) ** 2, n_actions - 1)]
    )
    return Posterior(precision=np.diag(1 / variances), shift=np.zeros(len(variances)))


def updated(posterior: Posterior, design: Design, decisions: ClosedDecisions) -> Posterior:
    """The posterior after more decisions; in which order, or in what parts, does not matter."""
    customers = decisions.customers
    base = design.columns(customers.features, customers.stages)
    n, n_actions = decisions.propensities.shape
    drawn = np.zeros((n, n_actions))
    drawn[np.arange(n), decisions.actions] = 1.0
    centred = drawn - decisions.propensities
    blocks = [base] + [centred[:, [action]] * base for action in range(1, n_actions)]
    rows = np.hstack(blocks)
    forecast = customers.order_probabilities
    factors = 1 / np.maximum(forecast * (1 - forecast), _VARIANCE_MIN)
    weighted = rows * factors[:, None]
    return Posterior(
        precision=posterior.precision + weighted.T @ rows,
        shift=posterior.shift + weighted.T @ (decisions.ordered - forecast),
    )

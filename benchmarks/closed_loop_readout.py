"""What a policy earned, estimated from its decisions, and how surely a holdout would tell."""

import numpy as np

from benchmarks.closed_loop_policies import Round, ShrunkEffect
from retention_ml.simulate.response.decision_log import feature_names
from retention_ml.simulate.response.responding_shop import RespondingShop
from retention_ml.simulate.response.worlds import World
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.metrics import Z_95
from retention_ml.statistics.rate import effect_scores


def profit_interval(decisions: Round, world: World) -> tuple[float, float]:
    """Estimate and half-width (95 %) of the net margin from the decisions and their propensities.

    Whole units of money; the truth is the sum of `Loop.net`.
    """
    model = ShrunkEffect.fit(decisions, feature_names(world), money=decisions.margin_cents)
    gains = decisions.propensity * model.scores_cents / 100
    costs = decisions.contacted.sum() * world.cost_cents[1] / 100
    return float(gains.sum() - costs), _half_width(decisions, gains)


def least_half_width(decisions: Round) -> float:
    """The half-width if the expected margin of every decision were known, with and without contact.

    What is left is chance: when somebody orders, and for how much. No model can take it away.
    """
    scores = effect_scores(
        decisions.margin_cents,
        decisions.contacted,
        decisions.propensity,
        decisions.alone_cents + decisions.effect_cents,
        decisions.alone_cents,
    )
    return _half_width(decisions, decisions.propensity * scores / 100)


def holdout_half_width(shop: RespondingShop, is_holdout: Bools, start: int) -> float:
    """Half the 95 % interval of (mean margin of the others - of the holdout) times the others."""
    margin = shop.margin_cents[start:].sum(axis=0)
    is_present = (shop.last_order_day >= start - 90) & (shop.first_order_day < shop.today)
    others, left_alone = is_present & ~is_holdout, is_present & is_holdout
    variance = margin[others].var() / others.sum() + margin[left_alone].var() / left_alone.sum()
    return float(Z_95 * np.sqrt(variance) * others.sum() / 100)


def _half_width(decisions: Round, gains: Floats) -> float:
    # The decisions of one customer are not independent beyond what the features explain.
    by_customer = np.bincount(decisions.customer, gains - gains.mean())
    return float(Z_95 * np.sqrt(by_customer @ by_customer))

"""Whether the bandit decides, or the fixed action that won the experiment.

The bandit is asked for its probabilities on every day, also while another policy decides (in the
shadow). When the windows have closed, both are evaluated on the logged decisions. The bandit is
chosen only where it is shown to earn more than the fixed winner; what cannot be evaluated, or is
not decided, leaves the fixed winner.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.models.bandit.customers import Arms, ClosedDecisions, money_cents
from retention_ml.models.bandit.posterior import scales_of
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.off_policy.estimators import (
    always,
    cross_fitted_predictions,
    doubly_robust_scores,
    mean_interval,
    supported,
)
from retention_ml.statistics.off_policy.evaluation import Evaluation, Verdict, evaluate_policy
from retention_ml.statistics.off_policy.log import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Who decides, and why.

    Attributes
    ----------
    is_bandit : bool
    fixed_action : str
        Name of the fixed winner: what everybody who may get it gets where the bandit does not
        decide.
    evaluation : Evaluation
        Of the bandit against the fixed winner, in cents a decision.
    reason : str
        A sentence for people.
    """

    is_bandit: bool
    fixed_action: str
    evaluation: Evaluation
    reason: str


def money_log(arms: Arms, decisions: ClosedDecisions) -> Log:
    """The decisions with what each brought in cents: known margin and discount, observed order."""
    orders = np.repeat(decisions.ordered[:, None], len(arms.names), axis=1)
    money = money_cents(arms, decisions.customers, orders)
    return Log(
        actions=decisions.actions,
        rewards=money[np.arange(len(decisions)), decisions.actions],
        propensities=decisions.propensities,
    )


def money_predictions(arms: Arms, decisions: ClosedDecisions) -> Floats:
    """Cross-fitted expected cents of every action in every decision, shape (n, n_actions)."""
    customers = decisions.customers
    forecast = customers.order_probabilities
    residuals = cross_fitted_predictions(
        evaluation_features(decisions),
        decisions.actions,
        decisions.ordered - forecast,
        n_actions=len(arms.names),
    )
    return money_cents(arms, customers, np.clip(forecast[:, None] + residuals, 0.0, 1.0))


def evaluation_features(decisions: ClosedDecisions) -> Floats:
    """What was known at the decisions, standardised, shape (n, k + stages + 1)."""
    customers = decisions.customers
    stages = np.eye(int(customers.stages.max()) + 1)[customers.stages]
    columns = np.column_stack([customers.features, stages, customers.order_probabilities])
    centres, spreads = scales_of(columns)
    present = np.where(np.isfinite(columns), columns, np.nan)
    return np.asarray(np.nan_to_num((present - centres) / spreads))


def for_everybody(action: int, decisions: ClosedDecisions) -> Floats:
    """The policy that takes an action wherever it is allowed, else none, shape (n, n_actions)."""
    policy = np.zeros(decisions.customers.allowed.shape)
    is_allowed = decisions.customers.allowed[:, action]
    policy[is_allowed, action] = 1.0
    policy[~is_allowed, 0] = 1.0
    return policy


def fixed_winner(arms: Arms, decisions: ClosedDecisions) -> int:
    """The action that would have brought the most money if all who may get it had got it (DR).

    Parameters
    ----------
    decisions : ClosedDecisions
        Of an experiment: each action could be drawn for everybody whom it is compared on.
    """
    log, predictions = money_log(arms, decisions), money_predictions(arms, decisions)
    values = []
    for action in range(len(arms.names)):
        policy = for_everybody(action, decisions)
        rows = supported(log, policy)
        difference = -np.inf
        if rows.any():
            subset = log.subset(rows)
            scores = doubly_robust_scores(subset, policy[rows], predictions[rows])
            none = doubly_robust_scores(subset, always(0, subset), predictions[rows])
            difference = mean_interval(scores - none).value
        values.append(difference)
    return int(np.argmax(values))


def choose_policy(
    arms: Arms,
    decisions: ClosedDecisions,
    shadow: Floats,
    *,
    fixed: int,
    floor: float,
    effective_min: float,
    support_min: float = 0.95,
    balance_error_rate: float = 0.01,
    error_rate: float = 0.05,
    count_planned: float | None = None,
) -> Choice:
    """The bandit where it earns more than the fixed winner, else the fixed winner.

    Parameters
    ----------
    decisions : ClosedDecisions
        By whatever policy, with its logged propensities.
    shadow : array of float64, shape (n, n_actions)
        Probabilities that the bandit gave on the day of each decision, thus without its outcome.
    fixed : int
        Column of the fixed winner; who may not get it gets none.
    floor, effective_min, support_min, balance_error_rate : float
        As in `evaluate_policy`.
    error_rate : float
        Of the interval of the difference, both ends together.
    count_planned : float, optional
        Closed decisions foreseen; then `error_rate` is that of all looks together.
    """
    log = money_log(arms, decisions)
    evaluation = evaluate_policy(
        log,
        shadow,
        money_predictions(arms, decisions),
        other=for_everybody(fixed, decisions),
        features=evaluation_features(decisions),
        floor=floor,
        effective_min=effective_min,
        support_min=support_min,
        balance_error_rate=balance_error_rate,
        error_rate=error_rate,
        count_planned=count_planned,
    )
    winner = arms.names[fixed]
    is_bandit = evaluation.verdict is Verdict.BETTER
    chosen = (
        f"The bandit decides: it earns more than {winner} for everybody"
        if is_bandit
        else f"{winner} for everybody stays: the bandit is not shown to earn more"
    )
    return Choice(
        is_bandit=is_bandit,
        fixed_action=winner,
        evaluation=evaluation,
        reason=f"{chosen} ({evaluation.verdict}; {evaluation.reason}; cents).",
    )

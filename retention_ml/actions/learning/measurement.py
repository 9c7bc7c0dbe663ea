"""The effect of each action on the evidence, and which rung of the ladder it allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from retention_ml.actions.learning.evidence import Evidence
from retention_ml.models.uplift.bundle import UpliftBundle
from retention_ml.models.uplift.evaluation import Comparison, Money
from retention_ml.models.uplift.fit import fit_uplift
from retention_ml.models.uplift.ladder import Rung, decide, errors_at_all_trainings
from retention_ml.models.uplift.randomisation import Randomisation, check_randomisation
from retention_ml.models.uplift.sample import UpliftSample
from retention_ml.models.uplift.shrinkage import SlopePrior
from retention_ml.settings import Settings
from retention_ml.statistics.rate import Estimate

ROWS_MIN = 200
"""Decisions before which nothing is measured."""

_CELL_MIN = 10  # decisions of each arm with an order, and without


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the evidence says about an action, against none.

    Parameters
    ----------
    money : Money
        What an order retained is worth and a contact costs, on average, in the shop's currency.
    average_effect : Estimate
        Change of the probability of an order.
    lower : float
        Lower end of its confidence sequence: holds at all trainings together.
    save_rate : Estimate
        The average effect over the average probability of churn.
    """

    money: Money
    average_effect: Estimate
    lower: float
    save_rate: Estimate
    comparison: Comparison
    randomisation: Randomisation
    bundle: UpliftBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEffect:
    """An action, its rung and why.

    Parameters
    ----------
    rows, customers, treated : int
        Decisions, how many customers they are about, and how many of them were contacted.
    measured : Measured or None
        None where there are too few decisions.
    """

    action_id: str
    rung: Rung
    reason: str
    rows: int
    customers: int
    treated: int
    measured: Measured | None

    @property
    def can_choose(self) -> bool:
        """Whether the action may be chosen for customers, and not only drawn by lot.

        On rung uplift by the effect on each customer; on rung experiment by the average, where it is
        shown to be above 0.
        """
        if self.measured is None:
            return False
        is_shown = self.measured.lower > 0
        return self.rung == Rung.UPLIFT or (self.rung == Rung.EXPERIMENT and is_shown)


def measure(
    evidence: Evidence, action_id: str, settings: Settings, *, meaning: Mapping[str, Any]
) -> ActionEffect:
    """Fit the learners, compare them on decisions not fitted to, and decide the rung.

    Parameters
    ----------
    meaning : mapping
        What the manifest of the model says of it.
    """
    rows = evidence.against_none(action_id)
    sample = evidence.sample(action_id)
    effect = partial(
        ActionEffect,
        action_id=action_id,
        rows=len(sample),
        customers=len(np.unique(sample.groups)),
        treated=int(sample.treated.sum()),
    )
    lack = _lack(sample)
    if lack:
        return effect(rung=Rung.EXPERIMENT, reason=lack, measured=None)
    money = Money(
        value=max(float(evidence.value[rows].mean()), 1e-9),
        cost=float(evidence.cost[rows][sample.treated].mean()),
        budget_share=settings.value.budget_share,
    )
    uplift, seed = settings.uplift, settings.training.seed
    randomisation = check_randomisation(sample, seed)
    bundle, comparison = fit_uplift(
        sample,
        money=money,
        prior=SlopePrior(mean=uplift.slope_prior, error=uplift.slope_prior_sd),
        seed=seed,
        meaning={"action": action_id, **meaning},
    )
    errors = errors_at_all_trainings(
        len(sample), rows_min=uplift.rows_min, error_rate=settings.experiments.error_rate
    )
    decision = decide(comparison, randomisation, rows_min=uplift.rows_min, errors=errors)
    churn = max(float(evidence.churn_probability[rows].mean()), 0.01)
    average = comparison.average_effect
    measured = Measured(
        money=money,
        average_effect=average,
        lower=average.value - errors * average.error,
        save_rate=Estimate(average.value / churn, average.error / churn),
        comparison=comparison,
        randomisation=randomisation,
        bundle=bundle,
    )
    return effect(rung=decision.rung, reason=decision.reason, measured=measured)


def _lack(sample: UpliftSample) -> str | None:
    """Why nothing can be measured yet, in words."""
    cells = [
        int((sample.outcome[arm] == outcome).sum())
        for arm in (sample.treated, ~sample.treated)
        for outcome in (0.0, 1.0)
    ]
    if len(sample) >= ROWS_MIN and min(cells) >= _CELL_MIN and sample.features:
        return None
    return (
        f"There are {len(sample):,} decisions drawn by lot with a known outcome, "
        f"{int(sample.treated.sum()):,} of them contacts; nothing is measured before there are "
        f"{ROWS_MIN:,}, and {_CELL_MIN} with and without an order in each arm. "
        "Go on drawing by lot."
    )

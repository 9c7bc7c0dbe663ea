"""What stops an action that earns: harm to retention, unsubscribes, returns."""

from dataclasses import dataclass

import numpy as np

from retention_ml.experiments.decisions import Decisions, pair
from retention_ml.experiments.design import CONTROL, Design
from retention_ml.experiments.effects import Effect, share_effects
from retention_ml.statistics.arrays import Bools, Floats

ALL = "all"
RETAINED, UNSUBSCRIBED, RETURNED = "retained", "unsubscribed", "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How much more of what is not wanted is accepted, as shares of customers.

    `unsubscribed` and `returned`: by how much an action may raise the share of customers who
    withdraw a permission or complain, or who send something back.
    """

    unsubscribed: float
    returned: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One thing that may not happen: `is_broken` once the evidence reached 1 / its error rate."""

    arm: str
    name: str
    segment: str
    effect: Effect
    tolerance: float
    is_broken: bool

    @property
    def sentence(self) -> str:
        """For people."""
        whom = "" if self.segment == ALL else f" in tier {self.segment}"
        state = "is broken" if self.is_broken else "holds"
        return (
            f"Guard {self.name}{whom} {state}: {self.arm} changes the share by "
            f"{self.effect.effect:+.2%} (always-valid interval {self.effect.lower:+.2%} to "
            f"{self.effect.upper:+.2%}, accepted {self.tolerance:+.2%})."
        )


def guards(decisions: Decisions, design: Design, tolerances: Tolerances) -> list[Guard]:
    """All guards at the newest look; together they raise a false alarm with at most the error rate.

    Broken means broken at any look: what was once shown to do harm stays so.
    """
    everybody = np.ones(len(decisions), dtype=np.bool_)
    segments = {ALL: everybody} | {
        tier: decisions.tier == k for k, tier in enumerate(decisions.tiers)
    }
    plan = [
        (arm, *each)
        for arm in design.treatments
        for each in (
            (UNSUBSCRIBED, ALL, decisions.unsubscribed, tolerances.unsubscribed),
            (RETURNED, ALL, decisions.returned, tolerances.returned),
            *((RETAINED, segment, decisions.retained, 0.0) for segment in segments),
        )
    ]
    error_rate = design.error_rate / len(plan)
    return [
        _guard(decisions, design, *row, within=segments[row[2]], error_rate=error_rate)
        for row in plan
    ]


def _guard(
    decisions: Decisions,
    design: Design,
    arm: str,
    name: str,
    segment: str,
    outcome: Floats,
    tolerance: float,
    *,
    within: Bools,
    error_rate: float,
) -> Guard:
    both = pair(decisions, arm, CONTROL, within=within)
    path = share_effects(
        outcome[both.rows],
        both.is_treated,
        design.share_against_control(arm),
        both.counts,
        error_rate=error_rate,
        forecast=decisions.retention_forecast[both.rows] if name == RETAINED else None,
        tolerance=tolerance,
    )
    harm = [one.e_worse if name == RETAINED else one.e_better for one in path]
    return Guard(
        arm=arm,
        name=name,
        segment=segment,
        effect=path[-1],
        tolerance=tolerance,
        is_broken=max(harm) >= 1 / error_rate,
    )

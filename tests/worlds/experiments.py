"""Decisions of an experiment with known effects."""

from datetime import date, timedelta

import numpy as np

from retention_ml.experiments.decisions import Decisions
from retention_ml.experiments.design import Design

TIERS = ("critical", "high", "medium")
RETENTION = np.array([0.2, 0.4, 0.6])


def decisions_of(
    design: Design,
    *,
    days: int = 40,
    per_day: int = 100,
    seed: int = 0,
    saved: float = 0.0,
    harm_in: str | None = None,
    unsubscribed: float = 0.0,
    lost: float = 0.0,
) -> Decisions:
    """A decision day after another; `saved` is added to the retention of every treated customer.

    `harm_in` is a tier whose treated customers order less (−.2), `unsubscribed` the share of the
    treated who leave the list, `lost` the share of the treated whose outcomes never arrive.
    """
    random = np.random.default_rng(seed)
    n = days * per_day
    shares = np.array(list(design.arms.values()))
    control = list(design.arms).index("none")
    day = np.repeat(np.arange(days), per_day)
    arm = random.choice(len(shares), size=n, p=shares)
    tier = random.integers(0, 3, n)
    is_treated = arm != control
    forecast = np.clip(RETENTION[tier] + random.normal(0, 0.1, n), 0.05, 0.95)
    chance = forecast + saved * is_treated
    if harm_in is not None:
        chance -= 0.2 * (is_treated & (tier == TIERS.index(harm_in)))
    retained = random.random(n) < np.clip(chance, 0, 1)
    margin = retained * np.exp(random.normal(3, 0.6, n))
    present = ~(is_treated & (random.random(n) < lost))
    assigned = np.zeros((days, len(shares)), dtype=np.int64)
    np.add.at(assigned, (day, arm), 1)
    return Decisions(
        days=[date(2026, 1, 1) + timedelta(days=int(k)) for k in range(days)],
        day=day[present],
        arms=tuple(design.arms),
        arm=arm[present],
        tiers=TIERS,
        tier=tier[present],
        retained=retained[present].astype(float),
        unsubscribed=(is_treated & (random.random(n) < unsubscribed))[present].astype(float),
        returned=np.zeros(int(present.sum())),
        margin=margin[present],
        retention_forecast=forecast[present],
        margin_forecast=forecast[present],
        assigned=assigned,
    )

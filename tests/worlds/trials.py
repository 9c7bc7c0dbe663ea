"""A made-up trial, written straight into the tables of `outcomes`."""

import json
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from retention_ml.warehouse import Warehouse

BEGAN = date(2025, 3, 1)
PLAN = {
    "power": 0.87,
    "days_expected": 71,
    "days_most": 120,
    "customers_expected": 5200,
    "assumption": "If the challenger's probabilities are true, it wins within 182 days with a "
    "chance of 87%; half of such trials are won by day 71, with 5,200 customers counted, nine in "
    "ten by day 120.",
}
_GUARDS = [
    {"what": "roc_auc", "outcome": "better", "sentence": "Its ROC AUC is higher."},
    {"what": "segments", "outcome": "open", "sentence": "Its ROC AUC is lower among newcomers."},
]
SEGMENTS = (
    "bought_once",
    "bought_more",
    "newest_third",
    "value_decile_01",
    "value_decile_10",
    "country_France",
)


def insert(warehouse: Warehouse, table: str, **values: Any) -> Any:
    """One row; dictionaries become JSON. The row as it was stored."""
    names = ", ".join(values)
    places = ", ".join(
        f"CAST(:{name} AS jsonb)" if isinstance(value, dict) else f":{name}"
        for name, value in values.items()
    )
    plain = {
        name: json.dumps(value) if isinstance(value, dict) else value
        for name, value in values.items()
    }
    with warehouse.transaction() as transaction:
        return transaction.execute(
            f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING *", **plain
        )[0]


def a_trial(
    warehouse: Warehouse,
    *,
    snapshot_id: int | None = None,
    looks: int = 8,
    status: str = "open",
    verdict: str = "inconclusive",
    reason: str = "The evidence does not decide yet: the e-value is 4.2, 20 is needed.",
    gain: float = 0.004,
    champion: str = "2",
    challenger: str = "3",
) -> int:
    """A trial with weekly looks whose challenger is better by `gain` in Brier score; its number."""
    trial_id = int(
        insert(
            warehouse,
            "outcomes.trials",
            champion_version=champion,
            champion_sha256=champion.rjust(64, "a"),
            challenger_version=challenger,
            challenger_sha256=challenger.rjust(64, "b"),
            definition_hash="d" * 16,
            began_on=BEGAN,
            plan=PLAN,
            status=status,
            reason=None if status == "open" else reason,
            ended_on=None if status == "open" else BEGAN + timedelta(days=36 + 7 * (looks - 1)),
            run_id="run",
        ).trial_id
    )
    draw = np.random.default_rng(7)
    for number in range(looks):
        count = 640 * (number + 1)
        mean = gain + float(draw.normal(0, 0.01)) / (number + 2)
        half = 0.23 / math.sqrt(count)
        day = BEGAN + timedelta(days=36 + 7 * number)
        evidence = float(np.exp(gain * (number + 1) * 70))
        insert(
            warehouse,
            "outcomes.trial_looks",
            trial_id=trial_id,
            as_of=day,
            scored_days_count=number + 1,
            customers_count=count,
            contacted_count=70 * (number + 1),
            mean_difference=mean,
            lower=mean - half,
            upper=mean + half,
            e_better=evidence,
            e_worse=1 / evidence,
            verdict=verdict if number == looks - 1 else "inconclusive",
            reason=reason,
            evidence={
                "calibration": _calibration(),
                "guards": _GUARDS,
                "arms": {
                    "challenger_share": 0.1,
                    "customers_count": 702,
                    "challengers_count": 66,
                    "mismatch_p_value": 0.62,
                },
            },
            run_id="run",
            measured_at=datetime(day.year, day.month, day.day, 6, tzinfo=UTC),
        )
    if looks:
        _measure(warehouse, trial_id, day, gain, 640 * looks)
    if snapshot_id is not None:
        _perform(warehouse, snapshot_id, champion, challenger)
    return trial_id


def _calibration() -> dict[str, list[dict[str, float]]]:
    predicted = np.linspace(0.08, 0.93, 10)
    shift = {"champion": 0.06 * np.sin(3 * predicted), "challenger": 0.01 * np.cos(9 * predicted)}
    return {
        role: [
            {"predicted": float(p), "observed": float(p + d), "customers_count": 300 + 40 * i}
            for i, (p, d) in enumerate(zip(predicted, difference, strict=True))
        ]
        for role, difference in shift.items()
    }


def _measure(warehouse: Warehouse, trial_id: int, day: date, gain: float, count: int) -> None:
    def compare(
        comparison: str, segment: str, metric: str, champion: float, difference: float,
        half: float, customers: int,
    ) -> None:  # fmt: skip
        insert(
            warehouse,
            "outcomes.comparisons",
            trial_id=trial_id,
            as_of=day,
            comparison=comparison,
            segment=segment,
            metric=metric,
            champion_value=champion,
            challenger_value=champion + difference,
            difference=difference,
            lower=difference - half,
            upper=difference + half,
            customers_count=customers,
        )

    for metric, champion, difference, half in (
        ("brier", 0.181, -gain, 0.0021),
        ("log_loss", 0.540, -3 * gain, 0.007),
        ("roc_auc", 0.781, 2 * gain, 0.006),
        ("ece", 0.041, -0.012, 0.014),
        ("profit_per_thousand", 1_840.0, 96.0, 151.0),
    ):
        compare("paired", "all", metric, champion, difference, half, count)
    for number, segment in enumerate(SEGMENTS):
        compare("paired", segment, "brier", 0.19, gain * (number - 3) / 2, 0.004, count // 8)
        compare("paired", segment, "roc_auc", 0.71, gain * (5 - number), 0.012, count // 8)
    for segment in ("all", "all, contacted or not"):
        compare("arms", segment, "retention_rate", 0.412, 0.006, 0.031, count)


def _perform(warehouse: Warehouse, snapshot_id: int, champion: str, challenger: str) -> None:
    for role, version, auc in (("champion", champion, 0.78), ("challenger", challenger, 0.79)):
        for segment in ("all", "bought_once"):
            insert(
                warehouse,
                "outcomes.performance",
                as_of=BEGAN,
                snapshot_id=snapshot_id,
                role=role,
                model_version=version,
                segment=segment,
                metric="roc_auc",
                value=auc,
                lower=auc - 0.03,
                upper=auc + 0.03,
                customers_count=55,
                contacted_count=5,
                definition_hash="d" * 16,
                known_as_of=BEGAN + timedelta(days=36),
                measured_at=datetime(2025, 4, 6, tzinfo=UTC),
            )

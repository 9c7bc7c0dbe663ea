"""The ledger of experiments: `experiments.experiments` and `experiments.states`, append-only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.errors import UsageError
from retention_ml.experiments.design import Design
from retention_ml.experiments.power import ALL
from retention_ml.warehouse import Transaction, Warehouse

PLANNED, OPEN, STOPPED = "planned", "open", "stopped"
LOCK = "experiments.states"

_COLUMNS = (
    "experiment_id, question, arms, shares, tiers, metric, unit, error_rate, power, mde_save_rate, "
    "days_max, sizes, planned_count, missing_count, planned_as_of, planned_by"
)
_STANDING = (
    f"SELECT {_COLUMNS}, started.since AS began_on, ending.since AS ended_on, "
    "ending.arm AS winner, coalesce(ending.state, started.state, 'planned') AS state, "
    "coalesce(ending.reason, started.reason) AS reason "
    "FROM experiments.experiments AS experiment "
    "LEFT JOIN (SELECT experiment_id AS id, state, since, reason FROM experiments.states "
    "WHERE state = 'open') AS started ON started.id = experiment_id "
    "LEFT JOIN (SELECT experiment_id AS id, state, since, arm, reason FROM experiments.states "
    "WHERE state <> 'open') AS ending ON ending.id = experiment_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """An experiment and how it stands.

    Attributes
    ----------
    design : Design
    question : str
    sizes : mapping
        What the plan foresaw.
    planned_count, missing_count : int
        Decisions needed, and how many of them cannot mature in time.
    planned_as_of : date
    planned_by : str
    state : str
        `planned`, `open`, or how it ended.
    began_on, ended_on : date or None
        Decisions of days in [began_on, ended_on) belong to it.
    winner : str or None
        The action that won.
    reason : str or None
        Of the newest state.
    """

    design: Design
    question: str
    sizes: Mapping[str, Any]
    planned_count: int
    missing_count: int
    planned_as_of: date
    planned_by: str
    state: str
    began_on: date | None
    ended_on: date | None
    winner: str | None
    reason: str | None

    @property
    def experiment_id(self) -> str:
        """Its name."""
        return self.design.experiment_id

    @property
    def reachable_count(self) -> int:
        """Decisions for which intervals are made narrowest: those needed, or as many as can mature."""
        available: list[int] = [
            one["available"]
            for one in self.sizes["sizes"]
            if (one["tier"], one["metric"]) == (ALL, self.design.metric)
        ]
        return max(1, min([self.planned_count, *available]))


def experiments(transaction: Transaction) -> list[Experiment]:
    """All experiments, the newest plan first."""
    rows = transaction.execute(f"{_STANDING} ORDER BY planned_at DESC, experiment_id")
    return [_experiment(row._mapping) for row in rows]


def all_experiments(warehouse: Warehouse) -> list[Experiment]:
    """All experiments, the newest plan first."""
    with warehouse.transaction() as transaction:
        return experiments(transaction)


def find(transaction: Transaction, experiment_id: str) -> Experiment:
    """The experiment of that name.

    Raises
    ------
    UsageError
        There is none.
    """
    rows = transaction.execute(f"{_STANDING} WHERE experiment_id = :id", id=experiment_id)
    if not rows:
        names = [one.experiment_id for one in experiments(transaction)]
        raise UsageError(
            f"There is no experiment {experiment_id!r}; expected "
            f"{', '.join(names) if names else 'one that was planned, and none was'}. "
            "Plan it first: `retention experiments plan`."
        )
    return _experiment(rows[0]._mapping)


def open_on(transaction: Transaction, as_of: date) -> list[Experiment]:
    """The experiments that decide on a day, also when the day is decided once more later."""
    return [
        one
        for one in experiments(transaction)
        if one.began_on is not None
        and one.began_on <= as_of
        and (one.ended_on is None or as_of < one.ended_on)
    ]


def add(
    transaction: Transaction,
    design: Design,
    *,
    question: str,
    sizes: Sequence[Mapping[str, Any]],
    assumptions: Mapping[str, Any],
    planned_count: int,
    missing_count: int,
    as_of: date,
    by: str,
    run_id: str,
) -> bool:
    """Write a plan; whether it is new. Of two with one name the first counts."""
    row = transaction.insert_row(
        "experiments.experiments",
        {
            "experiment_id": design.experiment_id,
            "question": question,
            "arms": list(design.arms),
            "shares": list(design.arms.values()),
            "tiers": list(design.tiers),
            "metric": design.metric,
            "unit": design.unit,
            "error_rate": design.error_rate,
            "power": design.power,
            "mde_save_rate": design.mde_save_rate,
            "days_max": design.days_max,
            "sizes": {"sizes": list(sizes), "assumptions": dict(assumptions)},
            "planned_count": planned_count,
            "missing_count": missing_count,
            "planned_as_of": as_of,
            "planned_by": by,
            "planned_at": clock.now(),
            "run_id": run_id,
        },
        on_conflict="DO NOTHING",
        returning="experiment_id",
    )
    return row is not None


def move(
    transaction: Transaction,
    experiment_id: str,
    state: str,
    *,
    since: date,
    reason: str,
    by: str,
    run_id: str,
    arm: str | None = None,
) -> bool:
    """Write that an experiment reached a state; False where it had, or had ended already."""
    row = transaction.insert_row(
        "experiments.states",
        {
            "experiment_id": experiment_id,
            "state": state,
            "since": since,
            "arm": arm,
            "reason": reason,
            "decided_by": by,
            "decided_at": clock.now(),
            "run_id": run_id,
        },
        on_conflict="DO NOTHING",
        returning="state",
    )
    return row is not None


def _experiment(row: Mapping[Any, Any]) -> Experiment:
    return Experiment(
        design=Design(
            experiment_id=row["experiment_id"],
            arms=dict(zip(row["arms"], row["shares"], strict=True)),
            tiers=tuple(row["tiers"]),
            metric=row["metric"],
            unit=row["unit"],
            error_rate=row["error_rate"],
            power=row["power"],
            mde_save_rate=row["mde_save_rate"],
            days_max=row["days_max"],
        ),
        **{
            name: row[name]
            for name in (
                *("question", "sizes", "planned_count", "missing_count", "planned_as_of"),
                *("planned_by", "state", "began_on", "ended_on", "winner", "reason"),
            )
        },
    )

"""The ledger of trials: `outcomes.trials`, `outcomes.trial_looks`, `outcomes.comparisons`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.outcomes.forecasts import Pair, ScoredSnapshot
from retention_ml.outcomes.trial.look import AnalysisResult
from retention_ml.warehouse import Transaction, Warehouse

_COLUMNS = (
    "trial_id, champion_version, champion_sha256, challenger_version, challenger_sha256, "
    "began_on, plan, status, reason, ended_on, definition_hash"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One row of `outcomes.trials`."""

    trial_id: int
    champion_version: str
    champion_sha256: str
    challenger_version: str
    challenger_sha256: str
    began_on: date
    plan: Mapping[str, Any]
    status: str
    reason: str | None
    ended_on: date | None
    definition_hash: str

    @property
    def pair(self) -> Pair:
        """Digests of champion and challenger."""
        return self.champion_sha256, self.challenger_sha256

    @property
    def is_open(self) -> bool:
        """Whether it is still to be decided."""
        return self.status == "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLook:
    """The newest row of `outcomes.trial_looks` of a trial."""

    as_of: date
    outcome: str
    verdict: str
    reason: str
    figures: Mapping[str, Any]


def find(transaction: Transaction, pair: Pair, definition_hash: str) -> Trial | None:
    """The trial of a pair, or None."""
    rows = transaction.execute(
        f"SELECT {_COLUMNS} FROM outcomes.trials WHERE champion_sha256 = :champion "
        "AND challenger_sha256 = :challenger AND definition_hash = :hash",
        champion=pair[0],
        challenger=pair[1],
        hash=definition_hash,
    )
    return Trial(**dict(rows[0]._mapping)) if rows else None


def trial_between(
    warehouse: Warehouse, *, champion_sha256: str, challenger_sha256: str, definition_hash: str
) -> Trial | None:
    """The trial of two models for a churn definition, or None: what a training must know."""
    with warehouse.transaction() as transaction:
        return find(transaction, (champion_sha256, challenger_sha256), definition_hash)


def begin(
    warehouse: Warehouse,
    snapshot: ScoredSnapshot,
    *,
    definition_hash: str,
    plan: Mapping[str, Any],
    run_id: str,
) -> Trial:
    """The trial of a snapshot's pair, opened now if it is new; of two at once the first counts."""
    assert snapshot.pair is not None
    with warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO outcomes.trials (champion_version, champion_sha256, challenger_version, "
            "challenger_sha256, definition_hash, began_on, plan, status, run_id) VALUES "
            "(:champion_version, :champion, :challenger_version, :challenger, :hash, :began_on, "
            "CAST(:plan AS jsonb), 'open', :run_id) ON CONFLICT DO NOTHING",
            champion_version=snapshot.champion_version,
            champion=snapshot.pair[0],
            challenger_version=snapshot.challenger_version,
            challenger=snapshot.pair[1],
            hash=definition_hash,
            began_on=snapshot.as_of,
            plan=json.dumps(plan),
            run_id=run_id,
        )
        trial = find(transaction, snapshot.pair, definition_hash)
    assert trial is not None
    return trial


def open_trials(transaction: Transaction) -> list[Trial]:
    """The trials that are still to be decided, of any churn definition, oldest first."""
    rows = transaction.execute(
        f"SELECT {_COLUMNS} FROM outcomes.trials WHERE status = 'open' ORDER BY trial_id"
    )
    return [Trial(**dict(row._mapping)) for row in rows]


def close(
    transaction: Transaction, trial_id: int, *, status: str, reason: str, ended_on: date
) -> bool:
    """End an open trial; False if it had ended."""
    return bool(
        transaction.change(
            "UPDATE outcomes.trials SET status = :status, reason = :reason, ended_on = :on "
            "WHERE trial_id = :id AND status = 'open'",
            status=status,
            reason=reason,
            on=ended_on,
            id=trial_id,
        )
    )


def close_as_champion(
    transaction: Transaction, trial: Trial, *, reason: str, ended_on: date
) -> bool:
    """End the trial of a challenger that is champion by now; won only if the evidence said so."""
    look = newest_look(transaction, trial.trial_id)
    has_won = look is not None and look.outcome == "won"
    if not has_won:
        reason = f"{reason} Its trial had not been won."
    status = "won" if has_won else "abandoned"
    return close(transaction, trial.trial_id, status=status, reason=reason, ended_on=ended_on)


def reopen(transaction: Transaction, trial_id: int) -> None:
    """Continue a trial that was abandoned, because both serve again."""
    transaction.execute(
        "UPDATE outcomes.trials SET status = 'open', reason = NULL, ended_on = NULL "
        "WHERE trial_id = :id AND status = 'abandoned'",
        id=trial_id,
    )


def write_look(
    warehouse: Warehouse, trial: Trial, as_of: date, result: AnalysisResult, *, run_id: str
) -> None:
    """Write a look, in place of what an earlier run wrote for the same day."""
    key = {"trial_id": trial.trial_id, "as_of": as_of}
    look = {
        **key,
        "scored_days_count": result.scored_days_count,
        "customers_count": result.look.count,
        "contacted_count": result.contacted_count,
        "mean_difference": result.look.mean,
        "lower": result.look.lower,
        "upper": result.look.upper,
        "e_better": result.look.e_better,
        "e_worse": result.look.e_worse,
        "verdict": result.verdict.verdict,
        "reason": result.verdict.reason,
        "evidence": json.dumps(result.evidence, default=str),
        "run_id": run_id,
        "measured_at": clock.now(),
    }
    values = ", ".join(
        "CAST(:evidence AS jsonb)" if name == "evidence" else f":{name}" for name in look
    )
    updates = ", ".join(f"{name} = excluded.{name}" for name in look if name not in key)
    with warehouse.transaction() as transaction:
        transaction.execute(
            f"INSERT INTO outcomes.trial_looks ({', '.join(look)}) VALUES ({values}) "
            f"ON CONFLICT (trial_id, as_of) DO UPDATE SET {updates}",
            **look,
        )
        transaction.execute(
            "DELETE FROM outcomes.comparisons WHERE trial_id = :trial_id AND as_of = :as_of", **key
        )
        for row in result.compared:
            comparison = {**key, **asdict(row)}
            transaction.execute(
                f"INSERT INTO outcomes.comparisons ({', '.join(comparison)}) VALUES "
                f"({', '.join(f':{name}' for name in comparison)})",
                **comparison,
            )


def newest_look(transaction: Transaction, trial_id: int) -> StoredLook | None:
    """The newest look at a trial, or None."""
    rows = transaction.execute(
        "SELECT * FROM outcomes.trial_looks WHERE trial_id = :id ORDER BY as_of DESC LIMIT 1",
        id=trial_id,
    )
    if not rows:
        return None
    row = dict(rows[0]._mapping)
    names = ("scored_days_count", "customers_count", "contacted_count", "mean_difference")
    return StoredLook(
        as_of=row["as_of"],
        outcome=str(row["evidence"].get("outcome", "open")),
        verdict=row["verdict"],
        reason=row["reason"],
        figures={
            **{name: row[name] for name in (*names, "lower", "upper", "e_better", "e_worse")},
            "look_as_of": str(row["as_of"]),
            **row["evidence"],
        },
    )

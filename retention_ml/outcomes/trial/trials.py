"""The ledger of trials: `outcomes.trials`, `outcomes.trial_looks`, `outcomes.comparisons`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.outcomes.forecasts import Pair, ScoredSnapshot
from retention_ml.outcomes.trial.look import FIGURES, AnalysisResult
from retention_ml.warehouse import Transaction, Warehouse


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


_COLUMNS = ", ".join(field.name for field in fields(Trial))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLook:
    """The newest row of `outcomes.trial_looks` of a trial."""

    as_of: date
    outcome: str
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
    return Trial(**rows[0]._asdict()) if rows else None


def trial_between(warehouse: Warehouse, pair: Pair, definition_hash: str) -> Trial | None:
    """The trial of two models for a churn definition, or None: what a training must know."""
    with warehouse.transaction() as transaction:
        return find(transaction, pair, definition_hash)


def begin(
    warehouse: Warehouse,
    snapshot: ScoredSnapshot,
    *,
    definition_hash: str,
    plan: Mapping[str, Any],
    run_id: str,
    registered_model: str = "churn",
) -> Trial:
    """The trial of a snapshot's pair, opened now if it is new; of two at once the first counts."""
    assert snapshot.pair is not None
    with warehouse.transaction() as transaction:
        transaction.insert_row(
            "outcomes.trials",
            {
                "champion_version": snapshot.champion_version,
                "champion_sha256": snapshot.champion_sha256,
                "challenger_version": snapshot.challenger_version,
                "challenger_sha256": snapshot.challenger_sha256,
                "definition_hash": definition_hash,
                "began_on": snapshot.as_of,
                "plan": plan,
                "status": "open",
                "run_id": run_id,
                "registered_model": registered_model,
            },
            on_conflict="DO NOTHING",
        )
        trial = find(transaction, snapshot.pair, definition_hash)
    assert trial is not None
    return trial


def open_trials(transaction: Transaction, registered_model: str = "churn") -> list[Trial]:
    """The trials that are still to be decided, of any churn definition, oldest first."""
    rows = transaction.execute(
        f"SELECT {_COLUMNS} FROM outcomes.trials WHERE status = 'open' "
        "AND registered_model = :registered_model ORDER BY trial_id",
        registered_model=registered_model,
    )
    return [Trial(**row._asdict()) for row in rows]


def close(
    transaction: Transaction, trial_id: int, *, status: str, reason: str, ended_on: date
) -> None:
    """End an open trial; nothing where it had ended."""
    transaction.execute(
        "UPDATE outcomes.trials SET status = :status, reason = :reason, ended_on = :on "
        "WHERE trial_id = :id AND status = 'open'",
        status=status,
        reason=reason,
        on=ended_on,
        id=trial_id,
    )


def close_as_champion(
    transaction: Transaction, trial: Trial, *, reason: str, ended_on: date
) -> None:
    """End the trial of a challenger that is champion by now; won only if the evidence said so."""
    look, status = newest_look(transaction, trial.trial_id), "won"
    if look is None or look.outcome != "won":
        reason, status = f"{reason} Its trial had not been won.", "abandoned"
    close(transaction, trial.trial_id, status=status, reason=reason, ended_on=ended_on)


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
        **result.figures,
        "verdict": result.verdict.verdict,
        "reason": result.verdict.reason,
        "evidence": result.evidence,
        "run_id": run_id,
        "measured_at": clock.now(),
    }
    updates = ", ".join(f"{name} = excluded.{name}" for name in look if name not in key)
    with warehouse.transaction() as transaction:
        transaction.insert_row(
            "outcomes.trial_looks", look, on_conflict=f"(trial_id, as_of) DO UPDATE SET {updates}"
        )
        transaction.execute(
            "DELETE FROM outcomes.comparisons WHERE trial_id = :trial_id AND as_of = :as_of", **key
        )
        for row in result.compared:
            transaction.insert_row("outcomes.comparisons", {**key, **asdict(row)})


def newest_look(transaction: Transaction, trial_id: int) -> StoredLook | None:
    """The newest look at a trial, or None."""
    rows = transaction.execute(
        "SELECT * FROM outcomes.trial_looks WHERE trial_id = :id ORDER BY as_of DESC LIMIT 1",
        id=trial_id,
    )
    if not rows:
        return None
    row = rows[0]._mapping
    return StoredLook(
        as_of=row["as_of"],
        outcome=str(row["evidence"].get("outcome", "open")),
        reason=row["reason"],
        figures={
            **{name: row[name] for name in FIGURES},
            "look_as_of": str(row["as_of"]),
            **row["evidence"],
        },
    )

"""Trainings whose gate failed by a defect: they stay open, are alerted, and are compared again."""

import json
import traceback
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from retention_ml import clock
from retention_ml.errors import first_words
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class GateError:
    """Why the candidates of a training could not be compared.

    Parameters
    ----------
    training_id : str
    as_of : date
        The day of the training.
    error : str
        The class of the exception.
    place : str
        File and line.
    """

    training_id: str
    as_of: date
    error: str
    place: str


def write_gate_error(warehouse: Warehouse, training_id: str, error: Exception, run_id: str) -> None:
    """Note that a training's candidates could not be compared; it stays open."""
    frames = traceback.extract_tb(error.__traceback__)
    trace = [f"{Path(each.filename).name}, line {each.lineno}, {each.name}" for each in frames]
    inside = [
        text for text, each in zip(trace, frames, strict=True) if "retention_ml" in each.filename
    ]
    error_type, place = type(error).__name__, (inside or trace)[-1]
    details = {
        "error": error_type,
        "place": place,
        "message": first_words(error),
        "trace": trace,
        "run_id": run_id,
        "failed_at": clock.now().isoformat(),
    }
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE models.trainings SET reason = :reason, gate_error = CAST(:details AS jsonb) "
            "WHERE training_id = :training_id AND status = 'prepared'",
            training_id=training_id,
            reason=f"The candidates could not be compared: {error_type} in {place}. So nothing was "
            "promoted. The next run compares them again.",
            details=json.dumps(details),
        )


def gate_errors(warehouse: Warehouse, *, after: date, until: date) -> list[GateError]:
    """The trainings that wait to be compared again, of days after `after` and up to `until`.

    Oldest first. One does not wait any more once a training of the same or a later day was selected
    from.
    """
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT training_id, as_of, gate_error ->> 'error' AS error, "
            "gate_error ->> 'place' AS place FROM models.trainings AS training "
            "WHERE status = 'prepared' AND gate_error IS NOT NULL "
            "AND as_of > :after AND as_of <= :until "
            "AND NOT EXISTS (SELECT 1 FROM models.trainings AS other "
            "WHERE other.status = 'selected' AND other.as_of >= training.as_of "
            "AND other.finished_at > training.created_at) "
            "ORDER BY as_of, created_at",
            after=after,
            until=until,
        )
    return [GateError(**row._mapping) for row in rows]

"""The rows of the page of one run of a DAG."""

from typing import Any

from retention_ml.errors import UsageError
from retention_ml.pages import run
from retention_ml.pages.links import ServerLinks
from retention_ml.pages.run import RunRows
from retention_ml.reports.site.look import Look
from retention_ml.reports.site.reading import Row


def run_page(look: Look) -> str:
    """The receipts of the run that was asked for.

    Raises
    ------
    UsageError
        No run was asked for.
    """
    dag_id, run_id = look.asked.get("dag_id", ""), look.asked.get("run_id", "")
    if not dag_id or not run_id:
        raise UsageError("No run was given; expected the names of a DAG and of its run.")
    receipts = look.select(
        "SELECT door, as_of, read_count, written_count, quarantined_count, left_out_count, "
        "duplicate_count, seconds, details FROM ops.receipts WHERE run_id = :run "
        "ORDER BY receipt_id",
        run=f"{dag_id}/{run_id}",
    )
    batches = {
        number for row in receipts if isinstance(number := row["details"].get("batch_id"), int)
    }
    days = {day.as_of for day in look.days}
    scored = [row["as_of"] for row in receipts if row["as_of"] in days]
    rows = RunRows(
        dag_id=dag_id,
        run_id=run_id,
        day_page=ServerLinks(as_of=scored[-1]).page("today") if scored else None,
        receipts=[{**row, "sentence": _sentence(row)} for row in receipts],
        batches=sorted(batches),
    )
    return run.page(look.frame, rows)


def _sentence(receipt: Row) -> str:
    """The sentence of a decision, or the plain values of a step's details."""
    details: dict[str, Any] = receipt["details"]
    if sentence := details.get("sentence") or details.get("reason"):
        return str(sentence)
    plain = {
        name: value
        for name, value in details.items()
        if isinstance(value, int | float | str)
        and not isinstance(value, bool)
        and not name.endswith(("digest", "sha256"))
    }
    return "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in plain.items()) or "–"

"""Sums of published days after a test changed their scores, which the platform never does."""

from retention_ml.outcomes.tier_outcomes import write_tier_outcomes
from retention_ml.scores.published_tiers import write_totals
from retention_ml.warehouse import Transaction


def total_again(transaction: Transaction) -> None:
    """Sum every published day anew, and what became of its customers where that is stored."""
    transaction.execute("DELETE FROM scores.tier_totals")
    for row in transaction.execute("SELECT snapshot_id FROM scores.published"):
        write_totals(transaction, row.snapshot_id)
    for row in transaction.execute(
        "SELECT DISTINCT snapshot_id, as_of, definition_hash FROM outcomes.tier_outcomes "
        "JOIN scores.snapshots USING (snapshot_id, definition_hash)"
    ):
        write_tier_outcomes(transaction, **row._asdict())

"""Sums of published days after a test changed their scores, which the platform never does."""

from retention_ml.scores.published_tiers import write_totals
from retention_ml.warehouse import Transaction


def total_again(transaction: Transaction) -> None:
    """Sum every published day anew."""
    transaction.execute("DELETE FROM scores.tier_totals")
    for row in transaction.execute("SELECT snapshot_id FROM scores.published"):
        write_totals(transaction, row.snapshot_id)

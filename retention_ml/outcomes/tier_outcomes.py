"""What became of the customers of each tier and tenth of the probability, stored as sums."""

from datetime import date

from retention_ml.scores.summaries.tier_outcomes import OUTCOMES_OF_TIERS
from retention_ml.warehouse import Transaction


def write_tier_outcomes(
    transaction: Transaction, *, snapshot_id: int, as_of: date, definition_hash: str
) -> None:
    """Replace the sums of a snapshot by those of the outcomes as they are stored now."""
    key = {"snapshot_id": snapshot_id, "as_of": as_of, "definition_hash": definition_hash}
    transaction.execute(
        "DELETE FROM outcomes.tier_outcomes "
        "WHERE snapshot_id = :snapshot_id AND definition_hash = :definition_hash",
        **key,
    )
    transaction.execute(
        "INSERT INTO outcomes.tier_outcomes (snapshot_id, definition_hash, matured_at, risk_tier, "
        "place, customers_count, churned_count, probability_sum) "
        "SELECT :snapshot_id, :definition_hash, counted.matured_at, sums.* "
        "FROM models.label_windows AS counted CROSS JOIN "
        f"({OUTCOMES_OF_TIERS}) AS sums "
        "WHERE counted.as_of = :as_of AND counted.definition_hash = :definition_hash",
        **key,
    )

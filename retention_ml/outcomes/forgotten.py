"""How many persons of a trial or experiment were forgotten while it was open."""

from typing import Literal

from retention_ml.warehouse import Transaction


def forgotten_sentence(
    transaction: Transaction, comparison: Literal["trial", "experiment"], comparison_id: int | str
) -> str:
    """What a readout says of them; empty where there are none."""
    rows = transaction.execute(
        "SELECT arm, persons_count FROM outcomes.forgotten "
        "WHERE (comparison, comparison_id) = (:comparison, :id) ORDER BY arm",
        comparison=comparison,
        id=str(comparison_id),
    )
    if not rows:
        return ""
    arms = ", ".join(f"{row.arm} {row.persons_count:,}" for row in rows)
    return f"Persons who were forgotten while it was open are no longer counted: {arms}."

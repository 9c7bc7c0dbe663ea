"""Who is named in deliveries that came from the log, and who of them complained."""

from collections.abc import Sequence
from dataclasses import dataclass

from retention_ml import tables
from retention_ml.warehouse import Transaction

_NAMED = " UNION ".join(
    f"SELECT customer_id FROM curated.{name} WHERE delivery_id = ANY (:deliveries)"
    for name, entry in tables.CANONICAL.items()
    if "customer_id" in {column.name for column in entry}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Batches that are delivered and whose customers have no fresh score yet.

    Parameters
    ----------
    live_batch_ids : tuple of int
        Rising; empty where nothing waits.
    deliveries : tuple of int
        What they became in the ledger.
    customer_ids : tuple of str
        Rising; those of them whose rows were accepted.
    complaining : frozenset of str
        Those of them with a complaint.
    """

    live_batch_ids: tuple[int, ...]
    deliveries: tuple[int, ...]
    customer_ids: tuple[str, ...]
    complaining: frozenset[str]


def waiting(transaction: Transaction, *, batches_max: int) -> Waiting:
    """The oldest of the batches that wait, at most so many, and their customers."""
    batches = transaction.execute(
        "SELECT live_batch_id, source, file_sha256s FROM live.batches WHERE refreshed_at IS NULL "
        "AND status = 'delivered' ORDER BY live_batch_id LIMIT :batches_max",
        batches_max=batches_max,
    )
    if not batches:
        return Waiting(live_batch_ids=(), deliveries=(), customer_ids=(), complaining=frozenset())
    deliveries = _deliveries(transaction, [sha for row in batches for sha in row.file_sha256s])
    customers = transaction.execute(
        f"SELECT customer_id FROM ({_NAMED}) AS named WHERE customer_id IS NOT NULL "
        "ORDER BY customer_id",
        deliveries=deliveries,
    )
    complaining = transaction.execute(
        "SELECT DISTINCT customer_id FROM curated.feedback WHERE delivery_id = ANY (:deliveries) "
        "AND kind = 'complaint' AND customer_id IS NOT NULL",
        deliveries=deliveries,
    )
    return Waiting(
        live_batch_ids=tuple(row.live_batch_id for row in batches),
        deliveries=tuple(deliveries),
        customer_ids=tuple(row.customer_id for row in customers),
        complaining=frozenset(row.customer_id for row in complaining),
    )


def _deliveries(transaction: Transaction, sha256s: Sequence[str]) -> list[int]:
    rows = transaction.execute(
        "SELECT delivery_id FROM raw.deliveries WHERE file_sha256 = ANY (:sha256s) "
        "AND status = 'accepted'",
        sha256s=list(sha256s),
    )
    return [row.delivery_id for row in rows]

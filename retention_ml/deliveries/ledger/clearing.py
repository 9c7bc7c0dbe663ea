"""Rows of a batch leave `staging` when they are curated, held, or staged anew."""

from collections.abc import Iterable

from retention_ml.errors import WarehouseError
from retention_ml.warehouse import Transaction

EMPTIED_ROWS_MIN = 50_000


def clear_staging(
    transaction: Transaction, batch_id: int, staged_in: Iterable[str], *, is_at_end: bool = False
) -> None:
    """Delete the batch's rows from these staging tables and from the rejects.

    `is_at_end`: the transaction ends soon, so that a table may be locked until then.
    """
    for name in (*staged_in, "rejects"):
        if not (is_at_end and _is_emptied(transaction, name, batch_id)):
            transaction.change(f"DELETE FROM staging.{name} WHERE batch_id = :b", b=batch_id)


def _is_emptied(transaction: Transaction, name: str, batch_id: int) -> bool:
    """Whether a staging table could be emptied at once: many rows, all of this batch.

    Deleted one by one they would stay on the disk until Postgres sweeps them out.
    """
    [(is_large,)] = transaction.execute(
        f"SELECT EXISTS (SELECT FROM staging.{name} WHERE batch_id = :b OFFSET :n LIMIT 1)",
        b=batch_id,
        n=EMPTIED_ROWS_MIN - 1,
    )
    if not is_large:
        return False
    try:
        with transaction.savepoint():
            transaction.execute("SET LOCAL lock_timeout = '1s'")
            transaction.execute(f"LOCK TABLE staging.{name} IN ACCESS EXCLUSIVE MODE")
            transaction.execute("SET LOCAL lock_timeout TO DEFAULT")
            others = transaction.execute(
                f"SELECT FROM staging.{name} WHERE batch_id < :b OR batch_id > :b LIMIT 1",
                b=batch_id,
            )
            if not others:
                transaction.execute(f"TRUNCATE staging.{name}")
    except WarehouseError:  # another batch is being staged, or the table is another role's
        return False
    return not others

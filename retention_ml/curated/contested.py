"""Keys that decide which rows have to be compared: those that more than one row stands for.

Of a history nearly every key comes once; only the others need their rows in order.
"""

import ibis

from retention_ml import tables
from retention_ml.warehouse import Transaction

CONTESTED_KEYS = ibis.table({"row_key": "binary"}, name="contested_keys")
"""The keys of a batch that come more than once in it, or are in `existing_versions`."""


def create_contested_keys(transaction: Transaction, entry: tables.Table, batch_id: int) -> int:
    """Create the temporary table `CONTESTED_KEYS` of the batch's rows; its row count.

    Called after `load_sql.create_existing_versions`, whose keys are among them.
    """
    transaction.execute("DROP TABLE IF EXISTS contested_keys")
    # Keys are digests: sorted they need a fraction of the memory of a table of hashes, and less time.
    transaction.execute("SET LOCAL enable_hashagg = off")
    count = transaction.change(
        "CREATE TEMP TABLE contested_keys ON COMMIT DROP AS SELECT row_key "
        f"FROM staging.{entry.name} WHERE batch_id = :b GROUP BY row_key HAVING count(*) > 1",
        b=batch_id,
    )
    transaction.execute("SET LOCAL enable_hashagg TO DEFAULT")
    count += transaction.change(
        "INSERT INTO contested_keys SELECT row_key FROM existing_versions "
        "EXCEPT SELECT row_key FROM contested_keys"
    )
    if count:
        transaction.execute("ANALYZE contested_keys")
    return count

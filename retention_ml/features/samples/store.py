"""`features.customer_sampled`: of some days, the features of a sample of the customers.

The rows of a day and the record of their build are written in one transaction, and read in one. A
sample holds that of any smaller share.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from retention_ml.errors import AccountingError, NotReady
from retention_ml.features import freshness
from retention_ml.features.samples.sampling import is_sampled
from retention_ml.features.store import digest, ordered, rows_of
from retention_ml.warehouse import Transaction, Warehouse

TABLE = "features.customer_sampled"
_RECORDS = (
    "SELECT as_of, sample_share, features_digest, catalogue_sha256, newest_rollup_id "
    "FROM features.sample_builds"
)


def read(warehouse: Warehouse, shares: Mapping[date, float]) -> pa.Table:
    """The stored features of a share of the customers of each day, ordered by day and customer.

    Returns
    -------
    pyarrow.Table
        As of `features.store.read`.

    Raises
    ------
    NotReady
        If a day has no sample, or one of a smaller share.
    AccountingError
        If the rows of a day are not those of its build.
    """
    parts = []
    with warehouse.snapshot() as select:
        stored = {row["as_of"]: row for row in select(_RECORDS).to_pylist()}
        if missing := sorted(
            day for day in shares if day not in stored or stored[day]["sample_share"] < shares[day]
        ):
            raise NotReady(
                f"There are no features of {shares[missing[0]]:.2%} of the customers of "
                f"{missing[0]} ({len(missing)} of the {len(shares)} days asked for are missing). "
                "A training of the same day builds them: run it again."
            )
        for day in sorted(shares):
            rows = ordered(select(rows_of([day], TABLE)))
            if digest(rows) != stored[day]["features_digest"]:
                raise AccountingError(
                    f"The stored features of the sample of {day} are not those that their build "
                    "recorded: rows were changed by hand, or another version of the library built "
                    "them. They are not used. Prepare the training again."
                )
            if shares[day] < stored[day]["sample_share"]:
                mask = is_sampled(rows["customer_id"].combine_chunks(), shares[day])
                rows = rows.filter(pa.array(mask))
            parts.append(rows)
    return pa.concat_tables(parts)


def fresh_days(
    warehouse: Warehouse, shares: Mapping[date, float], definition_sha256: str
) -> set[date]:
    """Those of the days whose sample is large enough, of this definition and of all that is known."""
    records = [
        row
        for row in warehouse.read(_RECORDS).to_pylist()
        if row["as_of"] in shares and row["sample_share"] >= shares[row["as_of"]]
    ]
    names = ("as_of", "catalogue_sha256", "newest_rollup_id")
    builds = [freshness.Build(**{name: row[name] for name in names}) for row in records]
    return freshness.fresh(warehouse, builds, definition_sha256)


def changed_days(warehouse: Warehouse, shares: Mapping[date, float]) -> set[date]:
    """Those of some built days whose stored rows are not those that their build recorded."""
    changed = set()
    for day, share in shares.items():
        try:
            read(warehouse, {day: share})
        except AccountingError:
            changed.add(day)
    return changed


def replace_record(transaction: Transaction, as_of: date, record: Mapping[str, Any]) -> None:
    """Put the record of a day in place of what was stored, after its rows."""
    transaction.execute("DELETE FROM features.sample_builds WHERE as_of = :day", day=as_of)
    transaction.insert_row("features.sample_builds", {"as_of": as_of, **record})


def prune(warehouse: Warehouse, *, before: datetime, needed: Collection[date]) -> int:
    """Delete samples that were built before a moment, but those of `needed` days; how many."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT as_of FROM features.sample_builds WHERE built_at < :before "
            "AND NOT as_of = ANY (:needed) ORDER BY as_of",
            before=before,
            needed=list(needed),
        )
    return sum(_prune_day(warehouse, row.as_of, before) for row in rows)


def _prune_day(warehouse: Warehouse, day: date, before: datetime) -> bool:
    with warehouse.transaction() as transaction:
        transaction.lock(f"{TABLE} {day}")  # as who replaces the day
        is_old = transaction.change(
            "DELETE FROM features.sample_builds WHERE as_of = :day AND built_at < :before",
            day=day,
            before=before,
        )
        if is_old:
            transaction.execute(f"DELETE FROM {TABLE} WHERE as_of = :day", day=day)
    return bool(is_old)

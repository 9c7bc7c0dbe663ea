"""What the rollups know about a day, and which stored days know all of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import pyarrow as pa

from retention_ml.clock import day_number
from retention_ml.errors import NotReady
from retention_ml.features.inputs import stored_inputs
from retention_ml.warehouse import Warehouse

_NEWEST_EVENTS = ibis.table(
    {
        "customer_id": "string",
        **dict.fromkeys(("event_day", "known_from_day", "rollup_id"), "int64"),
        "newest_event_at": "timestamp('UTC')",
        "orders_count": "int64",
    },
    name="customer_day",
    database="features",
)


def newest_rollup_id(warehouse: Warehouse) -> int:
    """The newest pass; 0 if there was none."""
    rows = warehouse.read("SELECT coalesce(max(rollup_id), 0) AS newest FROM features.rolled_up")
    return int(rows["newest"][0].as_py())


def require_kept(select: Callable[[ibis.Table | str], pa.Table], newest_rollup_id: int) -> None:
    """Raise unless rollups up to a pass are still there, as they were when it was the newest.

    Parameters
    ----------
    select : callable
        `Warehouse.read` after the rollups were read, or that of the snapshot they are read in.

    Raises
    ------
    NotReady
        All days were rebuilt since, under higher numbers.
    """
    rows = select("SELECT coalesce(min(rollup_id), 0) AS oldest FROM features.rolled_up")
    if rows["oldest"][0].as_py() > newest_rollup_id:
        raise NotReady(
            "The rollups were rebuilt while they were read: the topics, calendar.timezone or the "
            "version of the library have changed. Nothing was stored; run the same command again."
        )


def input_summaries(days: Sequence[int], active_days: int, upto: int) -> ibis.Table:
    """Per day number: `customers_count` active and `newest_input_at`, as known at its start.

    Days of which nothing is known have no row.
    """
    rows = stored_inputs(days).days.cross_join(_NEWEST_EVENTS)
    rows = rows.filter(
        rows.event_day < rows.as_of_day,
        rows.known_from_day <= rows.as_of_day,
        rows.rollup_id <= upto,
    )
    active = rows.event_day >= rows.as_of_day - active_days
    per_customer = rows.group_by("as_of_day", "customer_id").agg(
        newest_event_at=rows.newest_event_at.max(),
        orders=ibis.ifelse(active, rows.orders_count, 0).sum(),
    )
    return per_customer.group_by("as_of_day").agg(
        customers_count=ibis.ifelse(per_customer.orders > 0, 1, 0).sum(),
        newest_input_at=per_customer.newest_event_at.max(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What was known, and what was meant, when a day was built."""

    as_of: date
    catalogue_sha256: str
    newest_rollup_id: int


def fresh_days(warehouse: Warehouse, days: Sequence[date], definition_sha256: str) -> set[date]:
    """Those of the days whose newest build used this definition and all that is known by now."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT DISTINCT ON (as_of) as_of, catalogue_sha256, newest_rollup_id "
            "FROM features.builds WHERE as_of = ANY (:days) ORDER BY as_of, build_id DESC",
            days=list(days),
        )
    return fresh(warehouse, [Build(**row._mapping) for row in rows], definition_sha256)


def fresh(warehouse: Warehouse, builds: Sequence[Build], definition_sha256: str) -> set[date]:
    """The days of those builds that used this definition and all that is known by now."""
    candidates = [build for build in builds if build.catalogue_sha256 == definition_sha256]
    if not candidates:
        return set()
    since = min(build.newest_rollup_id for build in candidates)
    if newest_rollup_id(warehouse) <= since:
        return {build.as_of for build in candidates}
    later = warehouse.read(first_days_changed(since)).to_pylist()
    return {
        build.as_of
        for build in candidates
        if not any(
            change["rollup_id"] > build.newest_rollup_id
            and change["first_day"] <= day_number(build.as_of)
            for change in later
        )
    }


def first_days_changed(since: int) -> ibis.Table:
    """Per pass after `since`: the first day number of which it changed what is known."""
    inputs, parts = stored_inputs([0]), []
    for table in (inputs.customer_day, inputs.customer_product_day, inputs.product_category):
        rows = table.filter(table.rollup_id > since)
        first = rows.known_from_day
        if "event_day" in rows.columns:
            first = ibis.greatest(first, rows.event_day + 1)
        parts.append(rows.select("rollup_id", day=first))
    every = ibis.union(*parts)
    return every.group_by("rollup_id").agg(first_day=every.day.min())

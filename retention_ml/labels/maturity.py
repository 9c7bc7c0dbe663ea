"""The maturity ledger: outcome windows that have closed and settled, with their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.abnormal.excluded import excluded_customers, is_excluded
from retention_ml.curated.known import known
from retention_ml.errors import NotReady
from retention_ml.features.samples.sampling import sampled
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.labels import ORDERS, POPULATION, labels
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Ints
from retention_ml.warehouse import Transaction, Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What the orders known on a day cover.

    Parameters
    ----------
    order_days : array of int64, shape (n,)
        Days since 1970-01-01, rising, on which there were orders; at least one.
    orders_count, guests_count : int
        Orders, and those of them without a customer.
    """

    order_days: Ints
    orders_count: int
    guests_count: int

    @property
    def begins_on(self) -> date:
        """The first day with an order."""
        return clock.day_of(int(self.order_days[0]))

    @property
    def ends_on(self) -> date:
        """The day after the last day with an order."""
        return clock.day_of(int(self.order_days[-1]) + 1)

    def longest_gap_days(self, since: date | None = None) -> int:
        """Most days in a row without any order, from the last order before `since` on."""
        first = 0
        if since is not None:
            first = int(np.searchsorted(self.order_days, clock.day_number(since), side="right")) - 1
        return int(np.diff(self.order_days[max(0, first) :]).max(initial=1)) - 1


def feed(warehouse: Warehouse, *, timezone: str, known_as_of: date) -> Feed | None:
    """What the orders known at the start of a day cover, or None if there are none."""
    orders = known(ORDERS, clock.midnight(known_as_of, timezone))
    # Quarters of an hour come out of the database, not orders: far fewer rows, and in every time
    # zone a day begins with one.
    quarter = (orders.event_at.epoch_seconds() // 900).cast("int64")
    counted = orders.group_by(quarter=quarter).aggregate(
        orders_count=orders.count(), guests_count=orders.count() - orders.customer_id.count()
    )
    rows = warehouse.read(counted)
    if rows.num_rows == 0:
        return None
    seconds = rows["quarter"].cast(pa.int64()).to_numpy() * 900
    return Feed(
        order_days=np.unique(clock.local_days(seconds, timezone)),
        orders_count=int(pc.sum(rows["orders_count"]).as_py()),
        guests_count=int(pc.sum(rows["guests_count"]).as_py()),
    )


def most_orders_of_one_customer(warehouse: Warehouse, *, timezone: str, known_as_of: date) -> int:
    """The orders of the customer with the most, as known at the start of a day.

    Guests are none, and nobody who is excluded as abnormal on the day.
    """
    orders = known(ORDERS, clock.midnight(known_as_of, timezone))
    counts = orders.group_by("customer_id").aggregate(
        orders_count=orders.customer_id.count()  # of guests 0
    )
    if len(excluded := excluded_customers(warehouse, known_as_of)):
        counts = counts.filter(~counts.customer_id.isin(excluded.to_pylist()))
    rows = warehouse.read(counts.aggregate(most=counts.orders_count.max()))
    return int(rows["most"][0].as_py() or 0)


def known_until(coverage: Feed, *, as_of: date, settle_days: int) -> date:
    """The day up to whose start outcomes are known at `as_of`.

    A window counts `settle_days` after its end, and where orders cover it: one that reaches beyond
    the last order is not known to be empty, the feed may just have stopped.
    """
    return min(as_of - timedelta(days=settle_days), coverage.ends_on)


def newest_known(coverage: Feed, settings: Settings, as_of: date) -> date:
    """The newest day whose whole outcome is known at `as_of`."""
    definition = churn_definition(settings)
    closes = known_until(coverage, as_of=as_of, settle_days=settings.churn.settle_days)
    return closes - timedelta(days=definition.lead_days + definition.horizon_days)


def matured_until(warehouse: Warehouse, *, settings: Settings, as_of: date) -> date | None:
    """The newest day whose outcome is known at the start of `as_of`; None without any order."""
    covered = feed(warehouse, timezone=settings.calendar.timezone, known_as_of=as_of)
    return None if covered is None else newest_known(covered, settings, as_of)


def labels_of(
    warehouse: Warehouse,
    *,
    settings: Settings,
    days: Sequence[date],
    known_as_of: date,
    share: float = 1.0,
    populations: ibis.Table = POPULATION,
) -> pa.Table:
    """Labels of the active customers of each day, ordered by day and customer.

    Orders count as they were known at the start of `known_as_of`; `share` is that of the customers
    to label, see `sampling`; `populations` has the `as_of` and `customer_id` of those there are.

    Returns
    -------
    pa.Table
        `as_of, customer_id, is_churned`, and `time_to_next_order`: whole days from the opening of
        the outcome window to the next order, missing where none is known.
    """
    definition = churn_definition(settings)
    parts = []
    for day in sorted(days):
        opens_at, closes_at = definition.window_bounds(day)
        population = populations.filter(populations.as_of == ibis.literal(day, "date"))
        expression = labels(
            sampled(population.select("customer_id"), share),
            sampled(ORDERS, share),
            opens_at=opens_at,
            closes_at=closes_at,
            known_at=clock.midnight(known_as_of, definition.timezone),
        )
        rows = _read(warehouse, settings, expression).sort_by("customer_id")
        seconds = rows["next_order_seconds"]
        instants = seconds.fill_null(0).cast(pa.int64()).to_numpy()
        times = clock.local_days(instants, definition.timezone)
        times -= clock.day_number(definition.window(day)[0])
        parts.append(
            pa.table(
                {
                    "as_of": pa.array([day] * rows.num_rows, pa.date32()),
                    "customer_id": rows["customer_id"],
                    "is_churned": rows["is_churned"],
                    "time_to_next_order": pa.array(times, mask=seconds.is_null().to_numpy()),
                }
            )
        )
    return pa.concat_tables(parts)


def _read(warehouse: Warehouse, settings: Settings, expression: ibis.Table) -> pa.Table:
    """The rows of an expression, by Spark where features are computed there."""
    if settings.features.engine != "spark":
        return warehouse.read(expression)
    from retention_ml.features.spark.exchange import read_in_spark

    with warehouse.snapshot() as select:
        return read_in_spark(
            select, expression, spark=settings.spark, threads=settings.compute.threads
        )


def mature(
    warehouse: Warehouse, *, settings: Settings, days: Sequence[date], known_as_of: date
) -> pa.Table:
    """Write the labels of days whose windows have closed, and return them.

    Later knowledge replaces earlier: a label computed on an earlier day is written anew, one
    computed on a later day stays. What is returned stands for `known_as_of` in any case.

    Who was excluded as abnormal on the day on which the outcome had settled is marked, and counted
    apart from the others. Who is found out after that day changes no outcome that was stated.

    Returns
    -------
    pa.Table
        As of `labels_of`, with `is_abnormal`.

    Raises
    ------
    NotReady
        A window among them has not closed and settled by `known_as_of`, or reaches beyond the
        last day with orders.
    """
    definition = churn_definition(settings)
    coverage = feed(warehouse, timezone=definition.timezone, known_as_of=known_as_of)
    newest = newest_known(coverage, settings, known_as_of) if coverage else date.min
    open_days = [day for day in days if day > newest]
    if open_days:
        raise NotReady(
            f"The outcome of {min(open_days)} is not known on {known_as_of}: its window of "
            f"{definition.lead_days} + {definition.horizon_days} days has not closed, settled "
            f"({settings.churn.settle_days} days) and been covered by orders. The newest day whose "
            f"outcome is known is {newest if coverage else 'none: there are no orders'}."
        )
    table = labels_of(warehouse, settings=settings, days=days, known_as_of=known_as_of)
    parts = []
    for day in sorted(days):
        rows = table.filter(pc.field("as_of") == day)
        abnormal = excluded_customers(warehouse, _settled_on(settings, day))
        mask = pa.array(is_excluded(rows["customer_id"], abnormal))
        rows = rows.append_column("is_abnormal", mask)
        parts.append(rows)
        with warehouse.transaction() as transaction:
            _write(transaction, settings, day, rows, known_as_of)
    return pa.concat_tables(parts)


def _settled_on(settings: Settings, day: date) -> date:
    """The day from whose start on the outcome of a day counts."""
    closes = churn_definition(settings).window(day)[1]
    return closes + timedelta(days=settings.churn.settle_days)


def _write(
    transaction: Transaction, settings: Settings, day: date, rows: pa.Table, known_as_of: date
) -> None:
    definition = churn_definition(settings)
    key = {"as_of": day, "definition_hash": definition.hash}
    is_day = "WHERE as_of = :as_of AND definition_hash = :definition_hash"
    transaction.lock(f"labels:{day}:{definition.hash}")
    if transaction.execute(
        f"SELECT 1 FROM models.label_windows {is_day} AND known_as_of > :known_as_of",
        known_as_of=known_as_of,
        **key,
    ):
        return
    for table in ("models.labels", "models.label_windows"):
        transaction.execute(f"DELETE FROM {table} {is_day}", **key)
    transaction.copy(
        "models.labels",
        rows.select(["as_of", "customer_id", "is_churned", "is_abnormal"]).append_column(
            "definition_hash", pa.array([definition.hash] * rows.num_rows)
        ),
    )
    opens_at, closes_at = definition.window_bounds(day)
    others = rows.filter(pc.invert(rows["is_abnormal"]))
    transaction.insert_row(
        "models.label_windows",
        {
            **key,
            "definition": definition.to_dict(),
            "window_starts_at": opens_at,
            "window_ends_at": closes_at,
            "settles_at": clock.midnight(_settled_on(settings, day), definition.timezone),
            "customers_count": others.num_rows,
            "churned_count": int(pc.sum(others["is_churned"]).as_py() or 0),
            "abnormal_count": rows.num_rows - others.num_rows,
            "known_as_of": known_as_of,
            "matured_at": clock.now(),
        },
    )

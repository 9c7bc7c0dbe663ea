"""Every customer's purchase history as known on a day, read from the rollups."""

import ibis
import pyarrow as pa

from retention_ml.abnormal.excluded import without
from retention_ml.features.inputs import stored_inputs
from retention_ml.features.samples.sampling import sampled
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.warehouse import Warehouse


def purchase_histories(days: ibis.Table, as_of_day: int) -> ibis.Table:
    """Every customer who ever bought, as known at the start of a day.

    Parameters
    ----------
    days : ibis.Table
        The rollup `features.customer_day`.
    as_of_day : int
        The day, counted from 1970-01-01.

    Returns
    -------
    ibis.Table
        One row per customer: `customer_id`, `repeats_count` (x), `last_at_days` (t_x),
        `tenure_days` (T), and `day_value_cents` (float64), the mean paid on one of the
        `repeats_count` + 1 purchase days.
    """
    days = days.filter(days.event_day < as_of_day, days.known_from_day <= as_of_day)
    # What was corrected is taken back by a further row: only the sums mean something.
    netted = days.group_by("customer_id", "event_day").agg(
        orders_count=days.orders_count.sum(), revenue_cents=days.revenue_cents.sum()
    )
    bought = netted.filter(netted.orders_count > 0)
    purchases = bought.group_by("customer_id").agg(
        days_count=bought.event_day.count(),
        first_day=bought.event_day.min(),
        last_day=bought.event_day.max(),
        revenue_cents=bought.revenue_cents.sum().cast("float64"),
    )
    return purchases.select(
        "customer_id",
        repeats_count=purchases.days_count - 1,
        last_at_days=purchases.last_day - purchases.first_day,
        tenure_days=as_of_day - purchases.first_day,
        day_value_cents=purchases.revenue_cents / purchases.days_count.cast("float64"),
    )


def read_histories(
    warehouse: Warehouse,
    *,
    as_of_day: int,
    excluded: pa.StringArray | None = None,
    share: float = 1.0,
) -> PurchaseSummary:
    """The histories of every customer who ever bought, as known at the start of a day.

    `excluded` are ids of customers who are left out; `share` is that of the customers to read, see
    `features.samples.sampling`.
    """
    days = sampled(stored_inputs([as_of_day]).customer_day, share)
    rows = warehouse.read(purchase_histories(days, as_of_day))
    return PurchaseSummary.of_table(rows if excluded is None else without(rows, excluded))

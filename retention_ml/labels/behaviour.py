"""What customers did in the windows after decisions, as it was known on a day."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.curated.known import known
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.labels import ORDERS
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.warehouse import Warehouse

ORDER_LINES = tables.CANONICAL["order_lines"].ibis_table("curated", tables.LINEAGE)
PERMISSIONS = tables.CONTACT_PERMISSIONS.ibis_table("curated", tables.LINEAGE)
_SPAN = 2**34  # seconds: more than any day has since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Something that customers did, sorted so that a window is two look-ups.

    Parameters
    ----------
    keys : array of int64, shape (events,)
        Customer and second, rising.
    totals : array of float64, shape (events + 1,)
        Running sum of the amounts.
    """

    keys: Ints
    totals: Floats

    def amounts(self, customer: Ints, opens: Ints, closes: Ints) -> Floats:
        """Sum of the amounts of each customer in [opens, closes), shape (n,)."""
        first = np.searchsorted(self.keys, customer * _SPAN + opens, side="left")
        last = np.searchsorted(self.keys, customer * _SPAN + closes, side="left")
        return np.asarray(self.totals[last] - self.totals[first], dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What some customers did in [opens_at, closes_at), known at an instant; read when asked for.

    Parameters
    ----------
    warehouse : Warehouse
    customer_ids : pa.Array of string
        Customers are numbered by their place here.
    opens_at, closes_at, known_at : datetime
    """

    warehouse: Warehouse
    customer_ids: pa.Array
    opens_at: datetime
    closes_at: datetime
    known_at: datetime

    @cached_property
    def purchases(self) -> Events:
        """Orders, 1 each."""
        orders = known(ORDERS, self.known_at)
        return self._events(orders.filter(orders.kind == "purchase"))

    @cached_property
    def returns(self) -> Events:
        """Returns, 1 each."""
        orders = known(ORDERS, self.known_at)
        return self._events(orders.filter(orders.kind == "return"))

    @cached_property
    def cents(self) -> Events:
        """Money that lines of orders brought, returns taken off, charges left out."""
        lines = known(ORDER_LINES, self.known_at)
        return self._events(lines.filter(lines.kind != "charge"), ibis._.line_amount_cents)

    @cached_property
    def refusals(self) -> Events:
        """Permissions withdrawn and complaints, 1 each."""
        statements = known(PERMISSIONS, self.known_at)
        return self._events(statements.filter(statements.kind.isin(["withdrawn", "complained"])))

    def _events(self, rows: ibis.Table, amount: ibis.Value | None = None) -> Events:
        inside = rows.filter(
            rows.customer_id.notnull(),
            rows.event_at >= ibis.literal(self.opens_at, "timestamp('UTC')"),
            rows.event_at < ibis.literal(self.closes_at, "timestamp('UTC')"),
        )
        expression = inside.select(
            "customer_id",
            second=inside.event_at.epoch_seconds().cast("int64"),
            amount=(ibis.literal(1) if amount is None else amount).cast("float64"),
        )
        return _events(self.warehouse.read(expression), self.customer_ids)


def _events(rows: pa.Table, customer_ids: pa.Array) -> Events:
    place = pc.index_in(rows["customer_id"], value_set=customer_ids)
    selected = rows.append_column("place", place.cast(pa.int64())).filter(pc.is_valid(place))
    keys = selected["place"].to_numpy() * _SPAN + selected["second"].to_numpy()
    order = np.argsort(keys, kind="stable")
    amounts = selected["amount"].to_numpy()[order]
    return Events(keys=keys[order], totals=np.append(0.0, np.cumsum(amounts)))


def decision_outcomes(
    warehouse: Warehouse, definition: ChurnDefinition, rows: pa.Table, *, known_as_of: date
) -> dict[str, Floats]:
    """What followed each decision in its outcome window, as known at the start of a day.

    Parameters
    ----------
    rows : pa.Table
        `as_of, customer_id`: decision days and customers, n rows.

    Returns
    -------
    dict of str to array of float64, shape (n,)
        `purchases` and `returns` (counts), `cents` (what lines brought), and `refusals`
        (permissions withdrawn and complaints, from the decision day itself on).
    """
    names = ("purchases", "returns", "cents", "refusals")
    if rows.num_rows == 0:
        return {name: np.zeros(0) for name in names}
    days = rows["as_of"].to_pylist()
    windows = {day: definition.window_bounds(day) for day in set(days)}
    opens = np.array([int(windows[day][0].timestamp()) for day in days], dtype=np.int64)
    closes = np.array([int(windows[day][1].timestamp()) for day in days], dtype=np.int64)
    # A mail may be unsubscribed from on its own day, before the outcome window opens.
    begins = np.array(
        [int(clock.midnight(day, definition.timezone).timestamp()) for day in days],
        dtype=np.int64,
    )
    ids = pc.unique(rows["customer_id"])
    customer = pc.index_in(rows["customer_id"], value_set=ids).to_numpy().astype(np.int64)
    behaviour = Behaviour(
        warehouse=warehouse,
        customer_ids=ids,
        opens_at=clock.midnight(min(days), definition.timezone),
        closes_at=max(closing for _, closing in windows.values()),
        known_at=clock.midnight(known_as_of, definition.timezone),
    )
    return {
        name: getattr(behaviour, name).amounts(
            customer, begins if name == "refusals" else opens, closes
        )
        for name in names
    }

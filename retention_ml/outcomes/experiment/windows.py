"""What customers did in the windows after decisions, as it was known on a day."""

from dataclasses import dataclass
from datetime import datetime

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import tables
from retention_ml.curated.known import known
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Purchases, returns, money and statements against contacts of some customers."""

    purchases: Events
    returns: Events
    cents: Events
    refusals: Events


def load_behaviour(
    warehouse: Warehouse,
    customer_ids: pa.Array,
    *,
    opens_at: datetime,
    closes_at: datetime,
    known_at: datetime,
) -> Behaviour:
    """What happened in [opens_at, closes_at), as known at an instant.

    Customers are numbered by their place in `customer_ids`. Money is what lines of orders brought,
    returns taken off, charges left out. Refusals are permissions withdrawn and complaints.
    """

    def events(rows: ibis.Table, amount: ibis.Value) -> Events:
        inside = rows.filter(
            rows.customer_id.notnull(),
            rows.event_at >= ibis.literal(opens_at, "timestamp('UTC')"),
            rows.event_at < ibis.literal(closes_at, "timestamp('UTC')"),
        )
        expression = inside.select(
            "customer_id",
            second=inside.event_at.epoch_seconds().cast("int64"),
            amount=amount.cast("float64"),
        )
        return _events(warehouse.read(expression), customer_ids)

    orders, lines = known(ORDERS, known_at), known(ORDER_LINES, known_at)
    statements = known(PERMISSIONS, known_at)
    one = ibis.literal(1)
    return Behaviour(
        purchases=events(orders.filter(orders.kind == "purchase"), one),
        returns=events(orders.filter(orders.kind == "return"), one),
        cents=events(lines.filter(lines.kind != "charge"), ibis._.line_amount_cents),
        refusals=events(statements.filter(statements.kind.isin(["withdrawn", "complained"])), one),
    )


def _events(rows: pa.Table, customer_ids: pa.Array) -> Events:
    place = pc.index_in(rows["customer_id"], value_set=customer_ids)
    selected = rows.append_column("place", place.cast(pa.int64())).filter(pc.is_valid(place))
    keys = selected["place"].to_numpy() * _SPAN + selected["second"].to_numpy()
    order = np.argsort(keys, kind="stable")
    amounts = selected["amount"].to_numpy()[order]
    return Events(keys=keys[order], totals=np.append(0.0, np.cumsum(amounts)))

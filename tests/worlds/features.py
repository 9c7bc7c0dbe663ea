"""Shops that deliver late, out of order and with corrections, for the tests of features."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.clock import day_number
from retention_ml.features import store
from retention_ml.features.cache.rollup_cache import rollup_folder
from retention_ml.features.engines import compute
from retention_ml.features.freshness import newest_rollup_id
from retention_ml.features.roll_up import roll_up
from retention_ml.limits import Limits
from retention_ml.settings import Calendar, Churn, Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import shops

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
_COMMENTS = (
    "It came late", None, "It is broken", "Too expensive", "Nobody answers the phone", "ok",
)  # fmt: skip
_EVENT_TYPES = (
    "view", "cart", "remove_from_cart", "wishlist", "purchase", "search", "login", "share",
    "review",
)  # fmt: skip


def in_zone(settings: Settings, timezone: str, active_days: int = 90) -> Settings:
    """The settings with another calendar."""
    return settings.model_copy(
        update={
            "calendar": Calendar(timezone=timezone),
            "churn": Churn(active_days=active_days),
        }
    )


def rows_of(
    warehouse: Warehouse,
    settings: Settings,
    days: Sequence[date],
    *,
    engine: str = "duckdb",
) -> pa.Table:
    """The features of some days as computed, ordered, after a pass of the rollups."""
    roll_up(warehouse, settings=settings)
    rows = compute(
        warehouse,
        engine=engine,
        days=[day_number(day) for day in days],
        active_days=settings.churn.active_days,
        newest_rollup_id=newest_rollup_id(warehouse),
        limits=Limits(threads=2),
        cache=rollup_folder(settings.home),
    )
    return rows.sort_by([("as_of_day", "ascending"), ("customer_id", "ascending")])


def record_as_stored(warehouse: Warehouse) -> None:
    """Give every build the digest of the rows that its day has now."""
    days = warehouse.read("SELECT DISTINCT as_of FROM features.builds")["as_of"].to_pylist()
    for day in days:
        digest = store.digest(warehouse.read(store.rows_of([day])))
        with warehouse.transaction() as transaction:
            transaction.execute(
                "UPDATE features.builds SET features_digest = :digest WHERE as_of = :day",
                digest=digest,
                day=day,
            )


def one(warehouse: Warehouse, settings: Settings, day: date) -> dict[str, Any]:
    """The features of the only active customer of a day."""
    rows = rows_of(warehouse, settings, [day]).to_pylist()
    assert len(rows) == 1, f"{len(rows)} customers are active"
    return rows[0]


def buy(
    order_id: str,
    at: datetime,
    *,
    customer: str | None = "c1",
    kind: str = "purchase",
    lines: Sequence[dict[str, Any]] = ({},),
) -> dict[str, list[dict[str, Any]]]:
    """One order with its lines, as rows per table."""
    line_kind = "sale" if kind == "purchase" else kind
    return {
        "orders": [{"order_id": order_id, "customer_id": customer, "event_at": at, "kind": kind}],
        "order_lines": [
            {
                "order_id": order_id,
                "customer_id": customer,
                "event_at": at,
                "kind": line_kind,
                "product_id": "p1",
                "occurrence": number,
                **line,
            }
            for number, line in enumerate(lines, start=1)
        ],
    }


def deliver(
    warehouse: Warehouse,
    *orders: dict[str, list[dict[str, Any]]],
    loaded_at: datetime | None = None,
) -> None:
    """Orders in one delivery; `loaded_at` makes it a live one, available from then."""
    identity = shops.delivery(warehouse, history=loaded_at is None, loaded_at=loaded_at)
    for table in sorted({name for order in orders for name in order}):
        rows = [row for order in orders for row in order.get(table, [])]
        # Arrow takes its columns from the first row: name them all in each.
        names = {name: shops._DEFAULTS.get(name) for row in rows for name in row}
        shops.fill(
            warehouse,
            table,
            pa.Table.from_pylist([{**names, **row} for row in rows]),
            delivery_id=identity,
            available_at=loaded_at or (_ALWAYS if table == "products" else None),
            loaded_at=loaded_at,
        )


def late_shop(
    warehouse: Warehouse,
    settings: Settings,
    *,
    seed: int,
    passes: Sequence[int],
    deliveries: int = 6,
    customers: int = 12,
    after: Callable[[int], object] | None = None,
) -> None:
    """A random shop of a year, all tables, whose deliveries arrive late and correct each other.

    `passes` says after which deliveries (by number) the rollups are brought up to date; `after` is
    called with the number of each delivery.
    """
    draw = np.random.default_rng(seed)
    zone_noise = [timedelta(seconds=int(s)) for s in draw.integers(0, 86_400, 400)]

    def moment() -> datetime:
        return (
            FIRST + timedelta(days=int(draw.integers(0, 330))) + zone_noise[int(draw.integers(400))]
        )

    def who() -> str | None:
        return None if draw.random() < 0.1 else f"c{int(draw.integers(customers)):02d}"

    sent: list[tuple[str, datetime]] = []
    for number in range(1, deliveries + 1):
        loaded_at = FIRST + timedelta(days=50 * number + int(draw.integers(0, 40)), hours=3)
        orders = []
        for _ in range(30):
            if sent and draw.random() < 0.25:  # a correction: same order, other content
                order_id, at = sent[int(draw.integers(len(sent)))]
                if draw.random() < 0.5:
                    at = moment()
            else:
                order_id, at = f"o{len(sent):04d}", moment()
            if any(order["orders"][0]["order_id"] == order_id for order in orders):
                continue
            sent.append((order_id, at))
            kind = str(draw.choice(["purchase", "return", "cancellation"], p=[0.8, 0.1, 0.1]))
            sign = 1 if kind == "purchase" else -1
            lines = []
            for product in draw.permutation(8)[: int(draw.integers(1, 4))]:
                quantity = sign * int(draw.integers(1, 4))
                lines.append(
                    {
                        "product_id": None if product == 0 else f"p{product}",
                        "quantity": quantity,
                        "line_amount_cents": quantity * 100 * (int(product) + 1),
                        "discount_cents": int(draw.integers(0, 2)) * 30,
                        "occurrence": 1,
                    }
                )
            if draw.random() < 0.3:
                lines.append({"kind": "charge", "product_id": "post", "line_amount_cents": 495})
            orders.append(buy(order_id, at, customer=who(), kind=kind, lines=lines))
        orders.append({"events": _events(draw, who, moment)})
        orders.append({"campaign_contacts": _contacts(draw, customers, moment)})
        orders.append({"feedback": _feedback(draw, who, moment, number)})
        orders.append(
            {
                "products": [
                    {"product_id": f"p{p}", "category": f"shelf {int(draw.integers(4))}"}
                    for p in draw.permutation(8)[:4]
                ]
            }
        )
        deliver(warehouse, *orders, loaded_at=loaded_at)
        if number in passes:
            roll_up(warehouse, settings=settings)
        if after is not None:
            after(number)


def _events(draw: np.random.Generator, who: Any, moment: Any) -> list[dict[str, Any]]:
    rows = []
    for _ in range(25):
        customer, at = who(), moment()
        for _ in range(int(draw.integers(1, 5))):
            at += timedelta(seconds=int(draw.choice([20, 1_000, 1_799, 1_800, 1_801, 4_000])))
            rows.append(
                {
                    "customer_id": customer,
                    "event_at": at,
                    "event_type": str(draw.choice(_EVENT_TYPES)),
                    "session_id": f"s{int(draw.integers(10**9))}",
                }
            )
    return rows


def _contacts(draw: np.random.Generator, customers: int, moment: Any) -> list[dict[str, Any]]:
    return [
        {
            "campaign_id": f"k{n}",
            "customer_id": f"c{int(draw.integers(customers)):02d}",
            "event_at": moment(),
            "kind": str(draw.choice(["sent", "opened", "clicked", "redeemed"])),
        }
        for n in range(20)
    ]


def _feedback(
    draw: np.random.Generator, who: Any, moment: Any, number: int
) -> list[dict[str, Any]]:
    return [
        {
            "feedback_id": f"f{number}-{n}",
            "customer_id": who(),
            "event_at": moment(),
            "kind": str(draw.choice(["review", "complaint"])),
            "rating_share": None if n % 3 == 0 else int(draw.integers(0, 5)) / 4,
            "comment": _COMMENTS[(number + n) % len(_COMMENTS)],
        }
        for n in range(8)
    ]

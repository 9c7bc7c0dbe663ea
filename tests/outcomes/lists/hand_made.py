"""A shop of a few purchases and lists written by hand, so that every figure can be checked by hand."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from retention_ml import clock
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill

DAY = date(2024, 6, 1)
HORIZON = 28
MATURED = DAY + timedelta(days=HORIZON + 1)  # the window, and a day to settle


def buy(
    warehouse: Warehouse,
    purchases: Sequence[tuple[str, str, int]],
    *,
    known_on: date | None = None,
) -> None:
    """Customer, product and day counted from `DAY`, each an order of its own."""
    available_at = (
        datetime(known_on.year, known_on.month, known_on.day, 1, tzinfo=UTC) if known_on else None
    )
    rows = [
        {
            "order_id": f"{who}-{what}-{when}",
            "product_id": what,
            "customer_id": who,
            "event_at": datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
            + timedelta(days=when),
            "occurrence": 1,
        }
        for who, what, when in purchases
    ]
    fill(warehouse, "order_lines", rows, available_at=available_at)
    fill(
        warehouse,
        "orders",
        [{name: row[name] for name in ("order_id", "customer_id", "event_at")} for row in rows],
        available_at=available_at,
    )


def publish(
    warehouse: Warehouse,
    lists: Mapping[tuple[str, str], Sequence[str]],
    *,
    day: date = DAY,
    unsellable: Sequence[str] = (),
    bundle_sha256: str | None = None,
) -> int:
    """Published lists by (customer, list); the snapshot's number."""
    customers = {customer for customer, _ in lists}
    now = clock.now()
    with warehouse.transaction() as transaction:
        row = transaction.insert_row(
            "recommendations.snapshots",
            {
                "as_of": day,
                "status": "published",
                "epoch": 1,
                "method": "ranker" if bundle_sha256 else "frequency",
                "bundle_sha256": bundle_sha256,
                "caveat": None if bundle_sha256 else "no ranker",
                "list_size": 10,
                "horizon_days": HORIZON,
                "explore_share": 0.0,
                "minor_units": 100,
                "features_digest": "f",
                "population_count": len(customers),
                "listed_count": len(customers),
                "excluded_count": 0,
                "rows_count": sum(map(len, lists.values())),
                "lists_digest": "l",
                "library_version": "0",
                "run_id": "test",
                "built_at": now,
                "published_at": now,
            },
            returning="snapshot_id",
        )
        assert row is not None
        snapshot_id = int(row[0])
        stamps = {"snapshot_id": snapshot_id, "as_of": day}
        rows = [
            stamps
            | {
                "customer_id": customer,
                "list": kind,
                "rank": rank,
                "product_id": product,
                "purchase_probability": 0.5,
                "source": "own",
                "reason_code": "suits",
                "reason": "suits what you buy",
                "propensity": 1.0,
            }
            for (customer, kind), products in lists.items()
            for rank, product in enumerate(products, start=1)
        ]
        table = pa.Table.from_pylist(rows)
        ranks = table["rank"].cast(pa.int32())
        table = table.set_column(table.column_names.index("rank"), "rank", ranks)
        days = table["as_of"].cast(pa.date32())
        table = table.set_column(table.column_names.index("as_of"), "as_of", days)
        transaction.copy("recommendations.customer_daily", table)
        for product in unsellable:
            transaction.insert_row(
                "recommendations.product_daily",
                stamps
                | {
                    "product_id": product,
                    "buyers_count_28d": 0,
                    "buyers_count_90d": 0,
                    "is_sellable": False,
                    "not_sellable_because": "not_available",
                },
            )
        transaction.insert_row(
            "recommendations.audits",
            {
                "snapshot_id": snapshot_id,
                "audit": "written_by_hand",
                "severity": "warning",
                "is_success": True,
                "observed": "lists of a test",
                "audited_at": now,
            },
        )
        transaction.insert_row(
            "recommendations.published",
            stamps | {"epoch": 1, "published_at": now},
            on_conflict="(as_of) DO UPDATE SET snapshot_id = excluded.snapshot_id",
        )
    return snapshot_id

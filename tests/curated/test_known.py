"""The filter that every reader of curated rows uses."""

from datetime import UTC, datetime, timedelta

import duckdb
import ibis
import pyarrow as pa
import pytest

from retention_ml import tables
from retention_ml.curated.known import known

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ORDERS = tables.ORDERS.ibis_table("curated", tables.LINEAGE)

CASES = {
    "happened and delivered before": (MIDNIGHT - SECOND, MIDNIGHT - SECOND, None, True),
    "available exactly at midnight": (MIDNIGHT - SECOND, MIDNIGHT, None, True),
    "happened exactly at midnight": (MIDNIGHT, MIDNIGHT - SECOND, None, False),
    "delivered a second too late": (MIDNIGHT - SECOND, MIDNIGHT + SECOND, None, False),
    "replaced exactly at midnight": (MIDNIGHT - 2 * SECOND, MIDNIGHT - SECOND, MIDNIGHT, False),
    "replaced a second later": (MIDNIGHT - 2 * SECOND, MIDNIGHT - SECOND, MIDNIGHT + SECOND, True),
}


@pytest.mark.parametrize("case", CASES)
def test_a_row_is_known_from_available_at_until_it_is_superseded(case: str) -> None:
    event_at, available_at, superseded_at, expected = CASES[case]
    stamp = pa.timestamp("us", tz="UTC")
    orders = pa.table(
        {
            "order_id": ["1"],
            "event_at": pa.array([event_at], stamp),
            "available_at": pa.array([available_at], stamp),
            "superseded_at": pa.array([superseded_at], stamp),
        }
    )
    bare = ORDERS.select("order_id", "event_at", "available_at", "superseded_at")
    sql = str(ibis.to_sql(known(bare, MIDNIGHT), dialect="duckdb"))
    with duckdb.connect() as connection:
        connection.execute("SET timezone = 'Asia/Tokyo'; CREATE SCHEMA curated")
        connection.register("rows_of_orders", orders)
        connection.execute("CREATE TABLE curated.orders AS FROM rows_of_orders")
        assert len(connection.execute(sql).fetchall()) == int(expected)


def test_a_table_without_event_time_is_known_from_available_at() -> None:
    products = tables.PRODUCTS.ibis_table("curated", tables.LINEAGE)
    assert "event_at" not in str(ibis.to_sql(known(products, MIDNIGHT), dialect="postgres"))


def test_an_instant_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        known(ORDERS, datetime(2026, 3, 1))

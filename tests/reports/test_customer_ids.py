"""Where a customer's id is: what the catalogue says, and what a filled warehouse holds."""

from datetime import timedelta

from retention_ml.features.roll_up import roll_up
from retention_ml.reports.customer_ids import NUMBER, customer_columns
from retention_ml.warehouse import Warehouse
from tests.worlds import shops
from tests.worlds.scores import DAY, World

CUSTOMER = "c00010"


def _tables_with(warehouse: Warehouse, text: str) -> set[str]:
    """The tables and views with a row in which the text stands anywhere, JSON included."""
    tables = warehouse.read(
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables "
        "WHERE table_schema <> 'information_schema' AND table_schema NOT LIKE 'pg\\_%'"
    )["name"].to_pylist()
    return {
        table
        for table in tables
        if warehouse.read(
            f"SELECT 1 FROM {table} AS whole WHERE whole::text LIKE '%{text}%' LIMIT 1"
        ).num_rows
    }


def test_no_other_table_of_a_filled_warehouse_holds_an_id(fresh_shop: World) -> None:
    warehouse = fresh_shop.warehouse
    shops.random_shop(warehouse, customers=20, days=200, first_day=DAY - timedelta(days=200))
    roll_up(warehouse, settings=fresh_shop.settings)
    with warehouse.transaction() as transaction:
        transaction.execute(f"UPDATE quarantine.rows SET raw_text = 'o1;{CUSTOMER};x'")
    catalogue = {column.table for column in customer_columns(warehouse)}
    with_id = _tables_with(warehouse, CUSTOMER)
    assert with_id - catalogue == set()
    assert with_id >= {
        "curated.orders", "features.customer_day", "features.customer_daily", "quarantine.rows",
        "scores.customer_daily", "scores.tier_transitions", "reports.customer_risk",
    }  # fmt: skip
    with warehouse.transaction() as transaction:  # the search sees what the catalogue does not
        transaction.execute(f"CREATE TABLE ops.notes AS SELECT 'about {CUSTOMER}' AS note")
    assert _tables_with(warehouse, CUSTOMER) - catalogue == {"ops.notes"}


def test_a_column_that_is_like_an_id_is_one_by_its_name(warehouse: Warehouse) -> None:
    """A customer is called `customer_id` everywhere, else the catalogue would miss it.

    The shop's own number stands in one table, by another name.
    """
    others = warehouse.read(
        "SELECT table_schema || '.' || table_name || '.' || column_name AS name "
        "FROM information_schema.columns WHERE data_type = 'text' AND column_name LIKE '%customer%' "
        "AND column_name <> 'customer_id'"
    )
    assert others["name"].to_pylist() == [f"privacy.contact_list.{NUMBER}"]


def test_views_and_delivered_rows_are_told_apart(warehouse: Warehouse) -> None:
    columns = {(column.table, column.column): column for column in customer_columns(warehouse)}
    assert len({table for table, _ in columns}) >= 20
    assert columns["reports.customer_risk", "customer_id"].is_view
    assert not columns["curated.orders", "customer_id"].is_view
    assert columns["quarantine.rows", "raw_text"].is_delivered
    assert columns["quarantine.rows", "raw_bytes"].is_delivered
    assert not columns["staging.orders", "customer_id"].is_delivered

"""Labels at the edges of their window, and the maturity ledger."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import ibis
import pyarrow as pa
import pytest

from retention_ml.errors import NotReady
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.labels import ORDERS, labels
from retention_ml.labels.maturity import (
    feed,
    labels_of,
    mature,
    most_orders_of_one_customer,
)
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.excluded import exclude
from tests.worlds.shops import at, fill

DAY = date(2026, 3, 1)


def _population(warehouse: Warehouse, *customers: str, day: date = DAY) -> None:
    with warehouse.transaction() as transaction:
        transaction.copy(
            "features.customer_daily",
            pa.table(
                {"as_of": pa.array([day] * len(customers), pa.date32()), "customer_id": customers}
            ),
        )


def _order(customer: str | None, when: datetime, kind: str = "purchase") -> dict[str, object]:
    return {
        "order_id": f"{customer}-{when.isoformat()}",
        "customer_id": customer,
        "event_at": when,
        "kind": kind,
    }


def _settings(settings: Settings, timezone: str = "UTC", **churn: int) -> Settings:
    return settings.model_copy(
        update={
            "churn": settings.churn.model_copy(update=churn),
            "calendar": settings.calendar.model_copy(update={"timezone": timezone}),
        }
    )


def _churned(warehouse: Warehouse, settings: Settings, known_as_of: date) -> set[str]:
    table = labels_of(warehouse, settings=settings, days=[DAY], known_as_of=known_as_of)
    return {row["customer_id"] for row in table.to_pylist() if row["is_churned"]}


def test_the_window_is_half_open_and_begins_after_the_lead_time(
    warehouse: Warehouse, settings: Settings
) -> None:
    settings = _settings(settings, lead_days=7, horizon_days=10)
    opens, closes = datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 18, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    _population(warehouse, "before", "first", "last", "after", "never")
    fill(
        warehouse,
        "orders",
        [
            _order("before", opens - moment),
            _order("first", opens),
            _order("last", closes - moment),
            _order("after", closes),
        ],
    )
    assert _churned(warehouse, settings, date(2026, 6, 1)) == {"before", "after", "never"}


def test_the_window_follows_the_calendar_of_the_shop(
    warehouse: Warehouse, settings: Settings
) -> None:
    settings = _settings(settings, "Europe/London", horizon_days=30)
    # 30 days from 1 March end at midnight of 31 March, which is 23:00 UTC in summer time.
    _population(warehouse, "inside", "outside")
    fill(
        warehouse,
        "orders",
        [
            _order("inside", datetime(2026, 3, 30, 22, 59, tzinfo=UTC)),
            _order("outside", datetime(2026, 3, 30, 23, 0, tzinfo=UTC)),
        ],
    )
    assert _churned(warehouse, settings, date(2026, 6, 1)) == {"outside"}


def test_only_purchases_keep_a_customer(warehouse: Warehouse, settings: Settings) -> None:
    _population(warehouse, "buys", "returns", "cancels")
    fill(
        warehouse,
        "orders",
        [
            _order("buys", at("2026-03-05")),
            _order("returns", at("2026-03-05"), "return"),
            _order("cancels", at("2026-03-05"), "cancellation"),
            _order(None, at("2026-03-05")),
        ],
    )
    assert _churned(warehouse, settings, date(2026, 6, 1)) == {"returns", "cancels"}


def test_an_order_not_yet_available_does_not_count(
    warehouse: Warehouse, settings: Settings
) -> None:
    _population(warehouse, "late")
    fill(warehouse, "orders", [_order("late", at("2026-03-05"))], available_at=at("2026-05-01"))
    assert _churned(warehouse, settings, date(2026, 5, 1)) == {"late"}
    assert _churned(warehouse, settings, date(2026, 5, 2)) == set()


def test_a_replaced_version_counts_until_it_was_replaced(
    warehouse: Warehouse, settings: Settings
) -> None:
    _population(warehouse, "corrected")
    order = _order("corrected", at("2026-03-05"))
    fill(warehouse, "orders", [order], available_at=at("2026-03-06"))
    fill(warehouse, "orders", [{**order, "kind": "cancellation"}], available_at=at("2026-04-20"))
    assert _churned(warehouse, settings, date(2026, 4, 20)) == set()
    assert _churned(warehouse, settings, date(2026, 4, 21)) == {"corrected"}


def test_labels_of_a_window_that_has_not_settled_are_refused(
    warehouse: Warehouse, settings: Settings
) -> None:
    _population(warehouse, "anybody")
    fill(
        warehouse, "orders", [_order("other", at(f"2026-{month:02d}-15")) for month in range(1, 7)]
    )
    settled = DAY + timedelta(days=settings.churn.horizon_days + settings.churn.settle_days)
    with pytest.raises(NotReady, match="The outcome of 2026-03-01 is not known"):
        mature(warehouse, settings=settings, days=[DAY], known_as_of=settled - timedelta(days=1))
    fill(warehouse, "orders", [_order("other", at("2026-03-28"))])
    mature(warehouse, settings=settings, days=[DAY], known_as_of=settled)


def test_a_feed_that_stopped_inside_the_window_matures_nothing(
    warehouse: Warehouse, settings: Settings
) -> None:
    _population(warehouse, "anybody")
    fill(warehouse, "orders", [_order("other", at("2026-03-10"))])
    with pytest.raises(NotReady, match="covered by orders"):
        mature(warehouse, settings=settings, days=[DAY], known_as_of=date(2026, 9, 1))


def test_labels_are_written_once_and_later_knowledge_replaces_earlier(
    warehouse: Warehouse, settings: Settings
) -> None:
    _population(warehouse, "a", "late")
    fill(warehouse, "orders", [_order("a", at("2026-03-05")), _order("other", at("2026-04-25"))])
    fill(warehouse, "orders", [_order("late", at("2026-03-05"))], available_at=at("2026-05-10"))

    def written() -> list[tuple[int, date]]:
        with warehouse.transaction() as transaction:
            rows = transaction.execute(
                "SELECT w.churned_count, w.known_as_of FROM models.label_windows w "
                "WHERE w.customers_count = (SELECT count(*) FROM models.labels)"
            )
        return [(row[0], row[1]) for row in rows]

    may, june = date(2026, 5, 1), date(2026, 6, 1)
    assert mature(warehouse, settings=settings, days=[DAY], known_as_of=may).num_rows == 2
    mature(warehouse, settings=settings, days=[DAY], known_as_of=may)
    assert written() == [(1, may)]
    mature(warehouse, settings=settings, days=[DAY], known_as_of=june)
    assert written() == [(0, june)]
    again = mature(warehouse, settings=settings, days=[DAY], known_as_of=may)
    assert again["is_churned"].to_pylist() == [False, True]
    assert written() == [(0, june)]
    definition = churn_definition(settings)
    stored = warehouse.read("SELECT definition_hash FROM models.label_windows")
    assert stored["definition_hash"].to_pylist() == [definition.hash]


def test_the_feed_is_counted_in_days_of_the_shop(warehouse: Warehouse, settings: Settings) -> None:
    fill(
        warehouse,
        "orders",
        [
            _order("a", datetime(2026, 1, 1, 23, 50, tzinfo=UTC)),
            _order(None, datetime(2026, 1, 12, 0, 10, tzinfo=UTC)),
            _order("a", datetime(2026, 1, 13, 12, tzinfo=UTC)),
        ],
    )
    coverage = feed(warehouse, timezone="Asia/Kolkata", known_as_of=date(2026, 2, 1))
    assert coverage is not None
    assert (coverage.begins_on, coverage.ends_on) == (date(2026, 1, 2), date(2026, 1, 14))
    assert coverage.longest_gap_days() == 9
    assert coverage.longest_gap_days(date(2026, 1, 12)) == 0
    assert (coverage.orders_count, coverage.guests_count) == (3, 1)
    assert feed(warehouse, timezone="UTC", known_as_of=date(2026, 1, 1)) is None


def test_the_expression_gives_the_same_rows_on_duckdb(
    warehouse: Warehouse, settings: Settings
) -> None:
    _population(warehouse, "a", "b")
    fill(warehouse, "orders", [_order("a", at("2026-03-05"))])
    opens, closes = churn_definition(settings).window_bounds(DAY)
    expression = labels(
        ibis.table({"customer_id": "string"}, name="population"),
        ORDERS,
        opens_at=opens,
        closes_at=closes,
        known_at=datetime(2026, 6, 1, tzinfo=UTC),
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA curated")
        population = pa.table({"customer_id": ["a", "b"]})  # noqa: F841
        orders = warehouse.read("SELECT * FROM curated.orders")  # noqa: F841
        connection.execute("CREATE TABLE population AS FROM population")
        connection.execute("CREATE TABLE curated.orders AS FROM orders")
        rows = connection.execute(str(ibis.to_sql(expression, dialect="duckdb"))).fetchall()
    ordered = round(at("2026-03-05").timestamp())
    assert sorted(rows) == [("a", False, ordered), ("b", True, None)]


def test_who_is_abnormal_when_the_outcome_has_settled_is_marked_and_counted_apart(
    warehouse: Warehouse, settings: Settings
) -> None:
    settings = _settings(settings, lead_days=0, horizon_days=10, settle_days=1)
    _population(warehouse, "buys", "leaves", "bot", "later")
    window = [datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=number) for number in range(30)]
    fill(warehouse, "orders", [_order("buys", when) for when in window])
    settled_on = DAY + timedelta(days=11)
    exclude(warehouse, ["bot"], since=settled_on)
    exclude(warehouse, ["later"], since=settled_on + timedelta(days=1))
    for known_as_of in (settled_on, settled_on + timedelta(days=9)):
        table = mature(warehouse, settings=settings, days=[DAY], known_as_of=known_as_of)
        marked = {row["customer_id"]: row["is_abnormal"] for row in table.to_pylist()}
        # Who is found out after that day changes no outcome that was stated, counted again or not.
        assert marked == {"bot": True, "buys": False, "later": False, "leaves": False}
        [stored] = warehouse.read("SELECT * FROM models.label_windows").to_pylist()
        counts = ("customers_count", "churned_count", "abnormal_count")
        assert tuple(stored[name] for name in counts) == (3, 2, 1)
    rows = warehouse.read("SELECT customer_id FROM models.labels WHERE is_abnormal").to_pylist()
    assert rows == [{"customer_id": "bot"}]


def test_orders_of_an_abnormal_customer_are_no_sign_of_a_till(warehouse: Warehouse) -> None:
    hours = [at("2026-02-03", hour) for hour in range(5)]
    orders = [_order("brusher", hour) for hour in hours]
    fill(warehouse, "orders", [*orders, *(_order("buyer", hour) for hour in hours[:2])])
    day = date(2026, 3, 1)
    assert most_orders_of_one_customer(warehouse, timezone="UTC", known_as_of=day) == 5
    exclude(warehouse, ["brusher"], since=day)
    assert most_orders_of_one_customer(warehouse, timezone="UTC", known_as_of=day) == 2

"""Histories read at a day: point in time, cut at the shop's midnight."""

from datetime import UTC, date, datetime

from retention_ml.clock import day_number
from retention_ml.features.roll_up import roll_up
from retention_ml.profiles.histories import read_histories, read_log
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.histories import histories_of
from tests.worlds.shops import fill


def order(number: int, customer: str, at: datetime, kind: str = "purchase") -> dict[str, object]:
    return {"order_id": f"o{number}", "customer_id": customer, "event_at": at, "kind": kind}


def test_arrays_of_purchase_days() -> None:
    history = histories_of({"b": [3, 9], "a": [1]}, 20, contacts={"z": 5, "b": 2})
    assert history.customer_ids.to_pylist() == ["a", "b", "z"]
    start = history.today - 20
    assert (history.acquired_day - start).tolist() == [1, 2, 5]
    assert history.number.tolist() == [1, 1, 2]
    assert history.pause.tolist() == [0, 0, 6]
    assert history.buyers.tolist() == [0, 1]
    assert (history.last - start).tolist() == [1, 9]
    assert history.total_cents().tolist() == [1000, 2000, 0]
    assert history.total_cents(start + 9).tolist() == [0, 1000, 0]


def test_what_is_known_later_is_in_the_histories_of_later_days_only(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(warehouse, "orders", [order(1, "a", datetime(2026, 2, 1, 12, tzinfo=UTC))])
    fill(
        warehouse,
        "orders",
        [order(2, "a", datetime(2026, 2, 5, 12, tzinfo=UTC))],
        available_at=datetime(2026, 2, 20, 12, tzinfo=UTC),
    )
    fill(
        warehouse, "customers",
        [{"customer_id": "v", "registered_at": datetime(2026, 2, 3, 0, 0, 0, 500_000, tzinfo=UTC)},
         {"customer_id": "w", "registered_at": datetime(2026, 2, 27, tzinfo=UTC)}],
    )  # fmt: skip
    roll_up(warehouse, settings=settings)
    first = read_histories(warehouse, date(2026, 2, 20), "UTC")
    assert (first.customer_ids.to_pylist(), len(first.day)) == (["a", "v"], 1)
    assert (first.today - first.acquired_day).tolist() == [19, 17]
    assert len(read_histories(warehouse, date(2026, 2, 21), "UTC").day) == 2
    later = read_histories(warehouse, date(2026, 2, 28), "UTC")
    assert later.customer_ids.to_pylist() == ["a", "v", "w"]
    assert later.buyers.tolist() == [0]


def test_days_are_cut_at_the_shops_midnight_across_clock_changes(
    warehouse: Warehouse, settings: Settings
) -> None:
    """In London the clock went forward on 2026-03-29: 23:30 UTC is the next day from then on."""
    zone = settings.model_copy(
        update={"calendar": settings.calendar.model_copy(update={"timezone": "Europe/London"})}
    )
    moments = [
        datetime(2026, 3, 28, 23, 30, tzinfo=UTC),  # still the 28th
        datetime(2026, 3, 29, 22, 30, tzinfo=UTC),  # still the 29th, which has 23 hours
        datetime(2026, 3, 29, 23, 30, tzinfo=UTC),  # the 30th
    ]
    fill(warehouse, "orders", [order(n, f"c{n}", at) for n, at in enumerate(moments)])
    roll_up(warehouse, settings=zone)
    history = read_histories(warehouse, date(2026, 4, 10), "Europe/London")
    expected = [date(2026, 3, day) for day in (28, 29, 30)]
    assert history.day.tolist() == [day_number(day) for day in expected]
    assert len(read_histories(warehouse, date(2026, 3, 30), "Europe/London").day) == 2


def test_a_corrected_order_is_gone_from_the_day_on_which_that_was_known(
    warehouse: Warehouse, settings: Settings
) -> None:
    happened = datetime(2026, 2, 1, 12, tzinfo=UTC)
    fill(warehouse, "orders", [order(1, "a", happened), order(2, "b", happened)])
    fill(
        warehouse,
        "orders",
        [order(1, "a", happened, kind="cancellation")],
        available_at=datetime(2026, 2, 10, 12, tzinfo=UTC),
    )
    roll_up(warehouse, settings=settings)
    log = read_log(warehouse, date(2026, 3, 1), "UTC")
    for day, buyers in ((10, ["a", "b"]), (11, ["b"])):
        before = log.known_at(date(2026, 2, day))
        assert before.customer_ids.to_pylist() == buyers
        alone = read_histories(warehouse, date(2026, 2, day), "UTC")
        assert alone.day.tolist() == before.day.tolist()

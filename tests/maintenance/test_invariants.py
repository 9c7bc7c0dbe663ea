"""Every invariant holds on an empty and a full warehouse, and sees what is planted against it."""

from datetime import date, timedelta

import pytest

from retention_ml.features.roll_up import roll_up
from retention_ml.maintenance.invariants import INVARIANTS, Violation, violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.scores import DAY, make_world
from tests.worlds.shops import at, delivery, fill, random_shop

_PLANTED = {
    "scores, lists or profiles of a snapshot that has no manifest": (
        "INSERT INTO scores.tier_transitions VALUES ('2026-01-01', 'c', :delivery + 7, NULL, 'low', 0.5)"
    ),
    "rows in curated of a delivery that is not accepted": (
        "UPDATE raw.deliveries SET status = 'staged' WHERE delivery_id = :delivery"
    ),
    "other rows in curated than the ledger says": (
        "UPDATE raw.deliveries SET delivered_count = 7, accepted_count = 7 "
        "WHERE delivery_id = :delivery"
    ),
    "other rows in quarantine than the ledger says": (
        "INSERT INTO quarantine.rows (delivery_id, line_number, source, feed, file_sha256, "
        "raw_text, reason_code, quarantined_at) "
        "VALUES (:delivery, 1, 'test', 'test', '', '', 'bad_number', '2026-01-01')"
    ),
    "two versions of a business key that are known at the same instant": (
        "INSERT INTO curated.orders SELECT order_id, customer_id, event_at, kind, channel, source, "
        "row_key, content_hash, delivery_id, line_number, loaded_at, available_at, "
        "available_at + interval '1 day', delivery_id FROM curated.orders "
        "WHERE delivery_id = :delivery"
    ),
    "features whose newest input happened after the day began": (
        "INSERT INTO features.builds (as_of, features_digest, catalogue_sha256, customers_count, "
        "newest_input_at, engine, built_at) "
        "VALUES ('2026-01-02', '', '', 1, '2026-01-02 00:00Z', 'duckdb', '2026-01-02 00:00Z')"
    ),
}


def test_there_is_an_invariant_for_each_promise_about_data() -> None:
    assert {rule.promise for rule in INVARIANTS} == {"P1", "P2", "P3", "P4", "P7", "P8"}


def test_a_shop_in_order_violates_nothing(warehouse: Warehouse) -> None:
    assert violations(warehouse) == []
    random_shop(warehouse, customers=20, days=60)
    assert violations(warehouse) == []


def _build(
    warehouse: Warehouse, newest_input_at: str, *, day: str = "2026-01-02", rollup_id: int = 0
) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO features.builds (as_of, features_digest, catalogue_sha256, "
            "customers_count, newest_input_at, newest_rollup_id, engine, built_at) "
            "VALUES (:day, '', '', 1, :newest, :rollup_id, 'duckdb', '2026-01-02 00:00Z')",
            day=day,
            newest=newest_input_at,
            rollup_id=rollup_id,
        )


def _roll_up(warehouse: Warehouse, settings: Settings, timezone: str) -> int:
    calendar = settings.calendar.model_copy(update={"timezone": timezone})
    changed = settings.model_copy(update={"calendar": calendar})
    return int(roll_up(warehouse, settings=changed).details["rollup_id"])


def _promises(warehouse: Warehouse, as_of: date | None = None) -> list[str]:
    return [one.invariant.promise for one in violations(warehouse, as_of=as_of)]


def test_builds_of_before_a_change_of_the_time_zone_are_not_held_to_the_new_one(
    warehouse: Warehouse, settings: Settings
) -> None:
    random_shop(warehouse, customers=5, days=30)
    before = _roll_up(warehouse, settings, "America/New_York")
    _build(warehouse, "2026-01-02 04:59Z", rollup_id=before)  # one minute before midnight there
    assert _promises(warehouse) == []
    now = _roll_up(warehouse, settings, "Asia/Tokyo")  # midnight is at 15:00Z
    assert _promises(warehouse) == []
    _build(warehouse, "2026-01-02 14:59Z", day="2026-01-03", rollup_id=now)
    assert _promises(warehouse) == []
    _build(warehouse, "2026-01-01 15:00Z", rollup_id=now)
    assert _promises(warehouse) == ["P4"]
    _build(warehouse, "2026-01-01 14:59Z", rollup_id=now)  # the day was built again
    assert _promises(warehouse) == []


@pytest.mark.parametrize(
    ("status", "promises"), [("held", []), ("refused", []), ("landed", ["P1"])]
)
def test_a_held_file_that_is_refused_later_keeps_its_rows_in_quarantine(
    warehouse: Warehouse, status: str, promises: list[str]
) -> None:
    identity = delivery(warehouse)
    with warehouse.transaction() as transaction:
        transaction.execute(
            _PLANTED["other rows in quarantine than the ledger says"], delivery=identity
        )
        transaction.execute(
            "UPDATE raw.deliveries SET status = :status, reason_code = 'unreadable', "
            "delivered_count = 1, quarantined_count = 1",
            status=status,
        )
    assert _promises(warehouse) == promises


def test_a_day_before_the_newest_published_one_is_asked_for_its_scores_alone(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(warehouse, settings, monkeypatch)
    next_day = DAY + timedelta(days=1)
    world.features(next_day)
    for day in (DAY, next_day):
        world.score_and_publish(day)
    _build(warehouse, "2026-01-02 00:00Z")
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM scores.customer_daily")
    assert _promises(warehouse, as_of=DAY) == ["P3"]
    assert _promises(warehouse, as_of=next_day) == ["P3", "P4"]
    assert _promises(warehouse) == ["P3", "P4"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE scores.tier_totals SET value_at_risk_cents = value_at_risk_cents + 1",
        "DELETE FROM scores.tier_totals",
        "UPDATE scores.tier_totals SET risk_tier = 'none'",
    ],
)
def test_stored_sums_that_are_not_those_of_the_scores_are_seen(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    world = make_world(warehouse, settings, monkeypatch)
    world.score_and_publish(DAY)
    assert _promises(warehouse, as_of=DAY) == []
    with warehouse.transaction() as transaction:
        transaction.execute(change)
    [broken] = violations(warehouse, as_of=DAY)
    assert "other sums than are stored" in broken.sentence
    assert broken.count == 1


@pytest.mark.parametrize("sentence", sorted(_PLANTED))
def test_a_planted_violation_is_seen(warehouse: Warehouse, sentence: str) -> None:
    identity = delivery(warehouse)
    fill(
        warehouse,
        "orders",
        [{"order_id": "1", "customer_id": "c", "event_at": at("2026-01-01")}],
        delivery_id=identity,
    )
    assert violations(warehouse) == []
    with warehouse.transaction() as transaction:
        transaction.execute(_PLANTED[sentence], delivery=identity)
    broken = [one for one in violations(warehouse) if sentence in one.sentence]
    assert [one.count for one in broken] == [1]
    assert broken[0].remedy.endswith(".")
    daily = [one.invariant for one in violations(warehouse, as_of=date(2026, 1, 1))]
    assert (broken[0].invariant in daily) == (not broken[0].invariant.is_costly)


def test_a_line_whose_order_is_lost_is_seen_where_lines_imply_orders(warehouse: Warehouse) -> None:
    identity = delivery(warehouse)
    rows = [
        {"order_id": number, "customer_id": "c", "product_id": "p", "event_at": at("2026-01-01")}
        for number in ("1", "2")
    ]
    fill(warehouse, "order_lines", rows, delivery_id=identity)
    assert _promises(warehouse) == []  # orders may come in files of their own, and later
    orders = [{name: row[name] for name in ("order_id", "customer_id", "event_at")} for row in rows]
    fill(warehouse, "orders", orders, delivery_id=identity)
    assert _promises(warehouse) == []
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM curated.orders WHERE order_id = '2'")
    assert _promises(warehouse) == ["P1"]


def test_thousands_of_broken_rows_are_counted_to_a_thousand() -> None:
    sentences = [Violation(invariant=INVARIANTS[0], count=count).sentence for count in (3, 1_000)]
    assert sentences == [
        "P1: 3 × a finished delivery whose rows do not add up.",
        "P1: 1,000 or more × a finished delivery whose rows do not add up.",
    ]

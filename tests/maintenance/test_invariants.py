"""Every invariant holds on an empty and a full warehouse, and sees what is planted against it."""

from datetime import date

import pytest

from retention_ml.maintenance.invariants import INVARIANTS, Violation, violations
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import at, delivery, fill, random_shop

_PLANTED = {
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
    assert {rule.promise for rule in INVARIANTS} == {"P1", "P2", "P3", "P4", "P7"}


def test_a_shop_in_order_violates_nothing(warehouse: Warehouse) -> None:
    assert violations(warehouse) == []
    random_shop(warehouse, customers=20, days=60)
    assert violations(warehouse) == []


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


def test_thousands_of_broken_rows_are_counted_to_a_thousand() -> None:
    sentences = [Violation(invariant=INVARIANTS[0], count=count).sentence for count in (3, 1_000)]
    assert sentences == [
        "P1: 3 × a finished delivery whose rows do not add up.",
        "P1: 1,000 or more × a finished delivery whose rows do not add up.",
    ]

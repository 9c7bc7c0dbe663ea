"""From staging to curated: versions, duplicates, corrections, quarantine and the ledger."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from retention_ml import expressions, tables
from retention_ml.curated.curate import curate
from retention_ml.curated.known import known
from retention_ml.errors import QualityError, UsageError, WarehouseError
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.batches import File, at, content, ledger, put, with_source

DAY = timedelta(days=1)
ORDER_LINES = tables.ORDER_LINES.ibis_table("curated", tables.LINEAGE)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return with_source(settings, tmp_path)


def line(order: str, day: str = "2026-02-01", **values: Any) -> dict[str, Any]:
    return {"order_id": order, "product_id": "p", "customer_id": "c", "event_at": at(day)} | values


def lines(*rows: dict[str, Any], **others: Any) -> File:
    return File(rows={"order_lines": rows}, **others)


def amounts(warehouse: Warehouse, instant: datetime) -> dict[str, int]:
    """The amount paid per order, as known at an instant."""
    rows = warehouse.read(known(ORDER_LINES, instant)).to_pylist()
    assert len({row["row_key"] for row in rows}) == len(rows)
    return {row["order_id"]: row["line_amount_cents"] for row in rows}


def versions(warehouse: Warehouse, table: str = "order_lines") -> list[dict[str, Any]]:
    return warehouse.read(f"SELECT * FROM curated.{table} ORDER BY available_at").to_pylist()


def test_new_rows_are_accepted_and_rejects_are_quarantined(
    warehouse: Warehouse, settings: Settings
) -> None:
    batch, (delivery,) = put(
        warehouse,
        lines(
            line("1"),
            line("2"),
            derived={"orders": [line("1"), line("2")]},
            rejects=[(4, "bad_number")],
        ),
    )
    receipt = curate(warehouse, settings=settings, batch_id=batch)
    assert (receipt.read, receipt.written, receipt.quarantined, receipt.duplicates) == (3, 2, 1, 0)
    assert receipt.details["reasons"] == {"bad_number": 1}
    assert receipt.details["versions"] == {"orders": 2, "order_lines": 2}
    assert ledger(warehouse, delivery) == ("accepted", 3, 2, 1, 0, 0)
    quarantined = warehouse.read("SELECT * FROM quarantine.rows").to_pylist()
    assert [(row["line_number"], row["raw_text"], row["reason_code"]) for row in quarantined] == [
        (4, "x;y", "bad_number")
    ]
    assert not any(content(warehouse, "staging").values())
    assert violations(warehouse) == []


def test_a_live_row_is_available_from_its_load_and_a_past_row_from_its_event_plus_the_delay(
    warehouse: Warehouse, settings: Settings
) -> None:
    live, _ = put(warehouse, lines(line("live")))
    past, _ = put(warehouse, lines(line("past")), history=True)
    for batch in (live, past):
        curate(warehouse, settings=settings, batch_id=batch)
    by_order = {row["order_id"]: row for row in versions(warehouse)}
    assert by_order["live"]["available_at"] == by_order["live"]["loaded_at"]
    assert by_order["past"]["available_at"] == at("2026-02-02")  # available_after_hours = 24


def test_a_description_without_a_date_in_a_history_was_always_known(
    warehouse: Warehouse, settings: Settings
) -> None:
    file = File(
        rows={"products": [{"product_id": "p", "name": "Pan"}]},
        derived={
            "customers": [
                {"customer_id": "old", "registered_at": at("2020-01-01")},
                {"customer_id": "?"},
            ]
        },
        feed="products",
    )
    batch, _ = put(warehouse, file, history=True)
    curate(warehouse, settings=settings, batch_id=batch)
    assert [row["available_at"].year for row in versions(warehouse, "products")] == [1970]
    customers = {
        row["customer_id"]: row["available_at"] for row in versions(warehouse, "customers")
    }
    assert customers["old"] == at("2020-01-02")
    assert customers["?"].year == 1970


def test_the_same_content_again_is_a_duplicate_and_changes_nothing(
    warehouse: Warehouse, settings: Settings
) -> None:
    orders = {"orders": [line("1"), line("2")]}
    first, _ = put(warehouse, lines(line("1"), line("2"), derived=orders))
    curate(warehouse, settings=settings, batch_id=first)
    before = content(warehouse)
    again, (delivery,) = put(warehouse, lines(line("2"), line("1"), derived=orders))
    receipt = curate(warehouse, settings=settings, batch_id=again)
    assert (receipt.written, receipt.duplicates) == (0, 2)
    assert ledger(warehouse, delivery) == ("accepted", 2, 0, 0, 2, 0)
    assert content(warehouse) == before
    assert violations(warehouse) == []


def test_a_batch_like_the_one_before_compiles_no_sql(
    warehouse: Warehouse, settings: Settings
) -> None:
    """What differs between them stands in rows; in expressions it would take most of the time."""
    for amount in (1_000, 2_000, 3_000):
        batch, _ = put(warehouse, lines(line("1", line_amount_cents=amount), line(f"o{amount}")))
        before = expressions._sql_of.cache_info().misses
        curate(warehouse, settings=settings, batch_id=batch)
    assert expressions._sql_of.cache_info().misses == before


def test_a_correction_is_a_new_version_and_an_old_instant_replays_its_old_answer(
    warehouse: Warehouse, settings: Settings
) -> None:
    first, _ = put(warehouse, lines(line("1"), line("2")))
    curate(warehouse, settings=settings, batch_id=first)
    loaded = versions(warehouse)[0]["loaded_at"]
    second, (delivery,) = put(warehouse, lines(line("1", line_amount_cents=5), line("2")))
    receipt = curate(warehouse, settings=settings, batch_id=second)
    assert (receipt.written, receipt.duplicates, receipt.details["corrected"]) == (1, 1, 1)
    assert amounts(warehouse, loaded) == {"1": 1_000, "2": 1_000}
    assert amounts(warehouse, loaded + DAY) == {"1": 5, "2": 1_000}
    old = next(row for row in versions(warehouse) if row["superseded_at"])
    assert old["superseded_by"] == delivery
    assert violations(warehouse) == []


def test_a_past_correction_of_a_later_batch_does_not_change_earlier_answers(
    warehouse: Warehouse, settings: Settings
) -> None:
    first, _ = put(warehouse, lines(line("1")), history=True)
    curate(warehouse, settings=settings, batch_id=first)
    second, _ = put(warehouse, lines(line("1", line_amount_cents=5)), history=True)
    curate(warehouse, settings=settings, batch_id=second)
    assert amounts(warehouse, at("2026-02-10")) == {"1": 1_000}
    assert amounts(warehouse, versions(warehouse)[1]["loaded_at"]) == {"1": 5}


def test_within_one_past_batch_the_later_file_wins_from_the_beginning(
    warehouse: Warehouse, settings: Settings
) -> None:
    batch, deliveries = put(
        warehouse,
        lines(line("1"), line("2")),
        lines(line("1", line_amount_cents=5), line("2")),
        lines(line("1", line_amount_cents=6, event_at=at("2026-01-01"))),
        history=True,
    )
    receipt = curate(warehouse, settings=settings, batch_id=batch)
    assert (receipt.written, receipt.duplicates, receipt.details["corrected"]) == (4, 1, 2)
    assert [ledger(warehouse, delivery)[2:] for delivery in deliveries] == [
        (2, 0, 0, 0),
        (1, 0, 1, 1),
        (1, 0, 0, 1),
    ]
    # no version may count before the one it replaces, even where its own date is earlier
    chain = [row for row in versions(warehouse) if row["order_id"] == "1"]
    assert [row["line_amount_cents"] for row in chain] == [1_000, 5, 6]
    assert [row["available_at"] for row in chain[1:]] == [row["superseded_at"] for row in chain[:2]]
    assert amounts(warehouse, at("2026-02-03")) == {"1": 6, "2": 1_000}
    assert amounts(warehouse, at("2026-02-02", hour=11)) == {}
    assert violations(warehouse) == []


def test_a_row_that_goes_back_to_its_former_content_is_a_version_again(
    warehouse: Warehouse, settings: Settings
) -> None:
    for amount in (1_000, 5, 1_000):
        batch, _ = put(warehouse, lines(line("1", line_amount_cents=amount)))
        assert curate(warehouse, settings=settings, batch_id=batch).written == 1
    assert [row["line_amount_cents"] for row in versions(warehouse)] == [1_000, 5, 1_000]
    assert violations(warehouse) == []


def test_a_derived_row_counts_only_where_its_key_is_unknown(
    warehouse: Warehouse, settings: Settings
) -> None:
    first, _ = put(
        warehouse, lines(line("1"), derived={"products": [{"product_id": "p", "name": "Pan"}]})
    )
    curate(warehouse, settings=settings, batch_id=first)
    second, _ = put(
        warehouse,
        lines(
            line("2"),
            derived={"products": [{"product_id": "p", "name": "Pot"}, {"product_id": "q"}]},
        ),
    )
    receipt = curate(warehouse, settings=settings, batch_id=second)
    assert receipt.details["versions"]["products"] == 1
    assert {row["product_id"]: row["name"] for row in versions(warehouse, "products")} == {
        "p": "Pan",
        "q": None,
    }


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({"event_at": at("2026-02-09")}, 1),
        ({"kind": "return"}, 2),
        ({"customer_id": "d"}, 2),
        ({"customer_id": None}, 2),
    ],
)
def test_a_derived_order_is_new_only_when_its_kind_or_customer_changed(
    warehouse: Warehouse, settings: Settings, change: dict[str, Any], count: int
) -> None:
    for values in ({}, change):
        batch, _ = put(
            warehouse, lines(line("1") | values, derived={"orders": [line("1") | values]})
        )
        curate(warehouse, settings=settings, batch_id=batch)
    assert len(versions(warehouse, "orders")) == count
    assert violations(warehouse) == []


def test_goods_sent_back_under_its_number_leave_an_order_the_purchase_it_was(
    warehouse: Warehouse, settings: Settings
) -> None:
    for kind, product in (("purchase", "p"), ("return", "q")):
        sold = {"kind": "sale" if kind == "purchase" else kind, "product_id": product}
        batch, _ = put(
            warehouse, lines(line("1") | sold, derived={"orders": [line("1") | {"kind": kind}]})
        )
        curate(warehouse, settings=settings, batch_id=batch)
    assert [row["kind"] for row in versions(warehouse, "orders")] == ["purchase"]


def test_a_replayed_row_never_replaces_what_was_delivered_after_it(
    warehouse: Warehouse, settings: Settings
) -> None:
    first, (original,) = put(
        warehouse, lines(line("2"), rejects=[(7, "bad_number"), (8, "bad_number")])
    )
    second, _ = put(warehouse, lines(line("1", line_amount_cents=5)))
    for batch in (first, second):
        curate(warehouse, settings=settings, batch_id=batch)
    third, (replay,) = put(
        warehouse,
        lines(line("1", line_number=7), rejects=[(8, "zero_quantity")], replay_of=original),
    )
    receipt = curate(warehouse, settings=settings, batch_id=third)
    assert (receipt.written, receipt.quarantined, receipt.duplicates) == (0, 1, 1)
    assert amounts(warehouse, versions(warehouse)[-1]["loaded_at"] + DAY) == {"1": 5, "2": 1_000}
    rows = warehouse.read("SELECT * FROM quarantine.rows ORDER BY delivery_id, line_number")
    assert [
        (row["delivery_id"], row["line_number"], row["reason_code"], row["replayed_in"])
        for row in rows.to_pylist()
    ] == [
        (original, 7, "bad_number", replay),
        (original, 8, "bad_number", replay),
        (replay, 8, "zero_quantity", None),
    ]
    assert violations(warehouse) == []


def test_a_batch_curated_twice_changes_nothing_the_second_time(
    warehouse: Warehouse, settings: Settings
) -> None:
    batch, _ = put(warehouse, lines(line("1"), rejects=[(3, "bad_number")]))
    first = curate(warehouse, settings=settings, batch_id=batch)
    before = content(warehouse)
    second = curate(warehouse, settings=settings, batch_id=batch)
    assert (second.read, second.written, second.quarantined) == (2, 1, 1)
    assert (first.details["is_repeated"], second.details["is_repeated"]) == (False, True)
    assert content(warehouse) == before
    assert warehouse.read("SELECT * FROM ops.receipts").num_rows == 1


@pytest.mark.fault("a batch curated by two processes", promises="P2", row=7)
def test_two_processes_curating_one_batch_write_it_once(
    warehouse: Warehouse, settings: Settings
) -> None:
    batch, (delivery,) = put(warehouse, lines(*(line(str(n)) for n in range(500))))

    def run(_: int) -> bool:
        other = Warehouse(warehouse.url)
        try:
            return bool(curate(other, settings=settings, batch_id=batch).details["is_repeated"])
        finally:
            other.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(run, range(4))) == [False, True, True, True]
    assert ledger(warehouse, delivery) == ("accepted", 500, 500, 0, 0, 0)
    assert violations(warehouse) == []


def test_a_file_that_two_batches_carry_is_curated_once(
    warehouse: Warehouse, settings: Settings
) -> None:
    first, _ = put(warehouse, lines(line("1"), sha256="same"))
    second, (repeated, other) = put(
        warehouse,
        lines(line("1", line_amount_cents=7), sha256="same"),
        lines(line("2"), rejects=[(9, "bad_number")]),
    )
    for batch in (first, second):
        curate(warehouse, settings=settings, batch_id=batch)
    assert ledger(warehouse, repeated)[:2] == ("repeated", 0)
    assert ledger(warehouse, other) == ("accepted", 2, 1, 1, 0, 0)
    assert len(versions(warehouse)) == 2
    assert violations(warehouse) == []


def test_a_batch_whose_staged_rows_are_missing_is_refused_and_nothing_is_recorded(
    warehouse: Warehouse, settings: Settings
) -> None:
    batch, (delivery,) = put(warehouse, lines(line("1"), line("2"), rejects=[(4, "bad_number")]))
    with warehouse.transaction() as transaction:
        transaction.execute("TRUNCATE staging.order_lines, staging.rejects")
    with pytest.raises(WarehouseError, match="was staged with 3 rows but 0 are there now"):
        curate(warehouse, settings=settings, batch_id=batch)
    assert ledger(warehouse, delivery)[0] == "staged"
    assert not any(content(warehouse).values())
    assert warehouse.read("SELECT * FROM quarantine.rows").num_rows == 0


def test_a_batch_that_was_not_checked_is_refused(warehouse: Warehouse, settings: Settings) -> None:
    batch, _ = put(warehouse, lines(line("1")), status="staged")
    with pytest.raises(UsageError, match="is 'staged'; expected 'checked'"):
        curate(warehouse, settings=settings, batch_id=batch)
    with pytest.raises(UsageError, match="no batch 4711"):
        curate(warehouse, settings=settings, batch_id=4711)


def test_a_held_batch_is_not_curated(warehouse: Warehouse, settings: Settings) -> None:
    batch, _ = put(warehouse, lines(line("1")), status="held")
    with pytest.raises(QualityError, match="is held"):
        curate(warehouse, settings=settings, batch_id=batch)

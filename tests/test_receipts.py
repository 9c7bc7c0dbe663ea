"""Receipts add up or are refused; decisions count no rows."""

from datetime import date

import pytest

from retention_ml.errors import AccountingError
from retention_ml.receipts import DecisionReceipt, Receipt
from retention_ml.warehouse import Warehouse


def test_a_receipt_adds_up() -> None:
    receipt = Receipt(door="curate", read=10, written=6, quarantined=3, duplicates=1, seconds=0.5)
    assert str(receipt) == ("curate: read 10 = written 6 + quarantined 3 + duplicates 1 in 0.5 s")


def test_a_lost_row_is_an_error() -> None:
    with pytest.raises(AccountingError, match="read 10 rows but wrote 6, quarantined 3"):
        Receipt(door="curate", read=10, written=6, quarantined=3, seconds=0.5)


def test_a_decision_says_what_was_decided_and_counts_no_rows() -> None:
    receipt = DecisionReceipt(
        door="decide", as_of=date(2026, 3, 1), sentence="keep: it is worse.", seconds=0.5,
        details={"acted": True},
    )  # fmt: skip
    assert str(receipt) == "decide of 2026-03-01: keep: it is worse. (0.5 s)"
    assert receipt.to_dict() == {
        "door": "decide",
        "as_of": "2026-03-01",
        "seconds": 0.5,
        "sentence": "keep: it is worse.",
        "acted": True,
    }


def test_both_kinds_are_stored_a_decision_with_its_sentence(warehouse: Warehouse) -> None:
    rows = Receipt(door="curate", read=2, written=2, seconds=0.5, details={"batch_id": 7})
    decision = DecisionReceipt(door="decide", sentence="keep", seconds=0.5)
    assert warehouse.record(rows, "run") is rows
    assert warehouse.record(decision, "run") is decision
    stored = warehouse.read(
        "SELECT door, read_count, written_count, details::text AS details FROM ops.receipts "
        "ORDER BY receipt_id"
    )
    assert [tuple(row.values()) for row in stored.to_pylist()] == [
        ("curate", 2, 2, '{"batch_id": 7}'),
        ("decide", 0, 0, '{"sentence": "keep"}'),
    ]

"""Receipts add up or are refused."""

import pytest

from retention_ml.errors import AccountingError
from retention_ml.receipts import Receipt


def test_a_receipt_adds_up() -> None:
    receipt = Receipt(door="curate", read=10, written=6, quarantined=3, duplicates=1, seconds=0.5)
    assert str(receipt) == ("curate: read 10 = written 6 + quarantined 3 + duplicates 1 in 0.5 s")


def test_a_lost_row_is_an_error() -> None:
    with pytest.raises(AccountingError, match="read 10 rows but wrote 6, quarantined 3"):
        Receipt(door="curate", read=10, written=6, quarantined=3, seconds=0.5)

"""Coupon codes: each is given once, whatever is run twice, rolled back or run side by side."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from retention_ml.actions.catalogue import coupons
from retention_ml.actions.catalogue.coupons import (
    add_codes,
    code_mistakes,
    codes_left,
    give_codes,
    read_codes,
)
from retention_ml.warehouse import Transaction, Warehouse

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)


def _add(transaction: Transaction, *codes: str) -> int:
    return add_codes(transaction, "spring", codes, loaded_at=NOW, run_id="test")


def _give(transaction: Transaction, *customers: str) -> dict[str, str]:
    requests = {f"message of {customer}": customer for customer in customers}
    codes = give_codes(transaction, "spring", requests, as_of=DAY, given_at=NOW, run_id="test")
    return {message.removeprefix("message of "): code for message, code in codes.items()}


def _give_and_fail(warehouse: Warehouse) -> None:
    with warehouse.transaction() as first:
        assert _give(first, "ann") == {"ann": "A-1"}
        with warehouse.transaction() as second:
            assert _give(second, "bob") == {"bob": "B-2"}
        raise ZeroDivisionError


def _pool(folder: Path, content: bytes) -> Path:
    (folder / "coupons").mkdir()
    (folder / "coupons" / "spring.txt").write_bytes(content)
    return folder


def test_codes_are_read_in_order_each_once(tmp_path: Path) -> None:
    folder = _pool(tmp_path, "\ufeff# of March\r\nB-2\r\n\r\n A-1 \r\nB-2\r\nÄ-3".encode())
    assert read_codes(folder, "spring") == ("B-2", "A-1", "Ä-3")
    assert read_codes(folder, "summer") == ()


@pytest.mark.parametrize("line", [b"TWO WORDS", b"A\x00B", b"x" * 101])
def test_a_line_that_is_no_code_is_left_out_and_named_without_the_code(
    tmp_path: Path, line: bytes
) -> None:
    folder = _pool(tmp_path, b"A-1\n" + line + b"\nB-2")
    assert read_codes(folder, "spring") == ("A-1", "B-2")
    [sentence] = code_mistakes(folder, "spring")
    assert sentence.startswith("coupons/spring.txt, line 2, is no code")
    assert line.decode() not in sentence


def test_a_file_of_codes_that_is_no_text_has_none(tmp_path: Path) -> None:
    folder = _pool(tmp_path, b"A-1\n\xff\xfe")
    assert read_codes(folder, "spring") == ()
    [sentence] = code_mistakes(folder, "spring")
    assert sentence.startswith("coupons/spring.txt, line 2, is no text")


def test_a_pool_may_be_larger_than_an_action_file(tmp_path: Path) -> None:
    folder = _pool(tmp_path, b"".join(b"CODE-%07d\n" % number for number in range(100_000)))
    assert len(read_codes(folder, "spring")) == 100_000
    assert code_mistakes(folder, "spring") == []


def test_a_pool_that_is_too_large_has_no_codes_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coupons, "BYTES_MAX", 10)
    folder = _pool(tmp_path, b"A-1\nB-2\nC-3\n")
    assert read_codes(folder, "spring") == ()
    assert code_mistakes(folder, "spring") == [
        "coupons/spring.txt has 12 bytes; expected at most 10."
    ]


def test_a_code_is_given_once_and_a_message_keeps_its_own(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        assert _add(transaction, "C-1", "A-2", "B-3") == 3
        assert _give(transaction, "ann", "bob") == {"ann": "C-1", "bob": "A-2"}
    with warehouse.transaction() as transaction:
        assert _give(transaction, "bob", "ann") == {"ann": "C-1", "bob": "A-2"}
        assert codes_left(transaction, "spring") == 1
        assert _add(transaction, "A-2", "B-3", "D-4") == 1
        assert _give(transaction, "cho", "ann", "dan", "eve") == {
            "cho": "B-3", "ann": "C-1", "dan": "D-4",
        }  # fmt: skip
        assert codes_left(transaction, "spring") == 0
        assert _give(transaction, "eve") == {}
        assert _give(transaction) == {}
        assert codes_left(transaction, "other") == 0


def test_what_is_rolled_back_was_not_given_and_nobody_waits(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        _add(transaction, "A-1", "B-2")
    with pytest.raises(ZeroDivisionError):
        _give_and_fail(warehouse)
    with warehouse.transaction() as transaction:
        assert _give(transaction, "cho") == {"cho": "A-1"}
        assert codes_left(transaction, "spring") == 0

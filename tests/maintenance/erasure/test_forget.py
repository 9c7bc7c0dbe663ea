"""Persons are forgotten: nothing of them is left, and nothing of others changes."""

import json
from pathlib import Path

import pytest

from retention_ml.errors import SettingsError, UnknownCustomer, UsageError
from retention_ml.maintenance.erasure import persons
from retention_ml.maintenance.erasure.export_person import export_person
from retention_ml.maintenance.erasure.forget import forget, preview
from retention_ml.maintenance.erasure.prove import prove
from retention_ml.maintenance.erasure.requests import parse
from retention_ml.maintenance.invariants import violations
from retention_ml.people.lookup import customer_id_of
from retention_ml.receipts import Receipt
from tests.maintenance.erasure.conftest import EVENTS, FORGOTTEN, MARK, Filled
from tests.people.conftest import take_in


def _forget(shop: Filled) -> Receipt:
    return forget(shop.warehouse, settings=shop.settings, numbers=shop.gone)


def _hits(shop: Filled) -> dict[str, int]:
    details = prove(shop.warehouse, settings=shop.settings, numbers=shop.gone).details
    hits: dict[str, int] = details["hits"]
    assert details["is_proved"] == (not hits)
    return hits


@pytest.mark.fault("persons forgotten, everywhere searched for", promises="P1 P7", row=40)
def test_nothing_is_left_of_who_was_forgotten_and_all_others_are_as_they_were(
    filled: Filled,
) -> None:
    ids = {customer_id_of(filled.warehouse, filled.settings, number) for number in filled.gone}
    others = filled.rows_of_others(ids)
    counts = preview(filled.warehouse, settings=filled.settings, numbers=filled.gone)
    assert counts["persons"] == FORGOTTEN
    assert counts["rows"]["quarantine.rows"] == 5
    receipt = _forget(filled)
    assert receipt.written == FORGOTTEN
    assert receipt.details["quarantined"] == 5
    for table, rows in counts["rows"].items():
        if table.startswith("curated."):
            assert receipt.details["rows"][table] == rows, table
    assert _hits(filled) == {}
    assert filled.rows_of_others(ids) == others
    assert violations(filled.warehouse) == []
    comments = filled.values("SELECT comment FROM curated.feedback WHERE feedback_id LIKE 'X%'")
    assert len([comment for comment in comments if MARK in str(comment)]) == 5
    assert filled.values("SELECT count(*) FROM quarantine.rows") == [4]


@pytest.mark.fault("rows of a person deleted by hand, all else left", promises="P1", row=40)
def test_rows_that_are_deleted_alone_are_found(filled: Filled) -> None:
    with filled.warehouse.transaction() as transaction:
        ids = [customer_id_of(filled.warehouse, filled.settings, each) for each in filled.gone]
        for table, column in persons.TABLES:
            transaction.change(f"DELETE FROM {table} WHERE {column} = ANY(:ids)", ids=ids)
    hits = prove(filled.warehouse, settings=filled.settings, numbers=filled.gone).details["hits"]
    assert any(place.startswith("landing/") for place in hits)
    assert "quarantine.rows.raw_text" in hits
    assert "raw.deliveries.file_name" in hits
    assert violations(filled.warehouse) != []


def test_a_short_number_is_looked_for_where_customers_stand(filled: Filled) -> None:
    other = filled.others[0]
    rows = ["2024-03-02 10:00:00,17,7,login,,\n", f"2024-03-02 10:00:00,{other},17,search,,17\n"]
    path = filled.deliver("events_new.csv", EVENTS + "".join(rows))
    take_in(filled.warehouse, filled.settings, (path,))
    before = prove(filled.warehouse, settings=filled.settings, numbers=["17"])
    places = before.details["hits"]
    assert places["curated.events"] == 1
    assert [count for place, count in places.items() if place.startswith("landing/")] == [1]
    forget(filled.warehouse, settings=filled.settings, numbers=["17"])
    after = prove(filled.warehouse, settings=filled.settings, numbers=["17"])
    assert after.details["is_proved"]
    assert "fewer than 6 letters (1) were looked for where customers stand" in after.sentence
    assert filled.values("SELECT count(*) FROM curated.events WHERE detail = '17'") == [1]


def test_who_asks_twice_hears_when_it_was_done(filled: Filled) -> None:
    _forget(filled)
    again = _forget(filled)
    assert (again.written, again.duplicates) == (0, FORGOTTEN)
    assert len(again.details["done_before"]) == FORGOTTEN
    assert set(filled.values("SELECT outcome FROM privacy.requests")) == {"accepted", "done before"}


def test_an_unknown_person_is_refused_and_only_the_request_is_written_down(filled: Filled) -> None:
    with pytest.raises(UnknownCustomer, match="There is no such customer") as refusal:
        forget(filled.warehouse, settings=filled.settings, numbers=["C9999999"])
    assert refusal.value.exit_code == 3
    assert filled.values("SELECT outcome FROM privacy.requests") == ["no such customer"]
    assert filled.values("SELECT tombstone FROM privacy.tombstones") == []


def test_one_bad_number_of_a_list_refuses_all_of_it_by_its_line(filled: Filled) -> None:
    numbers = [*filled.gone, "C9999999"]
    with pytest.raises(UnknownCustomer, match=f"line {FORGOTTEN + 1} of the list"):
        forget(filled.warehouse, settings=filled.settings, numbers=numbers)
    assert filled.values("SELECT tombstone FROM privacy.tombstones") == []
    with pytest.raises(UsageError, match="Lines 2, 3 of the list can be no"):
        parse(["C1", "x\x00", "y" * 300, "", "C2"])


def test_without_the_keys_nothing_is_read(filled: Filled) -> None:
    _forget(filled)
    (filled.settings.home / "keys.json").unlink()
    with pytest.raises(SettingsError, match="There are no keys at"):
        forget(filled.warehouse, settings=filled.settings, numbers=filled.others[:1])
    assert not (filled.settings.home / "keys.json").exists()


def test_an_export_has_every_table_of_the_register(filled: Filled, tmp_path: Path) -> None:
    number = filled.gone[0]
    receipt = export_person(
        filled.warehouse, settings=filled.settings, number=number, folder=tmp_path / "out"
    )
    path = tmp_path / "out" / "person.json"
    tables = json.loads(path.read_text("utf-8"))["tables"]
    assert {table for table, _ in persons.TABLES} <= tables.keys()
    assert f"{MARK}0" in tables["curated.feedback"][-1]["comment"]
    assert len(tables["quarantine.rows"]) == 2
    assert receipt.written == sum(map(len, tables.values())) > 10
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="is there already"):
        export_person(
            filled.warehouse, settings=filled.settings, number=number, folder=tmp_path / "out"
        )

"""A filled warehouse gets pseudonyms in one transaction, as if it had had them from the start."""

from dataclasses import replace

import pytest

from retention_ml import failpoints
from retention_ml.deliveries.ledger import people
from retention_ml.errors import AccountingError, UsageError
from retention_ml.maintenance import pseudonymise as door
from retention_ml.maintenance.invariants import violations
from retention_ml.maintenance.pseudonymise import pseudonymise
from retention_ml.people.lookup import customer_id_of
from tests.people.conftest import Shop, settings_of, take_in

TABLES = ("customers", "orders", "order_lines", "events", "feedback", "campaign_contacts")


def with_pseudonyms(shop: Shop) -> Shop:
    return replace(shop, settings=settings_of(shop.settings.home, pseudonyms=True))


def keys(shop: Shop) -> dict[str, list[object]]:
    """Row keys and hashes of every table, in their order."""
    return {
        name: shop.values(
            "SELECT encode(row_key, 'hex') || encode(content_hash, 'hex') || coalesce(customer_id, '') "
            f"FROM curated.{name} ORDER BY 1"
        )
        for name in TABLES
    }


def test_a_filled_warehouse_becomes_what_it_would_have_been_with_pseudonyms(
    shop_with_numbers: Shop, shop: Shop
) -> None:
    keys_file = shop_with_numbers.settings.home / "keys.json"
    keys_file.write_bytes((shop.settings.home / "keys.json").read_bytes())
    keys_file.chmod(0o600)
    receipt = pseudonymise(shop_with_numbers.warehouse, settings=shop_with_numbers.settings)
    assert receipt.written == len(shop.numbers)
    assert keys(shop_with_numbers) == keys(shop)
    assert all(len(rows) > 10 for rows in keys(shop).values())
    people_of = "SELECT customer_id FROM privacy.people ORDER BY 1"
    assert shop_with_numbers.values(people_of) == shop.values(people_of)
    again = pseudonymise(shop_with_numbers.warehouse, settings=shop_with_numbers.settings)
    assert again.details == {"tables": {}, "is_repeat": True}
    assert keys(shop_with_numbers) == keys(shop)
    assert violations(shop_with_numbers.warehouse) == []
    renamed = with_pseudonyms(shop_with_numbers)
    lines = next(path for path in renamed.files if path.name.startswith("order_lines"))
    longer = lines.with_name("order_lines_again.csv")
    longer.write_bytes(lines.read_bytes() + b"\n")
    try:
        take_in(renamed.warehouse, renamed.settings, (longer,))
    finally:
        longer.unlink()
    assert keys(renamed)["order_lines"] == keys(shop)["order_lines"]


@pytest.mark.parametrize("place", ["pseudonymise.after_people", "pseudonymise.before_commit"])
def test_stopped_anywhere_nothing_is_changed(
    shop_with_numbers: Shop, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(name: str) -> None:
        if name == place:
            raise RuntimeError(name)

    before = keys(shop_with_numbers)
    monkeypatch.setattr(door, "failpoint", stop)
    with pytest.raises(RuntimeError, match=place):
        pseudonymise(shop_with_numbers.warehouse, settings=shop_with_numbers.settings)
    assert keys(shop_with_numbers) == before
    with shop_with_numbers.warehouse.transaction() as transaction:
        assert people.ring_id(transaction) is None
    monkeypatch.setattr(door, "failpoint", failpoints.failpoint)
    pseudonymise(shop_with_numbers.warehouse, settings=shop_with_numbers.settings)
    number = shop_with_numbers.numbers[0]
    customer_id = customer_id_of(shop_with_numbers.warehouse, shop_with_numbers.settings, number)
    assert customer_id != number


def test_rows_whose_keys_are_not_made_of_their_values_are_left_alone(
    shop_with_numbers: Shop,
) -> None:
    with shop_with_numbers.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE curated.feedback SET rating_share = 0.123 "
            "WHERE ctid = (SELECT ctid FROM curated.feedback LIMIT 1)"
        )
    before = keys(shop_with_numbers)
    with pytest.raises(AccountingError, match=r"1 rows of curated\.feedback"):
        pseudonymise(shop_with_numbers.warehouse, settings=shop_with_numbers.settings)
    assert keys(shop_with_numbers) == before


def test_lots_that_still_count_keep_the_numbers(shop_with_numbers: Shop) -> None:
    with shop_with_numbers.warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO outcomes.trials (champion_version, champion_sha256, challenger_version, "
            "challenger_sha256, definition_hash, began_on, plan, status, run_id) VALUES "
            "('1', 'a', '2', 'b', 'd', '2026-02-01', '{}', 'open', 'r')"
        )
    with pytest.raises(UsageError, match="a trial of champion and challenger is open"):
        pseudonymise(shop_with_numbers.warehouse, settings=shop_with_numbers.settings)

"""Customers have pseudonyms in the warehouse, and are found by the number that the shop knows."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.deliveries.ledger import people
from retention_ml.deliveries.replay import replay
from retention_ml.deliveries.stage import stage
from retention_ml.errors import SettingsError
from retention_ml.people.lookup import customer_id_of, numbers_of
from retention_ml.privacy.pseudonyms import is_pseudonym
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.people.conftest import CUSTOMERS, Shop, settings_of, take_in


def test_every_customer_of_a_file_has_a_pseudonym_and_is_found_by_the_number(shop: Shop) -> None:
    ids = shop.values("SELECT DISTINCT customer_id FROM curated.customers")
    assert len(ids) >= CUSTOMERS
    assert all(is_pseudonym(str(each)) for each in ids)
    looked_up = {customer_id_of(shop.warehouse, shop.settings, each) for each in shop.numbers}
    assert looked_up == set(ids)
    one = shop.numbers[0]
    assert customer_id_of(shop.warehouse, shop.settings, f" {one} ") in looked_up
    by_pseudonym = customer_id_of(shop.warehouse, shop.settings, str(ids[0]))
    assert by_pseudonym == ids[0]
    with shop.warehouse.transaction() as transaction:
        numbers = numbers_of(transaction, shop.settings, [str(each) for each in ids])
    assert sorted(numbers.values()) == sorted(shop.numbers)


def test_rows_are_the_same_but_for_the_names_of_customers(
    shop: Shop, shop_with_numbers: Shop
) -> None:
    sql = (
        "SELECT order_id, product_id, occurrence, event_at, kind, line_amount_cents, "
        "customer_id IS NULL FROM curated.order_lines ORDER BY 1, 2, 3"
    )
    with shop.warehouse.transaction() as transaction:
        with_pseudonyms = transaction.execute(sql)
    with shop_with_numbers.warehouse.transaction() as transaction:
        with_numbers = transaction.execute(sql)
    assert len(with_numbers) > 500
    assert with_pseudonyms == with_numbers


def test_the_same_files_again_change_nothing(shop: Shop) -> None:
    before = shop.values("SELECT count(*) FROM curated.orders")
    people_before = shop.values("SELECT lookup FROM privacy.people ORDER BY customer_id")
    longer = shop.files[0].with_name("order_lines_again.csv")
    lines = next(path for path in shop.files if path.name.startswith("order_lines"))
    longer.write_bytes(lines.read_bytes() + b"\n")
    try:
        staged = take_in(shop.warehouse, shop.settings, (longer,))
    finally:
        longer.unlink()
    assert staged.read > 0
    assert shop.values("SELECT count(*) FROM curated.orders") == before
    assert shop.values("SELECT lookup FROM privacy.people ORDER BY customer_id") == people_before


def test_an_unknown_number_is_no_customer_and_goes_no_further(shop: Shop) -> None:
    customer_id = customer_id_of(shop.warehouse, shop.settings, "nobody at all")
    assert is_pseudonym(customer_id)
    ids = shop.values("SELECT customer_id FROM privacy.people")
    assert customer_id not in ids


def test_without_the_keys_nothing_is_read_and_none_are_made(shop: Shop) -> None:
    keys = shop.settings.home / "keys.json"
    content = keys.read_bytes()
    keys.unlink()
    with pytest.raises(SettingsError, match=r"There are no keys at .*keys\.json"):
        customer_id_of(shop.warehouse, shop.settings, shop.numbers[0])
    assert not keys.exists()
    other = settings_of(shop.settings.home.with_name("other"), pseudonyms=True)
    people.Keyring.of(other)
    with pytest.raises(SettingsError, match="of another warehouse"):
        customer_id_of(shop.warehouse, other, shop.numbers[0])
    keys.write_bytes(content)
    keys.chmod(0o600)
    assert customer_id_of(shop.warehouse, shop.settings, shop.numbers[0])


def test_a_warehouse_keeps_to_what_it_was_begun_with(shop: Shop, shop_with_numbers: Shop) -> None:
    as_numbers = settings_of(shop.settings.home, pseudonyms=False)
    products = tuple(path for path in shop.files if path.name.startswith("products"))
    changed = products[0].with_name("products_again.csv")
    changed.write_bytes(products[0].read_bytes() + b"\n")
    try:
        with pytest.raises(SettingsError, match="this warehouse holds pseudonyms"):
            take_in(shop.warehouse, as_numbers, (changed,))
        as_pseudonyms = settings_of(shop_with_numbers.settings.home, pseudonyms=True)
        with pytest.raises(SettingsError, match="Run `retention people pseudonymise`"):
            take_in(shop_with_numbers.warehouse, as_pseudonyms, (changed,))
    finally:
        changed.unlink()
    number = shop_with_numbers.numbers[0]
    assert customer_id_of(shop_with_numbers.warehouse, as_pseudonyms, number) == number


def test_what_a_person_types_finds_the_customer_on_the_command_line(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", shop.warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(shop.settings.home))
    asked: list[str] = []

    def membership(_: object, customer_id: str, **__: object) -> None:
        asked.append(customer_id)

    monkeypatch.setattr("retention_ml.actions.explain.membership", membership)
    number = shop.numbers[0]
    customer_id = customer_id_of(shop.warehouse, shop.settings, number)
    for typed in (number, customer_id):
        shown = CliRunner().invoke(app, ["holdout", "show", typed])
        assert shown.exit_code == 0, shown.output
    assert asked == [customer_id, customer_id]


CDNOW = """title = "A shop without order numbers"
timezone = "UTC"
currency = "USD"

[feeds.purchases]
files = ["purchases*.csv"]
table = "order_lines"

[feeds.purchases.columns]
order_id = { columns = ["customer", "date"] }
customer_id = "customer"
event_at = { column = "date", format = "%Y%m%d" }
quantity = "discs"
line_amount_cents = { column = "amount", money = true }
"""


def _cdnow(folder: Path) -> Settings:
    settings = settings_of(folder / "home", pseudonyms=True)
    (folder / "sources").mkdir()
    (folder / "sources" / "cdnow.toml").write_text(CDNOW)
    calendar = settings.calendar.model_copy(update={"currency": "USD"})
    return settings.model_copy(update={"sources": folder / "sources", "calendar": calendar})


def test_an_order_number_that_is_composed_of_the_customer_gives_no_number_away(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    settings = _cdnow(tmp_path)
    file = tmp_path / "purchases.csv"
    file.write_text(
        "customer,date,discs,amount\n00816,19970101,1,11.77\n00816,19970101,2,20.00\n"
        "00816,19970301,1,5.00\n00917,19970101,1,9.00\n"
    )
    take_in(warehouse, settings, (file,), source="cdnow")
    with warehouse.transaction() as transaction:
        orders = transaction.execute("SELECT order_id, customer_id FROM curated.orders")
    assert len({row.order_id for row in orders}) == 3
    assert len({row.customer_id for row in orders}) == 2
    assert all(is_pseudonym(row.order_id) for row in orders)
    assert not {row.order_id for row in orders} & {row.customer_id for row in orders}
    with warehouse.transaction() as transaction:
        people_count = transaction.execute("SELECT count(*) FROM privacy.people")
    assert people_count == [(2,)]


def test_quarantined_rows_keep_their_bytes_and_are_read_again_with_the_keys_only(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    settings = _cdnow(tmp_path)
    file = tmp_path / "purchases.csv"
    file.write_text("customer,date,discs,amount\n00816,19970101,1,11.77\n00816,1997-03-01,1,5.00\n")
    take_in(warehouse, settings, (file,), source="cdnow")
    with warehouse.transaction() as transaction:
        rows = transaction.execute("SELECT raw_text FROM quarantine.rows")
    assert [row.raw_text.strip() for row in rows] == ["00816,1997-03-01,1,5.00"]
    description = settings.sources / "cdnow.toml"
    description.write_text(CDNOW.replace('"%Y%m%d"', '["%Y%m%d", "%Y-%m-%d"]'))
    batch_id = replay(warehouse, settings=settings, source="cdnow", reason=None).details["batch_id"]
    keys = settings.home / "keys.json"
    hidden = keys.rename(keys.with_suffix(".away"))
    with pytest.raises(SettingsError, match="There are no keys at"):
        stage(warehouse, settings=settings, batch_id=batch_id)
    hidden.rename(keys)
    assert stage(warehouse, settings=settings, batch_id=batch_id).written == 1
    with warehouse.transaction() as transaction:
        [[staged]] = transaction.execute("SELECT customer_id FROM staging.order_lines")
    assert staged == customer_id_of(warehouse, settings, "00816")

"""The catalogue as rows and as a document, its digests, and which one is in force."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from retention_ml.actions.catalogue.action import Action
from retention_ml.actions.catalogue.catalogue import Catalogue
from retention_ml.actions.catalogue.last_good import catalogue_in_force, store_catalogue
from retention_ml.actions.catalogue.loading import load_actions
from retention_ml.errors import SettingsError, UsageError
from retention_ml.settings import PROJECT
from retention_ml.warehouse import Transaction, Warehouse
from tests.actions.catalogue.conftest import COUPON, MAIL

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)


def _store(transaction: Transaction, catalogue: Catalogue, day: date = DAY) -> None:
    store_catalogue(transaction, catalogue, as_of=day, stored_at=NOW, run_id="test")


def test_a_version_changes_with_every_key_and_every_character_of_a_template(folder: Path) -> None:
    first = load_actions(folder)
    assert load_actions(folder).sha256 == first.sha256
    versions = {first.action("reminder").version_sha256}
    path = folder / "reminder.toml"
    path.write_text(MAIL.replace("0.02", "0.03"), encoding="utf-8")
    versions.add(load_actions(folder).action("reminder").version_sha256)
    path.write_text("# a remark\n" + MAIL, encoding="utf-8")
    assert load_actions(folder).sha256 == first.sha256
    text = folder / "templates" / "reminder.html"
    text.write_text(text.read_text(encoding="utf-8") + " ", encoding="utf-8")
    versions.add(load_actions(folder).action("reminder").version_sha256)
    (folder / "templates" / "reminder.html").unlink()
    versions.add(load_actions(folder).action("reminder").version_sha256)
    assert len(versions) == 4
    assert load_actions(folder).sha256 != first.sha256


def test_a_document_of_json_becomes_an_equal_catalogue() -> None:
    catalogue = load_actions(PROJECT / "actions")
    document = json.loads(json.dumps(catalogue.document()))
    again = Catalogue.from_document(document)
    assert again == catalogue
    assert again.sha256 == catalogue.sha256
    assert list(again.actions) == list(catalogue.actions)


def test_none_is_the_first_action_of_a_stored_catalogue_too(
    warehouse: Warehouse, folder: Path
) -> None:
    """An object of the database has its own order: short names first."""
    for name in ("sms", "mail", "a_long_name"):
        (folder / f"{name}.toml").write_text(MAIL, encoding="utf-8")
    catalogue = load_actions(folder)
    with warehouse.transaction() as transaction:
        _store(transaction, catalogue)
        (folder / "sms.toml").write_text("title = 1", encoding="utf-8")
        in_force = catalogue_in_force(transaction, folder).catalogue
    names = ["none", "a_long_name", "mail", "reminder", "sms"]
    assert list(in_force.actions) == list(catalogue.actions) == names


def test_a_catalogue_stored_with_floors_is_read_after_the_migration(
    warehouse: Warehouse, folder: Path
) -> None:
    good = load_actions(folder)
    (folder / "reminder.toml").write_text("title = 1", encoding="utf-8")
    script = PROJECT / "retention_ml" / "migrations" / "0022_no_floor.sql"
    _, update, _ = script.read_text(encoding="utf-8").split(";")
    with warehouse.transaction() as transaction:
        _store(transaction, good)
        transaction.execute(
            "UPDATE actions.catalogues SET document = jsonb_set(document, "
            "'{actions,reminder,floor}', '0.1')"
        )
        with pytest.raises(ValidationError, match="floor"):
            catalogue_in_force(transaction, folder)
        transaction.run_script(update)
        assert catalogue_in_force(transaction, folder).catalogue == good


def test_an_unknown_action_is_refused_with_the_nearest(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no action 'remindr'.* Did you mean 'reminder'\?"):
        load_actions(folder).action("remindr")


def test_the_expected_cost_of_a_coupon_is_its_discount_on_expected_orders() -> None:
    coupon = Action(
        action_id="ten", version_sha256="", title="10 %", kind="coupon", channel="email",
        cost=0.02, discount_share=0.1,
    )  # fmt: skip
    probability, basket = np.array([0.0, 0.5]), np.array([4_000.0, 6_000.0])
    assert coupon.expected_cost_cents(probability, basket, 100).tolist() == [2.0, 302.0]
    assert coupon.cost_cents(1) == pytest.approx(0.02)  # yen: not rounded to nothing


def test_rows_fit_the_table_of_actions(warehouse: Warehouse) -> None:
    columns = warehouse.read(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = 'actions' AND table_name = 'catalogue'"
    )["column_name"].to_pylist()
    rows = load_actions(PROJECT / "actions").rows(100)
    assert {column for row in rows for column in row} == {*columns} - {"first_as_of", "run_id"}
    with warehouse.transaction() as transaction:
        for row in rows:
            transaction.insert_row(
                "actions.catalogue", {**row, "first_as_of": DAY, "run_id": "test"}
            )


def test_a_mistake_in_the_files_leaves_the_last_good_catalogue_in_force(
    warehouse: Warehouse, folder: Path
) -> None:
    good = load_actions(folder)
    path = folder / "reminder.toml"
    with warehouse.transaction() as transaction:
        path.write_text(MAIL.replace("0.02", "0.03"), encoding="utf-8")
        _store(transaction, load_actions(folder))
        _store(transaction, good)
        _store(transaction, good, date(2026, 3, 2))
        assert len(transaction.execute("SELECT FROM actions.catalogues")) == 2
    path.write_text(MAIL.replace("critical", "critcal"), encoding="utf-8")
    with warehouse.transaction() as transaction:
        in_force = catalogue_in_force(transaction, folder)
    assert in_force.catalogue == good
    assert in_force.alert is not None
    assert "line 11: rule.tiers.2: 'critcal'" in in_force.alert
    assert "the actions in force since 2026-03-01 are used" in in_force.alert
    path.write_text(MAIL, encoding="utf-8")
    with warehouse.transaction() as transaction:
        assert catalogue_in_force(transaction, folder).alert is None


def test_a_line_that_is_no_code_is_an_alert_and_the_other_codes_are_used(
    warehouse: Warehouse, folder: Path
) -> None:
    (folder / "reminder.toml").write_text(COUPON, encoding="utf-8")
    (folder / "coupons").mkdir()
    (folder / "coupons" / "spring.txt").write_text("A-1\nB 2\n", encoding="utf-8")
    with warehouse.transaction() as transaction:
        in_force = catalogue_in_force(transaction, folder)
    assert in_force.catalogue == load_actions(folder)
    assert "coupons/spring.txt, line 2, is no code" in str(in_force.alert)


def test_without_a_last_good_catalogue_the_mistake_is_raised(
    warehouse: Warehouse, folder: Path
) -> None:
    (folder / "reminder.toml").write_text("title = 1", encoding="utf-8")
    with warehouse.transaction() as transaction, pytest.raises(SettingsError, match="line 1"):
        catalogue_in_force(transaction, folder)

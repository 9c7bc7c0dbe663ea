"""New keys for lookups and numbers change nothing else, wherever they are interrupted."""

import json
from datetime import date

import pytest
from typer.testing import CliRunner

from retention_ml import failpoints
from retention_ml.cli import app
from retention_ml.errors import UsageError
from retention_ml.features import build as build_module
from retention_ml.features.build import build
from retention_ml.keys import Keyring
from retention_ml.people import rotate_key as door
from retention_ml.people.lookup import customer_id_of, numbers_of
from retention_ml.people.rotate_key import rotate_key
from retention_ml.scores import publish as publish_module
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from tests.people.conftest import Shop, take_in

_EVERYTHING = "SELECT md5(string_agg(row::text, '|' ORDER BY row::text)) FROM curated.{} AS row"


def _digests(shop: Shop) -> list[object]:
    names = ("customers", "orders", "order_lines", "events", "feedback", "campaign_contacts")
    return [shop.values(_EVERYTHING.format(name))[0] for name in names]


def _require_all_found(shop: Shop) -> None:
    ids = shop.values("SELECT customer_id FROM privacy.people")
    assert {customer_id_of(shop.warehouse, shop.settings, each) for each in shop.numbers} == set(
        ids
    )
    with shop.warehouse.transaction() as transaction:
        numbers = numbers_of(transaction, shop.settings, [str(each) for each in ids])
    assert sorted(numbers.values()) == sorted(shop.numbers)


def test_customers_are_found_by_number_after_a_rotation_and_nothing_else_changed(
    shop: Shop,
) -> None:
    before, sealed = _digests(shop), set(shop.values("SELECT number_sealed FROM privacy.people"))
    lookups = set(shop.values("SELECT lookup FROM privacy.people"))
    for version in (2, 3):
        receipt = rotate_key(shop.warehouse, settings=shop.settings)
        assert receipt.details["version"] == version
        assert receipt.written == receipt.read == len(sealed)
    assert _digests(shop) == before
    assert not lookups & set(shop.values("SELECT lookup FROM privacy.people"))
    assert not sealed & set(shop.values("SELECT number_sealed FROM privacy.people"))
    assert shop.values("SELECT DISTINCT key_version FROM privacy.people") == [3]
    _require_all_found(shop)


@pytest.mark.parametrize(
    "place", ["rotate_key.between_keys", "rotate_key.after_keys", "rotate_key.before_commit"]
)
def test_a_rotation_that_was_interrupted_is_finished_by_the_next_one(
    shop: Shop, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(name: str) -> None:
        if name == place:
            raise RuntimeError(name)

    monkeypatch.setattr(door, "failpoint", stop)
    with pytest.raises(RuntimeError, match=place):
        rotate_key(shop.warehouse, settings=shop.settings)
    assert shop.values("SELECT DISTINCT key_version FROM privacy.people") == [1]
    _require_all_found(shop)
    longer = shop.files[0].with_name("customers_later.csv")
    longer.write_text(
        "customer_id,registered_at,country,age_band,income_band,household_size\n"
        "C9999999,2024-01-01 00:00:00,Ireland,25-34,20-35K,2\n"
    )
    try:
        take_in(shop.warehouse, shop.settings, (longer,))
    finally:
        longer.unlink()
    monkeypatch.setattr(door, "failpoint", failpoints.failpoint)
    receipt = rotate_key(shop.warehouse, settings=shop.settings)
    assert receipt.details["version"] == 2
    assert Keyring.of(shop.settings).current("lookup").version == 2
    assert Keyring.of(shop.settings).current("number").version == 2
    assert shop.values("SELECT DISTINCT key_version FROM privacy.people") == [2]
    assert customer_id_of(shop.warehouse, shop.settings, "C9999999")


def test_there_are_no_keys_to_rotate_where_numbers_are_held(shop_with_numbers: Shop) -> None:
    with pytest.raises(UsageError, match="no keys to rotate"):
        rotate_key(shop_with_numbers.warehouse, settings=shop_with_numbers.settings)


def test_features_and_scores_are_what_they_were_and_explain_answers_by_number(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "_check", lambda *_: None)
    monkeypatch.setattr(publish_module, "_check_expectations", lambda *_, **__: None)
    day = date(2024, 3, 15)
    built = build(shop.warehouse, settings=shop.settings, as_of=day)
    scored = score(shop.warehouse, settings=shop.settings, as_of=day)
    rotate_key(shop.warehouse, settings=shop.settings)
    with shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE features.customer_daily SET recency_days = recency_days + 1")
    again = build(shop.warehouse, settings=shop.settings, as_of=day)
    assert again.details["features_digest"] == built.details["features_digest"]
    scored_again = score(shop.warehouse, settings=shop.settings, as_of=day)
    assert scored_again.details["scores_digest"] == scored.details["scores_digest"]
    assert scored.written > 50
    publish(
        shop.warehouse,
        settings=shop.settings,
        snapshot_id=int(scored_again.details["snapshot_id"]),
    )
    [customer_id] = shop.values("SELECT customer_id FROM reports.customer_risk LIMIT 1")
    with shop.warehouse.transaction() as transaction:
        [number] = numbers_of(transaction, shop.settings, [str(customer_id)]).values()
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", shop.warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(shop.settings.home))
    shown = CliRunner().invoke(app, ["explain", number, "--json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["customer_id"] == customer_id
    unknown = CliRunner().invoke(app, ["explain", "C7777777"])
    assert unknown.exit_code == 2
    assert "there is no such customer" in " ".join(unknown.output.split())
    assert "7777777" not in unknown.output

"""What leaves the house has the shop's numbers, and what stays has pseudonyms."""

import csv
import json

import pytest

from retention_ml.actions.deliver import deliver, inbox
from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.actions.outbox.reached import reached
from retention_ml.errors import ChannelError
from retention_ml.people.lookup import customer_id_of
from retention_ml.people.rotate_key import rotate_key
from retention_ml.settings import Settings
from tests.actions.decided_days import DAY as DECIDED
from tests.actions.decided_days import Decisions
from tests.people.conftest import Shop, take_in
from tests.worlds.outbox import DAY, NOON, channel_settings, put, row
from tests.worlds.receivers import crm

PAYLOAD = {"variables": {"tier": "high"}}


@pytest.fixture
def customers(shop: Shop) -> dict[str, str]:
    """Three numbers, each with what the warehouse knows the customer by."""
    return {
        number: customer_id_of(shop.warehouse, shop.settings, number) for number in shop.numbers[:3]
    }


def _put(shop: Shop, channel: str, customers: dict[str, str]) -> Settings:
    messages = [row(each, channel, payload=PAYLOAD, address=None) for each in customers.values()]
    put(shop.warehouse, messages)
    return channel_settings(shop.settings)


def test_a_file_for_the_crm_has_numbers_and_the_outbox_has_none(
    shop: Shop, customers: dict[str, str]
) -> None:
    settings = _put(shop, "file", customers)
    assert dispatch(shop.warehouse, settings=settings, now=lambda: NOON).written == 3
    [path] = (shop.settings.home / "outbox").glob("*.csv")
    with path.open(encoding="utf-8", newline="") as file:
        assert {line["customer_id"] for line in csv.DictReader(file)} == set(customers)
    stored = str(shop.values("SELECT message::text FROM actions.outbox AS message"))
    assert all(customer_id in stored for customer_id in customers.values())
    assert not any(number in stored for number in customers)
    assert {each.customer_id for each in reached(shop.warehouse, DAY, settings=settings)} == set(
        customers
    )


def test_a_request_has_the_number(shop: Shop, customers: dict[str, str]) -> None:
    _put(shop, "webhook", customers)
    rotate_key(shop.warehouse, settings=shop.settings)
    with crm() as receiver:
        settings = channel_settings(shop.settings, webhook_url=receiver.url)
        dispatch(shop.warehouse, settings=settings, now=lambda: NOON)
        assert {body["customer_id"] for _, body in receiver.requests} == set(customers)


def test_without_the_keys_nothing_leaves_and_a_person_who_was_erased_gets_nothing(
    shop: Shop, customers: dict[str, str]
) -> None:
    settings = _put(shop, "file", customers)
    keys = shop.settings.home / "keys.json"
    hidden = keys.rename(keys.with_suffix(".away"))
    with pytest.raises(ChannelError, match="There are no keys at"):
        dispatch(shop.warehouse, settings=settings, now=lambda: NOON)
    assert not list((shop.settings.home / "outbox").glob("*.csv"))
    hidden.rename(keys)
    with shop.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE privacy.people SET number_sealed = NULL, erased_at = now() "
            "WHERE customer_id = :id",
            id=customers[shop.numbers[0]],
        )
    receipt = dispatch(shop.warehouse, settings=settings, now=lambda: NOON)
    assert (receipt.details["sent"], receipt.details["suppressed"]) == (2, 1)


def test_own_contacts_go_out_by_number_and_come_back_to_the_same_customers(
    shop: Shop, customers: dict[str, str]
) -> None:
    decisions = Decisions(shop.warehouse)
    for customer_id in customers.values():
        decisions.send(customer_id)
    deliver(shop.warehouse, settings=shop.settings, as_of=DECIDED)
    [file] = inbox(shop.settings).glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {line["customer_id"] for line in lines} == set(customers)
    take_in(shop.warehouse, shop.settings, (file,), source="actions")
    rows = shop.values("SELECT customer_id FROM curated.campaign_contacts WHERE source = 'actions'")
    assert set(rows) == set(customers.values())
    assert deliver(shop.warehouse, settings=shop.settings, as_of=DECIDED).written == 0

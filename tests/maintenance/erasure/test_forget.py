"""Persons are forgotten: nothing of them is left, nothing of others changes, and nothing comes back."""

import pytest

from retention_ml.errors import UnknownCustomer
from retention_ml.maintenance.erasure.forget import forget, preview
from retention_ml.maintenance.erasure.prove import prove
from retention_ml.maintenance.invariants import violations
from tests.people.conftest import Shop


@pytest.fixture(params=["numbers", "pseudonyms"])
def any_shop(request: pytest.FixtureRequest) -> Shop:
    """A shop whose warehouse holds numbers, and one with pseudonyms."""
    name = "shop" if request.param == "pseudonyms" else "shop_with_numbers"
    shop: Shop = request.getfixturevalue(name)
    return shop


def test_nothing_is_left_of_who_was_forgotten(any_shop: Shop) -> None:
    numbers = any_shop.numbers[:12]
    counts = preview(any_shop.warehouse, settings=any_shop.settings, numbers=numbers)
    assert counts["persons"] == 12
    assert counts["rows"]["curated.orders"] > 12
    before = prove(any_shop.warehouse, settings=any_shop.settings, numbers=numbers)
    assert not before.details["is_proved"]
    assert len(before.details["hits"]) > 10
    receipt = forget(any_shop.warehouse, settings=any_shop.settings, numbers=numbers)
    assert receipt.written == 12
    assert receipt.details["rows"]["curated.orders"] == counts["rows"]["curated.orders"]
    proof = prove(any_shop.warehouse, settings=any_shop.settings, numbers=numbers)
    assert proof.details["hits"] == {}
    assert proof.details["is_proved"]
    assert violations(any_shop.warehouse) == []


def test_an_unknown_person_is_refused_and_only_the_request_is_written_down(any_shop: Shop) -> None:
    with pytest.raises(UnknownCustomer, match="There is no such customer"):
        forget(any_shop.warehouse, settings=any_shop.settings, numbers=["C9999999"])
    assert any_shop.values("SELECT outcome FROM privacy.requests") == ["no such customer"]
    assert any_shop.values("SELECT tombstone FROM privacy.tombstones") == []

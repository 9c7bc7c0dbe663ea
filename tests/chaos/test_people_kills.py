"""kill -9 while keys change, numbers are replaced by pseudonyms, and the CRM's list is filled."""

import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.maintenance.invariants import violations
from retention_ml.maintenance.pseudonymise import pseudonymise
from retention_ml.people.fill_contact_list import fill_contact_list
from retention_ml.people.lookup import customer_id_of
from retention_ml.people.rotate_key import rotate_key
from retention_ml.privacy.pseudonyms import is_pseudonym
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.people.conftest import Shop, shop, shop_files, shop_with_numbers

pytestmark = pytest.mark.thorough

__all__ = ["shop", "shop_files", "shop_with_numbers"]

DOORS: dict[str, Callable[..., Any]] = {
    "rotate_key": rotate_key,
    "pseudonymise": pseudonymise,
    "fill_contact_list": fill_contact_list,
}
MINE = [name for name in FAILPOINTS if name.split(".")[0] in DOORS]


def _run(url: str, settings: dict[str, Any], failpoint: str) -> None:
    """A door in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    DOORS[failpoint.split(".")[0]](Warehouse(url), settings=Settings(**settings))


def _kill(of: Shop, place: str) -> None:
    process = multiprocessing.get_context("forkserver").Process(
        target=_run, args=(of.warehouse.url, of.settings.model_dump(), place)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -9


@pytest.mark.fault("kill -9 while keys of lookups and numbers change", promises="P7")
@pytest.mark.parametrize("place", [name for name in MINE if name.startswith("rotate_key.")])
def test_killed_while_keys_change_everybody_is_found_before_and_after_a_retry(
    shop: Shop, place: str
) -> None:
    assert len(MINE) == 6
    ids = set(shop.values("SELECT customer_id FROM privacy.people"))
    _kill(shop, place)
    customers = {customer_id_of(shop.warehouse, shop.settings, each) for each in shop.numbers}
    assert customers == ids
    assert rotate_key(shop.warehouse, settings=shop.settings).details["version"] == 2
    customers = {customer_id_of(shop.warehouse, shop.settings, each) for each in shop.numbers}
    assert customers == ids


@pytest.mark.fault("kill -9 while numbers are replaced by pseudonyms", promises="P2 P7")
@pytest.mark.parametrize("place", [name for name in MINE if name.startswith("pseudonymise.")])
def test_killed_while_numbers_are_replaced_all_are_there_or_none(
    shop_with_numbers: Shop, place: str
) -> None:
    sql = "SELECT DISTINCT customer_id FROM curated.orders WHERE customer_id IS NOT NULL ORDER BY 1"
    before = shop_with_numbers.values(sql)
    _kill(shop_with_numbers, place)
    assert shop_with_numbers.values(sql) == before
    pseudonymise(shop_with_numbers.warehouse, settings=shop_with_numbers.settings)
    after = shop_with_numbers.values(sql)
    assert len(after) == len(before) > 50
    assert all(is_pseudonym(str(each)) for each in after)
    assert violations(shop_with_numbers.warehouse) == []


@pytest.mark.fault("kill -9 while the list for the CRM is filled", promises="P8")
@pytest.mark.parametrize("place", [name for name in MINE if name.startswith("fill_contact_list.")])
def test_killed_while_the_list_is_filled_the_old_one_stands(shop: Shop, place: str) -> None:
    with shop.warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO privacy.contact_list VALUES "
            "('1', '2024-01-01', 'high', 0.7, 1, 'none', 'email', 'why', now())"
        )
    _kill(shop, place)
    assert shop.values("SELECT customer_number FROM privacy.contact_list") == ["1"]
    fill_contact_list(shop.warehouse, settings=shop.settings)
    assert shop.values("SELECT customer_number FROM privacy.contact_list") == []

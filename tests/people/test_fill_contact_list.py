"""The CRM reads numbers of customers who may be contacted, and of nobody else."""

from datetime import date

import pyarrow as pa
import pytest

from retention_ml import clock
from retention_ml.deliveries.ledger import people
from retention_ml.keys import Keyring
from retention_ml.people.fill_contact_list import fill_contact_list
from retention_ml.privacy.pseudonyms import pseudonym
from retention_ml.schema.migrate import migrate
from retention_ml.schema.readers import CRM
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.outcomes import Shop, weeks
from tests.worlds.shops import fill
from tests.worlds.totals import total_again


@pytest.fixture
def numbers(warehouse: Warehouse, settings: Settings) -> dict[str, str]:
    """A published day of customers with pseudonyms, half of whom permit mail; their numbers."""
    shop = Shop(warehouse, settings, customers=60, days=120)
    keyring = Keyring.of(settings)
    secret = keyring.current("pseudonym").secret
    by_pseudonym = {pseudonym(secret, number): number for number in shop.names}
    shop.names[:] = list(by_pseudonym)
    with warehouse.transaction() as transaction:
        people.begin(transaction, keyring, run_id="test")
        by_number = {number: name for name, number in by_pseudonym.items()}
        people.remember(transaction, keyring, by_number, seen_at=clock.now())
    [day] = weeks(1)
    shop.publish(day, shop.noisy(1.0, seed=1))
    with warehouse.transaction() as transaction:
        total_again(transaction)
    permit(warehouse, shop.names[::2], "granted", day)
    return by_pseudonym


def permit(warehouse: Warehouse, names: list[str], kind: str, day: date) -> None:
    rows = [
        {
            "customer_id": name,
            "channel": "email",
            "purpose": "marketing",
            "kind": kind,
            "event_at": clock.midnight(day, "UTC"),
            "address": None,
        }
        for name in names
    ]
    fill(warehouse, "contact_permissions", pa.Table.from_pylist(rows))


def _listed(warehouse: Warehouse) -> set[str]:
    with warehouse.transaction() as transaction:
        rows = transaction.execute("SELECT customer_number FROM privacy.contact_list")
    return {row.customer_number for row in rows}


def test_the_list_has_the_numbers_of_those_who_may_be_contacted(
    warehouse: Warehouse, settings: Settings, numbers: dict[str, str]
) -> None:
    receipt = fill_contact_list(warehouse, settings=settings)
    permitted = {number for place, number in enumerate(numbers.values()) if place % 2 == 0}
    with warehouse.transaction() as transaction:
        scored = {
            numbers[row.customer_id]
            for row in transaction.execute("SELECT customer_id FROM reports.contact_list")
        }
    assert _listed(warehouse) == permitted & scored
    assert receipt.written == len(permitted & scored) > 10
    assert fill_contact_list(warehouse, settings=settings).written == receipt.written


def test_who_withdraws_or_is_erased_leaves_the_list_with_the_next_call(
    warehouse: Warehouse, settings: Settings, numbers: dict[str, str]
) -> None:
    fill_contact_list(warehouse, settings=settings)
    first, second, *_ = sorted(_listed(warehouse))
    by_number = {number: name for name, number in numbers.items()}
    permit(warehouse, [by_number[first]], "withdrawn", clock.now().date())
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE privacy.people SET number_sealed = NULL, erased_at = now() "
            "WHERE customer_id = :id",
            id=by_number[second],
        )
    before = _listed(warehouse)
    receipt = fill_contact_list(warehouse, settings=settings)
    assert receipt.left_out == 1
    assert _listed(warehouse) == before - {first, second}


def test_the_role_of_the_crm_reads_the_list_and_nothing_else(
    warehouse: Warehouse, settings: Settings, numbers: dict[str, str]
) -> None:
    fill_contact_list(warehouse, settings=settings)
    with warehouse.transaction() as transaction:
        if not transaction.execute("SELECT 1 FROM pg_roles WHERE rolname = :role", role=CRM):
            transaction.execute(f"CREATE ROLE {CRM}")
    migrate(warehouse)
    with warehouse.transaction() as transaction:
        readable = transaction.execute(
            "SELECT n.nspname || '.' || c.relname AS name FROM pg_class AS c "
            "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm', 'p') "
            "AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
            "AND has_schema_privilege(:role, n.oid, 'USAGE') AND has_table_privilege(:role, c.oid, 'SELECT')",
            role=CRM,
        )
        assert [row.name for row in readable] == ["privacy.contact_list"]
        transaction.execute(f"SET LOCAL ROLE {CRM}")
        [[count]] = transaction.execute("SELECT count(*) FROM privacy.contact_list")
    assert count > 10

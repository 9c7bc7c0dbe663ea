"""From a number to the customer and back, for whoever types one and for what leaves the house.

Where the warehouse holds customer numbers, both are the same and nothing is looked up.
"""

from collections.abc import Collection, Mapping

from retention_ml.deliveries.ledger import people
from retention_ml.errors import AccountingError
from retention_ml.keys import Keyring
from retention_ml.privacy import numbers
from retention_ml.privacy.pseudonyms import is_pseudonym, pseudonym
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def customer_id_of(warehouse: Warehouse, settings: Settings, text: str) -> str:
    """The customer whom a person means by the shop's number or by the pseudonym.

    Of a number that no delivery named it is the pseudonym they would have, so that whoever asks
    with it hears that there is no such customer, and the number goes no further.

    Raises
    ------
    SettingsError
        The warehouse holds pseudonyms, and its keys are missing or others.
    """
    customer_id, keyring = _find(warehouse, settings, text.strip())
    if customer_id is not None or keyring is None:
        return customer_id or text
    return pseudonym(keyring.current("pseudonym").secret, text.strip())


def find_customer(warehouse: Warehouse, settings: Settings, text: str) -> str | None:
    """The customer with this number, where there is one and the warehouse holds pseudonyms.

    Raises
    ------
    SettingsError
        The keys are missing or others.
    """
    return _find(warehouse, settings, text.strip())[0]


def _find(warehouse: Warehouse, settings: Settings, text: str) -> tuple[str | None, Keyring | None]:
    """The customer, if there is one, and the keys, if they were needed to look for them."""
    with warehouse.transaction() as transaction:
        expected = people.ring_id(transaction)
        if expected is None:
            return None, None
        if is_pseudonym(text) and (customer_id := _customer(transaction, text, [])):
            return customer_id, None
        keyring = people.keyring(settings, expected)
        return _customer(transaction, None, lookups(keyring, text)), keyring


def _customer(transaction: Transaction, customer_id: str | None, keys: list[bytes]) -> str | None:
    # By a function, as the role of the assistant may look up one person but not read the table.
    [[owner]] = transaction.execute(
        "SELECT privacy.customer_of(CAST(:id AS text), CAST(:keys AS bytea[]))",
        id=customer_id,
        keys=keys,
    )
    return None if owner is None else str(owner)


def lookups(keyring: Keyring, number: str) -> list[bytes]:
    """What a number is found by, under every key that rows may be made with."""
    return [
        numbers.lookup(keyring.of_version("lookup", version).secret, number)
        for version in keyring.versions("lookup")
    ]


def numbers_of(
    transaction: Transaction, settings: Settings, customer_ids: Collection[str]
) -> Mapping[str, str]:
    """The shop's numbers of customers, by their ids in the warehouse; who was erased is left out.

    Only for what leaves the house and is of no use without the number.

    Raises
    ------
    SettingsError
        The keys are missing or others.
    AccountingError
        A customer is in the warehouse, but in `privacy.people` is nobody of that pseudonym.
    """
    keyring = people.keyring_of(transaction, settings)
    if keyring is None:
        return {customer_id: customer_id for customer_id in customer_ids}
    rows = transaction.execute(
        "SELECT customer_id, key_version, number_sealed FROM privacy.people "
        "WHERE customer_id = ANY(:ids)",
        ids=list(customer_ids),
    )
    missing = len(set(customer_ids)) - len(rows)
    if missing:
        raise AccountingError(
            f"{missing} of {len(set(customer_ids))} customers are not in privacy.people. Each whom a "
            "delivery names is written there with their rows; run `retention doctor --data`."
        )
    secrets = {
        version: keyring.of_version("number", version).secret
        for version in {row.key_version for row in rows}
    }
    return {
        row.customer_id: numbers.unseal(
            secrets[row.key_version], bytes(row.number_sealed), row.customer_id
        )
        for row in rows
        if row.number_sealed is not None
    }

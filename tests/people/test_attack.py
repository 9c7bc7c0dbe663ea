"""Without the keys no customer number comes back from the warehouse, whatever column is read.

The attacker reads every column of the database and tries many numbers: as they are, and in the
digests that the platform makes or made of them.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator

import pytest

from retention_ml.people.rotate_key import rotate_key
from retention_ml.privacy.register import PERSONAL_COLUMNS, Kind
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.people.conftest import Shop

# Rows as delivered, and what a shop may have written a number into: not what a pseudonym protects.
AS_DELIVERED = {
    (column.table, column.column)
    for column in PERSONAL_COLUMNS
    if column.kind in (Kind.RAW, Kind.FILE_NAME)
}
_WORDS = re.compile(r"[A-Za-z0-9]+")
_COLUMNS = (
    "SELECT n.nspname || '.' || c.relname AS name, a.attname AS column_name, "
    "format_type(a.atttypid, NULL) AS type FROM pg_class AS c "
    "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
    "AND n.nspname NOT LIKE 'pg\\_%' AND format_type(a.atttypid, NULL) "
    "IN ('text', 'bytea', 'jsonb', 'text[]') ORDER BY 1, 2"
)


def candidates(tried: int) -> Iterator[str]:
    """Numbers as this shop writes them."""
    return (f"C{number:07d}" for number in range(tried))


def forms(number: str) -> Iterator[str | bytes]:
    """What may stand in a column for a number: itself, its digests, and the row keys made of it."""
    for text in (number, f"{len(number)}:{number}", f"9:simulated{len(number)}:{number}"):
        raw = text.encode()
        yield text
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, raw, usedforsecurity=False)
            yield digest.digest()
            yield digest.hexdigest()
            yield digest.digest()[:16]


def stored(warehouse: Warehouse) -> dict[str | bytes, set[tuple[str, str]]]:
    """Every value and word of every column, with where it stands."""
    places: dict[str | bytes, set[tuple[str, str]]] = {}
    with warehouse.transaction() as transaction:
        columns = transaction.execute(_COLUMNS)
        assert len(columns) > 200
        for name, column, kind in columns:
            rows = transaction.execute(f'SELECT DISTINCT "{column}" FROM {name}')
            for value in _values((row[0] for row in rows), kind):
                places.setdefault(value, set()).add((name, column))
    return places


def _values(values: Iterable[object], kind: str) -> Iterator[str | bytes]:
    for value in values:
        if isinstance(value, memoryview | bytes):
            yield bytes(value)
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            yield text
            yield from _WORDS.findall(text)


def recovered(shop: Shop) -> dict[str, set[tuple[str, str]]]:
    """The true numbers that the attacker finds, each with the columns it comes from."""
    places = stored(shop.warehouse)
    numbers = set(shop.numbers)
    tried = count("numbers that an attacker tries")
    assert max(numbers) < f"C{tried:07d}"
    return {
        number: where
        for number in candidates(tried)
        if (
            where := set().union(*(places.get(form, set()) for form in forms(number)))
            - AS_DELIVERED
        )
        and number in numbers
    }


@pytest.mark.fault(
    "somebody who reads every column tries customer numbers, without the keys",
    promises="P7",
    row=41,
    counted="numbers that an attacker tries",
)
def test_no_number_comes_back_without_the_keys(shop: Shop) -> None:
    assert recovered(shop) == {}
    rotate_key(shop.warehouse, settings=shop.settings)
    assert recovered(shop) == {}


def test_without_pseudonyms_the_attacker_finds_every_number_in_keys_alone(
    shop_with_numbers: Shop,
) -> None:
    by_number = recovered(shop_with_numbers)
    assert set(by_number) == set(shop_with_numbers.numbers)
    registered = {(column.table, column.column) for column in PERSONAL_COLUMNS}
    assert set().union(*by_number.values()) <= registered
    from_keys = {
        number for number, where in by_number.items() if ("curated.customers", "row_key") in where
    }
    customers = shop_with_numbers.values("SELECT DISTINCT customer_id FROM curated.customers")
    assert from_keys == set(customers)


def test_the_register_names_every_column_of_the_database_that_tells_of_a_person(
    shop: Shop,
) -> None:
    names = {
        "customer_id", "given_to", "customer_number", "lookup", "number_sealed", "row_key",
        "content_hash", "message_id", "comment", "address", "payload", "raw_text", "raw_bytes",
    }  # fmt: skip
    with shop.warehouse.transaction() as transaction:
        columns = {(row.name, row.column_name) for row in transaction.execute(_COLUMNS)}
    registered = {(column.table, column.column) for column in PERSONAL_COLUMNS}
    assert len(registered) == len(PERSONAL_COLUMNS)
    assert registered <= columns, "The register names columns that the database has not."
    without_person = {
        (f"{schema}.{table}", column)
        for schema in ("staging", "curated")
        for table in ("products", "exchange_rates")
        for column in ("row_key", "content_hash")
    } | {("actions.deltas", "file_name")}
    telling = {place for place in columns if place[1] in names} - without_person
    assert telling <= registered, "Add these columns to retention_ml/privacy/register.py."

"""The door that writes down all that is held of one person, for them to have."""

import json
import time
from pathlib import Path
from typing import Any

from retention_ml import atomic_files
from retention_ml.audit.entries import Event
from retention_ml.errors import UsageError
from retention_ml.maintenance.erasure import persons, quarantined, requests
from retention_ml.privacy.tombstones import Tombstones
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

# What hangs on a row of theirs by its key.
_BY_KEY = {
    "feedback.messages": (
        "SELECT to_jsonb(label) FROM feedback.messages AS label JOIN curated.feedback AS message "
        "USING (delivery_id, line_number) WHERE message.customer_id = :id"
    ),
    "actions.attempts": (
        "SELECT to_jsonb(attempt) FROM actions.attempts AS attempt JOIN actions.outbox AS message "
        "USING (message_id) WHERE message.customer_id = :id"
    ),
}


def export_person(
    warehouse: Warehouse, *, settings: Settings, number: str, folder: Path
) -> Receipt:
    """Write `person.json`: every row of every table that knows the person, each table by its name.

    Rows that could not be used are among them as they were delivered. The files of the archive are
    not: what is in them is in the tables. It is for the owner of the file alone to read.

    Parameters
    ----------
    number : str
        The shop's number.
    folder : Path
        Made where it is missing.

    Returns
    -------
    Receipt
        Counts rows; `details`: tables (how many have any), bytes.

    Raises
    ------
    UnknownCustomer
        There is nobody with that number.
    UsageError
        There is such a file already.
    """
    started = time.monotonic()
    target = folder / "person.json"
    if target.exists():
        raise UsageError(
            f"{target} is there already, and is not written over. Name another folder."
        )
    with warehouse.transaction() as transaction:
        [person] = requests.find_persons(transaction, settings, [number], kind="export")
        content = _content(transaction, settings, person)
    requests.record_asked(warehouse, Event.PERSON_EXPORTED, [person], settings=settings)
    text = json.dumps({"number": number, "tables": content}, indent=1, default=str)
    atomic_files.make_folder(folder, mode=0o700)
    atomic_files.write_durable(target, text.encode(), mode=0o600)
    rows = sum(map(len, content.values()))
    return warehouse.record(
        Receipt(
            door="export_person",
            read=rows,
            written=rows,
            seconds=time.monotonic() - started,
            details={"tables": sum(map(bool, content.values())), "bytes": len(text)},
        ),
        settings.run_id,
    )


def _content(
    transaction: Transaction, settings: Settings, person: requests.Person
) -> dict[str, list[Any]]:
    """All rows by table, also of tables that have none."""
    statements = {
        table: f"SELECT to_jsonb(stored) FROM {table} AS stored WHERE {column} = :id"
        for table, column in (*persons.TABLES, ("privacy.people", "customer_id"))
    }
    content = {
        table: [row[0] for row in transaction.execute(sql, id=person.customer_id)]
        for table, sql in (statements | _BY_KEY).items()
    }
    content["privacy.contact_list"] = [
        row[0]
        for row in transaction.execute(
            "SELECT to_jsonb(listed) FROM privacy.contact_list AS listed "
            "WHERE customer_number = :number",
            number=person.number,
        )
    ]
    keyring = persons.keyring_of(transaction, settings)
    tombstones = Tombstones(keyring.current("pseudonym").secret, [person.mark])
    content["quarantine.rows"] = quarantined.rows_of(
        transaction, settings, tombstones, person.number
    )
    return content

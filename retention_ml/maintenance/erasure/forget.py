"""The door that forgets persons: in phases that may each be repeated, wherever it was stopped."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retention_ml import clock
from retention_ml.audit.entries import Event
from retention_ml.deliveries.ledger import tombstones
from retention_ml.errors import UnknownCustomer
from retention_ml.failpoints import failpoint
from retention_ml.maintenance.erasure import (
    archived,
    home_files,
    persons,
    quarantined,
    requests,
    rows,
    storage,
    summaries,
)
from retention_ml.maintenance.erasure.requests import Person
from retention_ml.privacy.tombstones import Tombstones
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

Say = Callable[[str], None]


def forget(
    warehouse: Warehouse,
    *,
    settings: Settings,
    numbers: Sequence[str] = (),
    server: Warehouse | None = None,
    say: Say = lambda _: None,
) -> Receipt:
    """Erase everything of the persons with these numbers, and let nothing of them in again.

    First a tombstone of each is kept outside the warehouse and in it; from then on their rows are left
    out wherever files are read. Then rows, quarantine, archive, files of the home and the storage of
    Postgres are gone through; of each phase what is left to do shows in the warehouse itself. So
    the same call, or one without numbers, goes on where another was stopped, and finds whoever came
    back with a restored backup. Backups themselves stay as they are.

    Parameters
    ----------
    numbers : sequence of str
        The shop's numbers; none to finish what was begun.
    server : Warehouse, optional
        The same database as a role that may let old WAL go.
    say : callable of str
        Told one sentence per phase.

    Returns
    -------
    Receipt
        Counts persons: written = forgotten now, duplicates = forgotten before; `details`: rows (by
        table), quarantined, files, home, days (whose digests were made anew), tables_rewritten,
        is_wal_cleared, done_before (by place in the list: when).

    Raises
    ------
    UnknownCustomer
        There is nobody with some of the numbers: nothing is done for any.
    UsageError
        Somebody is on legal hold: nothing is done for any.
    SettingsError
        The keys are missing or others.
    """
    started = time.monotonic()
    before = _ask(warehouse, settings, numbers) if numbers else []
    with warehouse.transaction() as transaction:
        keyring = persons.keyring_of(transaction, settings)
        again = requests.kept_elsewhere(transaction, settings)
        requests.enter_tombstones(transaction, settings, keyring, again)
        marks = requests.unfinished(transaction)
        everybody = persons.every_mark(transaction)
    failpoint("forget.after_tombstones")
    details: dict[str, Any] = {}
    if everybody and (marks or not numbers):
        forgotten = Tombstones(keyring.current("pseudonym").secret, everybody)
        details = _erase(warehouse, settings, forgotten, say)
        details |= _clear_storage(warehouse, server, say)
    with warehouse.transaction() as transaction:
        requests.mark_erased(transaction, marks)
        failpoint("forget.before_end")
    done = {str(place): person.done_at for place, person in before if person.done_at is not None}
    return warehouse.record(
        Receipt(
            door="forget",
            read=len(marks) + len(done),
            written=len(marks),
            duplicates=len(done),
            seconds=time.monotonic() - started,
            details={**details, "done_before": {p: str(at) for p, at in done.items()}},
        ),
        settings.run_id,
    )


def preview(
    warehouse: Warehouse, *, settings: Settings, numbers: Sequence[str]
) -> Mapping[str, Any]:
    """What forgetting these persons would erase, without any change: persons, and rows by table.

    Raises
    ------
    UnknownCustomer
        There is nobody with some of the numbers.
    """
    with warehouse.transaction() as transaction:
        asked = requests.find_persons(transaction, settings, numbers, kind="forget")
        ids = [person.customer_id for person in asked]
        forgotten = Tombstones(
            persons.keyring_of(transaction, settings).current("pseudonym").secret,
            [person.mark for person in asked],
        )
        counts = dict(persons.rows_by_table(transaction, ids))
        if waiting := quarantined.count(transaction, settings, forgotten):
            counts["quarantine.rows"] = waiting
    return {
        "persons": len(asked),
        "done_before": sum(person.done_at is not None for person in asked),
        "rows": counts,
    }


def _ask(
    warehouse: Warehouse, settings: Settings, numbers: Sequence[str]
) -> list[tuple[int, Person]]:
    """Write down who is to be forgotten: outside first, then in the warehouse; who was asked for."""
    unknown = None
    with warehouse.transaction() as transaction:
        try:
            asked = requests.find_persons(transaction, settings, numbers, kind="forget")
        except UnknownCustomer as error:
            unknown = error  # what was asked stays written down
        keyring = persons.keyring_of(transaction, settings)
    if unknown is not None:
        raise unknown
    requests.refuse_held(asked)
    now = clock.now()
    new = {person.mark: now for person in asked if person.asked_at is None}
    requests.record_asked(warehouse, Event.PERSON_FORGOTTEN, asked, settings=settings)
    tombstones.keep_outside(settings, keyring.id, new)
    failpoint("forget.after_keeping_outside")
    with warehouse.transaction() as transaction:
        requests.enter_tombstones(transaction, settings, keyring, new)
    return list(enumerate(asked, start=1))


def _erase(
    warehouse: Warehouse, settings: Settings, forgotten: Tombstones, say: Say
) -> dict[str, Any]:
    """All that is left of forgotten persons in tables and files."""
    with warehouse.transaction() as transaction:
        erased = _erase_rows(transaction, settings, forgotten)
        failpoint("forget.before_rows_commit")
    failpoint("forget.after_rows")
    say(f"{sum(erased.values()):,} rows are gone from {len(erased)} tables")
    days = summaries.digest_anew(warehouse)
    with warehouse.transaction() as transaction:
        quarantined.reopen_batches_with_rejects(transaction, forgotten)
        gone = quarantined.erase_quarantined(transaction, settings, forgotten)
        renamed = quarantined.rename_files(transaction, forgotten)
        persons.note_erased(
            transaction,
            {"quarantine.rows": gone, "raw.deliveries": gone + renamed, "ops.receipts": renamed},
        )
    failpoint("forget.after_quarantine")
    say(f"{gone:,} rows are gone from quarantine")
    files = archived.erase_archived(warehouse, settings, forgotten)
    failpoint("forget.after_archive")
    say(f"{files['emptied']:,} archived files are written anew")
    home = home_files.erase_home_files(settings, forgotten)
    failpoint("forget.after_files")
    return {
        "rows": erased,
        "quarantined": gone,
        "files": files,
        "home": home,
        "days": [day.isoformat() for day in days],
    }


def _erase_rows(
    transaction: Transaction, settings: Settings, forgotten: Tombstones
) -> Mapping[str, int]:
    ids = persons.covered_ids(transaction, forgotten)
    erased = dict(rows.erase_rows(transaction, settings, ids)) if ids else {}
    if listed := persons.erase_listed(transaction, forgotten):
        erased["privacy.contact_list"] = listed
    persons.note_erased(transaction, erased)
    return erased


def _clear_storage(warehouse: Warehouse, server: Warehouse | None, say: Say) -> dict[str, Any]:
    rewritten = storage.rewrite_tables(warehouse)
    storage.clear_statistics(warehouse)
    failpoint("forget.after_storage")
    is_cleared = storage.clear_wal(server or warehouse)
    say(f"the storage of {len(rewritten)} tables is written anew")
    return {"tables_rewritten": len(rewritten), "is_wal_cleared": is_cleared}

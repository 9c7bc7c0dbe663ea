"""The doors of a legal hold: a person is hidden until a date, and forgotten when it is over."""

import time
from collections.abc import Sequence
from datetime import date

from retention_ml import clock
from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.deliveries.ledger import people, tombstones
from retention_ml.errors import UnknownCustomer, UsageError
from retention_ml.failpoints import failpoint
from retention_ml.maintenance.erasure import persons, requests
from retention_ml.maintenance.erasure.forget import forget
from retention_ml.people.holds import Hold, ended_holds, holds_of
from retention_ml.privacy.tombstones import Tombstones, tombstone, tombstone_of_number
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

REASON_LENGTH_MAX = 500


def hold(
    warehouse: Warehouse,
    *,
    settings: Settings,
    numbers: Sequence[str],
    until: date,
    reason: str,
    by: str,
) -> Receipt:
    """Keep and hide persons until a date, because the law asks for it; then they are forgotten.

    From now on they are scored, listed, contacted and trained with no more, and no view of
    `reports` shows them; what the shop delivers of them is kept with the rest. The same persons
    with another date or reason: that one counts.

    Parameters
    ----------
    numbers : sequence of str
        The shop's numbers.
    until : date
        The last day of the hold on the shop's calendar.
    reason : str
        Why, such as the file of a lawsuit; no name belongs there.
    by : str
        Who says so.

    Returns
    -------
    Receipt
        Counts persons: written, and duplicates (held until that date for that reason already).

    Raises
    ------
    UnknownCustomer
        There is nobody with some of the numbers: nothing is done for any.
    UsageError
        The date is not in the future, there is no reason, or somebody is being forgotten already.
    """
    started = time.monotonic()
    reason = " ".join(reason.split())
    _require(until, reason, requests.today(settings))
    asked = _find(warehouse, settings, numbers)
    ids = [person.customer_id for person in asked]
    with warehouse.transaction() as transaction:
        stored = holds_of(transaction, ids)
    new = [each for each in ids if not _is_same(stored.get(each), until, reason)]
    if new:
        requests.record_asked(
            warehouse,
            Event.PERSON_HELD,
            asked,
            settings=settings,
            more={"hold_until": until.isoformat(), "reason": reason},
        )
    with warehouse.transaction() as transaction:
        people.lock_exclusively(transaction)
        _require_kept(transaction, settings, asked)
        for customer_id in new:
            _write(transaction, customer_id, until=until, reason=reason, by=by, settings=settings)
        _take_off(transaction, settings, asked, ids)
        failpoint("hold.before_commit")
    return warehouse.record(
        Receipt(
            door="hold",
            read=len(ids),
            written=len(new),
            duplicates=len(ids) - len(new),
            seconds=time.monotonic() - started,
            details={"hold_until": until.isoformat()},
        ),
        settings.run_id,
    )


def end_holds(warehouse: Warehouse, *, settings: Settings) -> Receipt:
    """Forget the persons whose hold is over; a hold that was extended meanwhile goes on.

    Returns
    -------
    Receipt
        That of `forget`; counts nobody where no hold has ended and nothing was left to finish.
    """
    started, today = time.monotonic(), requests.today(settings)
    with warehouse.transaction() as transaction:
        ended = ended_holds(transaction, today)
        is_begun = bool(requests.unfinished(transaction))
    if not ended and not is_begun:
        receipt = Receipt(door="forget", read=0, written=0, seconds=time.monotonic() - started)
        return warehouse.record(receipt, settings.run_id)
    if ended:
        _enter(warehouse, settings, today, len(ended))
    failpoint("end_holds.after_tombstones")
    return forget(warehouse, settings=settings)


def _require(until: date, reason: str, today: date) -> None:
    if not reason:
        raise UsageError(
            "A legal hold without a reason is not accepted: say with --reason why the data must be "
            "kept, such as the file of a lawsuit. Nothing was done."
        )
    if len(reason) > REASON_LENGTH_MAX:
        raise UsageError(
            f"The reason has {len(reason):,} letters; at most {REASON_LENGTH_MAX} are kept. Nothing "
            "was done. Shorten it."
        )
    if until <= today:
        raise UsageError(
            f"The hold would end on {until}, and today is {today}; expected is a later day. Nothing "
            "was done. Without a hold, `retention people forget NUMBER` forgets at once."
        )


def _find(
    warehouse: Warehouse, settings: Settings, numbers: Sequence[str]
) -> list[requests.Person]:
    """The persons asked for."""
    unknown = None
    with warehouse.transaction() as transaction:
        try:
            asked = requests.find_persons(transaction, settings, numbers, kind="hold")
        except UnknownCustomer as error:
            unknown = error  # what was asked stays written down
    if unknown is not None:
        raise unknown
    return asked


def _require_kept(
    transaction: Transaction, settings: Settings, asked: Sequence[requests.Person]
) -> None:
    """Nobody of them is being forgotten, here or outside."""
    marks = {*persons.every_mark(transaction), *tombstones.kept_outside(settings)}
    gone = [place for place, person in enumerate(asked, start=1) if person.mark in marks]
    if gone:
        raise UsageError(
            f"{requests.lines_in_words(gone)} of the list: forgotten already, or about to be, so nothing "
            "can be kept. Nothing was done for anybody."
        )


def _is_same(stored: Hold | None, until: date, reason: str) -> bool:
    return stored is not None and (stored.hold_until, stored.reason) == (until, reason)


def _write(
    transaction: Transaction,
    customer_id: str,
    *,
    until: date,
    reason: str,
    by: str,
    settings: Settings,
) -> None:
    now = clock.now()
    transaction.insert_row(
        "privacy.holds",
        {
            "customer_id": customer_id,
            "hold_until": until,
            "reason": reason,
            "requested_at": now,
            "recorded_at": now,
            "recorded_by": by,
            "run_id": settings.run_id,
        },
        on_conflict="(customer_id) DO UPDATE SET hold_until = excluded.hold_until, "
        "reason = excluded.reason, recorded_at = excluded.recorded_at, "
        "recorded_by = excluded.recorded_by, run_id = excluded.run_id",
    )


def _take_off(
    transaction: Transaction,
    settings: Settings,
    asked: Sequence[requests.Person],
    ids: Sequence[str],
) -> None:
    """Take persons off what is a copy and not replaced before tonight."""
    secret = persons.keyring_of(transaction, settings).current("pseudonym").secret
    persons.erase_listed(transaction, Tombstones(secret, [person.mark for person in asked]))
    transaction.change("DELETE FROM scores.fresh WHERE customer_id = ANY(:ids)", ids=list(ids))


def _enter(warehouse: Warehouse, settings: Settings, today: date, count: int) -> None:
    """Let nothing of persons in any more whose hold is over, as `forget` does when it is asked.

    Nobody extends a hold meanwhile: whose was extended before is left alone.
    """
    record_event(
        warehouse,
        Event.PERSON_FORGOTTEN,
        settings=settings,
        subject="privacy.holds",
        details={"persons_count": count},
    )
    with warehouse.transaction() as transaction:
        people.lock_exclusively(transaction)
        keyring = persons.keyring_of(transaction, settings)
        of = tombstone_of_number if people.ring_id(transaction) is None else tombstone
        secret, now = keyring.current("pseudonym").secret, clock.now()
        marks = {of(secret, each.customer_id): now for each in ended_holds(transaction, today)}
        tombstones.keep_outside(settings, keyring.id, marks)
        requests.enter_tombstones(transaction, settings, keyring, marks)

"""Requests about persons: whom a list of numbers means, and what is written down of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from retention_ml import clock
from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.deliveries.ledger import people, tombstones
from retention_ml.errors import UnknownCustomer, UsageError
from retention_ml.keys import Keyring
from retention_ml.maintenance.erasure import persons
from retention_ml.people.holds import Hold, holds_of
from retention_ml.privacy.pseudonyms import pseudonym
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

NUMBER_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is asked about.

    `customer_id` is what the warehouse knows them by, `done_at` when they were forgotten, `asked_at`
    when that was first asked for; `hold`: they are to be forgotten when it is over.
    """

    number: str
    mark: str
    customer_id: str
    asked_at: datetime | None = None
    done_at: datetime | None = None
    hold: Hold | None = None


def parse(lines: Sequence[str]) -> list[str]:
    """The numbers of a list, one a line, each once; empty lines are none.

    Raises
    ------
    UsageError
        Lines that can be no numbers, named by their place; then nothing is done for any.
    """
    bad = [
        place
        for place, line in enumerate(lines, start=1)
        if len(line.strip()) > NUMBER_LENGTH_MAX or not line.strip("\r\n").isprintable()
    ]
    if bad:
        raise UsageError(
            f"{lines_in_words(bad)} of the list can be no customer's number. Expected is one number a line, "
            f"of at most {NUMBER_LENGTH_MAX} letters. Nothing was done for anybody. Correct the list."
        )
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def find_persons(
    transaction: Transaction, settings: Settings, numbers: Sequence[str], *, kind: str
) -> list[Person]:
    """The persons with these numbers; that somebody asked is written down for each.

    Raises
    ------
    UnknownCustomer
        There is nobody with some of them; the request stays written down.
    """
    if not numbers:
        raise UsageError("No customer's number was named. Name at least one.")
    keyring = persons.keyring_of(transaction, settings)
    is_pseudonymous = people.ring_id(transaction) is not None
    secret = keyring.current("pseudonym").secret
    stored = {
        row.tombstone: row
        for row in transaction.execute(
            "SELECT tombstone, requested_at, erased_at FROM privacy.tombstones"
        )
    }
    ids = {number: pseudonym(secret, number) if is_pseudonymous else number for number in numbers}
    there = persons.known_ids(transaction, ids.values())
    day = today(settings)
    asked: list[Person] = []
    unknown: list[int] = []
    for place, (number, mark) in enumerate(persons.marks_of(keyring, numbers).items(), start=1):
        customer_id = ids[number]
        row = stored.get(mark)
        is_there = customer_id in there or row is not None or _waits(transaction, number)
        hold = holds_of(transaction, [customer_id]).get(customer_id)
        outcome = "accepted" if is_there else "no such customer"
        if kind == "forget" and hold is not None and hold.hold_until >= day:
            outcome = "on hold"
        if kind == "forget" and row is not None and row.erased_at is not None:
            outcome = "done before"
        _record(transaction, kind, mark, outcome, settings.run_id)
        if not is_there and kind != "prove":  # whose rows were deleted some other way may be proved
            unknown.append(place)
            continue
        asked.append(
            Person(
                number, mark, customer_id,
                asked_at=row.requested_at if row else None,
                done_at=row.erased_at if row else None,
                hold=hold if hold is not None and hold.hold_until >= day else None,
            )
        )  # fmt: skip
    if unknown:
        raise UnknownCustomer(
            "There is no such customer. Look at the number; nothing was done."
            if len(numbers) == 1
            else f"There are no such customers: {lines_in_words(unknown).lower()} of the list. Nothing was done "
            "for anybody. Correct the list."
        )
    return asked


def record_asked(
    warehouse: Warehouse,
    event: Event,
    asked: Sequence[Person],
    *,
    settings: Settings,
    more: Mapping[str, str] | None = None,
) -> None:
    """Enter a request into the audit log, before it is carried out: one person by name, many by count."""
    record_event(
        warehouse,
        event,
        settings=settings,
        subject="privacy.requests",
        customer_id=asked[0].customer_id if len(asked) == 1 else None,
        details={"persons_count": len(asked), **(more or {})},
    )


def refuse_held(asked: Sequence[Person]) -> None:
    """Nobody of them is on hold.

    Raises
    ------
    UsageError
        Somebody is; says until when, or names their lines.
    """
    holds = [(place, person.hold) for place, person in enumerate(asked, start=1) if person.hold]
    if not holds:
        return
    if len(asked) == 1:
        raise UsageError(f"{holds[0][1].sentence} Nothing was done.")
    until = max(each.hold_until for _, each in holds)
    raise UsageError(
        f"{lines_in_words([place for place, _ in holds])} of the list: on legal hold, until {until} at the "
        "latest, and forgotten the night after. Nothing was done for anybody. Take them off the list."
    )


def today(settings: Settings) -> date:
    """The day that it is on the shop's calendar."""
    return clock.now().astimezone(ZoneInfo(settings.calendar.timezone)).date()


def enter_tombstones(
    transaction: Transaction,
    settings: Settings,
    keyring: Keyring,
    marks: Mapping[str, datetime],
) -> None:
    """From the end of the transaction on nothing of these persons is taken in."""
    people.lock_exclusively(transaction)
    for mark, at in marks.items():
        transaction.insert_row(
            "privacy.tombstones",
            {
                "tombstone": mark,
                "ring_id": keyring.id,
                "requested_at": at,
                "run_id": settings.run_id,
            },
            on_conflict="DO NOTHING",
        )


def kept_elsewhere(transaction: Transaction, settings: Settings) -> dict[str, datetime]:
    """Tombstones that the warehouse does not have, because it was restored from before them."""
    stored = {
        row.tombstone for row in transaction.execute("SELECT tombstone FROM privacy.tombstones")
    }
    outside = tombstones.kept_outside(settings)
    return {mark: datetime.fromisoformat(at) for mark, at in outside.items() if mark not in stored}


def unfinished(transaction: Transaction) -> list[str]:
    """The tombstones of persons of whom not all is erased yet."""
    rows = transaction.execute(
        "SELECT tombstone FROM privacy.tombstones WHERE erased_at IS NULL ORDER BY tombstone"
    )
    return [row.tombstone for row in rows]


def mark_erased(transaction: Transaction, marks: Sequence[str]) -> None:
    """Note that nothing is left of these persons."""
    transaction.change(
        "UPDATE privacy.tombstones SET erased_at = :now "
        "WHERE tombstone = ANY(:marks) AND erased_at IS NULL",
        now=clock.now(),
        marks=list(marks),
    )


def _waits(transaction: Transaction, number: str) -> bool:
    """Whether rows in which the number stands are in quarantine or wait to be curated."""
    return any(
        transaction.execute(
            f"SELECT 1 FROM {table} WHERE strpos(raw_text, :number) > 0 LIMIT 1", number=number
        )
        for table in ("quarantine.rows", "staging.rejects")
    )


def _record(transaction: Transaction, kind: str, mark: str, outcome: str, run_id: str) -> None:
    transaction.insert_row(
        "privacy.requests",
        {
            "kind": kind,
            "tombstone": mark,
            "outcome": outcome,
            "requested_at": clock.now(),
            "run_id": run_id,
        },
    )


def lines_in_words(places: Sequence[int]) -> str:
    """Line numbers of a list, as a sentence begins: Lines 3, 17."""
    shown = ", ".join(f"{place:,}" for place in places[:20])
    more = f" and {len(places) - 20:,} more" if len(places) > 20 else ""
    return f"Line{'s' if len(places) > 1 else ''} {shown}{more}"

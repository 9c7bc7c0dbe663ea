"""One decision day of the demonstration: decided, approved, sent, and told to the ingest."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from retention_ml import clock
from retention_ml.actions.assignment.assign import assign
from retention_ml.actions.deliver import deliver, inbox
from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.actions.outbox.switches import ALL, switch
from retention_ml.actions.release.approve import approve
from retention_ml.curated.ingest import ingest
from retention_ml.deliveries.description.loading import OWN_CONTACTS
from retention_ml.people.lookup import numbers_of
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.stack.actions_demo import shop as demo_shop
from retention_ml.stack.actions_demo.receivers import MailServer
from retention_ml.warehouse import Warehouse

PERSON = "CRM manager (demonstration)"
_OPENS_AT, _LEAVES_AT = timedelta(hours=9), timedelta(hours=8, minutes=30)
_ENDS = ("sent", "failed", "suppressed", "unknown", "retried", "expired")

Say = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class DayRun:
    """What this run did on a day; a repeated run does nothing more.

    Parameters
    ----------
    status : str
        Of the day: shadow or released.
    approved : str or None
        What a person agreed to, as a sentence.
    stopped : dict or None
        Messages that were due while everything was stopped, and what left.
    sent : dict
        Messages by what became of them.
    sent_again : int
        Messages that left when dispatch ran once more.
    returned : int
        Rows that went back to the ingest.
    """

    day: date
    status: str = ""
    approved: str | None = None
    stopped: dict[str, int] | None = None
    sent: dict[str, int] = field(default_factory=dict)
    sent_again: int = 0
    returned: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionDay:
    """Decides and sends a day whose scores are published.

    Parameters
    ----------
    warehouse : Warehouse
    shop : Settings
        With the addresses of mail server and CRM.
    mails : MailServer
        Of which one mailbox is taken away where `refuses`.
    day : date
    refuses, stops, withdraws : bool
        Whether the mail server has no mailbox for one customer; whether everything is stopped for a
        while; whether one customer leaves the newsletter between decision and sending.
    """

    warehouse: Warehouse
    shop: Settings
    mails: MailServer
    day: date
    refuses: bool = False
    stops: bool = False
    withdraws: bool = False

    def run(self, say: Say) -> DayRun:
        """Do all of it; what was done before is not done again."""
        done = DayRun(day=self.day)
        self._decide(done, say)
        if done.status != "released":
            return done
        if self.refuses:
            self.mails.missing.add(self._address_without_mailbox())
        if self.withdraws:
            self._withdraw(say)
        if self.stops and (due := self._due()):
            done.stopped = {"due": due, "sent": self._while_stopped()}
            say(f"stopped: {done.stopped['sent']} of {due} messages left; resumed")
        receipt = self._dispatch()
        done.sent = {end: receipt.details[end] for end in _ENDS if receipt.details[end]}
        say(f"sent: {_counts(done.sent)}")
        done.sent_again = self._dispatch().written
        say(f"dispatch once more: {done.sent_again} sent")
        done.returned = self._take_back()
        return done

    def _decide(self, done: DayRun, say: Say) -> None:
        details = self._assign(say)
        if details["status"] == "waiting":
            receipt = approve(
                self.warehouse,
                settings=self.shop,
                as_of=self.day,
                by=PERSON,
                reason="Looked at in the demonstration.",
            )
            done.approved = receipt.sentence
            say(receipt.sentence)
            details = self._assign(say)
        done.status = str(details["status"])

    def _assign(self, say: Say) -> Any:
        receipt = assign(self.warehouse, settings=self.shop, as_of=self.day, today=self.day)
        details = receipt.details
        say(f"{details['status']}: {details['reason']}")
        return details

    def _now(self) -> Callable[[], datetime]:
        """The shop's time: nine o'clock, and as much later as the day was released ago."""
        with self.warehouse.transaction() as transaction:
            [(released_at,)] = transaction.execute(
                "SELECT released_at FROM actions.days WHERE as_of = :day", day=self.day
            )
        opening = self._at(_OPENS_AT)
        return lambda: opening + (clock.now() - released_at)

    def _at(self, after_midnight: timedelta) -> datetime:
        return clock.midnight(self.day, self.shop.calendar.timezone) + after_midnight

    def _dispatch(self) -> Receipt:
        return dispatch(self.warehouse, settings=self.shop, now=self._now())

    def _while_stopped(self) -> int:
        """Run dispatch while everything is stopped; how many messages left."""
        for is_stopped, why in ((True, "Wrong price in the newsletter."), (False, "Corrected.")):
            switch(
                self.warehouse,
                channel=ALL,
                is_stopped=is_stopped,
                who=PERSON,
                why=why,
                run_id=self.shop.run_id,
            )
            if is_stopped:
                sent = self._dispatch().written
        return sent

    def _due(self) -> int:
        with self.warehouse.transaction() as transaction:
            [(count,)] = transaction.execute(
                "SELECT count(*) FROM actions.outbox WHERE as_of = :day AND state = 'pending'",
                day=self.day,
            )
        return int(count)

    def _mail_to(self, place: int) -> Any:
        """Customer and address of a mail of the day, in the order of their numbers."""
        with self.warehouse.transaction() as transaction:
            rows = transaction.execute(
                "SELECT customer_id, address FROM actions.outbox WHERE as_of = :day "
                "AND channel = 'email' ORDER BY message_id OFFSET :place LIMIT 1",
                day=self.day,
                place=place,
            )
        return rows[0] if rows else None

    def _address_without_mailbox(self) -> str:
        mail = self._mail_to(0)
        return str(mail.address) if mail else ""

    def _withdraw(self, say: Say) -> None:
        """One customer leaves the newsletter half an hour before the mails do."""
        mail = self._mail_to(0)
        if mail is None:
            return
        with self.warehouse.transaction() as transaction:
            [number] = numbers_of(transaction, self.shop, [mail.customer_id]).values()
        file = demo_shop.write_withdrawal(self.shop, number, self._at(_LEAVES_AT))
        if self._ingest(demo_shop.PERMISSIONS, [file]).written:
            say("one customer left the newsletter at 8:30")

    def _take_back(self) -> int:
        """What was sent and who was left alone goes back to the ingest; how many rows did."""
        deliver(self.warehouse, settings=self.shop, as_of=self.day)
        files = sorted(inbox(self.shop).glob("*.jsonl"))
        if not files:
            return 0
        receipt = self._ingest(OWN_CONTACTS, files)
        for file in files:
            file.unlink()
        return receipt.written

    def _ingest(self, source: str, files: list[Path]) -> Receipt:
        return ingest(self.warehouse, settings=self.shop, source=source, files=files, history=True)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing was due"

"""What the service does with a request, whatever carries it: events in, scores out."""

from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from threading import Lock
from typing import Any

from retention_ml import clock
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.description.source import Source
from retention_ml.errors import SettingsError, UnknownSource, UsageError, WarehouseError
from retention_ml.keys import Keyring
from retention_ml.live import event_log
from retention_ml.live.api import reads
from retention_ml.live.api.access import Access
from retention_ml.live.api.figures import Counts, exposition, state
from retention_ml.live.api.refusals import Refusal, unavailable
from retention_ml.live.events import Malformed, parse
from retention_ml.live.files import require_live
from retention_ml.live.sealing import Seals
from retention_ml.live.tokens import READ, WRITE
from retention_ml.people.lookup import customer_id_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_ANSWERS_KEPT = 10_000
_LATER = "The warehouse does not answer. Nothing was taken; send the same again, its keys prevent doubles."
_KEY_REUSED = "Another event was sent under this key before. Give each event its own."


class Service:
    """One per process; safe among threads.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    """

    def __init__(self, warehouse: Warehouse, settings: Settings) -> None:
        self.counts = Counts()
        self._warehouse = warehouse
        self._settings = settings
        self._access = Access(warehouse, settings.live)
        self._seals = Seals(Keyring.of(settings))
        self._sources: dict[str, Source] = {}
        self._answers: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
        self._answers_lock = Lock()

    @property
    def body_bytes_max(self) -> int:
        """The longest body of a request."""
        return self._settings.live.body_kilobytes_max * 1024

    def may_write(self, authorization: str | None, source: str) -> None:
        """Check a token before the body is read; Refusal where it may not send."""
        self._access.allow(authorization, WRITE, source=source)

    def take_events(
        self, authorization: str | None, source: str, feed: str, body: bytes
    ) -> dict[str, Any]:
        """Make the events of a body durable; what became of each.

        Raises
        ------
        Refusal
            Nothing was taken.
        """
        token = self._access.allow(authorization, WRITE, source=source)
        self._require_feed(source, feed)
        events, malformed = parse(body)
        sent = len(events) + len(malformed)
        if sent == 0:
            raise Refusal(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "no_events",
                'The body holds no event; expected one {"key": …, "record": {…}} on each line.',
            )
        if sent > self._settings.live.request_events_max:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too_many_events",
                f"The body holds {sent:,} events; at most {self._settings.live.request_events_max:,} "
                "are taken at once. Send them in several requests.",
            )
        self._access.charge(token, WRITE, sent)
        try:
            with self._warehouse.transaction() as transaction:
                appended = event_log.append(
                    transaction,
                    self._seals,
                    events,
                    source=source,
                    feed=feed,
                    token_id=token.token_id,
                    now=clock.now(),
                )
        except WarehouseError as error:
            raise unavailable(_LATER) from error
        contradicting = [
            Malformed(place=place, code="key_reused", sentence=_KEY_REUSED)
            for place in appended.contradicting
        ]
        refused = sorted([*malformed, *contradicting], key=lambda each: each.place)
        for outcome, count in {
            "accepted": len(appended.new),
            "repeated": len(appended.repeated),
            "contradicting": len(contradicting),
            "malformed": len(malformed),
        }.items():
            self.counts.add_events(source, outcome, count)
        if not appended.new and not appended.repeated:
            raise Refusal(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                refused[0].code,
                f"None of the {sent} lines is an event. The first: {refused[0].sentence}",
            )
        return {
            "accepted": len(appended.new),
            "repeated": len(appended.repeated),
            "refused": [
                {"line": each.place, "code": each.code, "message": each.sentence}
                for each in refused
            ],
        }

    def risk(self, authorization: str | None, customer: str) -> dict[str, Any]:
        """A customer's risk now: fresh, else as published.

        Raises
        ------
        Refusal
            404: no such customer, or one without a score.
        """
        minor_units = self._settings.calendar.minor_units
        return self._read(
            authorization,
            "risk",
            customer,
            lambda transaction, customer_id: reads.risk_of(
                transaction, customer_id, minor_units=minor_units
            ),
            "No customer of that number has a score: nobody of that number has ordered within "
            f"{self._settings.churn.active_days} days, as far as is known.",
        )

    def recommendations(self, authorization: str | None, customer: str) -> dict[str, Any]:
        """A customer's lists; best sellers for who has none."""
        count = self._settings.recommendations.list_size
        return self._read(
            authorization,
            "recommendations",
            customer,
            lambda transaction, customer_id: reads.recommendations_of(
                transaction, customer_id, count=count
            ),
            "No lists were published yet. Run `retention recommend`.",
        )

    def health(self) -> dict[str, Any]:
        """How the log is; Refusal 503 where the warehouse does not answer."""
        try:
            return {"status": "ok", **state(self._warehouse, clock.now())}
        except WarehouseError as error:
            raise unavailable("The warehouse does not answer.") from error

    def figures(self) -> str:
        """The answer to `/metrics`."""
        try:
            return exposition(self.counts, state(self._warehouse, clock.now()))
        except WarehouseError:
            return exposition(self.counts, None)

    def _require_feed(self, name: str, feed: str) -> None:
        try:
            if name not in self._sources:
                self._sources[name] = load_source(self._settings.sources, name)
            require_live(self._sources[name], feed)
        except (UnknownSource, UsageError, SettingsError) as error:
            raise Refusal(HTTPStatus.NOT_FOUND, "no_such_feed", str(error)) from error

    def _read(
        self,
        authorization: str | None,
        what: str,
        customer: str,
        query: Callable[[Transaction, str], dict[str, Any] | None],
        missing: str,
    ) -> dict[str, Any]:
        """The answer of the warehouse, or the last one where it does not answer, marked so."""
        token = self._access.allow(authorization, READ)
        self._access.charge(token, READ, 1)
        try:
            customer_id = customer_id_of(self._warehouse, self._settings, customer)
            with self._warehouse.transaction() as transaction:
                answer = query(transaction, customer_id)
        except WarehouseError as error:
            return self._last_answer(what, customer, error)
        if answer is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no_score", missing)
        answer = {"is_stale": False, **answer}
        with self._answers_lock:
            self._answers[what, customer] = answer
            self._answers.move_to_end((what, customer))
            if len(self._answers) > _ANSWERS_KEPT:
                self._answers.popitem(last=False)
        return answer

    def _last_answer(self, what: str, customer: str, error: WarehouseError) -> dict[str, Any]:
        with self._answers_lock:
            last = self._answers.get((what, customer))
        if last is None:
            raise unavailable(
                "The warehouse does not answer, and nobody has asked for this customer lately."
            ) from error
        return {**last, "is_stale": True}

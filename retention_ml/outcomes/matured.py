"""The outcomes of scored days, as known on a day: computed once, again where later knowledge came.

A day's labels change after its window has closed only if an order of the window arrives late or
is corrected, or if the day's population is rebuilt. Both leave traces; days without any are read
back instead of counted again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.labels.definition import ChurnDefinition, churn_definition
from retention_ml.labels.labels import ORDERS
from retention_ml.labels.maturity import feed, mature, newest_known
from retention_ml.outcomes.contacts import CONTACTS
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Ints
from retention_ml.warehouse import Warehouse

LABELS = ibis.table(
    {
        "as_of": "date",
        "definition_hash": "string",
        "customer_id": "string",
        "is_churned": "boolean",
    },
    name="labels",
    database="models",
)
_QUARTER_SECONDS = 900  # days begin with one in every time zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """When rows about earlier moments arrived or were replaced, in quarters of an hour.

    Parameters
    ----------
    event_seconds, changed_seconds : array of int64, shape (n,)
        Start of the quarter of an hour in which it happened, and in which it became known or was
        replaced.
    """

    event_seconds: Ints
    changed_seconds: Ints

    def touch(self, opens_at: datetime, closes_at: datetime, since: datetime) -> bool:
        """Whether anything inside [opens, closes) changed after `since`."""
        inside = (self.event_seconds >= opens_at.timestamp()) & (
            self.event_seconds < closes_at.timestamp()
        )
        return bool((inside & (self.changed_seconds >= since.timestamp())).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The outcomes known on a day.

    Parameters
    ----------
    definition : ChurnDefinition
    known_as_of : date
        They are as known at the start of this day.
    fresh : pa.Table
        `as_of, customer_id, is_churned` of days that were counted now.
    stored : frozenset of date
        Days whose stored labels are still up to date.
    contacts : Changes
        When contacts arrived.
    """

    definition: ChurnDefinition
    known_as_of: date
    fresh: pa.Table
    stored: frozenset[date]
    contacts: Changes

    def labels(self, warehouse: Warehouse, day: date) -> pa.Table:
        """`customer_id, is_churned` of everybody active on a day."""
        if day not in self.stored:
            rows = self.fresh.filter(pc.field("as_of") == day)
            return rows.select(["customer_id", "is_churned"])
        rows = LABELS.filter(
            LABELS.as_of == ibis.literal(day, "date"),
            LABELS.definition_hash == self.definition.hash,
        )
        return warehouse.read(rows.select("customer_id", "is_churned"))

    def is_unchanged(self, day: date, since: date) -> bool:
        """Whether a day's outcomes as known at the start of `since` are still those known now."""
        if day not in self.stored or since > self.known_as_of:
            return False
        opens_at = clock.midnight(day, self.definition.timezone)
        closes_at = self.definition.window_bounds(day)[1]
        known_at = clock.midnight(since, self.definition.timezone)
        return not self.contacts.touch(opens_at, closes_at, known_at)


def matured_until(warehouse: Warehouse, *, settings: Settings, as_of: date) -> date | None:
    """The newest day whose outcome is known at the start of `as_of`; None without any order."""
    covered = feed(warehouse, timezone=settings.calendar.timezone, known_as_of=as_of)
    return None if covered is None else newest_known(covered, settings, as_of)


def load_outcomes(
    warehouse: Warehouse, *, settings: Settings, days: Sequence[date], as_of: date
) -> Outcomes:
    """The outcomes of some days, all of them matured, as known at the start of `as_of`.

    Labels that are missing, that changed since, or that were stored with later knowledge are
    counted again; `models.labels` keeps the latest knowledge.
    """
    definition = churn_definition(settings)
    since = _known_since(warehouse, definition.hash, days)
    usable = {day: stamp for day, stamp in since.items() if stamp <= as_of}
    first, last = min(days, default=as_of), max(days, default=as_of)
    oldest = min(usable.values(), default=as_of)
    span = {"first": first, "last": last, "since": oldest, "until": as_of}
    orders = _changes(warehouse, ORDERS.filter(ORDERS.kind == "purchase"), definition, **span)
    stored = frozenset(
        day
        for day, stamp in usable.items()
        if not orders.touch(
            *definition.window_bounds(day), clock.midnight(stamp, definition.timezone)
        )
    )
    missing = sorted(set(days) - stored)
    fresh = (
        mature(warehouse, settings=settings, days=missing, known_as_of=as_of)
        if missing
        else pa.table({name: [] for name in ("as_of", "customer_id", "is_churned")})
    )
    return Outcomes(
        definition=definition,
        known_as_of=as_of,
        fresh=fresh,
        stored=stored,
        contacts=_changes(warehouse, CONTACTS, definition, **{**span, "since": first}),
    )


def _known_since(
    warehouse: Warehouse, definition_hash: str, days: Sequence[date]
) -> Mapping[date, date]:
    """By day, the day as of which its stored labels were known; days rebuilt since are left out."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT as_of, known_as_of FROM models.label_windows AS stored "
            "WHERE definition_hash = :hash AND as_of = ANY (:days) AND NOT EXISTS ("
            "SELECT 1 FROM features.builds AS build WHERE build.as_of = stored.as_of "
            "AND build.built_at > stored.matured_at)",
            hash=definition_hash,
            days=list(days),
        )
    return {row.as_of: row.known_as_of for row in rows}


def _changes(
    warehouse: Warehouse,
    rows: ibis.Table,
    definition: ChurnDefinition,
    *,
    first: date,
    last: date,
    since: date,
    until: date,
) -> Changes:
    """Arrivals and replacements after the start of `since` and up to that of `until`."""
    opens_at = ibis.literal(clock.midnight(first, definition.timezone), "timestamp('UTC')")
    closes_at = ibis.literal(definition.window_bounds(last)[1], "timestamp('UTC')")
    begins = ibis.literal(clock.midnight(since, definition.timezone), "timestamp('UTC')")
    ends = ibis.literal(clock.midnight(until, definition.timezone), "timestamp('UTC')")
    inside = rows.filter(rows.event_at >= opens_at, rows.event_at < closes_at)
    parts = []
    for name in ("available_at", "superseded_at"):
        changed = inside.filter(inside[name] > begins, inside[name] <= ends)
        parts.append(
            changed.select(
                event=(changed.event_at.epoch_seconds() // _QUARTER_SECONDS).cast("int64"),
                changed=(changed[name].epoch_seconds() // _QUARTER_SECONDS).cast("int64"),
            )
        )
    quarters = warehouse.read(ibis.union(*parts, distinct=True))
    return Changes(
        event_seconds=_seconds(quarters["event"]), changed_seconds=_seconds(quarters["changed"])
    )


def _seconds(quarters: pa.ChunkedArray) -> Ints:
    return np.asarray(quarters.cast(pa.int64()).to_numpy() * _QUARTER_SECONDS, dtype=np.int64)

"""The outcomes of scored days, as known on a day: computed once, again where later knowledge came.

A day's labels change after its window has closed only if an order of the window arrives late or
is corrected, or if the day's population is rebuilt. Both leave traces; days without any are read
back instead of counted again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.labels.definition import ChurnDefinition, churn_definition
from retention_ml.labels.labels import ORDERS
from retention_ml.labels.maturity import mature
from retention_ml.outcomes.contacts import CONTACTS, contact_window
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_LABELS = ibis.table(
    {
        "as_of": "date",
        "definition_hash": "string",
        "customer_id": "string",
        "is_churned": "boolean",
        "is_abnormal": "boolean",
    },
    name="labels",
    database="models",
)
_QUARTER_SECONDS = 900  # days begin with one in every time zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The outcomes known on a day.

    Parameters
    ----------
    definition : ChurnDefinition
    known_as_of : date
        They are as known at the start of this day.
    fresh : pa.Table
        `as_of, customer_id, is_churned, is_abnormal` of days that were counted now.
    stored : frozenset of date
        Days whose stored labels are still up to date.
    contact_changes : pa.Table
        When contacts arrived, as of `_changes`.
    """

    definition: ChurnDefinition
    known_as_of: date
    fresh: pa.Table
    stored: frozenset[date]
    contact_changes: pa.Table

    def labels(self, warehouse: Warehouse, day: date) -> pa.Table:
        """`customer_id, is_churned, is_abnormal` of everybody active on a day."""
        if day in self.stored:
            return warehouse.read(stored_labels(day, self.definition.hash))
        rows = self.fresh.filter(pc.field("as_of") == day)
        return rows.select(["customer_id", "is_churned", "is_abnormal"])

    def is_unchanged(self, day: date, since: date) -> bool:
        """Whether a day's outcomes as known at the start of `since` are still those known now."""
        if day not in self.stored or since > self.known_as_of:
            return False
        known_at = clock.midnight(since, self.definition.timezone)
        return not _is_changed(
            self.contact_changes, *contact_window(self.definition, day), known_at
        )


def stored_labels(day: date, definition_hash: str) -> ibis.Table:
    """`customer_id, is_churned, is_abnormal` of a day as `models.labels` keeps them."""
    rows = _LABELS.filter(
        _LABELS.as_of == ibis.literal(day, "date"), _LABELS.definition_hash == definition_hash
    )
    return rows.select("customer_id", "is_churned", "is_abnormal")


def load_outcomes(
    warehouse: Warehouse, *, settings: Settings, days: Sequence[date], as_of: date
) -> Outcomes:
    """The outcomes of some days, all of them matured, as known at the start of `as_of`.

    Labels that are missing, that changed since, or that were stored with later knowledge are
    counted again; `models.labels` keeps the latest knowledge.
    """
    definition = churn_definition(settings)
    known_at = {
        day: clock.midnight(known_as_of, definition.timezone)
        for day, known_as_of in _known_since(warehouse, definition.hash, days).items()
        if known_as_of <= as_of
    }
    now = clock.midnight(as_of, definition.timezone)
    opens_at, _ = contact_window(definition, min(days, default=as_of))
    closes_at = definition.window_bounds(max(days, default=as_of))[1]
    orders = _changes(
        warehouse,
        ORDERS.filter(ORDERS.kind == "purchase"),
        happened=(opens_at, closes_at),
        changed=(min(known_at.values(), default=now), now),
    )
    stored = frozenset(
        day
        for day, since in known_at.items()
        if not _is_changed(orders, *definition.window_bounds(day), since)
    )
    missing = sorted(set(days) - stored)
    fresh = (
        mature(warehouse, settings=settings, days=missing, known_as_of=as_of)
        if missing
        else pa.table({name: [] for name in ("as_of", "customer_id", "is_churned", "is_abnormal")})
    )
    return Outcomes(
        definition=definition,
        known_as_of=as_of,
        fresh=fresh,
        stored=stored,
        contact_changes=_changes(
            warehouse, CONTACTS, happened=(opens_at, closes_at), changed=(opens_at, now)
        ),
    )


def _known_since(
    warehouse: Warehouse, definition_hash: str, days: Sequence[date]
) -> dict[date, date]:
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
    *,
    happened: tuple[datetime, datetime],
    changed: tuple[datetime, datetime],
) -> pa.Table:
    """`event_at, changed_at` of what happened in [opens, closes) and changed in (begins, ends].

    Both are the start of the quarter of an hour, in seconds since 1970: in which it happened, and
    in which it became known or was replaced.
    """
    opens_at, closes_at, begins, ends = (
        ibis.literal(moment, "timestamp('UTC')") for moment in (*happened, *changed)
    )
    inside = rows.filter(rows.event_at >= opens_at, rows.event_at < closes_at)
    parts = []
    for name in ("available_at", "superseded_at"):
        part = inside.filter(inside[name] > begins, inside[name] <= ends)
        parts.append(part.select(event_at=_quarter(part.event_at), changed_at=_quarter(part[name])))
    return warehouse.read(ibis.union(*parts, distinct=True))


def _quarter(moment: ibis.Value) -> ibis.Value:
    return (moment.epoch_seconds() // _QUARTER_SECONDS).cast("int64") * _QUARTER_SECONDS


def _is_changed(
    changes: pa.Table, opens_at: datetime, closes_at: datetime, since: datetime
) -> bool:
    """Whether anything inside [opens, closes) changed after `since`."""
    event_at, changed_at = (changes[name].to_numpy() for name in ("event_at", "changed_at"))
    inside = (event_at >= opens_at.timestamp()) & (event_at < closes_at.timestamp())
    return bool((inside & (changed_at >= since.timestamp())).any())

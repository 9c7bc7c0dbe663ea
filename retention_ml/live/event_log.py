"""The log of events, and the only writer of `live.events` and `live.batches`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from retention_ml.live.events import Event
from retention_ml.live.sealing import Seals
from retention_ml.warehouse import Transaction

CHANNEL = "live_events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What became of the events of a request: places of the new, the repeated and those whose key
    stands for another event."""

    new: tuple[int, ...]
    repeated: tuple[int, ...]
    contradicting: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveBatch:
    """A row of `live.batches` that is not delivered yet."""

    live_batch_id: int
    source: str
    events_count: int


def append(
    transaction: Transaction,
    seals: Seals,
    events: Sequence[Event],
    *,
    source: str,
    feed: str,
    token_id: int,
    now: datetime,
) -> Appended:
    """Add the events that are not there yet, and wake whoever listens once that is committed."""
    rows: dict[bytes, tuple[bytes, bytes]] = {}
    places: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
    for event in events:
        key, record = seals.digest("key", event.key), seals.digest("record", event.text)
        places[key].append((event.place, record))
        if key not in rows:
            rows[key] = (record, seals.seal(event.text, key))
    keys = sorted(rows)  # in one order, so that two requests with the same keys wait, not lock
    inserted = transaction.execute(
        "INSERT INTO live.events (source, feed, key_digest, record_digest, record_sealed, "
        "received_at, token_id) SELECT :source, :feed, key, record, sealed, :now, :token_id "
        "FROM unnest(CAST(:keys AS bytea[]), CAST(:records AS bytea[]), CAST(:sealed AS bytea[])) "
        "AS event (key, record, sealed) ON CONFLICT (source, feed, key_digest) DO NOTHING "
        "RETURNING key_digest",
        source=source,
        feed=feed,
        now=now,
        token_id=token_id,
        keys=keys,
        records=[rows[key][0] for key in keys],
        sealed=[rows[key][1] for key in keys],
    )
    new = {bytes(row.key_digest) for row in inserted}
    stored = {key: rows[key][0] for key in new}
    stored |= _stored(transaction, source, feed, [key for key in keys if key not in new])
    if new:
        transaction.execute(f"NOTIFY {CHANNEL}")
    added: list[int] = []
    repeated: list[int] = []
    contradicting: list[int] = []
    for key, sent in places.items():
        for number, (place, record) in enumerate(sent):
            if record != stored[key]:
                contradicting.append(place)
            elif number == 0 and key in new:
                added.append(place)
            else:
                repeated.append(place)
    return Appended(
        new=tuple(sorted(added)),
        repeated=tuple(sorted(repeated)),
        contradicting=tuple(sorted(contradicting)),
    )


def _stored(
    transaction: Transaction, source: str, feed: str, keys: Sequence[bytes]
) -> dict[bytes, bytes]:
    if not keys:
        return {}
    rows = transaction.execute(
        "SELECT key_digest, record_digest FROM live.events WHERE source = :source AND feed = :feed "
        "AND key_digest = ANY (CAST(:keys AS bytea[]))",
        source=source,
        feed=feed,
        keys=list(keys),
    )
    return {bytes(row.key_digest): bytes(row.record_digest) for row in rows}


def cut(transaction: Transaction, *, events_max: int, now: datetime) -> None:
    """Put the events of each source that wait together into a batch, at most so many in each."""
    sources = transaction.execute(
        "SELECT DISTINCT source FROM live.events WHERE live_batch_id IS NULL ORDER BY source"
    )
    for (source,) in sources:
        transaction.execute(
            "WITH waiting AS (SELECT event_id, received_at FROM live.events WHERE live_batch_id IS NULL "
            "AND source = :source ORDER BY event_id LIMIT :events_max), batch AS ("
            "INSERT INTO live.batches (source, events_count, first_received_at, cut_at) "
            "SELECT :source, count(*), min(received_at), :now FROM waiting RETURNING live_batch_id) "
            "UPDATE live.events SET live_batch_id = batch.live_batch_id FROM batch, waiting "
            "WHERE events.event_id = waiting.event_id",
            source=source,
            events_max=events_max,
            now=now,
        )


def open_batches(transaction: Transaction) -> list[LiveBatch]:
    """Batches that are cut and not delivered, the oldest first."""
    rows = transaction.execute(
        "SELECT live_batch_id, source, events_count FROM live.batches WHERE status = 'cut' "
        "ORDER BY live_batch_id"
    )
    return [LiveBatch(**row._mapping) for row in rows]


def records_of(
    transaction: Transaction, seals: Seals, live_batch_id: int
) -> Mapping[str, list[str]]:
    """The records of a batch by feed, as JSON and in the order of receipt."""
    rows = transaction.execute(
        "SELECT feed, key_digest, record_sealed FROM live.events WHERE live_batch_id = :id "
        "ORDER BY event_id",
        id=live_batch_id,
    )
    records: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        records[row.feed].append(seals.unseal(bytes(row.record_sealed), bytes(row.key_digest)))
    return records


def close_batch(
    transaction: Transaction,
    live_batch_id: int,
    *,
    file_sha256s: Sequence[str],
    held_because: str | None,
    now: datetime,
) -> None:
    """Note that a batch is in the ledger of deliveries, or held there; its records leave the log."""
    transaction.execute(
        "UPDATE live.batches SET status = :status, reason = :reason, delivered_at = :now, "
        "file_sha256s = :sha256s, refreshed_at = CASE WHEN :status = 'held' THEN CAST(:now AS timestamptz) END "
        "WHERE live_batch_id = :id",
        id=live_batch_id,
        status="held" if held_because else "delivered",
        reason=held_because,
        now=now,
        sha256s=list(file_sha256s),
    )
    transaction.execute(
        "UPDATE live.events SET record_sealed = NULL WHERE live_batch_id = :id", id=live_batch_id
    )

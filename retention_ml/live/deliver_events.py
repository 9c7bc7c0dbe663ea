"""The door from the log to the ledger of deliveries: events become files and are taken in as such."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path

from retention_ml import atomic_files, clock
from retention_ml.curated.ingest import ingest
from retention_ml.deliveries.description.loading import load_source
from retention_ml.errors import FileRefused, QualityError
from retention_ml.failpoints import failpoint
from retention_ml.keys import Keyring
from retention_ml.live import event_log, files
from retention_ml.live.event_log import LiveBatch
from retention_ml.live.sealing import Seals
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_TURN = "live.deliver_events"


def deliver_events(warehouse: Warehouse, *, settings: Settings) -> Receipt:
    """Deliver the events that wait, through the doors of every other delivery.

    A batch that was cut before and never finished comes first, with the same bytes: what the ledger
    has of them it recognises. One process at a time delivers.

    Returns
    -------
    Receipt
        Counts events: written = delivered, quarantined = in batches that a check held back.
        `details`: batches, and held (a sentence per batch).
    """
    started = time.perf_counter()
    delivered = quarantined = 0
    sentences: list[str] = []
    with warehouse.exclusive(_TURN):
        with warehouse.transaction() as transaction:
            event_log.cut(transaction, events_max=settings.live.batch_events_max, now=clock.now())
        failpoint("deliver_events.after_cut")
        with warehouse.transaction() as transaction:
            batches = event_log.open_batches(transaction)
        seals = Seals(Keyring.of(settings))
        for batch in batches:
            if sentence := _deliver(warehouse, settings, seals, batch):
                sentences.append(sentence)
                quarantined += batch.events_count
            else:
                delivered += batch.events_count
    receipt = Receipt(
        door="deliver_events",
        read=delivered + quarantined,
        written=delivered,
        quarantined=quarantined,
        seconds=time.perf_counter() - started,
        details={"batches": len(batches), "held": sentences},
    )
    return warehouse.record(receipt, settings.run_id) if batches else receipt


def _deliver(
    warehouse: Warehouse, settings: Settings, seals: Seals, batch: LiveBatch
) -> str | None:
    """Deliver one batch; why a check held it back, None where it did not."""
    with warehouse.transaction() as transaction:
        records = event_log.records_of(transaction, seals, batch.live_batch_id)
    folder = atomic_files.make_folder(settings.home / "live", mode=0o700)
    paths = _write(settings, folder, batch, records)
    sha256s = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    held_because = None
    try:
        ingest(warehouse, settings=settings, source=batch.source, files=paths)
    except (QualityError, FileRefused) as error:
        held_because = str(error)
    failpoint("deliver_events.after_ingest")
    with warehouse.transaction() as transaction:
        event_log.close_batch(
            transaction,
            batch.live_batch_id,
            file_sha256s=sha256s,
            held_because=held_because,
            now=clock.now(),
        )
        failpoint("deliver_events.before_commit")
    for path in paths:
        path.unlink()
    return held_because


def _write(
    settings: Settings, folder: Path, batch: LiveBatch, records: Mapping[str, list[str]]
) -> list[Path]:
    source = load_source(settings.sources, batch.source)
    paths = []
    for feed_name, texts in records.items():
        path = folder / files.file_name(source, feed_name, batch.live_batch_id)
        feed = files.require_live(source, feed_name)  # the description may have changed since
        content = files.content(feed, [json.loads(text) for text in texts])
        atomic_files.write_durable(path, content, mode=0o600)
        paths.append(path)
    return paths

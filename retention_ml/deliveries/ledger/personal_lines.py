"""Which rows of a delivery are of persons who were forgotten, and their way out of the archive."""

from collections.abc import Callable, Iterator, Sequence

from retention_ml.deliveries import archive, pipeline
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.engine import Engine
from retention_ml.deliveries.leaving_out import emptying
from retention_ml.deliveries.leaving_out.suppression import Suppression
from retention_ml.deliveries.ledger import staging, tombstones
from retention_ml.deliveries.ledger.references import references_of
from retention_ml.deliveries.ledger.staging import Delivery
from retention_ml.deliveries.readers import readers
from retention_ml.deliveries.readers.chunks import Chunk
from retention_ml.errors import FileRefused
from retention_ml.limits import limits_of
from retention_ml.privacy.tombstones import Tombstones
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def suppress(
    transaction: Transaction,
    settings: Settings,
    source: Source,
    deliveries: Sequence[Delivery],
    suppression: Suppression,
) -> None:
    """Count what was left out of staged deliveries, and take it out of their archived files.

    A file is written anew before the transaction ends; staged again, its empty lines count as well.
    """
    for delivery in deliveries:
        lines = suppression.lines.get(delivery.delivery_id)
        if not lines:
            continue
        tombstones.record_suppressed(transaction, delivery.delivery_id, len(lines))
        if delivery.replay_of is None:
            take_out(transaction, settings, source, delivery, lines)


def take_out(
    transaction: Transaction,
    settings: Settings,
    source: Source,
    delivery: Delivery,
    lines: set[int],
) -> str | None:
    """Empty these rows of an archived file, or note that its copy has to go.

    Returns
    -------
    str or None
        `emptied`, or `due` where rows cannot be emptied; None where they were empty already.
    """
    feed = source.feeds[delivery.feed]
    content = archive.content_of(settings, delivery.file_sha256, delivery.file_name)
    if emptying.has_lines(content, feed, delivery.file_name):
        count = emptying.empty_lines(content, feed, delivery.file_name, lines)
        tombstones.record_erased_file(
            transaction, delivery.file_sha256, len(lines), state="emptied"
        )
        return "emptied" if count else None
    tombstones.record_erased_file(transaction, delivery.file_sha256, len(lines), state="due")
    return "due"


def remove_due(warehouse: Warehouse, settings: Settings, removed: Sequence[str] = ()) -> int:
    """Delete the copies that have to go and whose batches are closed; how many.

    Parameters
    ----------
    removed : sequence of str
        Files that were delivered again: their copies go too if they went before.
    """
    with warehouse.transaction() as transaction:
        due = tombstones.due_files(transaction, removed=removed)
    for sha256 in due:
        archive.path_of(settings.home, sha256).unlink(missing_ok=True)
        with warehouse.transaction() as transaction:
            tombstones.mark_removed(transaction, sha256)
    return len(due)


def lines_in_file(
    transaction: Transaction,
    settings: Settings,
    source: Source,
    delivery: Delivery,
    batch_id: int,
    forgotten: Tombstones,
) -> set[int]:
    """The rows of forgotten persons in an archived file.

    Raises
    ------
    FileRefused
        It is missing, or cannot be read.
    """
    content = archive.content_of(settings, delivery.file_sha256, delivery.file_name)
    feed = source.feeds[delivery.feed]

    def chunks() -> Iterator[Chunk]:
        return readers.open_file(content, feed, name=delivery.file_name).chunks

    return _lines(transaction, settings, source, delivery, batch_id, chunks, forgotten)


def lines_in_quarantine(
    transaction: Transaction,
    settings: Settings,
    source: Source | None,
    delivery: Delivery,
    batch_id: int,
    forgotten: Tombstones,
) -> set[int]:
    """The quarantined rows of a delivery that are of forgotten persons.

    A row that cannot be split into its columns is one where their number stands in it.
    """
    rows = staging.all_quarantined_rows(transaction, delivery.delivery_id)
    feed = source.feeds.get(delivery.feed) if source is not None else None
    if source is not None and feed is not None:
        try:
            return _lines(
                transaction, settings, source, delivery, batch_id,
                lambda: readers.open_rows(rows, delivery.columns, feed).chunks, forgotten,
            )  # fmt: skip
        except FileRefused:
            pass  # no reference, or a description that no longer fits
    return {line for line, raw in rows if forgotten.are_in(raw.decode("utf-8", "replace"))}


def _lines(
    transaction: Transaction,
    settings: Settings,
    source: Source,
    delivery: Delivery,
    batch_id: int,
    chunks: Callable[[], Iterator[Chunk]],
    forgotten: Tombstones,
) -> set[int]:
    feed = source.feeds[delivery.feed]
    suppression = Suppression(forgotten)
    read = pipeline.Input(delivery.delivery_id, delivery.landed_at, chunks, name=delivery.file_name)
    try:
        references = references_of(transaction, settings, source, feed, delivery, batch_id)
        with Engine(limits_of(settings)) as engine:
            for _ in pipeline.cast(
                engine, source, delivery.feed, [read], references, suppression=suppression
            ):
                pass
    except pipeline.Unreadable as unreadable:
        raise unreadable.error from unreadable
    return suppression.lines[delivery.delivery_id]

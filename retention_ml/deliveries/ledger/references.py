"""What the rows of a feed are joined to: reference files and rows of other feeds."""

from retention_ml.deliveries import archive
from retention_ml.deliveries.arrivals import missing_lookup
from retention_ml.deliveries.casting import lookups
from retention_ml.deliveries.casting.lookups import Reference
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.lookup import Lookup
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.ledger import landing
from retention_ml.deliveries.ledger.staging import Delivery
from retention_ml.deliveries.pipeline import Unreadable
from retention_ml.errors import FileRefused
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction


def references_of(
    transaction: Transaction,
    settings: Settings,
    source: Source,
    feed: Feed,
    first: Delivery,
    batch_id: int,
) -> list[Reference]:
    """What the rows of a feed are joined to.

    Raises
    ------
    Unreadable
        The first delivery of the feed, if a reference never came or cannot be read.
    """
    try:
        return [
            _reference(transaction, settings, source, lookup, feed, first, batch_id)
            for lookup in feed.lookup
        ]
    except FileRefused as error:
        raise Unreadable(first.delivery_id, error) from error


def _reference(
    transaction: Transaction,
    settings: Settings,
    source: Source,
    lookup: Lookup,
    feed: Feed,
    first: Delivery,
    batch_id: int,
) -> Reference:
    if lookup.feed is not None:
        files = landing.files_of_feed(transaction, source.name, lookup.feed, batch_id)
        if not files:
            raise missing_lookup(first.file_name, f"a file of the feed {lookup.feed}")
        contents = [(archive.content_of(settings, sha256, name), name) for sha256, name in files]
        return lookups.of_files(contents, lookup, source.feeds[lookup.feed], feed)
    sha256 = landing.newest_lookup(transaction, source.name, str(lookup.file))
    if sha256 is None:
        raise missing_lookup(first.file_name, str(lookup.file))
    content = archive.content_of(settings, sha256, str(lookup.file))
    return lookups.of_file(content, lookup, feed)

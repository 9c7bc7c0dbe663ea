"""Events as the files that their feeds read: what is delivered is read like any other delivery."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.errors import UsageError

FORMATS = ("csv", "jsonl")


def require_live(source: Source, feed_name: str) -> Feed:
    """The feed of that name if events can be written as its files.

    Raises
    ------
    UsageError
        There is no such feed, or its files cannot be written event by event.
    """
    feed = source.feeds.get(feed_name)
    if feed is None:
        raise UsageError(
            f"{source.name} has no feed {feed_name!r}; expected one of {', '.join(source.feeds)}."
        )
    why = _why_not(source, feed_name, feed)
    if why:
        raise UsageError(
            f"Events cannot be sent to {source.name}.{feed_name}: {why}. Describe a feed of its own "
            f"for them in sources/{source.name}.toml, as JSON lines or CSV."
        )
    return feed


def file_name(source: Source, feed_name: str, live_batch_id: int) -> str:
    """The name of a batch's file, which that feed alone reads."""
    pattern = source.feeds[feed_name].files[0]
    first, star, rest = pattern.partition("*")
    return f"{first}live-{live_batch_id:012d}{rest.replace('*', '')}" if star else pattern


def content(feed: Feed, records: Sequence[Mapping[str, Any]]) -> bytes:
    """The bytes of a file with these records in their order; equal records, equal bytes."""
    if feed.format == "jsonl":
        lines = (json.dumps(record, ensure_ascii=False, sort_keys=True) for record in records)
        return "".join(f"{line}\n" for line in lines).encode()
    columns = feed.header or feed.file_columns
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=feed.delimiter,
        quotechar=feed.quote,
        lineterminator="\n",
        quoting=csv.QUOTE_MINIMAL,
    )
    if not feed.header:
        writer.writerow(columns)
    writer.writerows([[_text(record.get(name)) for name in columns] for record in records])
    return text.getvalue().encode(feed.encoding, errors="replace")


def _why_not(source: Source, feed_name: str, feed: Feed) -> str | None:
    if feed.format not in FORMATS:
        return f"its files are {feed.format}"
    if feed.format == "csv" and (feed.skip_lines or not feed.quote or feed.escape):
        return "its files have lines before the header, or texts that are not put in quotes"
    if feed.each is not None or feed.has_context or feed.lookup or feed.member:
        return "its rows are not complete by themselves"
    if source.matches(Path(file_name(source, feed_name, 1))) != (feed_name,):
        return "no file name is read by this feed alone"
    return None


def _text(value: Any) -> str:
    """A value as a cell: texts as they are, numbers and truth values as JSON writes them."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)

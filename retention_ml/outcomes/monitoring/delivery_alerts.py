"""Whether delivered files could not be used or lie astray, and which feeds lack their rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from retention_ml import clock
from retention_ml.deliveries.inbox import left_alone
from retention_ml.deliveries.source_names import all_source_names
from retention_ml.outcomes.monitoring.alerts import Alert
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_FILES_MAX = 20
_NAMES_MAX = 5
_IS_NEWEST = "NOT EXISTS (SELECT FROM scores.published WHERE as_of > :as_of)"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableFile:
    """A row of `reports.unusable_files`."""

    source: str
    feed: str | None
    file_name: str
    status: str
    reason: str
    unusable_since: datetime
    landed_at: datetime


def unusable_files(warehouse: Warehouse, as_of: date) -> list[UnusableFile]:
    """The files that cannot be used now, by feed; none for a day before the newest published.

    What became of files has no day: it is about the newest one alone.
    """
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT source, feed, file_name, status, reason, unusable_since, landed_at "
            f"FROM reports.unusable_files WHERE {_IS_NEWEST} ORDER BY source, feed, file_name",
            as_of=as_of,
        )
    return [UnusableFile(**row._mapping) for row in rows]


def stray_files(warehouse: Warehouse, settings: Settings, as_of: date) -> Mapping[str, str]:
    """What lies in the inbox and no run will ever ingest; nothing for a day before the newest."""
    with warehouse.transaction() as transaction:
        if not transaction.execute(f"SELECT 1 WHERE {_IS_NEWEST}", as_of=as_of):
            return {}
    return left_alone(settings.home / "inbox", all_source_names(settings.sources))


def delivery_alerts(
    files: Sequence[UnusableFile], settings: Settings, *, as_of: date
) -> Iterator[Alert]:
    """An alert for every file refused lately, and for every feed that lacks rows.

    Lately is within `monitoring.cooldown_days`; after that, the feed's alert reminds of the file.
    """
    since = clock.midnight(
        as_of - timedelta(days=settings.monitoring.cooldown_days), settings.calendar.timezone
    )
    refused = [file for file in files if file.status == "refused" and file.landed_at >= since]
    for file in sorted(refused, key=lambda file: file.landed_at, reverse=True)[:_FILES_MAX]:
        yield Alert(
            kind="refused_file",
            subject=f"{file.source}/{file.file_name}",
            severity="warning",
            sentence=f"{file.file_name} of {file.source}, which came at {_minute(file.landed_at)}, "
            f"was refused and nothing of it is used. {file.reason}",
            evidence={"source": file.source, "feed": file.feed, "file_name": file.file_name},
        )
    of_feeds = [file for file in files if file.feed]
    for (source, feed), group in groupby(of_feeds, key=lambda file: (file.source, file.feed)):
        of_feed = list(group)
        names = [file.file_name for file in of_feed]
        more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
        first = min(file.unusable_since for file in of_feed)
        again = (
            "replay the quarantine"
            if all(file.status == "held" for file in of_feed)
            else "deliver them again"
            if all(file.status == "refused" for file in of_feed)
            else "deliver the refused ones again and replay the quarantine for the held"
        )
        yield Alert(
            kind="incomplete_feed",
            subject=f"{source}.{feed}",
            severity="warning",
            sentence=f"Days go on without all rows of {source}.{feed} since {_minute(first)}: "
            f"{', '.join(names[:_NAMES_MAX])}{more} cannot be used. Deliver corrected files under "
            f"the same names, or correct sources/{source}.toml and {again}. "
            "`retention status` says why.",
            evidence={"source": source, "feed": feed, "files": names, "since": first.isoformat()},
        )


def stray_alerts(strays: Mapping[str, str]) -> Iterator[Alert]:
    """An alert that something lies in the inbox which no run will ever ingest."""
    if not strays:
        return
    names = [f"{name} ({what})" for name, what in strays.items()]
    more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
    yield Alert(
        kind="stray_files",
        subject="inbox",
        severity="warning",
        sentence=f"In the inbox lies what nobody will ingest: {', '.join(names[:_NAMES_MAX])}"
        f"{more}. Files count that lie in a folder named like a description under sources/, or in "
        "history/ in it. Move or rename it, describe the source, or remove it.",
        evidence={"count": len(strays), "names": list(strays)[:_FILES_MAX]},
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"

"""Published days, and the one that a page shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from retention_ml.errors import UsageError
from retention_ml.reports.site.reading import Select

DAYS_SHOWN = 30
"""Days on a chart, and days to choose from."""


class NotThere(UsageError):
    """What was asked for does not exist; the sentence says what does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedDay:
    """A day with scores that readers see.

    Parameters
    ----------
    as_of : date
        The day.
    snapshot_id, base_snapshot_id : int
        The scoring run that readers see, and the one whose tiers it went on from.
    policy_sha256 : str
        Digest of the tier policy.
    tiers_by : str, optional
        probability, share or value; None where scored before there was a choice.
    definition_hash : str
        The churn definition that is predicted.
    published_at : datetime
        When.
    """

    as_of: date
    snapshot_id: int
    base_snapshot_id: int | None
    policy_sha256: str
    tiers_by: str | None
    definition_hash: str
    published_at: datetime


def published_days(select: Select) -> list[PublishedDay]:
    """All published days, the newest first."""
    return [
        PublishedDay(**row)
        for row in select(
            "SELECT pointer.as_of, pointer.snapshot_id, pointer.published_at, base_snapshot_id, "
            "policy_sha256, tiers_by, definition_hash "
            "FROM scores.published AS pointer JOIN scores.snapshots AS manifest USING (snapshot_id) "
            "ORDER BY pointer.as_of DESC"
        )
    ]


def chosen(days: Sequence[PublishedDay], as_of: date | None) -> PublishedDay | None:
    """The day asked for, the newest where none was; None where nothing was published at all.

    Raises
    ------
    NotThere
        The day asked for has no scores.
    """
    if as_of is None:
        return days[0] if days else None
    for day in days:
        if day.as_of == as_of:
            return day
    if not days:
        raise NotThere(
            f"There are no scores of {as_of}: nothing was published yet. Score it with "
            f"`retention score --as-of {as_of}`."
        )
    nearest = min(days, key=lambda day: abs(day.as_of - as_of))
    raise NotThere(
        f"There are no scores of {as_of}. The nearest published day is {nearest.as_of}, the newest "
        f"{days[0].as_of}. To make those of {as_of}: `retention score --as-of {as_of}`."
    )


def until(
    days: Sequence[PublishedDay], day: PublishedDay, shown: int = DAYS_SHOWN
) -> list[PublishedDay]:
    """The day and the newest published before it, in order of time."""
    return [each for each in reversed(days) if each.as_of <= day.as_of][-shown:]

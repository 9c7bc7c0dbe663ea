"""What a page is made from: a snapshot of the database, the day, and what was asked for."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from retention_ml import clock
from retention_ml.pages.links import Links
from retention_ml.pages.shell import Frame
from retention_ml.people.lookup import customer_id_of, find_customer
from retention_ml.reports.site.days import DAYS_SHOWN, PublishedDay, chosen, published_days
from retention_ml.reports.site.reading import Select, reading
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that a page is made from.

    Parameters
    ----------
    select : callable
        Rows of one snapshot of the database.
    settings : Settings
    days : sequence of PublishedDay
        The newest first.
    day : PublishedDay, optional
        The one that is shown; None where nothing was published.
    links : Links
        How the page names others.
    asked : mapping of str to str
        The rest of the question, such as a customer.
    """

    select: Select
    settings: Settings
    days: Sequence[PublishedDay]
    day: PublishedDay | None
    links: Links
    asked: Mapping[str, str]

    @property
    def frame(self) -> Frame:
        """What stands around the page."""
        day = self.day
        return Frame(
            as_of=day.as_of if day else None,
            days=[each.as_of for each in self.days[:DAYS_SHOWN]],
            currency=self.settings.calendar.currency,
            published_at=day.published_at if day else None,
            written_at=clock.now(),
            snapshot_id=day.snapshot_id if day else None,
            links=self.links,
        )


@contextmanager
def looking(
    warehouse: Warehouse,
    settings: Settings,
    *,
    as_of: date | None,
    links: Links,
    asked: Mapping[str, str] | None = None,
) -> Iterator[Look]:
    """A look at a published day, the newest by default, for as long as the block.

    Raises
    ------
    NotThere
        The day has no scores.
    WarehouseError
        The database does not answer.
    """
    asked = _with_customer_ids(warehouse, settings, asked or {})
    with reading(warehouse) as select:
        days = published_days(select)
        yield Look(
            select=select,
            settings=settings,
            days=days,
            day=chosen(days, as_of),
            links=links,
            asked=asked,
        )


def _with_customer_ids(
    warehouse: Warehouse, settings: Settings, asked: Mapping[str, str]
) -> dict[str, str]:
    """What was asked for, a customer's number replaced by what the warehouse knows them by."""
    asked = dict(asked)
    if customer := asked.get("id", "").strip():
        asked["id"] = customer_id_of(warehouse, settings, customer)
    if text := asked.get("text", "").strip():
        asked["text"] = find_customer(warehouse, settings, text) or text
    return asked

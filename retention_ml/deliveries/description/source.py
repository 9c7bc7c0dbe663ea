"""A source of deliveries: its feeds, and which of them a file belongs to."""

import hashlib
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from retention_ml.deliveries.description.currencies import CODES
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.mistakes import Mistake, listed, nearest, shown
from retention_ml.deliveries.description.section import CODE, Section, TimeZone
from retention_ml.errors import FileRefused


def _checked_currency(value: str) -> str:
    if value not in CODES:
        raise Mistake(
            f"{shown(value)} is no currency; expected its code of three capital letters such as "
            f"'EUR', 'USD' or 'GBP'.{nearest(value, CODES)}"
        )
    return value


class Source(Section):
    """One source of deliveries."""

    name: str
    title: str
    timezone: TimeZone
    currency: Annotated[str, AfterValidator(_checked_currency)]
    minor_units: int = Field(100, ge=1, le=10_000)
    available_after_hours: float = Field(0, ge=0, le=24 * 365)
    licence: str = ""
    feeds: dict[str, Feed] = Field(min_length=1)

    @field_validator("feeds")
    @classmethod
    def _feed_names(cls, value: dict[str, Feed]) -> dict[str, Feed]:
        for name in value:
            if not CODE.fullmatch(name):
                raise Mistake(
                    f"{shown(name)} is no feed name; expected 3 to 60 lower-case letters, digits "
                    "and _ such as 'orders'",
                    (name,),
                )
        return value

    @model_validator(mode="after")
    def _lookups_of_feeds(self) -> "Source":
        for feed_name, feed in self.feeds.items():
            for place, lookup in enumerate(feed.lookup):
                others = [name for name in self.feeds if name != feed_name]
                if lookup.feed is not None and lookup.feed not in others:
                    raise Mistake(
                        f"a lookup of {feed_name} reads the feed {shown(lookup.feed)}; expected "
                        f"another feed of this source: {listed(others) or 'there is none'}."
                        f"{nearest(lookup.feed, others)}",
                        ("feeds", feed_name, "lookup", place, "feed"),
                    )
        return self

    @cached_property
    def mapping_sha256(self) -> str:
        """SHA-256 of the description, stored with every delivery read by it."""
        values = self.model_dump_json(exclude_defaults=True)
        return hashlib.sha256(values.encode()).hexdigest()

    @property
    def has_orders(self) -> bool:
        """Whether a feed delivers orders themselves; otherwise they follow from their lines."""
        return any(feed.table == "orders" or "orders" in feed.also for feed in self.feeds.values())

    @property
    def feeds_with_parts(self) -> frozenset[str]:
        """The feeds of which one row may become several rows of the table."""
        return frozenset(name for name, feed in self.feeds.items() if feed.has_parts)

    @property
    def whole_order_feeds(self) -> tuple[str, ...]:
        """The feeds that tell orders whole: lines their newest delivery lacks are gone."""
        return tuple(name for name, feed in self.feeds.items() if feed.replaces == "order")

    def is_required(self, feed: str) -> bool:
        """Whether a day must not go on without the feed; reference files are in no feed."""
        return feed in self.feeds and self.feeds[feed].is_required

    def declared_reasons(self) -> dict[str, str]:
        """The reason codes of the rules, each with its `because`."""
        return {
            rule.quarantine: rule.because
            for feed in self.feeds.values()
            for rule in feed.rules
            if rule.quarantine
        }

    def matches(self, file: Path) -> tuple[str, ...]:
        """The names of the feeds that read a file, by its file name; empty if none does."""
        return tuple(
            name
            for name, feed in self.feeds.items()
            if any(fnmatchcase(file.name, pattern) for pattern in feed.files)
        )

    def match(self, file: Path) -> str:
        """The name of the first feed that reads a file, by its file name.

        Raises
        ------
        FileRefused
            No feed expects a file of that name.
        """
        if names := self.matches(file):
            return names[0]
        expected = "; ".join(f"{n}: {', '.join(f.files)}" for n, f in self.feeds.items())
        raise FileRefused(
            f"{file.name} belongs to no feed of {self.name} (expected {expected}). "
            f"Rename the file, or add its pattern to sources/{self.name}.toml.",
            "no_feed",
        )

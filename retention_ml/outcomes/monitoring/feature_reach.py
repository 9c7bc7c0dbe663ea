"""How far features look back, and whether their feed is old enough for them.

Where a window begins before the first row of its feed it fills from day to day, whatever customers
do: such a feature is shown, and is never drift.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from retention_ml.features.catalogue import FEATURES

ORDERS, EVENTS, CAMPAIGNS, FEEDBACK = "order", "event", "campaign contact", "feedback"
# Families that do not look at orders.
_FEED_OF_FAMILY = {"events": EVENTS, "campaigns": CAMPAIGNS, "feedback": FEEDBACK}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStart:
    """Since when there are rows of known customers in a feed.

    Parameters
    ----------
    event_on : date
        The day of the oldest.
    known_on : date
        The first day that knew of any: later where a feed was connected with rows of the past.
    """

    event_on: date
    known_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopAge:
    """Since when the shop has rows of each feed, and how long a customer counts as active.

    Parameters
    ----------
    starts : mapping of str to FeedStart
        By feed; of one without rows nothing is known to be too young.
    active_days : int
        Nobody's last order is older than that.
    """

    starts: Mapping[str, FeedStart]
    active_days: int

    def is_observed(self, name: str, day: date) -> bool:
        """Whether a day knew anything of what a feature looks at."""
        start = self.starts.get(_feed(name))
        return start is None or day >= start.known_on

    def covers(self, name: str, day: date) -> bool:
        """Whether the window of a feature of a day begins on its feed's first day or later.

        Features of the whole history have no window that fills: they grow older with the shop,
        and how fast is measured.
        """
        start, reach_days = self.starts.get(_feed(name)), self.reach_days(name)
        if start is None or reach_days is None:
            return self.is_observed(name, day)
        return self.is_observed(name, day) and day - timedelta(days=reach_days) >= start.event_on

    def reach_days(self, name: str) -> int | None:
        """How many days a feature looks back; None where it looks at the whole history."""
        return self.active_days if name == "recency_days" else FEATURES[name].window_days

    def remark(self, name: str, day: date) -> str:
        """Why a feature of a day is only shown, in words."""
        start = self.starts[_feed(name)]
        if not self.is_observed(name, day):
            return (
                f"only shown: the shop's first {_feed(name)} was not known before {start.known_on}"
            )
        return (
            f"only shown: it looks back {self.reach_days(name)} days, to before the shop's first "
            f"{_feed(name)} on {start.event_on}"
        )


def _feed(name: str) -> str:
    return _FEED_OF_FAMILY.get(FEATURES[name].family, ORDERS)

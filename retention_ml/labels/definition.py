"""The churn definition: whom it is about, which window decides, and its hash."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from retention_ml import clock
from retention_ml.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ChurnDefinition:
    """Who counts as churned on a day D.

    The population are the customers with a purchase in the `active_days` before D. A customer of
    the population is churned if no purchase follows in the outcome window
    [midnight(D + `lead_days`), midnight(D + `lead_days` + `horizon_days`)), half-open, by the
    shop's calendar: a day is a day, whether it has 23, 24 or 25 hours.

    Examples
    --------
    >>> definition = ChurnDefinition(active_days=90, lead_days=0, horizon_days=28)
    >>> definition.hash
    '55222becce4a7dcc'
    >>> definition.window(date(2026, 3, 1))
    (datetime.date(2026, 3, 1), datetime.date(2026, 3, 29))
    """

    active_days: int
    lead_days: int
    horizon_days: int
    event: str = "order"
    timezone: str = "UTC"

    @cached_property
    def canonical(self) -> str:
        """The definition as canonical JSON: sorted keys, no spaces."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @cached_property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()[:16]

    @property
    def history_days(self) -> int:
        """The least days of orders before a day that can be trained on.

        A whole outcome window, and a third of `active_days`: with less behind it, a population is
        too unlike those of later days.
        """
        window = self.lead_days + self.horizon_days
        return min(self.active_days, max(window, self.active_days // 3))

    @property
    def shortest_days(self) -> int:
        """Days from a day to where a third of its outcome window is known: enough to train on."""
        return self.lead_days + -(-self.horizon_days // 3)

    def to_dict(self) -> dict[str, Any]:
        """The definition as plain JSON values."""
        return asdict(self)

    def window(self, as_of: date) -> tuple[date, date]:
        """First day of the outcome window of `as_of`, and the day after its last."""
        opens = as_of + timedelta(days=self.lead_days)
        return opens, opens + timedelta(days=self.horizon_days)

    def window_bounds(self, as_of: date) -> tuple[datetime, datetime]:
        """The outcome window of `as_of` as instants in UTC, half-open."""
        opens, closes = self.window(as_of)
        return clock.midnight(opens, self.timezone), clock.midnight(closes, self.timezone)


def churn_definition(settings: Settings) -> ChurnDefinition:
    """The churn definition that the settings ask for."""
    return ChurnDefinition(
        active_days=settings.churn.active_days,
        lead_days=settings.churn.lead_days,
        horizon_days=settings.churn.horizon_days,
        event=settings.churn.event,
        timezone=settings.calendar.timezone,
    )

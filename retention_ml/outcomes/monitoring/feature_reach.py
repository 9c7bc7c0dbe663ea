"""How far features look back, and whether a shop is old enough for them.

Where a window begins before the shop's first order it fills from day to day, whatever customers
do: such a feature is shown, and is never drift.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from retention_ml.features.catalogue import FEATURES

# The whole history of a customer counts as long as the longest window: a shop of one year has
# seen every weekday, every month and the pauses of most customers.
WHOLE_HISTORY_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopAge:
    """Since when the shop has orders, and how long a customer counts as active.

    Parameters
    ----------
    first_order_on : date or None
        The first day with an order of a known customer; None where there is none, then nothing
        is known to be too young.
    active_days : int
        Nobody's last order is older than that.
    """

    first_order_on: date | None
    active_days: int

    def covers(self, name: str, day: date) -> bool:
        """Whether the window of a feature of a day begins on the shop's first day or later."""
        if self.first_order_on is None:
            return True
        return day - timedelta(days=self.reach_days(name)) >= self.first_order_on

    def reach_days(self, name: str) -> int:
        """How many days a feature looks back."""
        if name == "recency_days":
            return self.active_days
        return FEATURES[name].window_days or WHOLE_HISTORY_DAYS

    def remark(self, name: str) -> str:
        """Why a feature is only shown, in words."""
        return (
            f"only shown: it looks back {self.reach_days(name)} days, to before the shop's first "
            f"order on {self.first_order_on}"
        )

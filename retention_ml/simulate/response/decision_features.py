"""What is known about customers when it is decided: RFM, and their own earlier answers."""

import numpy as np

from retention_ml.simulate.response.responding_shop import RespondingShop
from retention_ml.simulate.seasons import Floats, Integers

_MONTH, _QUARTER = 28, 90
# A customer starts with one order in so many days.
_PRIOR_DAYS = 60.0

RFM = (
    "recency_log_days",
    "tenure_log_days",
    "orders_28d_log_count",
    "orders_90d_log_count",
    "orders_log_count",
    "order_log_rate",
    "overdue_share",
    "margin_log_cents",
)


def answer_names(action_ids: tuple[str, ...]) -> tuple[str, ...]:
    """The names of what `OwnAnswers.features` returns."""
    ratios = tuple(f"answer_{action_id}_log_ratio" for action_id in action_ids)
    differences = tuple(f"answer_{action_id}_difference" for action_id in action_ids[1:])
    counts = tuple(f"answer_{action_id}_log_days" for action_id in action_ids)
    return ratios + differences + counts


class OwnAnswers:
    """Orders and days inside closed windows of effect, by what the customer was drawn: also none.

    Parameters
    ----------
    shop : RespondingShop
        Whose customers and actions they are.
    """

    def __init__(self, shop: RespondingShop) -> None:
        self._shop = shop
        shape = (len(shop.world.action_ids), shop.orders.shape[1])
        self.orders, self.days = np.zeros(shape), np.zeros(shape)

    def close(self, customers: Integers, actions: Integers, start: int, days: int) -> None:
        """Count one window that has ended for each of the customers.

        Raises
        ------
        ValueError
            If the window reaches beyond what has been lived through.
        """
        if start + days > self._shop.today:
            raise ValueError(
                f"The window ends on day {start + days}, today is {self._shop.today}; expected a "
                "window that has closed. Close it later."
            )
        ordered = self._shop.orders[start : start + days, customers].sum(axis=0)
        self.orders[actions, customers] += ordered
        self.days[actions, customers] += days

    def features(self, customers: Integers) -> Floats:
        """Answers by action against the customer's own rate, shrunk, shape (n, 3·actions − 1).

        log((orders + 1) / (days · rate + 1)) by action, 0 where nothing was tried; its
        difference from `none`; and the logarithm of the days that stand behind it.
        """
        orders, days = self.orders[:, customers], self.days[:, customers]
        ratio = np.log((orders + 1) / (days * _own_rate(self._shop, customers) + 1))
        return np.vstack([ratio, ratio[1:] - ratio[:1], np.log1p(days)]).T


def rfm(shop: RespondingShop, customers: Integers) -> Floats:
    """Recency, frequency, value and tenure before today, shape (n, 8), named by `RFM`."""
    count = shop.order_count[customers]
    recency = shop.today - shop.last_order_day[customers]
    tenure = shop.today - shop.first_order_day[customers]
    margin = shop.margin_total_cents[customers]
    in_days = [
        shop.orders[max(shop.today - days, 0) : shop.today, customers].sum(axis=0)
        for days in (_MONTH, _QUARTER)
    ]
    rate = _own_rate(shop, customers)
    return np.column_stack(
        [
            np.log1p(recency),
            np.log1p(tenure),
            np.log1p(in_days[0]),
            np.log1p(in_days[1]),
            np.log1p(count),
            np.log(rate),
            np.minimum(recency * rate, 5.0),
            np.log(np.maximum(margin / np.maximum(count, 1), 1.0)),
        ]
    )


def _own_rate(shop: RespondingShop, customers: Integers) -> Floats:
    """Orders a day, shrunk, shape (n,); all days count, those of contacts too."""
    tenure = shop.today - shop.first_order_day[customers]
    return np.asarray((shop.order_count[customers] + 1) / (tenure + _PRIOR_DAYS))

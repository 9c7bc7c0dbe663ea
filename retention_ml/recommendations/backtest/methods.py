"""The methods of a backtest by name; settings of the published ones are chosen on an earlier day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from retention_ml.errors import UsageError
from retention_ml.recommendations.baselines.method import Best, Method
from retention_ml.recommendations.baselines.neighbours import EaseMethod, ItemKnn, TifuKnn, UpCf
from retention_ml.recommendations.baselines.popularity import (
    PersonalDecayed,
    most_bought,
    personal_frequency,
)
from retention_ml.recommendations.metrics import Lists, Truth, customer_metrics
from retention_ml.recommendations.purchases import PurchaseLog

CHAMPION = "champion"
MEANINGS = {
    CHAMPION: "the ranker: candidates, pair features and LightGBM",
    "best_sellers": "most buyers in the last 28 days, the same for everybody",
    "personal_frequency": "what the customer bought on most days (GP-TopFreq)",
    "personal_decayed": "the same, older purchase days counting less",
    "tifu_knn": "TIFU-KNN: decayed item frequencies mixed with those of like customers",
    "up_cf": "UP-CF@r: recent frequencies of like customers",
    "item_knn": "products with like buyers, cosine",
    "ease": "EASE: ridge regression of every product on all others",
}
# The settings to choose among: the published ones and those near them.
_GRIDS: dict[str, tuple[Method, ...]] = {
    "best_sellers": (most_bought,),
    "personal_frequency": (personal_frequency,),
    "personal_decayed": tuple(PersonalDecayed(half_life_baskets=n) for n in (5, 10, 20, 40)),
    "tifu_knn": (
        TifuKnn(basket_decay=1.0, group_decay=0.8, group_size=5, neighbours=100),
        TifuKnn(basket_decay=1.0, group_decay=0.9, group_size=3, neighbours=300),
        TifuKnn(basket_decay=0.9, group_decay=0.7, group_size=7, neighbours=300),
    ),
    "up_cf": (
        UpCf(recency=25, locality=15),
        UpCf(recency=100, locality=5),
        UpCf(recency=25, locality=5),
    ),
    "item_knn": (ItemKnn(),),
    "ease": (EaseMethod(),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A published method with the settings that were best on an earlier day.

    `meaning` says what it is where it is none of `MEANINGS`.
    """

    name: str
    method: Method
    meaning: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """Its settings."""
        slots = getattr(self.method, "__dataclass_fields__", {})
        return {name: getattr(self.method, name) for name in slots}


def names() -> tuple[str, ...]:
    """Everything that can take part."""
    return tuple(MEANINGS)


def require_names(methods: Sequence[str] | None) -> tuple[str, ...]:
    """The methods asked for, each once; all by default.

    Raises
    ------
    UsageError
        A name is not among `names()`.
    """
    chosen = tuple(dict.fromkeys(methods if methods is not None else names()))
    unknown = [name for name in chosen if name not in MEANINGS]
    if unknown or not chosen:
        raise UsageError(
            f"There is no method {unknown[0] if unknown else ''!r} to recommend with; expected "
            f"one or more of {', '.join(names())}. Correct --models."
        )
    return chosen


def chosen_settings(
    methods: Iterable[str], log: PurchaseLog, day: date, *, horizon_days: int, active_days: int
) -> list[Choice]:
    """Each baseline with the settings whose mixed list has the best NDCG@10 on a day.

    Parameters
    ----------
    log : PurchaseLog
        Nothing in it is newer than the first day to evaluate.
    day : date
        Its window ends no later than that day.
    """
    purchases = log.known_at(day)
    outcome = log.outcome(day, horizon_days)
    customers = purchases.active(active_days)
    truth = Truth.of(outcome.customer, outcome.product, np.isin(outcome.customer, customers))
    choices = []
    for name in methods:
        if name == CHAMPION:
            continue
        grid = _GRIDS[name]
        ndcg = [0.0]
        if len(grid) > 1 and len(truth.customers):
            ndcg = [
                float(
                    customer_metrics(mixed(method(purchases, customers), customers), truth)[
                        "ndcg"
                    ].mean()
                )
                for method in grid
            ]
        choices.append(Choice(name=name, method=grid[int(np.argmax(ndcg))]))
    return choices


def mixed(best: Best, customers: np.ndarray, size: int = 10) -> Lists:
    """The mixed lists of customers by code."""
    return Lists.top(customers[best.owner], best.product, best.score, size)

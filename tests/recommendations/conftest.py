"""One shop with habits, and the ranker learnt from it, for all tests that only look."""

from datetime import date

import pytest

from retention_ml.recommendations.fit_ranker import Learning, fit_ranker
from retention_ml.recommendations.purchases import PurchaseLog
from retention_ml.recommendations.ranker import Ranker
from tests.worlds.purchases import day_of_history, habits

LEARNING = Learning(horizon_days=28, active_days=90, products_max=200)


@pytest.fixture(scope="session")
def shop() -> PurchaseLog:
    """240 days of 150 customers."""
    return habits()


@pytest.fixture(scope="session")
def as_of() -> date:
    """A day with 212 days before it and 28 after."""
    return day_of_history(212)


@pytest.fixture(scope="session")
def ranker(shop: PurchaseLog, as_of: date) -> Ranker:
    """Learnt from what was known on that day."""
    return fit_ranker(shop.upto(as_of), as_of=as_of, learning=LEARNING)

"""Rankers that are fitted once for all tests that only read them."""

import pytest

from tests.outcomes.lists.ranker_world import Rankers, rankers


@pytest.fixture(scope="session")
def two_rankers() -> Rankers:
    """A good one and a poor one, see `ranker_world`."""
    return rankers()

"""The guard of the suite: no transaction stays open over a request to the registry or a fit."""

import pytest

from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.fitting import FitContext
from retention_ml.warehouse import Warehouse
from tests.worlds.open_transactions import idle_in_transaction
from tests.worlds.registered import Shelf
from tests.worlds.samples import rows


def test_a_request_inside_a_transaction_is_noticed_in_any_test(shelf: Shelf) -> None:
    """Negative control."""
    with shelf.warehouse.transaction(), pytest.raises(AssertionError, match="registry is asked"):
        shelf.registry.aliases()
    shelf.registry.aliases()


def test_a_fit_inside_a_transaction_is_noticed_in_any_test(warehouse: Warehouse) -> None:
    """Negative control."""
    sample, context = rows(200, seed=1), FitContext(seed=1, threads=1)
    with warehouse.transaction(), pytest.raises(AssertionError, match="logistic is fitted"):
        candidate("logistic").fit(sample, context)
    candidate("logistic").fit(sample, context)


def test_what_postgres_says_of_an_open_transaction(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("SELECT 1")
        assert idle_in_transaction(warehouse) == 1
    with warehouse.exclusive("block"):
        assert idle_in_transaction(warehouse) == 0

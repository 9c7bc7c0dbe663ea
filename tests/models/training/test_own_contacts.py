"""A training after contacts: what the ledger, the candidates and the list of versions say of it."""

from datetime import timedelta

import numpy as np
import pytest

from retention_ml import clock
from retention_ml.errors import RegistryError
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training import ledger
from retention_ml.models.training.fit_candidate import fit_candidate
from retention_ml.models.training.preparation import prepare_training
from retention_ml.reports.model_versions import overview
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import RandomShop, fill, random_shop


class _NoRegistry(Registry):
    """One that does not answer."""

    def versions(self, **_: object) -> list[object]:  # type: ignore[override]
        raise RegistryError("MLflow does not answer.")


def _contact_every_third(warehouse: Warehouse, settings: Settings, shop: RandomShop) -> None:
    """On every tenth day a lot: one of ten customers is sent to, two are left alone."""
    lot = np.random.default_rng(8)
    names = [f"c{number:05d}" for number in range(700)]
    for back in range(0, 150, 10):
        day = shop.last_day - timedelta(days=back)
        at = clock.midnight(day, settings.calendar.timezone)
        drawn = lot.permutation(names)[:210]
        rows = [
            {
                "campaign_id": f"rule-1@{day}/0.7",
                "customer_id": str(name),
                "kind": "sent" if number < 70 else "holdout",
                "event_at": at,
                "source": "actions",
            }
            for number, name in enumerate(drawn)
        ]
        fill(warehouse, "campaign_contacts", rows, available_at=at)


def test_candidates_are_evaluated_on_those_left_alone_and_the_ledger_says_so(
    warehouse: Warehouse, small: Settings
) -> None:
    shop = random_shop(warehouse, customers=700, days=300, seed=4)
    _contact_every_third(warehouse, small, shop)
    receipt, training_set = prepare_training(warehouse, small, shop.last_day)
    training_id = str(receipt.details["training_id"])
    training = ledger.training(warehouse, training_id)
    days = training.plan.evaluation
    with warehouse.transaction() as transaction:
        [(stored,)] = transaction.execute(
            "SELECT contacts FROM models.trainings WHERE training_id = :id", id=training_id
        )
    assert stored == receipt.details["contacts"]
    assert set(stored) == {"training", "evaluation"}
    evaluation = stored["evaluation"]
    assert evaluation["rows_count"] == len(training_set.positions(days))
    assert 0 < evaluation["contacted_count"] < evaluation["rows_count"] / 2
    assert evaluation["unrepresented_count"] == 0
    assert evaluation["weight_max"] == pytest.approx(1.5**2, rel=0.01)

    fit_candidate(warehouse, small, training, "recency", training_set)
    fits = ledger.fits(warehouse, training_id)
    predictions = ledger.predictions(warehouse, training, fits, training_set)
    left_alone = evaluation["rows_count"] - evaluation["contacted_count"]
    assert len(predictions.evaluated().outcome) == left_alone < len(predictions.outcome)
    with warehouse.transaction() as transaction:
        counts = transaction.execute("SELECT DISTINCT customers_count FROM models.evaluations")
        transaction.execute(
            "UPDATE models.trainings SET model_version = '1' WHERE training_id = :id",
            id=training_id,
        )
    assert [row.customers_count for row in counts] == [left_alone]
    [version] = overview(warehouse, _NoRegistry(small))["versions"]
    assert version["contacts"] == stored
    assert (
        f"evaluation: {evaluation['contacted_count']:,} contacted left out"
        in version["evaluated_on"]
    )
    assert "left alone by lot stand for them (weights up to" in version["evaluated_on"]

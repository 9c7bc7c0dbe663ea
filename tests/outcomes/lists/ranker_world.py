"""A shop with habits in the database, a ranker that knows them and one that knows nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from retention_ml import clock
from retention_ml.clock import day_of
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.decisions import write_decision
from retention_ml.recommendations.fit_ranker import Learning, fit_ranker
from retention_ml.recommendations.fitting.ledger import CHALLENGER, CHAMPION, store
from retention_ml.recommendations.pair_features import FEATURES
from retention_ml.recommendations.purchases import PurchaseLog
from retention_ml.recommendations.ranker import MODEL_NAME, Ranker
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.outcomes.lists.hand_made import HORIZON, publish
from tests.worlds.purchases import day_of_history, habits
from tests.worlds.shops import fill

BEGAN = day_of_history(120)
CLOSED = [BEGAN + timedelta(days=HORIZON * (window + 1) + 1) for window in range(3)]
"""The days on which the first, second and third window have closed and settled."""
GOOD, POOR = "ranker-1", "ranker-2"


@dataclass(frozen=True, slots=True)
class Rankers:
    """A shop, a ranker learnt from it and one without any order, fitted on the same day."""

    log: PurchaseLog
    good: Ranker
    poor: Ranker


def rankers() -> Rankers:
    log = habits()
    learning = Learning(horizon_days=HORIZON, active_days=90, products_max=200)
    good = fit_ranker(log.upto(BEGAN), as_of=BEGAN, learning=learning)
    poor = Ranker.of(
        Bundle.of(
            good.bundle.predictor,
            model_name=MODEL_NAME,
            features=FEATURES,
            slope=0.0,
            intercept=-3.0,
            as_of=str(BEGAN),
            recommendations=good.about,
        )
    )
    return Rankers(log, good, poor)


def settle_in(
    warehouse: Warehouse, settings: Settings, world: Rankers, *, champion: str, challenger: str
) -> None:
    """The shop's purchases, both rankers in the ledger, and lists of the champion every ten days."""
    _write_purchases(warehouse, world.log)
    digests = {GOOD: world.good.sha256, POOR: world.poor.sha256}
    with warehouse.transaction() as transaction:
        for ranker in (world.good, world.poor):
            fit = {
                "as_of": BEGAN,
                "evaluated_on": BEGAN - timedelta(days=HORIZON + 1),
                "is_in_force": False,
                "reason": "to see what follows",
                "evidence": {
                    "methods": {"champion": {"mixed": {"ndcg": 0.1}}},
                    "difference": {"value": 0.0},
                },
            }
            store(transaction, ranker, fit, "# card\n", "test")
        transaction.execute("UPDATE recommendations.bundles SET registered_at = now()")
        for alias, version in ((CHAMPION, champion), (CHALLENGER, challenger)):
            write_decision(
                transaction,
                settings=settings,
                alias=alias,
                model_name=MODEL_NAME,
                version=version,
                bundle_sha256=digests[version],
                verdict="promote",
                decided_by="test",
                reason="to see what follows",
                as_of=BEGAN,
            )
    customers = world.log.customer_ids.to_pylist()
    for number in range(10):
        publish(
            warehouse,
            {(customer, "mixed"): ["p000"] for customer in customers},
            day=BEGAN + timedelta(days=10 * number),
            bundle_sha256=digests[champion],
        )


def _write_purchases(warehouse: Warehouse, log: PurchaseLog) -> None:
    midnight = clock.midnight(day_of(0), "UTC")
    moments = [
        datetime(midnight.year, 1, 1, 12, tzinfo=UTC) + timedelta(days=int(day))
        for day in log.event_day
    ]
    names = log.customer_ids.take(pa.array(log.customer)).to_pylist()
    orders = [f"{name}-{day}" for name, day in zip(names, log.event_day.tolist(), strict=True)]
    stamps = pa.array(moments, pa.timestamp("us", tz="UTC"))
    first = np.unique(np.array(orders), return_index=True)[1]
    fill(
        warehouse,
        "order_lines",
        pa.table(
            {
                "order_id": orders,
                "product_id": log.product_ids.take(pa.array(log.product)),
                "customer_id": names,
                "event_at": stamps,
                "occurrence": pa.array([1] * len(orders), pa.int64()),
            }
        ),
    )
    table = pa.table({"order_id": orders, "customer_id": names, "event_at": stamps})
    fill(warehouse, "orders", table.take(pa.array(first)))

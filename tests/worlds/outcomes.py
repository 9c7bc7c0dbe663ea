"""A shop whose customers buy at known rates, scored by models that are more or less accurate.

Orders are a Poisson process of each customer's own rate, so the probability of none within the
outcome window is known exactly, on every day.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.features import store
from retention_ml.labels.definition import churn_definition
from retention_ml.scores.published_tiers import write_totals
from retention_ml.scores.split import assigned_to_challenger
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats, logit, sigmoid
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill

FIRST = date(2025, 1, 6)
STAMP = pa.timestamp("us", tz="UTC")


def sha(name: str) -> str:
    """A digest to stand for a bundle."""
    return hashlib.sha256(name.encode()).hexdigest()


@dataclass
class Shop:
    """Customers, their orders and the scores of models."""

    warehouse: Warehouse
    settings: Settings
    customers: int = 600
    days: int = 160
    seed: int = 1
    names: list[str] = field(init=False)
    truth: Floats = field(init=False)

    def __post_init__(self) -> None:
        draw = np.random.default_rng(self.seed)
        self.names = [f"c{number:05d}" for number in range(self.customers)]
        horizon = self.settings.churn.horizon_days
        self.truth = sigmoid(draw.normal(0, 1.6, self.customers))
        self.rates = -np.log(self.truth) / horizon
        store.ensure_columns(self.warehouse)
        who, when = [], []
        for number, rate in enumerate(self.rates):
            times = np.sort(draw.uniform(0, self.days, draw.poisson(rate * self.days)))
            who += [self.names[number]] * len(times)
            when += times.tolist()
        self.order(who, [self.moment(at) for at in when])

    def moment(self, day: float) -> datetime:
        """An instant, in days since the first."""
        start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
        return start + timedelta(seconds=int(day * 86_400))

    def order(
        self, who: Sequence[str], when: Sequence[datetime], *, available_at: datetime | None = None
    ) -> None:
        """Write orders, known from when they happen or from `available_at` on."""
        count = self.warehouse.read("SELECT count(*) AS n FROM curated.orders")["n"][0].as_py()
        fill(
            self.warehouse,
            "orders",
            pa.table(
                {
                    "order_id": [f"o{count + i:07d}" for i in range(len(who))],
                    "customer_id": list(who),
                    "event_at": pa.array(when, STAMP),
                }
            ),
            available_at=available_at,
        )

    def contact(
        self,
        who: Sequence[str],
        when: datetime,
        *,
        kind: str = "sent",
        campaign: str = "k1",
        available_at: datetime | None = None,
    ) -> None:
        """Write campaign contacts."""
        fill(
            self.warehouse,
            "campaign_contacts",
            pa.table(
                {
                    "campaign_id": [campaign] * len(who),
                    "customer_id": list(who),
                    "event_at": pa.array([when] * len(who), STAMP),
                    "kind": [kind] * len(who),
                }
            ),
            available_at=available_at,
        )

    def noisy(self, size: float, seed: int = 5) -> Floats:
        """The true probabilities with normal noise of so much on the log-odds."""
        draw = np.random.default_rng(seed)
        return sigmoid(logit(self.truth) + draw.normal(0, size, self.customers))

    def features(self, day: date) -> None:
        """Write the features behind the segments; everybody is active every day."""
        draw = np.random.default_rng(7)
        n = self.customers
        values = {
            "is_one_time_buyer": (draw.random(n) < 0.3).astype(float),
            "tenure_days": draw.integers(1, 500, n).astype(float),
            "recency_days": draw.integers(1, 90, n).astype(float),
            "revenue_cents_90d": draw.gamma(2, 20_000, n).round(),
            "revenue_cents_365d": draw.gamma(2, 50_000, n).round(),
        }
        rows = pa.table(
            {"as_of": pa.array([day] * n, pa.date32()), "customer_id": self.names, **values}
        )
        with self.warehouse.transaction() as transaction:
            transaction.execute("DELETE FROM features.customer_daily WHERE as_of = :day", day=day)
            transaction.copy("features.customer_daily", rows)

    def publish(
        self,
        day: date,
        champion: Floats,
        challenger: Floats | None = None,
        *,
        versions: tuple[str, str] = ("1", "2"),
        shas: tuple[str, str] | None = None,
        model_as_of: date | None = FIRST,
        challenger_as_of: date | None = FIRST,
        model_name: str = "plain",
        status: str = "published",
        some: int | None = None,
    ) -> int:
        """A published snapshot of a day, written to the tables directly; its id."""
        self.features(day)
        names = self.names[:some]
        n = len(names)
        trial = self.settings.trial
        shas = shas or (sha(versions[0]), sha(versions[1]))
        challenger_mask = (
            assigned_to_challenger(names, trial.salt, trial.challenger_share)
            if challenger is not None
            else np.zeros(n, dtype=bool)
        )
        manifest: dict[str, Any] = {
            "as_of": day,
            "status": status,
            "epoch": 1,
            "definition_hash": churn_definition(self.settings).hash,
            "policy_sha256": "p",
            "features_digest": "f",
            "model_name": model_name,
            "model_version": versions[0],
            "bundle_sha256": shas[0],
            "challenger_name": model_name if challenger is not None else None,
            "challenger_version": versions[1] if challenger is not None else None,
            "challenger_bundle_sha256": shas[1] if challenger is not None else None,
            "model_as_of": model_as_of,
            "challenger_as_of": challenger_as_of if challenger is not None else None,
            "challenger_share": trial.challenger_share if challenger is not None else None,
            "split_salt": trial.salt,
            "library_version": "0",
            "population_count": n,
            "scored_count": n,
            "excluded_count": 0,
            "scores_digest": "s",
            "run_id": "test",
            "built_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        with self.warehouse.transaction() as transaction:
            snapshot_id = int(
                transaction.execute(
                    f"INSERT INTO scores.snapshots ({', '.join(manifest)}) VALUES "
                    f"({', '.join(f':{name}' for name in manifest)}) RETURNING snapshot_id",
                    **manifest,
                )[0][0]
            )
            champion_probability = champion[:n]
            challenger_probability = None if challenger is None else challenger[:n]
            served = (
                champion_probability
                if challenger_probability is None
                else np.where(challenger_mask, challenger_probability, champion_probability)
            )
            transaction.copy(
                "scores.customer_daily",
                pa.table(
                    {
                        "snapshot_id": pa.array([snapshot_id] * n, pa.int64()),
                        "as_of": pa.array([day] * n, pa.date32()),
                        "customer_id": names,
                        "churn_probability": served,
                        "champion_probability": champion_probability,
                        "challenger_probability": pa.nulls(n, pa.float64())
                        if challenger_probability is None
                        else pa.array(
                            challenger_probability, mask=np.isnan(challenger_probability)
                        ),
                        "risk_percentile": np.full(n, 0.5),
                        "risk_tier": ["low"] * n,
                        "tier_since": pa.array([day] * n, pa.date32()),
                        "expected_value_at_risk_cents": pa.array([0] * n, pa.int64()),
                        "arm": np.where(challenger_mask, "challenger", "champion").tolist(),
                        "model_name": [model_name] * n,
                        "model_version": np.where(
                            challenger_mask, versions[1], versions[0]
                        ).tolist(),
                        "run_id": ["test"] * n,
                        "scored_at": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * n, STAMP),
                    }
                ),
            )
            if status == "published":
                transaction.execute(
                    "INSERT INTO scores.audits VALUES (:id, 'rows', 'critical', true, '', :at)",
                    id=snapshot_id,
                    at=datetime(2026, 1, 1, tzinfo=UTC),
                )
                transaction.execute(
                    "INSERT INTO scores.published VALUES (:day, :id, 1, :at) ON CONFLICT (as_of) "
                    "DO UPDATE SET snapshot_id = excluded.snapshot_id",
                    day=day,
                    id=snapshot_id,
                    at=datetime(2026, 1, 1, tzinfo=UTC),
                )
                write_totals(transaction, snapshot_id)
        return snapshot_id

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.warehouse.read(sql).to_pylist()


def weeks(count: int, first: date = FIRST + timedelta(days=14)) -> list[date]:
    """Scored days, a week apart."""
    return [first + timedelta(days=7 * number) for number in range(count)]

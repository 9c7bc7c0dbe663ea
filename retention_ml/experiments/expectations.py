"""What the newest published scores let an experiment expect, by tier."""

from datetime import date

import ibis
import numpy as np

from retention_ml.errors import NotReady
from retention_ml.experiments.power import Expectation
from retention_ml.features.families.purchases import WINDOWS
from retention_ml.features.store import rows_of
from retention_ml.scores.snapshot import CUSTOMER_DAILY, column
from retention_ml.settings import Settings
from retention_ml.statistics.profit import revenue_as_lately_cents, revenue_window_days
from retention_ml.warehouse import Warehouse

PUBLISHED = ibis.table(
    {"as_of": "date", "snapshot_id": "int64"}, name="published", database="scores"
)


def expectations(
    warehouse: Warehouse, settings: Settings, *, as_of: date, windows: int
) -> dict[str, Expectation]:
    """By tier: customers, how many of them churn, and what they bring.

    Churn is the mean of the published probabilities; margin and its spread are those of the last
    weeks, as long as the outcome window. Not every customer may be contacted: permissions and
    fatigue take some away.

    Parameters
    ----------
    as_of : date
        A day with published scores.
    windows : int
        How often a customer can be decided about, and mature, within the time.

    Raises
    ------
    NotReady
        No scores are published for the day.
    """
    days = revenue_window_days(WINDOWS, settings.churn.horizon_days)
    revenue = f"revenue_cents_{days}d"
    published = PUBLISHED.filter(PUBLISHED.as_of == ibis.literal(as_of, "date"))
    scores = CUSTOMER_DAILY.semi_join(published, "snapshot_id").select(
        "customer_id", "risk_tier", "churn_probability"
    )
    features = rows_of([as_of]).select("customer_id", revenue)
    rows = warehouse.read(scores.left_join(features, "customer_id").drop("customer_id_right"))
    if rows.num_rows == 0:
        raise NotReady(
            f"No scores are published for {as_of}, so nothing can be expected. Name a day with "
            "scores, or score and publish it first."
        )
    lately = revenue_as_lately_cents(
        np.nan_to_num(column(rows, revenue)),
        revenue_days=days,
        horizon_days=settings.churn.horizon_days,
    )
    margin = settings.value.margin_share * np.maximum(lately, 0) / settings.calendar.minor_units
    churn = column(rows, "churn_probability")
    tiers = np.asarray(rows["risk_tier"].to_pylist(), dtype=object)
    return {
        tier: _expectation(tier, churn[mask], margin[mask], windows, settings.value.margin_share)
        for tier in sorted(set(tiers.tolist()))
        for mask in [tiers == tier]
    }


def _expectation(
    tier: str,
    churn: np.ndarray[tuple[int], np.dtype[np.float64]],
    margin: np.ndarray[tuple[int], np.dtype[np.float64]],
    windows: int,
    margin_share: float,
) -> Expectation:
    bought = margin > 0
    return Expectation(
        tier=tier,
        customers_count=len(churn) * windows,
        churn_rate=float(churn.mean()),
        margin_if_retained=float(margin[bought].mean()) if bought.any() else 0.0,
        revenue_if_retained=float(margin[bought].mean() / margin_share) if bought.any() else 0.0,
        margin_spread=float(margin.std()),
    )

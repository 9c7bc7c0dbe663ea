"""Scores of some customers as the next daily run would give them, if nothing more came."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.live.in_force import InForce
from retention_ml.scores import reasons, served, value
from retention_ml.scores.model_predictions import predict_both
from retention_ml.scores.score import serve
from retention_ml.scores.tiers import NO_TIER, TIERS, places, tier_since
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools

_SERVED = (
    "customer_id", "churn_probability", "expected_value_at_risk_cents",
    *(f"reason_{rank}{suffix}" for rank in (1, 2, 3) for suffix in ("_code", "")),
    "arm", "model_name", "model_version",
)  # fmt: skip


def fresh_scores(
    features: pa.Table,
    in_force: InForce,
    *,
    settings: Settings,
    as_of: date,
    barred: Mapping[str, Bools],
) -> pa.Table:
    """The columns of `scores.fresh` but its stamps, of those who can be scored.

    Model, arm, policy and hysteresis are those of the daily run. What depends on all customers,
    a rank and what is usual, is taken among the customers of the newest published day.

    Parameters
    ----------
    features : pa.Table
        Of n customers, by `customer_id`.
    barred : mapping of str to array of bool, shape (n,)
        Who is not scored, by reason, as `scores.score.barred` has it.
    """
    predictions = predict_both(
        served.on_engine(in_force.champion, settings),
        in_force.challenger and served.on_engine(in_force.challenger, settings),
        features,
        barred,
    )
    rows, _ = serve(settings, predictions, in_force.policy, as_of, in_force.usual)
    n = rows.num_rows
    place = in_force.places_in_base(rows["customer_id"])
    before = in_force.base.take(place)
    probability = np.asarray(rows["churn_probability"].to_numpy(), dtype=np.float64)
    everybody = in_force.with_fresh(
        place, probability, rows["expected_value_at_risk_cents"].to_numpy()
    )
    position = in_force.policy.position(*everybody)
    previous = places(before["risk_tier"])
    others = len(position) - n
    tier = in_force.policy.tier_of(
        position, np.concatenate([np.full(others, NO_TIER, dtype=np.int64), previous])
    )[others:]
    since = tier_since(
        tier, previous, before["tier_since"].to_numpy().astype("datetime64[D]"), as_of
    )
    rows = reasons.with_one_reason(
        rows.drop_columns("tier_position"),
        tier > 0,
        predictions.scored,
        by_value=in_force.policy.by == "value",
        minor_units=settings.calendar.minor_units,
    )
    return pa.table(
        {
            **{name: rows[name] for name in _SERVED},
            "as_of": pa.repeat(pa.scalar(as_of), n),
            "risk_percentile": value.risk_percentile(everybody[0])[others:],
            "risk_tier": pa.array(TIERS).take(pa.array(tier)),
            "previous_tier": before["risk_tier"],
            "tier_since": pa.array(since, pa.date32()),
        }
    )


def rose(rows: pa.Table) -> pa.Table:
    """Those of the scores whose tier is higher than the one published."""
    before = pc.index_in(rows["previous_tier"], value_set=pa.array(TIERS))
    after = pc.index_in(rows["risk_tier"], value_set=pa.array(TIERS))
    return rows.filter(pc.fill_null(pc.greater(after, before), False))

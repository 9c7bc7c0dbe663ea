"""The decisions of an experiment, with their outcomes as known on a day."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.abnormal.excluded import excluded_customers, is_excluded
from retention_ml.actions.catalogue.cost import COST_TERMS, cost_beside_revenue
from retention_ml.experiments.decisions import Decisions
from retention_ml.experiments.ledger import Experiment
from retention_ml.labels.behaviour import decision_outcomes
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.maturity import matured_until
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.warehouse import Warehouse


def load_decisions(
    warehouse: Warehouse, settings: Settings, experiment: Experiment, *, as_of: date
) -> Decisions:
    """All decisions of an experiment before a day; those whose window has settled have outcomes.

    Decisions of released days: nobody was contacted on any other. Of an experiment that draws
    customers once, only the first decision about each counts. Nobody was drawn while excluded as
    abnormal; who is since stays, as leaving them out by what they did after the lot would bias the
    effect.
    """
    rows = _assignments(warehouse, settings, experiment, as_of)
    arms = tuple(experiment.design.arms)
    tiers = tuple(sorted(experiment.design.tiers))
    arm = _code(rows["action_id"], arms)
    ordinal = np.array([day.toordinal() for day in rows["as_of"].to_pylist()], dtype=np.int64)
    days = [date.fromordinal(int(one)) for one in np.unique(ordinal)]
    day = np.searchsorted(np.unique(ordinal), ordinal).astype(np.int64)
    assigned = np.zeros((len(days), len(arms)), dtype=np.int64)
    np.add.at(assigned, (day, arm), 1)

    until = matured_until(warehouse, settings=settings, as_of=as_of) or date.min
    is_mature = ordinal <= until.toordinal()
    matured = np.flatnonzero(is_mature)
    outcome = decision_outcomes(
        warehouse,
        churn_definition(settings),
        rows.take(pa.array(matured)),
        known_as_of=as_of,
    )
    churn = _floats(rows["churn_probability"])[matured]
    value = _floats(rows["expected_value_at_risk_cents"])[matured]
    cost = _floats(rows["cost_cents"])[matured]
    units = settings.calendar.minor_units
    margin = settings.value.margin_share * outcome["cents"] - cost
    return Decisions(
        days=days,
        day=day[matured],
        arms=arms,
        arm=arm[matured],
        tiers=tiers,
        tier=_code(rows["tier"], tiers)[matured],
        retained=(outcome["purchases"] > 0).astype(np.float64),
        unsubscribed=(outcome["refusals"] > 0).astype(np.float64),
        returned=(outcome["returns"] > 0).astype(np.float64),
        margin=margin / units,
        retention_forecast=1 - churn,
        margin_forecast=value / np.maximum(churn, 0.01) * (1 - churn) / units,
        assigned=assigned,
        abnormal_count=int(
            is_excluded(rows["customer_id"], excluded_customers(warehouse, as_of))[matured].sum()
        ),
    )


def _assignments(
    warehouse: Warehouse, settings: Settings, experiment: Experiment, as_of: date
) -> pa.Table:
    rows = warehouse.read(
        "SELECT assignment.as_of, assignment.customer_id, assignment.action_id, assignment.tier, "
        f"{cost_beside_revenue(settings)} AS cost_cents, score.churn_probability, "
        "score.expected_value_at_risk_cents "
        "FROM actions.assignments AS assignment "
        "JOIN actions.days AS day ON day.as_of = assignment.as_of "
        "JOIN scores.customer_daily AS score ON score.snapshot_id = assignment.snapshot_id "
        f"AND score.customer_id = assignment.customer_id {COST_TERMS} "
        f"WHERE assignment.experiment_id = '{experiment.experiment_id}' "  # a name has no quotes
        f"AND assignment.as_of < DATE '{as_of.isoformat()}' AND day.status = 'released' "
        "ORDER BY assignment.as_of, assignment.customer_id"
    )
    if experiment.design.unit == "customer":
        ids = rows["customer_id"].to_numpy(zero_copy_only=False)
        _, first = np.unique(ids, return_index=True)  # rows are in the order of their days
        rows = rows.take(pa.array(np.sort(first)))
    return rows


def _code(values: pa.ChunkedArray, names: tuple[str, ...]) -> Ints:
    codes = pc.index_in(values, value_set=pa.array(names, pa.string()))
    return np.asarray(codes.to_numpy(), dtype=np.int64)


def _floats(values: pa.ChunkedArray) -> Floats:
    return np.asarray(pc.fill_null(values.cast(pa.float64()), 0.0).to_numpy(), dtype=np.float64)

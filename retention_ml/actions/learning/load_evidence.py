"""Evidence from the ledger: released decisions, their outcomes and features, as known on a day."""

import json
from collections.abc import Mapping, Sequence
from datetime import date

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.abnormal.excluded import excluded_customers, is_excluded
from retention_ml.actions.assignment.policies import BANDIT
from retention_ml.actions.catalogue.cost import COST_TERMS, cost_beside_revenue
from retention_ml.actions.effects.bandit import stages_of
from retention_ml.actions.effects.features import EFFECT_FEATURES, load_values
from retention_ml.actions.learning.evidence import Evidence, lot_chances
from retention_ml.experiments.ledger import experiments
from retention_ml.labels.behaviour import decision_outcomes
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.maturity import matured_until
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats
from retention_ml.warehouse import Warehouse

_INVALID = "invalid"
_ASSIGNMENTS = ibis.table(
    {
        "as_of": "date",
        "customer_id": "string",
        "is_explored": "boolean",
        "is_capped": "boolean",
        "is_holdout": "boolean",
    },
    name="assignments",
    database="actions",
)


def load_evidence(
    warehouse: Warehouse,
    settings: Settings,
    *,
    as_of: date,
    actions: Sequence[str],
    effect_days: Mapping[str, int],
) -> Evidence:
    """Decisions drawn by lot whose outcome window has closed and settled by a day.

    Of released days: nobody was contacted on any other. Not of the holdout, not where a limit
    decided, not of experiments that were found invalid by that day; of one that draws customers
    once only the first decision about each. At most `training.rows_max`, the newest. Nobody was
    drawn while excluded as abnormal; who is since stays and is counted.

    Parameters
    ----------
    as_of : date
        Outcomes count as known at its start; evidence of an old day is that of then.
    actions : sequence of str
        `none` first.
    """
    until = matured_until(warehouse, settings=settings, as_of=as_of) or date.min
    rows = _assignments(warehouse, settings, min(until, as_of), as_of)
    definition = churn_definition(settings)
    outcome = decision_outcomes(warehouse, definition, rows, known_as_of=as_of)
    units = settings.calendar.minor_units
    churn = _floats(rows["churn_probability"])
    cost = _floats(rows["cost_cents"])
    value = _floats(rows["expected_value_at_risk_cents"]) / np.maximum(churn, 0.01)
    days = rows["as_of"].to_pylist()
    action = pc.index_in(rows["action_id"], value_set=pa.array(actions, pa.string()))
    return Evidence(
        actions=tuple(actions),
        features=EFFECT_FEATURES,
        values=load_values(
            warehouse, settings, rows, effect_days=effect_days, wanted=_wanted(days)
        ),
        day=np.array([day.toordinal() for day in days], dtype=np.int64),
        customer=_codes(rows["customer_id"]),
        action=pc.fill_null(action.cast(pa.int64()), -1).to_numpy(),  # an action that is no more
        stage=stages_of(rows["tier"].to_pylist()),
        chances=_chances(rows, actions),
        retained=(outcome["purchases"] > 0).astype(np.float64),
        margin=(settings.value.margin_share * outcome["cents"] - _floats(rows["spent_cents"]))
        / units,
        churn_probability=churn,
        value=value / units,
        cost=cost / units,
        abnormal_count=int(
            is_excluded(rows["customer_id"], excluded_customers(warehouse, as_of)).sum()
        ),
    )


def _assignments(warehouse: Warehouse, settings: Settings, until: date, as_of: date) -> pa.Table:
    """The decisions by day and customer."""
    with warehouse.transaction() as transaction:
        ledger = experiments(transaction)
    invalid = {
        one.experiment_id
        for one in ledger
        if one.state == _INVALID and one.ended_on is not None and one.ended_on <= as_of
    }
    once = {one.experiment_id for one in ledger if one.design.unit == "customer"}
    rows = warehouse.read(
        "SELECT assignment.as_of, assignment.customer_id, assignment.action_id, "
        "assignment.experiment_id, assignment.tier, policy.kind AS policy_kind, "
        "CAST(assignment.propensities AS text) AS propensities, assignment.cost_cents, "
        f"{cost_beside_revenue(settings)} AS spent_cents, day.explore_share, "
        "score.churn_probability, "
        "score.expected_value_at_risk_cents FROM actions.assignments AS assignment "
        "JOIN actions.days AS day ON day.as_of = assignment.as_of "
        "JOIN actions.policies AS policy ON policy.policy_id = assignment.policy_id "
        "JOIN scores.customer_daily AS score ON score.snapshot_id = assignment.snapshot_id "
        f"AND score.customer_id = assignment.customer_id {COST_TERMS} "
        f"WHERE assignment.as_of <= DATE '{until.isoformat()}' AND day.status = 'released' "
        "AND assignment.is_explored AND NOT assignment.is_capped AND NOT assignment.is_holdout "
        "ORDER BY assignment.as_of DESC, assignment.customer_id "
        f"LIMIT {settings.training.rows_max}"
    ).sort_by([("as_of", "ascending"), ("customer_id", "ascending")])
    names = rows["experiment_id"].to_pylist()
    mask = np.array([name not in invalid for name in names], dtype=np.bool_)
    previous: set[tuple[str, str]] = set()
    for place, (name, customer) in enumerate(
        zip(names, rows["customer_id"].to_pylist(), strict=True)
    ):
        if name in once:
            mask[place] &= (name, customer) not in previous
            previous.add((name, customer))
    return rows.filter(pa.array(mask))


def _wanted(days: Sequence[date]) -> ibis.Table:
    """The customers of these decisions, in the database."""
    rows = _ASSIGNMENTS.filter(_ASSIGNMENTS.as_of.isin(sorted(set(days)) or [date.min]))
    return rows.filter(rows.is_explored, ~rows.is_capped, ~rows.is_holdout).select(
        "as_of", "customer_id"
    )


def _chances(rows: pa.Table, actions: Sequence[str]) -> Floats:
    """Where a lot drew there are few different propensities, so each is read once."""
    keys = list(
        zip(
            rows["propensities"].to_pylist(),
            rows["explore_share"].to_pylist(),
            (
                name is not None or kind == BANDIT
                for name, kind in zip(
                    rows["experiment_id"].to_pylist(), rows["policy_kind"].to_pylist(), strict=True
                )
            ),
            strict=True,
        )
    )
    table = {
        key: lot_chances(
            actions, json.loads(key[0]), explore_share=float(key[1]), is_as_logged=key[2]
        )
        for key in set(keys)
    }
    return np.array([table[key] for key in keys]).reshape(len(keys), len(actions))


def _codes(values: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    encoded = values.combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(), dtype=np.int64)


def _floats(values: pa.ChunkedArray) -> Floats:
    return np.asarray(pc.fill_null(values.cast(pa.float64()), 0.0).to_numpy(), dtype=np.float64)

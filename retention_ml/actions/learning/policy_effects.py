"""Policies and what they know of each action: a reading function."""

from typing import Any

from retention_ml.warehouse import Warehouse

_POLICIES = """
SELECT policy_id, in_force_from, effect.key AS action_id, effect.value ->> 'rung' AS rung,
    CAST(effect.value ->> 'decisions_count' AS bigint) AS decisions,
    CAST(effect.value #>> '{effect,value}' AS double precision) AS effect,
    CAST(effect.value #>> '{effect,lower}' AS double precision) AS lower,
    CAST(effect.value #>> '{effect,upper}' AS double precision) AS upper,
    CAST(effect.value #>> '{slope,value}' AS double precision) AS slope,
    CAST(effect.value #>> '{profit,value}' AS double precision) * 1000 AS profit_per_1000,
    coalesce(effect.value ->> 'reason', reason) AS reason, decided_by
FROM actions.policies
LEFT JOIN LATERAL jsonb_each(evidence) AS effect (key, value) ON true
ORDER BY in_force_from DESC, decided_at DESC, policy_id DESC, action_id
"""


def policy_effects(warehouse: Warehouse) -> list[dict[str, Any]]:
    """A row for each policy and action, the newest policy first; one without evidence has one row."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(_POLICIES)
    return [{**row._mapping, "in_force_from": str(row.in_force_from)} for row in rows]

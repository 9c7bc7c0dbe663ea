"""What contacts cost beside the revenue that followed them: a discount is partly in that already.

Revenue is what was paid. Of an order with the list price l and the discount d, margin_share x (l - d)
is counted as margin, and margin_share x l - d is left: what is still to be taken off is
(1 - margin_share) x d. The discount is the expected one, as it was when the action was decided.
"""

from retention_ml.settings import Settings

# Cents of a contact without a discount, by the files of the day; of others the whole cost is meant.
COST_TERMS = (
    "LEFT JOIN (SELECT catalogue_sha256, action.key AS action_id, max(CAST(action.value ->> 'cost' "
    "AS double precision)) AS cost, max(CAST(action.value ->> 'discount_share' AS double precision)) "
    "AS discount_share FROM actions.catalogues, jsonb_each(document -> 'actions') AS action "
    "GROUP BY 1, 2) AS term ON term.catalogue_sha256 = day.catalogue_sha256 "
    "AND term.action_id = assignment.action_id"
)
"""Join that `cost_beside_revenue` needs, with `assignment` and `day` before it."""


def cost_beside_revenue(settings: Settings) -> str:
    """SQL of the cents that a contact cost beside `margin_share` x revenue; 0 for `none`."""
    discount = f"greatest(assignment.cost_cents - term.cost * {settings.calendar.minor_units}, 0)"
    return (
        f"(assignment.cost_cents - CASE WHEN term.discount_share > 0 THEN "
        f"{settings.value.margin_share!r} * {discount} ELSE 0 END)"
    )

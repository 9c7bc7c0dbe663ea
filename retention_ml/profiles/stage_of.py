"""The published lifecycle stage of customers: what scores, recommendations and actions may read."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from retention_ml.profiles.stages import Stage
from retention_ml.warehouse import Transaction

_OLD_DAYS_MAX = 1  # profiles of yesterday will do where those of the day are not published yet


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerStage:
    """A customer's stage, since when, and the day of the profiles it comes from."""

    stage: Stage
    since: date
    as_of: date


def stage_of(
    transaction: Transaction, customer_ids: Collection[str], as_of: date
) -> dict[str, CustomerStage]:
    """The stage by customer as published for a day, or for the day before.

    Customers without a profile are not in it; none are where neither day is published.
    """
    rows = transaction.execute(
        "SELECT customer_id, lifecycle_stage, stage_since, profile.as_of "
        "FROM profiles.customer_daily AS profile WHERE snapshot_id = "
        "(SELECT snapshot_id FROM profiles.published WHERE as_of BETWEEN :oldest AND :as_of "
        "ORDER BY as_of DESC LIMIT 1) AND customer_id = ANY (:customer_ids)",
        oldest=as_of - timedelta(days=_OLD_DAYS_MAX),
        as_of=as_of,
        customer_ids=list(customer_ids),
    )
    return {
        row.customer_id: CustomerStage(
            stage=Stage(row.lifecycle_stage), since=row.stage_since, as_of=row.as_of
        )
        for row in rows
    }

"""Who agreed to what: the newest statement of a purpose counts, of one moment the forbidding one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools
from retention_ml.warehouse import Warehouse


class Purpose(StrEnum):
    """What a person's data may be used for.

    `CONTACT`: being written to, on whatever channel. `PROFILING`: being scored.
    """

    CONTACT = "contact"
    PROFILING = "profiling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one person said: agreed to a purpose, or not, from an instant on."""

    customer_id: str
    purpose: Purpose
    is_given: bool
    event_at: datetime


_PROFILING = """
SELECT customer_id, max(event_at) FILTER (WHERE is_given)
    > coalesce(max(event_at) FILTER (WHERE NOT is_given), '-infinity') IS TRUE AS is_given
FROM privacy.consents WHERE purpose = 'profiling' GROUP BY customer_id
"""


def refuses_profiling(
    warehouse: Warehouse, settings: Settings, customer_ids: pa.StringArray
) -> Bools:
    """Which customers may not be scored, shape (n,).

    By what is known now, for past days too: to compute the score of a past day is to profile.
    Whoever said nothing may be scored, unless `privacy.profiling` asks for consent.
    """
    statements = warehouse.read(_PROFILING)
    is_given = pc.fill_null(statements["is_given"], False)
    agreed = statements["customer_id"].filter(is_given)
    refused = statements["customer_id"].filter(pc.invert(is_given))
    if settings.privacy.profiling == "with_consent":
        return ~_is_in(customer_ids, agreed)
    return _is_in(customer_ids, refused)


def _is_in(customer_ids: pa.StringArray, listed: pa.ChunkedArray) -> Bools:
    mask = pc.is_in(customer_ids, value_set=listed.cast(pa.string()).combine_chunks())
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=np.bool_)


def unknown_customers(warehouse: Warehouse, customer_ids: Sequence[str]) -> set[str]:
    """Those of some customers of whom no delivery told anything."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT customer_id FROM unnest(CAST(:ids AS text[])) AS asked (customer_id) WHERE NOT ("
            "EXISTS (SELECT FROM privacy.people AS p WHERE p.customer_id = asked.customer_id) "
            "OR EXISTS (SELECT FROM curated.customers AS c WHERE c.customer_id = asked.customer_id) "
            "OR EXISTS (SELECT FROM curated.orders AS o WHERE o.customer_id = asked.customer_id) "
            "OR EXISTS (SELECT FROM curated.order_lines AS l WHERE l.customer_id = asked.customer_id)"
            ")",
            ids=list(customer_ids),
        )
    return {str(row.customer_id) for row in rows}

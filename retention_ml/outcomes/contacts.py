"""Whom a campaign reached between score and outcome, and who represents them.

A forecast says what a customer does if nothing special is done. Where a campaign reached the
customer in between, the outcome may be the campaign's. Such customers are left out; the campaign's
holdout, customers whom it drew to be left alone, can represent them, with weights.

Reached means sent to. What the customer did with it (opened, clicked, redeemed) does not count:
who redeems an offer buys, so leaving out redeemers would leave out buyers, that is the outcome
itself (docs/decisions/0015).

The platform's own contacts are decided anew every day, and nobody is contacted soon after an order.
Who is left after leaving the contacted out are then those who ordered by themselves, so that the
rest is never looked at without weights (docs/decisions/0034).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.curated.known import known
from retention_ml.deliveries.description.loading import OWN_CONTACTS
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.left_alone import WEIGHT_MAX
from retention_ml.statistics.arrays import Bools, Floats

CONTACTS = tables.CANONICAL["campaign_contacts"].ibis_table("curated", tables.LINEAGE)
SENT, HOLDOUT = "sent", "holdout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """What campaigns did to the customers of a scored day.

    Parameters
    ----------
    is_contacted : array of bool, shape (n,)
        A campaign reached the customer.
    weights : array of float64, shape (n,), or None
        How many customers each one represents: 0 where contacted, 1 over the holdout's share for
        a holdout, else 1. None where no campaign has a holdout.
    without_holdout_count : int
        Customers reached by a campaign without a holdout: nobody represents them.
    left_alone : array of float64, shape (n,)
        How many customers each one represents where the contacted are left out: 0 where contacted,
        by the platform's lots where it decided, at most `WEIGHT_MAX`, else 1.
    has_own : bool
        Whether the platform itself contacted customers.
    """

    is_contacted: Bools
    weights: Floats | None
    without_holdout_count: int
    left_alone: Floats
    has_own: bool = False


def contact_window(definition: ChurnDefinition, day: date) -> tuple[datetime, datetime]:
    """From the first moment of a scored day to the end of its outcome window, half-open.

    What happened before is in the features.
    """
    return clock.midnight(day, definition.timezone), definition.window_bounds(day)[1]


def contacts(definition: ChurnDefinition, day: date, *, known_as_of: date) -> ibis.Table:
    """`campaign_id, customer_id, kind` (sent or holdout), `is_own`, distinct, of a `contact_window`.

    `is_own`: the platform's. What is known at the start of `known_as_of` decides.
    """
    rows = known(CONTACTS, clock.midnight(known_as_of, definition.timezone))
    opens_at, closes_at = contact_window(definition, day)
    inside = rows.filter(
        rows.kind.isin([SENT, HOLDOUT]),
        rows.event_at >= ibis.literal(opens_at, "timestamp('UTC')"),
        rows.event_at < ibis.literal(closes_at, "timestamp('UTC')"),
    )
    return inside.select(
        "campaign_id", "customer_id", "kind", is_own=inside.source == OWN_CONTACTS
    ).distinct()


def contamination(customer_ids: pa.Array, campaign_contacts: pa.Table) -> Contamination:
    """What the contacts of a scored day mean for its customers.

    In a campaign that left alone the share h of its target group, each holdout represents 1 / h
    customers, itself included (Horvitz and Thompson 1952); a holdout of several campaigns, drawn
    independently, the product. Metrics divide by the sum of the weights (Hájek).

    Parameters
    ----------
    customer_ids : pa.Array of string, length n
        The customers of the scored day, each once.
    campaign_contacts : pa.Table
        Rows of `contacts`.

    References
    ----------
    Horvitz, Thompson (1952), A generalization of sampling without replacement from a finite
    universe, JASA 47.

    Examples
    --------
    >>> table = pa.table({
    ...     "campaign_id": ["k"] * 3, "customer_id": ["a", "b", "c"],
    ...     "kind": ["sent", "sent", "holdout"], "is_own": [False] * 3})
    >>> contamination(pa.array(["a", "b", "c", "d"]), table).weights.round(3).tolist()
    [0.0, 0.0, 3.0, 1.0]
    """
    sent = campaign_contacts.filter(pc.field("kind") == SENT)
    holdouts = campaign_contacts.filter(pc.field("kind") == HOLDOUT)
    is_contacted = _is_in(customer_ids, sent["customer_id"])
    sent_counts = Counter(sent["campaign_id"].to_pylist())
    shares = {
        campaign: count / (count + sent_counts[campaign])
        for campaign, count in sorted(Counter(holdouts["campaign_id"].to_pylist()).items())
    }
    sent_without_holdout = sent.filter(
        pc.invert(pc.is_in(sent["campaign_id"], pa.array(list(shares), pa.string())))
    )
    left_alone = np.where(is_contacted, 0.0, 1.0)
    weights = None
    if shares:
        weights = left_alone * np.exp(_log_weights(customer_ids, holdouts, shares))
    if has_own := bool(pc.any(campaign_contacts["is_own"]).as_py()):
        of_lots = np.exp(_log_weights(customer_ids, holdouts.filter(holdouts["is_own"]), shares))
        left_alone = left_alone * np.minimum(of_lots, WEIGHT_MAX)
    return Contamination(
        is_contacted=is_contacted,
        weights=weights,
        without_holdout_count=int(_is_in(customer_ids, sent_without_holdout["customer_id"]).sum()),
        left_alone=left_alone,
        has_own=has_own,
    )


def _log_weights(customer_ids: pa.Array, holdouts: pa.Table, shares: Mapping[str, float]) -> Floats:
    """Logarithm of one over the shares of the campaigns that held a customer out, shape (n,)."""
    log_weights = np.zeros(len(customer_ids))
    rows = pc.index_in(holdouts["customer_id"], value_set=customer_ids)
    added = np.array([-np.log(shares[one]) for one in holdouts["campaign_id"].to_pylist()])
    is_scored = pc.is_valid(rows).to_numpy()
    np.add.at(log_weights, pc.fill_null(rows, 0).to_numpy()[is_scored], added[is_scored])
    return log_weights


def _is_in(customer_ids: pa.Array, others: pa.ChunkedArray) -> Bools:
    mask = pc.is_in(customer_ids, value_set=others.combine_chunks())
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=np.bool_)

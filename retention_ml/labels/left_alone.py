"""How much the outcome of a customer counts whom the platform might have contacted.

An outcome says what customers do by themselves. Whom the platform contacted before their next order
does not count; whom it left alone by lot stands for them. A contact depends on what happened
within the outcome window (nobody is contacted soon after an order), so that leaving out the contacted
without these weights would leave those who order by themselves in.
"""

from datetime import date

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.curated.known import known
from retention_ml.deliveries.description.loading import OWN_CONTACTS
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.statistics.arrays import Bools, Floats, Ints

WEIGHT_MAX = 50.0
"""Most that one customer stands for: a few left alone against all odds must not decide."""

CONTACTS = tables.CANONICAL["campaign_contacts"].ibis_table("curated", tables.LINEAGE)
SENT, _HOLDOUT = "sent", "holdout"


def own_contacts(
    definition: ChurnDefinition, first: date, last: date, *, known_as_of: date
) -> ibis.Table:
    """`campaign_id, customer_id, kind, event_at` of the platform's contacts and holdouts.

    Those from the start of `first` to the end of the outcome window of `last`, as known at the start
    of `known_as_of`.
    """
    rows = known(CONTACTS, clock.midnight(known_as_of, definition.timezone))
    opens_at = clock.midnight(first, definition.timezone)
    closes_at = definition.window_bounds(last)[1]
    return rows.filter(
        rows.source == OWN_CONTACTS,
        rows.kind.isin([SENT, _HOLDOUT]),
        rows.event_at >= ibis.literal(opens_at, "timestamp('UTC')"),
        rows.event_at < ibis.literal(closes_at, "timestamp('UTC')"),
    ).select("campaign_id", "customer_id", "kind", "event_at")


def left_alone_weights(
    definition: ChurnDefinition,
    day: date,
    customer_ids: pa.Array,
    time_to_next_order: Floats,
    contacts: pa.Table,
) -> Floats:
    """How many customers each outcome of a day stands for: inverse probability of no contact.

    Only contacts up to the day of the next order count, at most to the end of the window: later ones
    change nothing about it. In a campaign that left the share h alone by lot, each of those
    stands for 1 / h customers; over several the product, at most `WEIGHT_MAX`.

    Parameters
    ----------
    customer_ids : pa.Array of string, length n
        The customers of the day, each once.
    time_to_next_order : array of float64, shape (n,)
        Whole days from the opening of the outcome window, infinite where none is known.
    contacts : pa.Table
        Rows of `own_contacts`.

    Returns
    -------
    array of float64, shape (n,)
        0 where a contact came first.

    References
    ----------
    Robins, Finkelstein (2000), Correcting for noncompliance and dependent censoring in an AIDS
    clinical trial with inverse probability of censoring weighted log-rank tests, Biometrics 56.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> at = datetime(2026, 3, 2, tzinfo=UTC)
    >>> rows = [("k", "a", "sent"), ("k", "b", "holdout"), ("k", "c", "sent"), ("k", "d", "sent")]
    >>> contacts = pa.Table.from_pylist([
    ...     {"campaign_id": k, "customer_id": c, "kind": kind, "event_at": at} for k, c, kind in rows])
    >>> definition = ChurnDefinition(active_days=90, lead_days=0, horizon_days=28)
    >>> left_alone_weights(definition, date(2026, 3, 1), pa.array(["a", "b", "c", "e"]),
    ...     np.array([np.inf, np.inf, 0, np.inf]), contacts).tolist()
    [0.0, 4.0, 1.0, 1.0]
    """
    log_weights = np.zeros(len(customer_ids))
    is_contacted = np.zeros(len(customer_ids), dtype=np.bool_)
    if contacts.num_rows == 0:
        return np.ones(len(customer_ids))
    row, counts = rows_in_time(definition, day, customer_ids, time_to_next_order, contacts)
    is_sent = pc.equal(contacts["kind"], SENT).to_numpy()
    campaign = contacts["campaign_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    total = np.bincount(campaign)
    left_alone = np.bincount(campaign, weights=~is_sent, minlength=len(total))
    log_share = np.log(np.maximum(left_alone, 1) / total)[campaign]
    is_contacted[row[counts & is_sent]] = True
    holdouts = counts & ~is_sent
    np.add.at(log_weights, row[holdouts], -log_share[holdouts])
    weights = np.minimum(np.exp(log_weights), WEIGHT_MAX)
    return np.where(is_contacted, 0.0, weights)


def rows_in_time(
    definition: ChurnDefinition,
    day: date,
    customer_ids: pa.Array,
    time_to_next_order: Floats,
    contacts: pa.Table,
) -> tuple[Ints, Bools]:
    """Of each contact: which customer of the day, and whether it may have decided their outcome.

    Parameters are those of `left_alone_weights`.

    Returns
    -------
    positions : array of int64, shape (n_contacts,)
        0 where the customer is none of the day.
    counts : array of bool, shape (n_contacts,)
        A customer of the day, from its start to the day of their next order, at most to the end of
        the window.
    """
    instants = contacts["event_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    offset = clock.local_days(instants // 1_000_000, definition.timezone) - clock.day_number(day)
    position = pc.index_in(contacts["customer_id"], value_set=customer_ids)
    is_scored = pc.is_valid(position).to_numpy()
    row = pc.fill_null(position, 0).to_numpy()
    last = np.minimum(
        definition.lead_days + time_to_next_order,
        definition.lead_days + definition.horizon_days - 1,
    )
    return row, is_scored & (offset >= 0) & (offset <= last[row])

"""How customers answered earlier contacts: orders while a contact had its effect, and while left alone.

These are features of effects, not of churn: models of uplift read them beside the columns of
`features.customer_daily`, which stay as they are. They exist for customers of campaigns whose windows
have closed; for all others they are 0, as for somebody who does as always.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from retention_ml.deliveries.description.loading import OWN_CONTACTS
from retention_ml.features.families.arithmetic import ratio, rounded
from retention_ml.features.feature import Feature
from retention_ml.features.freshness import require_kept
from retention_ml.features.inputs import Inputs, inputs_for, registered_inputs
from retention_ml.features.local_time import with_local_time
from retention_ml.features.rollups import ROLLED_UP, curated
from retention_ml.limits import Limits, connect_duckdb, within
from retention_ml.warehouse import Warehouse

EFFECT_DAYS = 28
"""How long a contact is taken to have an effect where its action does not say: the day itself and
those after it. Holdouts have this window too."""

SENT, HOLDOUT = "sent", "holdout"
_FAMILY = "own answers"
_KEY = ["as_of_day", "customer_id"]
_CONTACTED, _REACHED, _CONCERNED = "contacted", "reached", "concerned"
# The planner takes each day's rows for a handful; every join here is of whole tables by equality.
_PLANNER = {"enable_nestloop": "off", "enable_mergejoin": "off"}

ANSWERS: tuple[Feature, ...] = (
    Feature(
        "answer_contacted_days", "days", None, _FAMILY,
        "days inside the effect windows of contacts sent to the customer",
    ),
    Feature(
        "answer_left_alone_days", "days", None, _FAMILY,
        "days inside the windows in which a campaign left the customer alone by lot, and no contact "
        "had its effect",
    ),
    Feature(
        "answer_contacted_log_ratio", "log_ratio", None, _FAMILY,
        "orders on the days of contacts against those expected at the customer's own rate (orders "
        "a day since the first one), one more of each",
    ),
    Feature(
        "answer_left_alone_log_ratio", "log_ratio", None, _FAMILY,
        "the same of the days left alone",
    ),
    Feature(
        "answer_log_ratio", "log_ratio", None, _FAMILY,
        "the first less the second: how much more the customer orders when contacted",
    ),
)  # fmt: skip
ANSWER_NAMES = tuple(feature.name for feature in ANSWERS)


def answers(inputs: Inputs, contacts: ibis.Table) -> ibis.Table:
    """The features of own answers for each day, as known at its start.

    Parameters
    ----------
    inputs : Inputs
        Of these, `days` and `customer_day`.
    contacts : ibis.Table
        Rows of `contact_changes`.

    Returns
    -------
    ibis.Table
        `as_of_day` int64, `customer_id`, then `ANSWERS` as float64; one row per day and customer
        with a window that has closed. A customer without a row has 0 everywhere.
    """
    windows = _windows(inputs.days, contacts)
    orders = _orders(inputs, windows)
    totals = orders.group_by(_KEY).agg(
        orders=orders.orders_count.sum(),
        first_day=ibis.ifelse(orders.orders_count > 0, orders.event_day, ibis.null("int64")).min(),
    )
    sums = _sums(_segments(windows), orders)
    sums = sums.left_join(totals, _KEY).select(*sums.columns, "orders", "first_day")
    # Days that left-alone windows add to those of contacts, and the orders on them.
    left_days = sums.concerned_days - sums.reached_days
    left_orders = sums.concerned_orders - sums.reached_orders
    contacted = _log_ratio(sums, sums.contacted_orders, sums.contacted_days)
    left_alone = _log_ratio(sums, left_orders, left_days)
    values = (
        sums.contacted_days, left_days, contacted, left_alone, contacted - left_alone
    )  # fmt: skip
    columns = {
        name: value.cast("float64") for name, value in zip(ANSWER_NAMES, values, strict=True)
    }
    return sums.filter((sums.contacted_days > 0) | (left_days > 0)).select(*_KEY, **columns)


def contact_changes(newest_rollup_id: int, effect_days: Mapping[str, int]) -> ibis.Table:
    """Contacts sent and holdouts of all campaigns, as additions from the day each was known.

    A version counts 1 from its day on, and -1 from the day a replacement was known: the sum up to
    a day is what `curated.known.known` would show at its start.

    Parameters
    ----------
    newest_rollup_id : int
        Deliveries up to this pass count: orders and contacts are of one moment.
    effect_days : mapping of str to int
        The window of each own action, at least 1; others have `EFFECT_DAYS`.

    Returns
    -------
    ibis.Table
        `customer_id, is_sent, event_day, effect_days, known_from_day, sign`.
    """
    table = curated("campaign_contacts")
    rolled = ROLLED_UP.filter(ROLLED_UP.rollup_id <= newest_rollup_id).select("delivery_id")
    ending = rolled.select(superseded_by="delivery_id")
    of_kind = table.filter(table.kind.isin([SENT, HOLDOUT]))
    rows = of_kind.mutate(
        is_sent=ibis.ifelse(of_kind.kind == SENT, 1, 0).cast("int64"),
        effect_days=_effect_days(of_kind, effect_days),
    )
    starts, ends = rows.semi_join(rolled, "delivery_id"), rows.semi_join(ending, "superseded_by")
    names = ("customer_id", "event_at", "is_sent", "effect_days")
    changes = starts.select(
        *names, sign=ibis.literal(1, "int64"), known_from_at=starts.available_at
    ).union(
        ends.select(
            *names,
            sign=ibis.literal(-1, "int64"),
            known_from_at=ibis.greatest(ends.available_at, ends.superseded_at),
        )
    )
    timed = with_local_time(changes)
    days = ("customer_id", "is_sent", "event_day", "effect_days", "known_from_day")
    return timed.group_by(*days).agg(sign=timed.sign.sum().cast("int64"))


def compute_answers(
    warehouse: Warehouse,
    *,
    engine: str,
    days: Sequence[int],
    newest_rollup_id: int,
    limits: Limits,
    effect_days: Mapping[str, int],
) -> pa.Table:
    """The rows of `answers` for some days (numbers of days), from rollups up to a pass.

    The engine `duckdb` computes in this process, `postgres` in the database, with equal results.

    Raises
    ------
    NotReady
        If all rollups were rebuilt since that pass.
    """
    inputs = inputs_for(days, newest_rollup_id)
    contacts = contact_changes(newest_rollup_id, effect_days)
    if engine == "postgres":
        rows = warehouse.read(answers(inputs, contacts), planner=_PLANNER)
        require_kept(warehouse.read, newest_rollup_id)
        return rows
    registered = ibis.table(
        {name: "string" if name == "customer_id" else "int64" for name in contacts.columns},
        name="contacts",
    )
    what = "Answers to contacts before a day"
    with within(limits, what), closing(connect_duckdb(limits)) as connection:
        connection.register("days", pa.table({"as_of_day": pa.array(days, pa.int64())}))
        with warehouse.snapshot() as select:
            require_kept(select, newest_rollup_id)
            connection.register("customer_day", select(inputs.customer_day))
            connection.register("contacts", select(contacts))
        sql = str(ibis.to_sql(answers(registered_inputs(), registered), dialect="duckdb"))
        return connection.sql(sql).to_arrow_table()


def _effect_days(rows: ibis.Table, effect_days: Mapping[str, int]) -> ir.IntegerValue:
    cases = [
        (
            (rows.source == OWN_CONTACTS) & (rows.campaign_type == action),
            ibis.literal(days, "int64"),
        )
        for action, days in sorted(effect_days.items())
    ]
    default = ibis.literal(EFFECT_DAYS, "int64")
    return ibis.cases(*cases, else_=default) if cases else default


def _windows(days: ibis.Table, contacts: ibis.Table) -> ibis.Table:
    """Windows known on each day, `[opens, closes)` in days, by what they are counted for.

    `contacted`: closed ones of contacts. `reached`: all of contacts, as far as they have passed.
    `concerned`: those, and the closed ones of holdouts.
    """
    rows = days.cross_join(contacts)
    rows = rows.filter(rows.event_day < rows.as_of_day, rows.known_from_day <= rows.as_of_day)
    netted = rows.group_by(*_KEY, "is_sent", "event_day", "effect_days").agg(count=rows.sign.sum())
    netted = netted.filter(netted["count"] > 0)
    netted = netted.mutate(ends=netted.event_day + netted.effect_days)
    is_closed, is_sent = netted.ends <= netted.as_of_day, netted.is_sent == 1
    counted = {
        _CONTACTED: is_sent & is_closed,
        _REACHED: is_sent,
        _CONCERNED: is_sent | is_closed,
    }
    return ibis.union(
        *(
            netted.filter(condition).select(
                *_KEY,
                purpose=ibis.literal(purpose),
                opens=netted.event_day,
                closes=ibis.least(netted.ends, netted.as_of_day),
            )
            for purpose, condition in counted.items()
        )
    )


def _segments(windows: ibis.Table) -> ibis.Table:
    """The windows without overlaps: each begins where all before it have ended."""
    before = ibis.window(
        group_by=[windows.as_of_day, windows.customer_id, windows.purpose],
        order_by=[windows.opens, windows.closes],
        preceding=(None, 1),
    )
    begun = windows.mutate(ended=windows.closes.max().over(before))
    cut = begun.mutate(opens=ibis.greatest(begun.opens, begun.ended.fill_null(begun.opens)))
    return cut.filter(cut.closes > cut.opens).select(*_KEY, "purpose", "opens", "closes")


def _orders(inputs: Inputs, windows: ibis.Table) -> ibis.Table:
    """Orders a day of customers with windows, as known on each day."""
    rows = inputs.days.cross_join(inputs.customer_day)
    rows = rows.filter(rows.event_day < rows.as_of_day, rows.known_from_day <= rows.as_of_day)
    rows = rows.semi_join(windows.select(*_KEY).distinct(), _KEY)
    netted = rows.group_by(*_KEY, "event_day").agg(
        orders_count=rows.orders_count.sum().cast("int64")
    )
    return netted.filter(netted.orders_count != 0)


def _sums(segments: ibis.Table, orders: ibis.Table) -> ibis.Table:
    """Days in the windows of each purpose, and orders on them, per day and customer."""
    joined = segments.join(orders, _KEY)
    inside = joined.filter(joined.event_day >= joined.opens, joined.event_day < joined.closes)
    days = segments.group_by(_KEY).agg(
        **dict(_by_purpose(segments, segments.closes - segments.opens, "days"))
    )
    counted = inside.group_by(_KEY).agg(**dict(_by_purpose(inside, inside.orders_count, "orders")))
    sums = days.left_join(counted, _KEY).select(
        *days.columns, *(counted[name] for name in counted.columns if name not in _KEY)
    )
    return sums.mutate(
        **{name: sums[name].fill_null(0) for name in sums.columns if name.endswith("_orders")}
    )


def _by_purpose(
    table: ibis.Table, value: ir.IntegerValue, unit: str
) -> Iterator[tuple[str, ir.IntegerScalar]]:
    for purpose in (_CONTACTED, _REACHED, _CONCERNED):
        of_purpose = ibis.ifelse(table.purpose == purpose, value, 0).sum().cast("int64")
        yield f"{purpose}_{unit}", of_purpose


def _log_ratio(
    sums: ibis.Table, orders: ir.IntegerValue, days: ir.IntegerValue
) -> ir.FloatingValue:
    """ln((orders + 1) / (days x rate + 1)), the rate being orders over days since the first."""
    tenure = (sums.as_of_day - sums.first_day).fill_null(1)
    bought = sums.orders.fill_null(0)
    return rounded(ratio((orders + 1) * tenure, days * bought + tenure).ln())
